//! File systems that are mounted nowhere yet: made by descriptor, seen by nobody else.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_fd, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
    open_tree,
};

/// No set-id programs, no devices: nothing in a lab may be used to leave it.
pub const INERT: MountAttrFlags =
    MountAttrFlags::MOUNT_ATTR_NOSUID.union(MountAttrFlags::MOUNT_ATTR_NODEV);

/// A detached mount of a new file system with these options (`fsopen(2)`, `fsmount(2)`).
///
/// # Errors
/// Those of the kernel.
pub fn detached(
    kind: &str,
    options: &[(&str, &str)],
    attributes: MountAttrFlags,
) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        if value.is_empty() {
            fsconfig_set_flag(context.as_fd(), *key)?;
        } else {
            fsconfig_set_string(context.as_fd(), *key, *value)?;
        }
    }
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

/// A detached, empty tmpfs.
///
/// # Errors
/// Those of the kernel.
pub fn tmpfs(
    source: &str,
    mode: u32,
    size: &str,
    attributes: MountAttrFlags,
) -> io::Result<OwnedFd> {
    let mode = format!("{mode:o}");
    // The root, whoever is to be shown as its owner.
    let owner = [("uid", "0"), ("gid", "0")];
    let options = [("source", source), ("mode", &mode), ("size", size)];
    detached("tmpfs", &[options.as_slice(), &owner].concat(), attributes)
}

/// A detached overlay over `lower`, whose writes go to the directory `upper`.
///
/// The layers are handed over by descriptor: neither they nor the overlay is ever attached in the
/// harness's own mount namespace, and what was written stays readable once the lab is dead.
///
/// # Errors
/// Those of the kernel; `EINVAL` before Linux 6.15.
pub fn overlay(
    lower: BorrowedFd<'_>,
    upper: BorrowedFd<'_>,
    work: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_fd(context.as_fd(), "lowerdir+", lower)?;
    fsconfig_set_fd(context.as_fd(), "upperdir", upper)?;
    fsconfig_set_fd(context.as_fd(), "workdir", work)?;
    // Without this, renaming a directory of the lower layer fails with EXDEV.
    fsconfig_set_string(context.as_fd(), "redirect_dir", "on")?;
    fsconfig_set_flag(context.as_fd(), "volatile")?;
    fsconfig_create(context.as_fd())?;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, INERT)?)
}

/// A detached copy of the mount that holds `path`, without the mounts below it.
///
/// # Errors
/// Those of `open_tree(2)`.
pub fn clone_of(path: &Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    Ok(open_tree(CWD, path, flags)?)
}

/// A second detached mount of the file system that `mount` is a mount of.
///
/// # Errors
/// Those of `open_tree(2)`.
pub fn twin(mount: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(open_tree(mount, "", flags)?)
}

/// Attaches a detached mount onto the directory or file `target`.
///
/// # Errors
/// Those of `move_mount(2)`.
pub fn attach(mount: BorrowedFd<'_>, target: BorrowedFd<'_>) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(mount, "", target, "", flags)?)
}

/// A descriptor that only names a place, for calls that take one.
///
/// # Errors
/// Those of open(2).
pub fn place(dir: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(dir, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}
