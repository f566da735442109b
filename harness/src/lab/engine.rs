//! What the engine of a container, or the system around a user, takes away once a lab stands.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::fs::CWD;
use rustix::mount::{MountAttrFlags, MountFlags, mount_remount};
use rustix::thread::{
    CapabilitySet, capabilities, capability_is_in_bounding_set,
    remove_capability_from_bounding_set, set_capabilities,
};
use sandbox::layers::syscalls;

use super::mounts::{INERT, attach, clone_of, place, tmpfs};
use super::profile::{Engine, Profile};
use super::refusals::withheld::{self, Borrowed};

/// Covers what an engine covers, and makes read-only what it makes read-only, where the kernel has
/// it. The lab is the root already.
///
/// # Errors
/// Those of the mount calls.
pub fn cover(engine: &Engine) -> io::Result<()> {
    for path in engine.masked.iter().map(Path::new).filter(|path| path.exists()) {
        let cover = if path.is_dir() {
            tmpfs("tmpfs", 0o755, "4k", MountAttrFlags::MOUNT_ATTR_RDONLY)?
        } else {
            clone_of(Path::new("/dev/null"))?
        };
        attach(cover.as_fd(), place(CWD, path)?.as_fd())?;
    }
    let inert = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    for path in engine.read_only.iter().map(Path::new).filter(|path| path.exists()) {
        attach(clone_of(path)?.as_fd(), place(CWD, path)?.as_fd())?;
        mount_remount(path, MountFlags::BIND | MountFlags::RDONLY | inert, "")?;
    }
    Ok(())
}

/// How the trees of control groups are mounted: an engine lends them for looking only.
#[must_use]
pub fn groups(profile: Profile) -> MountAttrFlags {
    match profile.engine() {
        None => INERT,
        Some(_) => INERT | MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOEXEC,
    }
}

/// Installs the host's filter and the lab's own, and gives up what the host's root has not and what
/// is withheld from him, for good and for all descendants.
///
/// # Errors
/// Those of seccomp(2), capset(2) and prctl(2).
pub fn confine(profile: Profile, borrowed: &Borrowed) -> io::Result<()> {
    // Without `no_new_privs`, which no engine sets, this needs what is given up next.
    if let Some(filter) = profile.filter() {
        syscalls::apply(&filter)?;
    }
    if let Some(filter) = withheld::sockets() {
        syscalls::apply(&filter)?;
    }
    // Engines refuse these anyway, or leave root without the capability.
    if profile.engine().is_none()
        && let Some(filter) = borrowed.filter()
    {
        syscalls::apply(&filter)?;
    }
    let kept = profile.capabilities() - borrowed.capabilities();
    // Whoever has less than the first process cannot trace it.
    let own_besides = profile.of_the_first_process() | CapabilitySet::SYS_PTRACE;
    for bit in 0..u64::BITS {
        let one = CapabilitySet::from_bits_retain(1 << bit);
        // EINVAL: the kernel knows no capability of this number.
        if !kept.contains(one) && capability_is_in_bounding_set(one).unwrap_or(false) {
            remove_capability_from_bounding_set(one)?;
        }
    }
    let mut own = capabilities(None)?;
    own.effective &= kept | own_besides;
    own.permitted &= kept | own_besides;
    own.inheritable = CapabilitySet::empty();
    set_capabilities(None, own)?;
    if profile.locks_privileges() {
        rustix::thread::set_no_new_privs(true)?;
    }
    Ok(())
}
