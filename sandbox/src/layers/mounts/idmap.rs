//! Showing the files of one user as another's: idmapped mounts (`mount_setattr(2)`).
//!
//! What the caller grants belongs to the caller. Seen through such a mount it belongs to the
//! build's user, and what that user makes there belongs to the caller; nothing is changed on disk.
#![forbid(unsafe_code)]

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{WaitOptions, waitpid};
use rustix::thread::UnshareFlags;

use crate::sys::clone::{Side, Started, clone_into};
use crate::sys::mount::map_ids;

/// Whether the permission bits let everybody read, and for a directory list and enter.
const OPEN_TO_ALL: u32 = 0o005;

/// Shows the files of `mount`, a path of the caller's, as those of `user`, where that is needed: to
/// write them at all, or to read what is closed to others.
///
/// # Errors
/// EINVAL where the file system cannot do it, or the errno of the call that failed.
pub(super) fn show_as(mount: &OwnedFd, user: (u32, u32), writable: bool) -> Result<(), Errno> {
    let status = fstat(mount)?;
    let wanted = OPEN_TO_ALL & if status.st_mode & 0o040_000 == 0 { 0o004 } else { 0o005 };
    let readable = status.st_mode & wanted == wanted;
    if (status.st_uid, status.st_gid) == user || (readable && !writable) {
        return Ok(());
    }
    let namespace = mapping((status.st_uid, status.st_gid), user)?;
    match map_ids(mount, namespace.as_fd()) {
        // To be read it may do as it is; the payload will say if not.
        Err(Errno::INVAL) if !writable => Ok(()),
        other => other,
    }
}

/// A user namespace that maps `from` to `to`, in the hands of nobody.
fn mapping(from: (u32, u32), to: (u32, u32)) -> Result<OwnedFd, Errno> {
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
