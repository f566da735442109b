//! The file tree of the container: an overlay over the host's root that nobody writes to, views of its
//! further mounts, and what only the container has.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::mount::{MountAttrFlags, UnmountFlags, unmount};
use sandbox::paths::mountinfo;
use sandbox::sys::mount::{Attributes, clone_tree, set_attributes};

use super::super::layout::{from_root, relative};
use super::super::mounts::{
    AttachPoint, INERT, attach, clone_of, detached, overlay, part, place, read_only_view, tmpfs,
};
use super::super::root::device_tree;
use super::super::{LabError, at_step};
use super::{DEVICES, HOST, PLACE, PROGRAM, TEMPORARY};

/// What the container has of its own, with all that is mounted below it on the host.
const OWN: [&str; 3] = ["/proc", "/sys", "/dev"];
/// What shows the kernel itself, its processes or its devices, wherever it is mounted.
const KERNELS: [&str; 17] = [
    "proc",
    "sysfs",
    "cgroup",
    "cgroup2",
    "devpts",
    "devtmpfs",
    "mqueue",
    "bpf",
    "debugfs",
    "tracefs",
    "securityfs",
    "pstore",
    "configfs",
    "efivarfs",
    "binfmt_misc",
    "autofs",
    "nsfs",
];
/// But this of it may hold files that somebody has put there.
const SHARED: &str = "/dev/shm";
/// And labs make their control groups here.
const GROUPS: &str = "/sys/fs/cgroup";

/// Gives the calling process, which has parted from everybody else's mounts, the container's tree for its
/// root. Of the host only `folders` can be written; they are where they are on the host.
///
/// # Errors
/// The step that failed.
pub(super) fn enter(folders: &[PathBuf]) -> Result<(), LabError> {
    at_step("the container's mounts", part())?;
    // Opened before anything is in the way of their names.
    // With what is mounted below them, or results would go where nobody looks.
    let clone = |path: &PathBuf| Ok(clone_tree(CWD, path, Attributes::WRITABLE)?);
    let open = |path: &PathBuf| at_step(&path.to_string_lossy(), clone(path));
    let folders: Vec<_> =
        folders.iter().map(|path| Ok((path, open(path)?))).collect::<Result<_, _>>()?;
    let devices = if has_kernels_devices() {
        Some(at_step("/dev", clone_of(Path::new("/dev")))?)
    } else {
        None
    };
    let table = at_step("the table of mounts", fs::read("/proc/self/mountinfo"))?;
    let mut attached = at_step("a place for mounts", AttachPoint::put_up())?;
    let root = at_step("the container's root", new_root(&mut attached))?;
    views(&root, &mut attached, &table)?;
    own_mounts(&root)?;
    for (path, mount) in &folders {
        at_step(&path.to_string_lossy(), fix(&root, path, mount))?;
    }
    if let Some(devices) = &devices {
        let set = set_attributes(devices, Attributes::WRITABLE, false).map_err(Into::into);
        at_step(DEVICES, set.and_then(|()| fix(&root, Path::new(DEVICES), devices)))?;
    }
    at_step(PROGRAM, copy_program(&root))?;
    at_step(
        "the container's root",
        set_attributes(&root, Attributes::SEALED, false).map_err(Into::into),
    )?;
    at_step("pivot_root", turn(&root))?;
    at_step("the host's files", seal_host())
}

/// An overlay over the host's root, and in it a directory of memory.
fn new_root(attached: &mut AttachPoint) -> io::Result<OwnedFd> {
    let lower = clone_of(Path::new("/"))?;
    let memory = tmpfs("container", 0o755, "1m", INERT)?;
    attached.hold(lower.as_fd())?;
    attached.hold(memory.as_fd())?;
    for name in ["upper", "work"] {
        mkdirat(&memory, name, Mode::from_raw_mode(0o755))?;
    }
    let (upper, work) =
        (place(memory.as_fd(), Path::new("upper"))?, place(memory.as_fd(), Path::new("work"))?);
    let root = overlay(lower.as_fd(), upper.as_fd(), work.as_fd())?;
    attached.hold(root.as_fd())?;
    let own = tmpfs("container", 0o700, "2g", INERT)?;
    fix(&root, Path::new(PLACE), &own)?;
    for path in [HOST, DEVICES, TEMPORARY] {
        made(&root, Path::new(path))?;
    }
    Ok(root)
}

/// Shows every further mount of the host where it is: directories through an overlay without a layer to
/// write to, where the kernel lays one over them, else sealed.
fn views(root: &OwnedFd, attached: &mut AttachPoint, table: &[u8]) -> Result<(), LabError> {
    let empty = at_step("an empty directory", attached.empty())?;
    let files = mountinfo::known(table).filter(|mount| !KERNELS.contains(&mount.kind.as_str()));
    let places: BTreeSet<PathBuf> = files.map(|mount| mount.place).collect();
    let is_own = |path: &Path| OWN.iter().any(|own| path.starts_with(own));
    for path in places.iter().filter(|path| *path != Path::new("/") && !is_own(path)) {
        // One that lies below another that hides it, or that not even root may look at, is not shown.
        let Ok(lower) = clone_of(path) else { continue };
        let seen = attached
            .hold(lower.as_fd())
            .and_then(|()| read_only_view(lower.as_fd(), empty.as_fd()));
        let shown = match seen {
            Ok(view) => view,
            Err(_no_layer) => {
                let Ok(copy) = clone_of(path) else { continue };
                let sealed = set_attributes(&copy, Attributes::SEALED, false).map_err(Into::into);
                at_step(&path.to_string_lossy(), sealed)?;
                copy
            }
        };
        let _hidden = fix(root, path, &shown);
    }
    Ok(())
}

