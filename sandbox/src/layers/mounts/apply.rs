//! The doing half of the layer: descriptors first, then one new root.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags,
    OpenTreeFlags, UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount,
    fsopen, mount_change, move_mount, open_tree, unmount,
};
use rustix::process::{chdir, fchdir, pivot_root};

use super::{Base, Entry, MountPlan, What, idmap};
use crate::layers::proc;
use crate::overlay;
use crate::step::{At, Fault, Step};
use crate::sys::mount::{Attributes, set_attributes};

/// Where the new root stands until it is the root. Every host has this directory, and all that is
/// needed from below it has been opened by then.
const WAITING_PLACE: &str = "/dev";

/// Opens every entry that is a path of the host or of the scratch file system, as a mount of its
/// own that is attached nowhere. The result has one place per entry.
///
/// Done by the supervisor where it is privileged, so that trees below a closed home work; else by
/// the sandbox, which then can give no more than its caller has. Where files of the caller are to
/// be `shown_as` another user's they are, as far as that is needed.
///
/// # Errors
/// The entry that could not be opened.
pub fn open_entries(
    plan: &MountPlan,
    scratch: Option<BorrowedFd<'_>>,
    shown_as: Option<(u32, u32)>,
) -> Result<Vec<Option<OwnedFd>>, Fault> {
    let opened = plan.entries.iter().enumerate().map(|(index, entry)| {
        open_entry(entry, scratch, shown_as).at(Step::OpenMount).map_err(|fault| fault.about(index))
    });
    opened.collect()
}

fn open_entry(
    entry: &Entry,
    scratch: Option<BorrowedFd<'_>>,
    shown_as: Option<(u32, u32)>,
) -> Result<Option<OwnedFd>, Errno> {
    let sealed = Attributes { read_only: true, no_devices: true, no_exec: false };
    let (mount, attributes) = match &entry.what {
        What::Bind { source, writable, .. } => {
            (detached(CWD, source)?, Attributes { read_only: !writable, ..sealed })
        }
        What::Device(source) => {
            (detached(CWD, source)?, Attributes { no_exec: true, ..Attributes::default() })
        }
        What::Scratch(name) => {
            let directory = scratch.ok_or(Errno::BADF)?;
            (detached(directory, Path::new(name))?, Attributes { read_only: false, ..sealed })
        }
        What::Overlay { upper, lower, notes } => {
            let scratch = scratch.ok_or(Errno::BADF)?;
            (
                overlay::view(lower, scratch, upper, *notes)?,
                Attributes { read_only: false, ..sealed },
            )
        }
        What::OuterProc => return proc::fresh().map(Some),
        _ => return Ok(None),
    };
    if let (Some(user), What::Bind { writable, .. }) = (shown_as, &entry.what) {
        idmap::show_as(&mount, user, *writable)?;
    }
    set_attributes(&mount, attributes, true)?;
    Ok(Some(mount))
}

fn detached(directory: BorrowedFd<'_>, path: &Path) -> Result<OwnedFd, Errno> {
    // Recursive always: the mounts below a path are locked to it in a less privileged namespace,
    // and a clone without them is refused.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    open_tree(directory, path, flags)
}

/// The root of the build while it is being made, and the directory of its `/proc`.
#[derive(Debug)]
pub struct NewRoot {
    root: OwnedFd,
    base: Base,
}

impl NewRoot {
    /// Separates the mounts from the host's, and puts every entry of `plan` in its place.
    ///
    /// # Errors
    /// The entry that could not be mounted.
    pub fn build(plan: &MountPlan, mut opened: Vec<Option<OwnedFd>>) -> Result<Self, Fault> {
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).at(Step::PrivateMounts)?;
        let root = match plan.base {
            Base::Empty => attach_empty_root().at(Step::NewRoot)?,
            Base::Host => {
                openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).at(Step::NewRoot)?
            }
        };
        for (index, (entry, mount)) in plan.entries.iter().zip(opened.iter_mut()).enumerate() {
            put(root.as_fd(), entry, mount.take()).map_err(|fault| fault.about(index))?;
        }
        Ok(Self { root, base: plan.base })
    }

    /// The directory that is, or will be, the root.
    #[must_use]
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Its `/proc`.
    ///
    /// # Errors
    /// The errno of `openat(2)`.
    pub fn proc(&self) -> Result<OwnedFd, Fault> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.root, "proc", flags, Mode::empty()).at(Step::MountProc)
    }

    /// Makes it the root of this process and lets go of the host's.
    ///
    /// `pivot_root(2)` and not `chroot(2)`: a root that is no mount's root can be left, and the
    /// kernel refuses user namespaces below one.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn enter(self) -> Result<(), Fault> {
        if self.base == Base::Empty {
            fchdir(&self.root).at(Step::Pivot)?;
            pivot_root(".", ".").at(Step::Pivot)?;
            // The old root now lies over the new one, at ".".
            unmount(".", UnmountFlags::DETACH).at(Step::Pivot)?;
            chdir("/").at(Step::Pivot)?;
            let sealed = Attributes { read_only: true, no_devices: true, no_exec: false };
            set_attributes(&self.root, sealed, false).at(Step::SealRoot)?;
        }
        Ok(())
    }
}

