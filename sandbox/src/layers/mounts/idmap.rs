//! Showing the files of one user as another's: idmapped mounts (`mount_setattr(2)`).
//!
//! What the caller grants belongs to the caller. Seen through such a mount it belongs to the
//! build's user, and what that user makes there belongs to the caller; nothing is changed on disk.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::fstat;
use rustix::io::Errno;

use crate::overlay::mapping::user_namespace;
use crate::sys::mount::map_ids;

/// Whether the permission bits let everybody read, and for a directory list and enter.
const OPEN_TO_ALL: u32 = 0o005;

/// How files are shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    /// They may be written.
    pub(super) writable: bool,
    /// The caller has named them, so that they are the build's own: programs such as git, ssh and
    /// rpm look at whose a file is.
    pub(super) named: bool,
}

/// Shows the files of `mount`, a path of the caller's, as those of `user`: what the caller has named,
/// and of the rest what could not be read, or written, otherwise.
///
/// # Errors
/// EINVAL where the file system cannot do it, or the errno of the call that failed.
pub(super) fn show_as(mount: &OwnedFd, user: (u32, u32), wanted: Use) -> Result<(), Errno> {
    let status = fstat(mount)?;
    let bits = OPEN_TO_ALL & if status.st_mode & 0o040_000 == 0 { 0o004 } else { 0o005 };
    let readable = status.st_mode & bits == bits;
    let will_do = readable && !wanted.writable && !wanted.named;
    if (status.st_uid, status.st_gid) == user || will_do {
        return Ok(());
    }
    let namespace = user_namespace((status.st_uid, status.st_gid), user)?;
    match map_ids(mount, namespace.as_fd()) {
        // To be read it may do as it is; the payload will say if not.
        Err(Errno::INVAL) if !wanted.writable => Ok(()),
        other => other,
    }
}
