//! File systems of the build's own, each attached nowhere yet (`fsopen(2)`).
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen,
};

/// A file system in memory, with its size and the mode of its root.
pub(super) fn memory(size: &str, mode: &str, attributes: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "size", size)?;
    fsconfig_set_string(context.as_fd(), "mode", mode)?;
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// How much of the machine's memory a file system in memory may take at most.
const SIZE: &str = "75%";

/// A file system in memory for what the build writes, of at most so many bytes.
///
/// # Errors
/// Those of the kernel.
pub fn private_memory(most: Option<u64>, mode: &str) -> Result<OwnedFd, Errno> {
    let machine =
        nix::sys::sysinfo::sysinfo().map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
    let machine = machine.ram_total() / 4 * 3;
    let size = most.filter(|most| *most < machine).map(|most| most.to_string());
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    memory(size.as_deref().unwrap_or(SIZE), mode, attributes)
}

/// How many pseudo-terminals a build has at a time: of some 3,000 that the whole machine has.
const TERMINALS: &str = "128";

/// Pseudo-terminals (`pts(4)`); no group `tty` is mapped, so none is set.
pub(super) fn terminals() -> Result<OwnedFd, Errno> {
    let context = fsopen("devpts", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_flag(context.as_fd(), "newinstance").or_else(|errno| match errno {
        Errno::INVAL => Ok(()),
        other => Err(other),
    })?;
    fsconfig_set_string(context.as_fd(), "ptmxmode", "0666")?;
    fsconfig_set_string(context.as_fd(), "mode", "0620")?;
    fsconfig_set_string(context.as_fd(), "max", TERMINALS)?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

/// Nothing of what is there is a program, a device, or a way to more rights.
const INERT: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID
    .union(MountAttrFlags::MOUNT_ATTR_NODEV)
    .union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// An empty directory.
pub(super) fn empty() -> Result<OwnedFd, Errno> {
    memory("4k", "0555", INERT)
}

/// Message queues (`mq_overview(7)`).
pub(super) fn queues() -> Result<OwnedFd, Errno> {
    let context = fsopen("mqueue", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, INERT)
}

/// The control group of this process, as far as its namespace shows it (`cgroup_namespaces(7)`): of
/// the `controllers` of version 1, or of version 2 where none is named.
pub(super) fn control_group(controllers: &[String]) -> Result<OwnedFd, Errno> {
    let kind = if controllers.is_empty() { "cgroup2" } else { "cgroup" };
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for controller in controllers {
        fsconfig_set_flag(context.as_fd(), controller)?;
    }
    fsconfig_create(context.as_fd())?;
    let flags = INERT | MountAttrFlags::MOUNT_ATTR_RDONLY;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}