fn attach_empty_root() -> Result<OwnedFd, Errno> {
    let root = memory("1m", "0755", MountAttrFlags::MOUNT_ATTR_NOSUID)?;
    let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(root.as_fd(), "", CWD, WAITING_PLACE, onto)?;
    Ok(root)
}

fn memory(size: &str, mode: &str, attributes: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "size", size)?;
    fsconfig_set_string(context.as_fd(), "mode", mode)?;
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// Puts one entry in its place below `root`.
fn put(root: BorrowedFd<'_>, entry: &Entry, opened: Option<OwnedFd>) -> Result<(), Fault> {
    let relative = entry.target.strip_prefix("/").unwrap_or(&entry.target);
    let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mount = match &entry.what {
        What::Directory => return directory(root, relative).at(Step::MountEntry),
        What::Link(target) => {
            return with_parents(root, relative, || symlinkat(target, root, relative))
                .at(Step::MountEntry);
        }
        What::Text(text) => return write(root, relative, text).at(Step::MountEntry),
        What::Bind { directory: false, .. } | What::Device(_) => {
            place(root, relative).at(Step::MountEntry)?;
            opened
        }
        What::Memory(size) => {
            directory(root, relative).at(Step::MountEntry)?;
            Some(memory(&size.to_string(), "1777", quiet).at(Step::MountEntry)?)
        }
        What::Bind { .. } | What::Scratch(_) | What::Overlay { .. } | What::OuterProc => {
            directory(root, relative).at(Step::MountEntry)?;
            opened
        }
        What::Proc => {
            directory(root, relative).at(Step::MountProc)?;
            Some(proc::fresh().at(Step::MountProc)?)
        }
        What::HostProc => {
            directory(root, relative).at(Step::MountProc)?;
            Some(proc::of_the_host().at(Step::MountProc)?)
        }
        What::BoundProc => {
            directory(root, relative).at(Step::MountProc)?;
            Some(proc::of_the_host_read_only().at(Step::MountProc)?)
        }
        What::Terminals => {
            directory(root, relative).at(Step::MountDevices)?;
            Some(terminals().at(Step::MountDevices)?)
        }
        What::Queues => {
            directory(root, relative).at(Step::MountDevices)?;
            Some(queues().at(Step::MountDevices)?)
        }
    };
    let mount = mount.ok_or(Fault::new(Step::MountEntry, Errno::BADF))?;
    let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(mount.as_fd(), "", root, relative, onto).at(Step::MountEntry)
}

/// Pseudo-terminals of the build's own (`pts(4)`); no group `tty` is mapped, so none is set.
fn terminals() -> Result<OwnedFd, Errno> {
    let context = fsopen("devpts", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_flag(context.as_fd(), "newinstance").or_else(|errno| match errno {
        Errno::INVAL => Ok(()),
        other => Err(other),
    })?;
    fsconfig_set_string(context.as_fd(), "ptmxmode", "0666")?;
    fsconfig_set_string(context.as_fd(), "mode", "0620")?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

/// Message queues of the build's own (`mq_overview(7)`).
fn queues() -> Result<OwnedFd, Errno> {
    let context = fsopen("mqueue", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

fn directory(root: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(0o755);
    match with_parents(root, path, || mkdirat(root, path, mode)) {
        Err(Errno::EXIST) => Ok(()),
        other => other,
    }
}

fn write(root: BorrowedFd<'_>, path: &Path, text: &str) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = with_parents(root, path, || openat(root, path, flags, Mode::from_raw_mode(0o644)))?;
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let written = rustix::io::write(&file, rest)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// A file to mount over. It may be there already, of somebody else, below a directory that was
/// granted before.
fn place(root: BorrowedFd<'_>, path: &Path) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(root, path, flags, Mode::empty()) {
        Err(Errno::NOENT) => write(root, path, ""),
        other => other.map(drop),
    }
}

/// Does `make`, and if a directory above `path` is missing makes it and does `make` again.
fn with_parents<T>(
    root: BorrowedFd<'_>,
    path: &Path,
    make: impl Fn() -> Result<T, Errno>,
) -> Result<T, Errno> {
    match make() {
        Err(Errno::NOENT) => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().as_bytes().is_empty());
            directory(root, parent.ok_or(Errno::NOENT)?)?;
            make()
        }
        other => other,
    }
}
