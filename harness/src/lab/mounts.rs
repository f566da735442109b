//! File systems of a lab: made by descriptor, attached where nobody else sees them, and cloned for
//! the lab.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use rustix::fs::{CWD, Mode, OFlags, mkdirat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};
use sandbox::sys::mount::{Attributes, make_private, make_tree_private, set_attributes};

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

/// A detached overlay over `lower`, whose writes go to the directory `upper`. Both layers must be
/// attached in the calling thread's mount namespace, which Linux before 6.15 demands of a layer.
///
/// # Errors
/// Those of the kernel.
pub fn overlay(
    lower: BorrowedFd<'_>,
    upper: BorrowedFd<'_>,
    work: BorrowedFd<'_>,
) -> io::Result<OwnedFd> {
    // By path, because layers are taken by descriptor only since Linux 6.13.
    let [lower, upper, work] =
        [lower, upper, work].map(|layer| format!("/proc/self/fd/{}", layer.as_raw_fd()));
    // Without `redirect_dir`, renaming a directory of the lower layer fails with EXDEV.
    let options = [
        ("lowerdir", lower.as_str()),
        ("upperdir", &upper),
        ("workdir", &work),
        ("redirect_dir", "on"),
        ("volatile", ""),
    ];
    detached("overlay", &options, INERT)
}

/// A detached overlay that shows `lower` and has no layer to write to, so that it stays read-only
/// whoever asks; `empty` is a directory with nothing in it. Both must be attached as above.
///
/// # Errors
/// Those of the kernel, which takes not every file system for a layer.
pub fn read_only_view(lower: BorrowedFd<'_>, empty: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let layer = |layer: BorrowedFd<'_>| format!("/proc/self/fd/{}", layer.as_raw_fd());
    let layers = format!("{}:{}", layer(empty), layer(lower));
    let read_only = INERT.union(MountAttrFlags::MOUNT_ATTR_RDONLY);
    detached("overlay", &[("lowerdir", layers.as_str())], read_only)
}

/// How long a process may take from its start to its program.
const WRITERS: Duration = Duration::from_secs(20);
/// Between two looks at that.
const AGAIN: Duration = Duration::from_millis(1);

/// Moves the calling thread into a mount namespace of its own: nothing that is mounted there is
/// seen outside, and nothing that is mounted outside later is seen there.
///
/// # Errors
/// Those of unshare(2) and mount(2).
pub fn part() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    Ok(make_private()?)
}

/// A place in the calling thread's mount namespace where mounts are attached, side by side, because
/// the kernel lets no layer be named and no clone be made of one that is attached nowhere.
#[derive(Debug)]
pub struct AttachPoint {
    mount: OwnedFd,
    held: usize,
}

/// Where it lies: a directory that every Linux has, in which nothing is that a trial needs, and
/// which a lab has fresh.
const ATTACH_POINT: &str = "/proc/driver";

impl AttachPoint {
    /// Puts one up; the calling thread has parted from the mounts of everybody else.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn put_up() -> io::Result<Self> {
        let mount = tmpfs("attach-point", 0o700, "1m", INERT)?;
        attach(mount.as_fd(), place(CWD, Path::new(ATTACH_POINT))?.as_fd())?;
        Ok(Self { mount, held: 0 })
    }

    /// A directory with nothing in it.
    ///
    /// # Errors
    /// Those of mkdirat(2).
    pub fn empty(&self) -> io::Result<OwnedFd> {
        const NAME: &str = "empty";
        match mkdirat(&self.mount, NAME, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        place(self.mount.as_fd(), Path::new(NAME))
    }

    /// Attaches a mount. It is reached through its own descriptor.
    ///
    /// # Errors
    /// Those of mkdirat(2) and `move_mount(2)`.
    pub fn hold(&mut self, mount: BorrowedFd<'_>) -> io::Result<()> {
        let name = self.held.to_string();
        mkdirat(&self.mount, name.as_str(), Mode::from_raw_mode(0o700))?;
        attach(mount, place(self.mount.as_fd(), Path::new(&name))?.as_fd())?;
        self.held += 1;
        Ok(())
    }
}

/// A detached copy of the mount that holds `path`, without the mounts below it.
///
/// # Errors
/// Those of `open_tree(2)` and `mount_setattr(2)`.
pub fn clone_of(path: &Path) -> io::Result<OwnedFd> {
    clone(CWD, path, OpenTreeFlags::empty())
}

/// A detached mount of one file or directory below the attached mount `mount`.
///
/// # Errors
/// Those of `open_tree(2)` and `mount_setattr(2)`.
pub fn part_of(mount: BorrowedFd<'_>, path: &Path) -> io::Result<OwnedFd> {
    clone(mount, path, OpenTreeFlags::empty())
}

/// A second, detached mount of the file system that `mount` is an attached mount of.
///
/// # Errors
/// Those of `open_tree(2)` and `mount_setattr(2)`.
pub fn twin(mount: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    clone(mount, Path::new(""), OpenTreeFlags::AT_EMPTY_PATH)
}

/// The one way in which a mount is cloned: a clone would stay a peer of a shared original, as all
/// mounts are under systemd, and what a lab mounts on it would appear on the host.
fn clone(dir: BorrowedFd<'_>, path: &Path, more: OpenTreeFlags) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let copy = open_tree(dir, path, flags | more)?;
    make_tree_private(&copy)?;
    Ok(copy)
}

/// Waits until no file is open for writing through a mount, and makes it read-only. A process that
/// another thread is starting has all our descriptors for a moment, and what somebody writes to can
/// not be started (`execve(2)`).
///
/// # Errors
/// Those of `mount_setattr(2)`: `EBUSY` when it takes too long.
pub fn without_writers(mount: &OwnedFd) -> io::Result<()> {
    let end = Instant::now() + WRITERS;
    loop {
        match set_attributes(mount, Attributes::SEALED, false) {
            Err(Errno::BUSY) if Instant::now() < end => std::thread::sleep(AGAIN),
            other => return Ok(other?),
        }
    }
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

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_mount_is_read_only_once_nobody_writes() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let mount = tmpfs("tmpfs", 0o700, "1m", INERT).unwrap();
        let open = |flags| rustix::fs::openat(&mount, "x", flags, Mode::from_raw_mode(0o600));
        let writer = File::from(open(OFlags::WRONLY | OFlags::CREATE).unwrap());
        let closes = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(writer);
        });
        let begin = Instant::now();
        without_writers(&mount).unwrap();
        assert!(begin.elapsed() >= Duration::from_millis(50), "{:?}", begin.elapsed());
        assert_eq!(open(OFlags::WRONLY).unwrap_err(), Errno::ROFS);
        closes.join().unwrap();
    }
}
