//! No inherited descriptor beyond the declared ones reaches a build.
//!
//! A directory that leaks in is a way out of any mount namespace (CVE-2024-21626).
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, RawFd};

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::host::kernel_file::read_text;
use crate::step::{At, Fault, Step};
use crate::sys::descriptors::{close_between, close_on_exec_from};

/// Closes everything above standard error but `kept`, which must be sorted.
///
/// # Errors
/// The errno of `close_range(2)`.
pub fn apply(kept: &[RawFd]) -> Result<(), Fault> {
    let mut first = 3;
    for descriptor in kept {
        close_between(first, descriptor - 1).at(Step::ForeignDescriptors)?;
        first = descriptor + 1;
    }
    close_between(first, RawFd::MAX).at(Step::ForeignDescriptors)
}

/// Makes sure that the sandbox's own descriptors end with the exec of the payload.
///
/// # Errors
/// The errno of `close_range(2)`.
pub fn seal() -> Result<(), Fault> {
    close_on_exec_from(3).at(Step::ForeignDescriptors)
}

/// Looks whether this process keeps one across an exec all the same.
///
/// Whoever has another user may look only with `CAP_SYS_PTRACE` (`proc_pid_fd(5)`), which the root
/// of a container mostly does not have. So where the user changes without a user namespace, the
/// process looks at itself.
///
/// # Errors
/// BUSY where it keeps one, and the errno with which `/proc/self` cannot be read.
pub fn look() -> Result<(), Fault> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let own = openat(CWD, "/proc/self", flags, Mode::empty()).at(Step::ForeignDescriptors)?;
    match kept_by(own).at(Step::ForeignDescriptors)? {
        None => Ok(()),
        Some(_) => Err(Fault::new(Step::ForeignDescriptors, Errno::BUSY)),
    }
}

/// A descriptor above standard error that the process at this directory of `/proc` keeps across an
/// exec, if there is one.
///
/// # Errors
/// The files cannot be read, or do not say.
pub fn kept_by(process: impl AsFd) -> io::Result<Option<u32>> {
    let listed = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    for entry in Dir::new(openat(&process, "fd", listed, Mode::empty())?)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let number = std::str::from_utf8(name).ok().and_then(|name| name.parse::<u32>().ok());
        let number = number.ok_or(io::ErrorKind::InvalidData)?;
        if number <= 2 {
            continue;
        }
        let info = read_text(&process, format!("fdinfo/{number}"))?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|text| u32::from_str_radix(text.trim(), 8).ok());
        if flags.ok_or(io::ErrorKind::InvalidData)? & CLOSE_ON_EXEC == 0 {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// `O_CLOEXEC`, as fdinfo shows it.
const CLOSE_ON_EXEC: u32 = 0o2_000_000;

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    use super::*;

    /// What a shell keeps that has run `script`.
    fn kept_after(script: &str) -> Option<u32> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(format!("{script}; echo; read _"));
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        let place = std::fs::File::open(format!("/proc/{}", shell.id())).unwrap();
        let kept = kept_by(place).unwrap();
        drop(shell.stdin.take());
        shell.wait().unwrap();
        kept
    }

    #[test]
    fn a_descriptor_that_outlives_the_exec_is_seen() {
        // What cargo lends to every process that it starts is not meant.
        let close = "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-";
        assert!(kept_after(close).is_none_or(|number| number > 9));
        assert_eq!(kept_after(&format!("{close}; exec 5<&0")), Some(5));
    }
}
