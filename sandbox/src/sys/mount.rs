//! Cloning mounts, with their propagation and attributes: `open_tree(2)`, `mount_setattr(2)`.
//!
//! A clone is the peer of the mount that it was made of, and what is mounted on one appears on the
//! other. Where the host shares its mounts, as systemd does, that would be the host's. So every
//! clone is made here, and every clone is private.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::libc;
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, OpenTreeFlags, mount_change, open_tree};
use rustix::path::Arg;

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

impl Attributes {
    /// Those of what is shown to a build: nothing is written through it, and no device opened.
    pub const SEALED: Self = Self { read_only: true, no_devices: true, no_exec: false };
    /// The same, to be written.
    pub const WRITABLE: Self = Self { read_only: false, ..Self::SEALED };
}

/// Whether mounts pass on what is mounted on them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Propagation {
    Unchanged,
    Private,
}

/// Separates all mounts of this process's namespace from those of every other.
///
/// # Errors
/// The errno of `mount(2)`: EINVAL where the root of this process is no mount.
pub fn make_private() -> Result<(), Errno> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
}

/// Clones the mount at `path`, from there on, with those below it. The clone is attached nowhere,
/// private, and has `attributes`; set-id bits on it never take effect.
///
/// `directory` must be attached in this process's own mount namespace: of any other mount, of one
/// that is attached nowhere as well, Linux before 6.15 makes no clone.
///
/// # Errors
/// The errno of `open_tree(2)` or `mount_setattr(2)`: EINVAL for such a mount, EPERM for a locked
/// flag, ENOSYS before Linux 5.12.
pub fn clone_tree(
    directory: BorrowedFd<'_>,
    path: impl Arg,
    attributes: Attributes,
) -> Result<OwnedFd, Errno> {
    // Recursive always: the mounts below a path are locked to it in a less privileged namespace,
    // and a clone without them is refused.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let mount = open_tree(directory, path, flags)?;
    let arguments = set(attributes, Propagation::Private);
    mount_setattr(mount.as_fd(), &arguments, true)?;
    Ok(mount)
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
    mount_setattr(mount.as_fd(), &set(attributes, Propagation::Unchanged), recursive)
}

fn set(attributes: Attributes, propagation: Propagation) -> libc::mount_attr {
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
    let propagation = match propagation {
        Propagation::Unchanged => 0,
        Propagation::Private => libc::MS_PRIVATE,
    };
    libc::mount_attr { attr_set: set, attr_clr: 0, propagation, userns_fd: 0 }
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

/// Cuts a mount, and those below it, off from its peers: whatever is mounted on one side stays
/// there.
///
/// # Errors
/// The errno of `mount_setattr(2)`: EINVAL for a descriptor that is no mount's root.
pub fn make_tree_private(mount: impl AsFd) -> Result<(), Errno> {
    let arguments =
        libc::mount_attr { attr_set: 0, attr_clr: 0, propagation: libc::MS_PRIVATE, userns_fd: 0 };
    mount_setattr(mount.as_fd(), &arguments, true)
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
