//! A fresh `/proc` that shows only the sandbox's own processes (`proc(5)`).
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create,
    fsconfig_set_string, fsmount, fsopen, move_mount,
};

use crate::policy::files::{PROC_MASKED_DIRECTORIES, PROC_MASKED_FILES, PROC_READ_ONLY};
use crate::step::{At, Fault, Step};
use crate::sys::mount::{Attributes, clone_tree};

/// Makes a detached `/proc` of the caller's process namespace.
///
/// The kernel allows it only while a `/proc` with nothing mounted over it is visible to the
/// caller, so the old root must still be there.
///
/// # Errors
/// EPERM where the host's `/proc` is masked, as in a default container.
pub fn fresh() -> Result<OwnedFd, Errno> {
    let context = fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

/// Covers what tells of the machine or acts on it, in the mounted `/proc` that `proc` names.
///
/// `root` is the directory in which the sandbox's own `dev/null` lies, and `empty` a mount of an
/// empty directory that has the attributes `NOTHING`. Masks also keep the payload from mounting a
/// `/proc` of its own, because the kernel then calls it "too revealing".
///
/// # Errors
/// Any errno but that of an entry which this kernel does not have.
pub fn mask(
    proc: BorrowedFd<'_>,
    root: BorrowedFd<'_>,
    mut empty: Option<OwnedFd>,
) -> Result<(), Fault> {
    for name in PROC_MASKED_FILES {
        cover(proc, name, || clone_tree(root, "dev/null", Attributes::default()))?;
    }
    // The same empty directory for all of them, cloned from where it is mounted first.
    let mut covered: Option<&str> = None;
    for name in PROC_MASKED_DIRECTORIES {
        let done = cover(proc, name, || match covered {
            Some(first) => clone_tree(proc, first, NOTHING),
            None => empty.take().map_or_else(empty_directory, Ok),
        })?;
        covered = covered.or(done.then_some(name));
    }
    for name in PROC_READ_ONLY {
        let sealed = Attributes { read_only: true, ..Attributes::default() };
        cover(proc, name, || clone_tree(proc, *name, sealed))?;
    }
    Ok(())
}

/// Puts the mount over the entry of that name; gives whether there is one.
fn cover(
    proc: BorrowedFd<'_>,
    name: &str,
    cover: impl FnOnce() -> Result<OwnedFd, Errno>,
) -> Result<bool, Fault> {
    match accessat(proc, name, Access::EXISTS, AtFlags::empty()) {
        Ok(()) => {}
        // Only what is not there needs no cover.
        Err(Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(Fault::new(Step::MaskProc, errno)),
    }
    let cover = cover().at(Step::MaskProc)?;
    move_mount(cover.as_fd(), "", proc, name, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .at(Step::MaskProc)?;
    Ok(true)
}

/// Nothing can be written, executed or opened as a device.
pub(super) const NOTHING: Attributes =
    Attributes { read_only: true, no_devices: true, no_exec: true };

fn empty_directory() -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "mode", "0555")?;
    fsconfig_set_string(context.as_fd(), "size", "4k")?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

/// The host's own `/proc`, for a sandbox without this layer.
///
/// # Errors
/// The errno of `open_tree(2)` or `mount_setattr(2)`.
pub fn of_the_host() -> Result<OwnedFd, Errno> {
    clone_tree(CWD, "/proc", Attributes::default())
}

/// The host's own `/proc`, read-only, where the host lets nobody mount a fresh one.
///
/// # Errors
/// The errno of `open_tree(2)` or `mount_setattr(2)`.
pub fn of_the_host_read_only() -> Result<OwnedFd, Errno> {
    let sealed = Attributes { read_only: true, no_devices: false, no_exec: true };
    clone_tree(CWD, "/proc", sealed)
}
