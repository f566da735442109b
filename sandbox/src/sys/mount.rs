//! Changing the attributes of a mount by descriptor: `mount_setattr(2)`.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::libc;
use rustix::io::Errno;

/// Attributes to set on a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Nothing can be written through it.
    pub read_only: bool,
    /// Device nodes on it cannot be opened.
    pub no_devices: bool,
    /// Programs on it cannot be executed.
    pub no_exec: bool,
}

/// Sets `attributes` on the mount `mount`; set-id bits on it never take effect again.
///
/// # Errors
/// The errno of `mount_setattr(2)`: EPERM for a locked flag, ENOSYS before Linux 5.12.
pub fn set_attributes(
    mount: impl AsFd,
    attributes: Attributes,
    recursive: bool,
) -> Result<(), Errno> {
    let mut set = libc::MOUNT_ATTR_NOSUID;
    for (wanted, flag) in [
        (attributes.read_only, libc::MOUNT_ATTR_RDONLY),
        (attributes.no_devices, libc::MOUNT_ATTR_NODEV),
        (attributes.no_exec, libc::MOUNT_ATTR_NOEXEC),
    ] {
        if wanted {
            set |= flag;
        }
    }
    let arguments = libc::mount_attr { attr_set: set, attr_clr: 0, propagation: 0, userns_fd: 0 };
    mount_setattr(mount.as_fd(), &arguments, recursive)
}

/// Shows the owners of files on the detached mount `mount` as the user namespace maps them.
///
/// # Errors
/// The errno of `mount_setattr(2)`: EINVAL where the file system has no such mounts, EPERM for a
/// mount that is mapped already.
pub fn map_ids(mount: impl AsFd, namespace: BorrowedFd<'_>) -> Result<(), Errno> {
    let arguments = libc::mount_attr {
        attr_set: libc::MOUNT_ATTR_IDMAP,
        attr_clr: 0,
        propagation: 0,
        userns_fd: u64::try_from(namespace.as_raw_fd()).or(Err(Errno::BADF))?,
    };
    mount_setattr(mount.as_fd(), &arguments, false)
}

#[expect(unsafe_code, reason = "neither nix nor rustix offers mount_setattr")]
fn mount_setattr(
    mount: BorrowedFd<'_>,
    arguments: &libc::mount_attr,
    recursive: bool,
) -> Result<(), Errno> {
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is the empty string, so the descriptor itself is meant; `arguments` is a
    // valid mount_attr of the size given.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            std::ptr::from_ref(arguments),
            size_of::<libc::mount_attr>(),
        )
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
    }
}
