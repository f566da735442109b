//! Files that the kernel makes up when they are read: in `/proc` and in the control groups.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::path::Arg;

/// What is read at a time. Most of these files are shorter.
const CHUNK: usize = 8192;

/// The text of the file `path`, below `directory` where it is relative. What is no UTF-8 in it is
/// replaced: a process gives itself any name (`PR_SET_NAME`), and is not to be overlooked for it.
///
/// Such a file says that it is empty, and some are made up anew for every part that is read: so it
/// is not asked for its size, and read in as few calls as there can be.
///
/// # Errors
/// Those of `openat(2)` and `read(2)`.
pub fn read_text(directory: impl AsFd, path: impl Arg) -> io::Result<String> {
    let bytes = read_bytes(directory, path)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|invalid| String::from_utf8_lossy(invalid.as_bytes()).into_owned()))
}

/// The same for a file that may hold what is not UTF-8, as every list of paths.
///
/// # Errors
/// Those of `openat(2)` and `read(2)`.
pub fn read_bytes(directory: impl AsFd, path: impl Arg) -> io::Result<Vec<u8>> {
    let file = openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut text = Vec::with_capacity(CHUNK);
    loop {
        text.reserve(CHUNK / 2);
        let spare = rustix::buffer::spare_capacity(&mut text);
        match rustix::io::read(&file, spare) {
            Ok(0) => return Ok(text),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The number that `/proc` has for the process behind `pidfd` (`pidfd_open(2)`). It is that of the
/// process namespace whose `/proc` is mounted, which need not be the caller's.
///
/// # Errors
/// Those of reading `/proc/self/fdinfo`.
pub fn number_of(pidfd: impl AsFd) -> io::Result<String> {
    let info = read_text(CWD, format!("/proc/self/fdinfo/{}", pidfd.as_fd().as_raw_fd()))?;
    let number = info.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
    Ok(number.ok_or(io::ErrorKind::NotFound)?.to_owned())
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
        std::fs::write(directory.path().join("name"), b"Name: \xff\nUid: 7\n").unwrap();
        assert_eq!(read_text(&opened, "name").unwrap(), "Name: \u{fffd}\nUid: 7\n");
    }
}
