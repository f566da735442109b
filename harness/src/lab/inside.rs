//! How the lab's init moves into the lab: mounts, root, name, keyring.
#![forbid(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::sched::{CloneFlags, unshare};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{MountAttrFlags, MountFlags, UnmountFlags, mount_remount, unmount};
use sandbox::sys::keyring;

use super::engine;
use super::layout::{BULKHEAD, relative};
use super::mounts::{INERT, attach, detached, part, place, tmpfs};
use super::profile::Profile;
use super::wire::Spec;

/// Makes the mounts of `spec` the caller's only ones.
///
/// # Errors
/// A sentence that names the step that failed.
pub fn enter(spec: &Spec, mounts: &[OwnedFd], shown: &[OwnedFd]) -> io::Result<()> {
    step("a session", rustix::process::setsid().map(drop).map_err(Into::into))?;
    step("a mount namespace", part())?;
    step("its groups", unshare(CloneFlags::CLONE_NEWCGROUP).map_err(Into::into))?;
    let mut ours = spec.mounts.iter().zip(mounts);
    let (_, root) = ours.next().ok_or_else(|| io::Error::other("the lab has no root"))?;
    let tmp = step("/tmp", place(rustix::fs::CWD, Path::new("/tmp")))?;
    step("the new root", attach(root.as_fd(), tmp.as_fd()))?;
    for (path, mount) in spec.shown.iter().zip(shown) {
        // Its place may be hidden by a mount above it; then there is nothing to show.
        if let Ok(target) = beneath(root, Path::new(path)) {
            step(path, attach(mount.as_fd(), target.as_fd()))?;
        }
    }
    for (path, mount) in ours {
        let target = step(path, beneath(root, Path::new(path)))?;
        step(path, attach(mount.as_fd(), target.as_fd()))?;
    }
    kernel_mounts(root)?;
    let profile = Profile::of(&spec.host);
    if spec.groups || profile.engine().is_some() {
        step("/sys/fs/cgroup", control_groups(root, engine::groups(profile)))?;
    }
    turn(root)?;
    if let Some(engine) = profile.engine() {
        step("what the engine covers", engine::cover(&engine))?;
    }
    for path in profile.read_only() {
        step(path, seal(path))?;
    }
    step(BULKHEAD, seal(BULKHEAD))?;
    // The harness's thread has none, for its own sake; a login has this one.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    step("the host name", nix::unistd::sethostname(&spec.hostname).map_err(Into::into))
}

/// Mounts what only the kernel can fill: `/proc`, `/sys`, `/dev/pts`.
fn kernel_mounts(root: &OwnedFd) -> io::Result<()> {
    let secure = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let terminal = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let pts = [("mode", "0620"), ("gid", "5"), ("ptmxmode", "0666")];
    let sealed = secure | MountAttrFlags::MOUNT_ATTR_RDONLY;
    let mounts = [
        ("/proc", detached("proc", &[], secure)),
        ("/sys", detached("sysfs", &[], sealed)),
        ("/dev/pts", detached("devpts", &pts, terminal)),
    ];
    for (path, mount) in mounts {
        let mount = step(path, mount)?;
        let target = step(path, beneath(root, Path::new(path)))?;
        step(path, attach(mount.as_fd(), target.as_fd()))?;
    }
    Ok(())
}

/// Mounts the trees of control groups with the lab's own group as their root, where a host has
/// them.
fn control_groups(root: &OwnedFd, attributes: MountAttrFlags) -> io::Result<()> {
    const PLACE: &str = "/sys/fs/cgroup";
    let folder = tmpfs("cgroup", 0o755, "1m", INERT)?;
    let mut trees = Vec::new();
    for controller in ["memory", "pids"] {
        // Under version 2 there is no such tree; a sandbox then does without, or says so.
        if let Ok(tree) = detached("cgroup", &[(controller, "")], attributes) {
            rustix::fs::mkdirat(&folder, controller, Mode::from_raw_mode(0o755))?;
            trees.push((controller, tree));
        }
    }
    attach(folder.as_fd(), beneath(root, Path::new(PLACE))?.as_fd())?;
    for (controller, tree) in trees {
        let place = beneath(root, &Path::new(PLACE).join(controller))?;
        attach(tree.as_fd(), place.as_fd())?;
    }
    Ok(())
}

/// Makes `root` the root. Not by chroot: the kernel refuses user namespaces inside one, and every
/// sandbox would look as if it stopped everything.
fn turn(root: &OwnedFd) -> io::Result<()> {
    step("the new root", rustix::process::fchdir(root).map_err(Into::into))?;
    step("pivot_root", rustix::process::pivot_root(".", ".").map_err(Into::into))?;
    step("the old root", unmount(".", UnmountFlags::DETACH).map_err(Into::into))?;
    step("/", rustix::process::chdir("/").map_err(Into::into))
}

/// A place within the new root, links resolved there, mounts crossed.
fn beneath(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(openat2(root.as_fd(), relative(path), flags, Mode::empty(), ResolveFlags::IN_ROOT)?)
}

/// Makes a mount read-only and inert.
fn seal(path: &str) -> io::Result<()> {
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount_remount(path, flags, "")?)
}

/// Gives the lab a session keyring of its own, with the planted keys in it.
///
/// # Errors
/// A sentence that names the key.
pub fn keys(spec: &Spec) -> io::Result<Vec<(String, i64)>> {
    if let Err(error) = keyring::join_new_session_keyring() {
        // Without keyrings in the kernel there is nothing to inherit either.
        return if spec.keys.is_empty() {
            Ok(Vec::new())
        } else {
            step("the keyring", Err(error.into()))
        };
    }
    let mut serials = Vec::new();
    for (plant, description, payload) in &spec.keys {
        let name = CString::new(description.as_str()).map_err(io::Error::other)?;
        let serial = step(
            description,
            keyring::add_user_key(&name, payload.as_bytes()).map_err(Into::into),
        )?;
        serials.push((plant.clone(), i64::from(serial)));
    }
    Ok(serials)
}

/// Says which step an error belongs to.
fn step<T>(name: &str, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))
}
