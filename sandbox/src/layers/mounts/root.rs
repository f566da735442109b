//! The doing half of the layer: one new root, laid out first, then filled and entered.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, mkdirat, mknodat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    MountAttrFlags, MountPropagationFlags, MoveMountFlags, UnmountFlags, mount_change, move_mount,
    unmount,
};
use rustix::process::{chdir, fchdir, pivot_root};

use super::{Base, Entry, MountPlan, What, filesystems};
use crate::layers::proc;
use crate::step::{At, Fault, Step};
use crate::sys::mount::{Attributes, set_attributes};

/// Where the new root stands until it is the root. Every host has this directory, and all that is
/// needed from below it has been opened by then.
const WAITING_PLACE: &str = "/dev";

/// The root of the build while it is being made.
#[derive(Debug)]
pub struct NewRoot {
    root: OwnedFd,
    base: Base,
    /// Which entries stand in it already, or have a place to be mounted on.
    laid: Vec<bool>,
    /// The file systems that are made in here, one place per entry.
    made: Vec<Option<OwnedFd>>,
}

impl NewRoot {
    /// Makes everything of `plan` that needs no mount of the host: the empty root, directories,
    /// links, texts, places to mount on, and the file systems of the build's own.
    ///
    /// As the user of the sandbox, for what is made belongs to its maker; and while the host's
    /// `/proc` can be seen, without which there is no fresh one.
    ///
    /// # Errors
    /// The entry that could not be made.
    pub fn lay_out(plan: &MountPlan) -> Result<Self, Fault> {
        let root = match plan.base {
            Base::Empty => filesystems::memory("1m", "0755", MountAttrFlags::MOUNT_ATTR_NOSUID),
            Base::Host => openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()),
        };
        let root = root.at(Step::NewRoot)?;
        let (mut laid, mut made) = (Vec::new(), Vec::new());
        for (index, entry) in plan.entries.iter().enumerate() {
            let now = plan.base == Base::Empty && !is_below_another(plan, index);
            if now {
                lay(root.as_fd(), entry).map_err(|fault| fault.about(index))?;
            }
            laid.push(now);
            made.push(make(&entry.what).map_err(|fault| fault.about(index))?);
        }
        Ok(Self { root, base: plan.base, laid, made })
    }

    /// Separates the mounts from the host's, and puts every entry of `plan` in its place.
    ///
    /// # Errors
    /// The entry that could not be mounted.
    pub fn fill(&mut self, plan: &MountPlan, opened: Vec<Option<OwnedFd>>) -> Result<(), Fault> {
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).at(Step::PrivateMounts)?;
        let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        if self.base == Base::Empty {
            move_mount(self.root.as_fd(), "", CWD, WAITING_PLACE, onto).at(Step::NewRoot)?;
        }
        let states = self.laid.iter().zip(&mut self.made).zip(opened);
        for (index, (entry, ((laid, made), opened))) in plan.entries.iter().zip(states).enumerate()
        {
            if !laid {
                lay(self.root.as_fd(), entry).map_err(|fault| fault.about(index))?;
            }
            if entry.what.is_mounted() {
                let mounted = opened.or_else(|| made.take()).ok_or(Errno::BADF);
                let place = relative(entry);
                mounted
                    .and_then(|mount| move_mount(mount.as_fd(), "", &self.root, place, onto))
                    .at(Step::MountEntry)
                    .map_err(|fault| fault.about(index))?;
            }
        }
        Ok(())
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

    /// Makes it the root of this process. The host's lies over it until [`Self::let_go`], where no
    /// absolute path leads.
    ///
    /// `pivot_root(2)` and not `chroot(2)`: a root that is no mount's root can be left, and the
    /// kernel refuses user namespaces below one.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn enter(&self) -> Result<(), Fault> {
        if self.base == Base::Empty {
            fchdir(&self.root).at(Step::Pivot)?;
            pivot_root(".", ".").at(Step::Pivot)?;
            chdir("/").at(Step::Pivot)?;
        }
        Ok(())
    }

    /// Lets go of the host's root, and makes the new one read-only.
    ///
    /// The kernel waits for a while before it lets go (`synchronize_rcu_expedited`), so this is not
    /// a part of entering.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn let_go(self) -> Result<(), Fault> {
        if self.base == Base::Empty {
            // The old root lies over the new one, at "/".
            unmount("/", UnmountFlags::DETACH).at(Step::Pivot)?;
            let sealed = Attributes { read_only: true, no_devices: true, no_exec: false };
            set_attributes(&self.root, sealed, false).at(Step::SealRoot)?;
        }
        Ok(())
    }
}

/// Whether the entry lies below an earlier one that is mounted or a link, and so has its place in
/// there.
fn is_below_another(plan: &MountPlan, index: usize) -> bool {
    let target = |entry: &Entry| entry.target.as_os_str().as_bytes().to_owned();
    let Some(own) = plan.entries.get(index).map(target) else { return false };
    plan.entries.iter().take(index).any(|entry| {
        let rest = own.strip_prefix(entry.target.as_os_str().as_bytes());
        (entry.what.is_mounted() || matches!(entry.what, What::Link(_)))
            && rest.is_some_and(|rest| rest.first() == Some(&b'/'))
    })
}

fn relative(entry: &Entry) -> &Path {
    entry.target.strip_prefix("/").unwrap_or(&entry.target)
}

/// Makes the entry itself, or the place that it is mounted on.
fn lay(root: BorrowedFd<'_>, entry: &Entry) -> Result<(), Fault> {
    let path = relative(entry);
    let laid = match &entry.what {
        What::Link(target) => with_parents(root, path, || symlinkat(target, root, path)),
        What::Text(text) => write(root, path, text),
        What::Bind { directory: false, .. } | What::Device(_) => place(root, path),
        _ => directory(root, path),
    };
    laid.at(Step::MountEntry)
}

/// Makes the file system of an entry that is the build's own.
fn make(what: &What) -> Result<Option<OwnedFd>, Fault> {
    let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    let made = match what {
        What::Memory(size) => {
            filesystems::memory(&size.to_string(), "1777", quiet).at(Step::MountEntry)
        }
        What::Proc => proc::fresh().at(Step::MountProc),
        What::HostProc => proc::of_the_host().at(Step::MountProc),
        What::BoundProc => proc::of_the_host_read_only().at(Step::MountProc),
        What::Terminals => filesystems::terminals().at(Step::MountDevices),
        What::Queues => filesystems::queues().at(Step::MountDevices),
        _ => return Ok(None),
    };
    made.map(Some)
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
    let (kind, mode) = (FileType::RegularFile, Mode::from_raw_mode(0o644));
    match with_parents(root, path, || mknodat(root, path, kind, mode, 0)) {
        Err(Errno::EXIST) => Ok(()),
        other => other,
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