/// `/proc`, `/sys` and `/dev` of the container's own; control groups are the host's, for labs have theirs
/// in them.
fn own_mounts(root: &OwnedFd) -> Result<(), LabError> {
    let secure = INERT | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let proc = at_step("/proc", detached("proc", &[], secure))?;
    at_step("/proc", fix(root, Path::new("/proc"), &proc))?;
    let sys = at_step("/sys", detached("sysfs", &[], secure | MountAttrFlags::MOUNT_ATTR_RDONLY))?;
    at_step("/sys", fix(root, Path::new("/sys"), &sys))?;
    // With all that is mounted there. A machine without it has no groups to lend.
    if let Ok(groups) = clone_tree(CWD, GROUPS, Attributes::WRITABLE) {
        at_step(GROUPS, fix(root, Path::new(GROUPS), &groups))?;
    }
    let dev = at_step("/dev", device_tree(None))?;
    at_step("/dev", fix(root, Path::new("/dev"), &dev))?;
    let terminals = [("mode", "0620"), ("gid", "5"), ("ptmxmode", "0666")];
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let pts = at_step("/dev/pts", detached("devpts", &terminals, flags))?;
    at_step("/dev/pts", fix(root, Path::new("/dev/pts"), &pts))?;
    // A machine without it has nothing there to be shown.
    let Ok(shared) = clone_of(Path::new(SHARED)) else { return Ok(()) };
    let sealed = set_attributes(&shared, Attributes::SEALED, false).map_err(Into::into);
    at_step(SHARED, sealed.and_then(|()| fix(root, Path::new(SHARED), &shared)))
}

/// Attaches a mount at `path` of the new root, as links lead there; directories that are missing are made.
fn fix(root: &OwnedFd, path: &Path, mount: &OwnedFd) -> io::Result<()> {
    let target = match beneath(root, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => made(root, path)?,
        other => other?,
    };
    attach(mount.as_fd(), target.as_fd())
}

fn beneath(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    Ok(openat2(root, from_root(path), flags, Mode::empty(), ResolveFlags::IN_ROOT)?)
}

/// The directory at `path`, made with its parents where it is missing.
fn made(root: &OwnedFd, path: &Path) -> io::Result<OwnedFd> {
    if let Ok(there) = beneath(root, path) {
        return Ok(there);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::NotFound.into());
    };
    let parent = made(root, parent)?;
    mkdirat(&parent, name.as_bytes(), Mode::from_raw_mode(0o755))?;
    beneath(root, path)
}

/// What runs in the container runs from a copy there.
fn copy_program(root: &OwnedFd) -> io::Result<()> {
    let dir = beneath(root, Path::new(PLACE))?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let name = Path::new(PROGRAM).file_name().unwrap_or_default();
    let copy = rustix::fs::openat(dir, name, flags, Mode::from_raw_mode(0o700))?;
    let mut copy = File::from(copy);
    io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
    copy.set_permissions(fs::Permissions::from_mode(0o755))
}

/// Makes `root` the root, and keeps the host's below it.
fn turn(root: &OwnedFd) -> io::Result<()> {
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(".", relative(Path::new(HOST)))?;
    Ok(rustix::process::chdir("/")?)
}

/// Takes from the host's files what tells of its processes, and seals the rest.
fn seal_host() -> io::Result<()> {
    let table = fs::read("/proc/self/mountinfo")?;
    let own = OWN.iter().map(|own| Path::new(HOST).join(relative(Path::new(own))));
    let kernels = mountinfo::known(&table).filter(|mount| KERNELS.contains(&mount.kind.as_str()));
    let kernels = kernels.map(|mount| mount.place).filter(|place| place.starts_with(HOST));
    for place in own.chain(kernels) {
        // With the directory on which the layers of this tree were attached, and with what lies below
        // another mount of that place. What is no mount stays.
        while unmount(&place, UnmountFlags::DETACH).is_ok() {}
    }
    // Through a sealed tree nothing is written, but who listens at a socket is asked all the same.
    let run = Path::new(HOST).join("run");
    if run.is_dir() {
        let empty = tmpfs("container", 0o755, "4k", INERT)?;
        attach(empty.as_fd(), place(CWD, &run)?.as_fd())?;
    }
    Ok(set_attributes(place(CWD, Path::new(HOST))?, Attributes::SEALED, true)?)
}

/// Whether `/dev` is the one file system that the kernel has for devices.
fn has_kernels_devices() -> bool {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    mountinfo::known(&table)
        .filter(|mount| mount.place == Path::new("/dev"))
        .last()
        .is_some_and(|mount| mount.kind == "devtmpfs")
}
