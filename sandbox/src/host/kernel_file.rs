//! Files that the kernel makes up when they are read: in `/proc` and in the control groups.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags, openat};
use rustix::path::Arg;

/// What is read at a time. Most of these files are shorter.
const CHUNK: usize = 8192;

/// The text of the file `path`, below `directory` where it is relative.
///
/// Such a file says that it is empty, and some are made up anew for every part that is read: so it
/// is not asked for its size, and read in as few calls as there can be.
///
/// # Errors
/// Those of `openat(2)` and `read(2)`; invalid data for what is not UTF-8.
pub fn read_text(directory: impl AsFd, path: impl Arg) -> io::Result<String> {
    let file = openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = Vec::with_capacity(CHUNK);
    loop {
        text.reserve(CHUNK / 2);
        let spare = rustix::buffer::spare_capacity(&mut text);
        match rustix::io::read(&file, spare) {
            Ok(0) => break,
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    String::from_utf8(text).or(Err(io::ErrorKind::InvalidData.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_length_is_read_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        for length in [0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 1] {
            let text = "x".repeat(length);
            std::fs::write(directory.path().join("file"), &text).unwrap();
            let opened = std::fs::File::open(directory.path()).unwrap();
            assert_eq!(read_text(&opened, "file").unwrap(), text);
        }
        let opened = std::fs::File::open(directory.path()).unwrap();
        assert_eq!(read_text(&opened, "none").unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
