//! What is read of a process that is being followed: its memory, its directories, its name.
//!
//! All of it is a stranger's and may change while it is read. It is used to name what a call was about,
//! and for nothing that is decided.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::IoSliceMut;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use rustix::fs::{CWD, readlinkat};

use crate::host::kernel_file::read_bytes;

/// The longest text that is read of a process's memory, in bytes.
const LONGEST: usize = 1024;
/// What memory is read in: a page may be there and the next not.
const PAGE: usize = 4096;
/// The directory that a relative path counts from where none is given (`AT_FDCWD`).
const HERE: i32 = -100;

/// The bytes at `address` of a process's memory, as many as `length`, or fewer where it has no more.
pub(super) fn bytes(pid: i32, address: u64, length: usize) -> Vec<u8> {
    let mut read = Vec::new();
    let Ok(start) = usize::try_from(address) else { return read };
    while read.len() < length {
        let Some(from) = start.checked_add(read.len()) else { break };
        let size = (PAGE - from % PAGE).min(length - read.len());
        let mut part = vec![0; size];
        let remote = [RemoteIoVec { base: from, len: size }];
        let local = &mut [IoSliceMut::new(&mut part)];
        match process_vm_readv(Pid::from_raw(pid), local, &remote) {
            Ok(count) if count > 0 => read.extend(part.into_iter().take(count)),
            _ => break,
        }
    }
    read
}

/// The text at `address` up to its end; none where it has none, is empty, or is too long.
pub(super) fn text(pid: i32, address: u64) -> Option<PathBuf> {
    let mut read = Vec::new();
    // Most paths are short, and most of what is asked for is of no interest.
    for size in [128, LONGEST] {
        read = bytes(pid, address, size);
        if read.contains(&0) {
            break;
        }
    }
    let end = read.iter().position(|byte| *byte == 0).filter(|end| *end > 0)?;
    read.truncate(end);
    Some(PathBuf::from(OsString::from_vec(read)))
}

/// A word of 64 bits at `address`.
pub(super) fn word(pid: i32, address: u64) -> Option<u64> {
    let read = bytes(pid, address, size_of::<u64>());
    Some(u64::from_ne_bytes(read.try_into().ok()?))
}

/// The directory that a process has open as `descriptor`, or works in.
pub(super) fn directory(pid: i32, descriptor: i32) -> Option<PathBuf> {
    let link = if descriptor == HERE {
        format!("/proc/{pid}/cwd")
    } else {
        format!("/proc/{pid}/fd/{descriptor}")
    };
    let target = readlinkat(CWD, link, Vec::new()).ok()?;
    let path = PathBuf::from(OsString::from_vec(target.into_bytes()));
    path.is_absolute().then_some(path)
}

/// The number of the process that the thread `pid` is one of, and of its parent.
pub(super) fn family(pid: i32) -> Option<(i32, i32)> {
    let status = read_bytes(CWD, format!("/proc/{pid}/status")).ok()?;
    let status = String::from_utf8_lossy(&status);
    let value = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line?.trim().parse().ok()
    };
    Some((value("Tgid")?, value("PPid")?))
}

/// The name of a process, as the kernel keeps it: at most 15 bytes of the program's.
pub(super) fn name(pid: i32) -> String {
    let name = read_bytes(CWD, format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> i32 {
        i32::try_from(std::process::id()).unwrap()
    }

    #[test]
    fn what_is_read_of_memory_ends_where_it_ends() {
        let text_of = |bytes: &[u8]| text(own(), bytes.as_ptr() as u64);
        assert_eq!(text_of(b"/opt/acme\0more"), Some("/opt/acme".into()));
        let long = [vec![b'x'; 500], vec![0]].concat();
        assert_eq!(text_of(&long).map(|path| path.as_os_str().len()), Some(500));
        assert_eq!(text_of(&vec![b'x'; 2 * LONGEST]), None, "too long");
        assert_eq!(text_of(b"\0"), None);
        assert_eq!(text(own(), 0), None);
        assert_eq!(text(own(), u64::MAX), None);
        assert_eq!(word(own(), (&raw const LONGEST_WORD) as u64), Some(LONGEST_WORD));
    }

    static LONGEST_WORD: u64 = 0x0102_0304_0506_0708;

    #[test]
    fn what_surrounds_a_process_is_known_by_its_number() {
        assert_eq!(directory(own(), HERE), std::env::current_dir().ok());
        assert_eq!(directory(own(), 9999), None);
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        assert_eq!(family(own()), Some((own(), parent)));
        assert_eq!(family(i32::MAX), None);
        assert!(!name(own()).is_empty());
    }
}
