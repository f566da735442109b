//! A user namespace for an idmapped mount, in which one user is another (`mount_setattr(2)`).
#![forbid(unsafe_code)]

use std::fs;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitOptions, waitpid};
use rustix::thread::UnshareFlags;

use crate::sys::clone::{Side, Started, clone_into};

/// A user namespace that maps the uid and gid `from` to those of `to`, in the hands of nobody.
///
/// # Errors
/// The errno of the call that failed: EPERM without `CAP_SETUID` and `CAP_SETGID`.
pub fn user_namespace(from: (u32, u32), to: (u32, u32)) -> Result<OwnedFd, Errno> {
    let (waiting, alive) = pipe_with(PipeFlags::CLOEXEC)?;
    let started = match clone_into(UnshareFlags::NEWUSER)? {
        Side::Parent(started) => started,
        Side::Child => {
            // It only has to be there until its namespace is held by descriptor. It ends with the
            // pipe, so with its parent too, and leaves nothing if that is killed.
            drop(alive);
            let _ = rustix::io::read(&waiting, &mut [0; 1]);
            std::process::exit(0)
        }
    };
    let namespace = hold(&started, from, to);
    drop(alive);
    waitpid(Some(started.pid), WaitOptions::empty())?;
    namespace
}

fn hold(helper: &Started, from: (u32, u32), to: (u32, u32)) -> Result<OwnedFd, Errno> {
    let place = format!("/proc/{}", helper.pid.as_raw_nonzero());
    let write = |file: &str, text: String| {
        fs::write(format!("{place}/{file}"), text)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    };
    write("uid_map", format!("{} {} 1", from.0, to.0))?;
    write("gid_map", format!("{} {} 1", from.1, to.1))?;
    openat(CWD, format!("{place}/ns/user"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}
