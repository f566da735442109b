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
use rustix::process::{chdir, fchdir, pivot_root, umask};

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
}

/// Makes the new root with everything of `plan` in it that needs no mount: directories, links,
/// texts, and places to mount on. It is attached nowhere.
///
/// Where the supervisor makes it, what is in it is root's, and the build could not change it even
/// if it could write to the mount.
///
/// # Errors
/// The entry that could not be made.
pub fn lay_out(plan: &MountPlan) -> Result<OwnedFd, Fault> {
    // The caller's may be narrower, and the build has to get through.
    let before = umask(Mode::from_raw_mode(0o022));
    let laid_out = lay_out_entries(plan);
    umask(before);
    laid_out
}

fn lay_out_entries(plan: &MountPlan) -> Result<OwnedFd, Fault> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID;
    let root = filesystems::memory("1m", "0755", attributes).at(Step::NewRoot)?;
    for (index, entry) in plan.entries.iter().enumerate() {
        if !is_below_another(plan, index) {
            lay(root.as_fd(), entry).map_err(|fault| fault.about(index))?;
        }
    }
    Ok(root)
}

/// Makes the file systems of `plan` that are the build's own, one place per entry.
///
/// As the user of the sandbox, in its namespaces, and while the host's `/proc` can be seen, without
/// which there is no fresh one.
///
/// # Errors
/// The entry that could not be made.
pub fn make_own(plan: &MountPlan) -> Result<Vec<Option<OwnedFd>>, Fault> {
    let made = plan.entries.iter().enumerate();
    made.map(|(index, entry)| make(&entry.what).map_err(|fault| fault.about(index))).collect()
}

impl NewRoot {
    /// One that [`lay_out`] has made, or the host's where the plan begins with that.
    ///
    /// # Errors
    /// EBADF where there is none, or the errno of `openat(2)`.
    pub fn of(plan: &MountPlan, laid_out: Option<OwnedFd>) -> Result<Self, Fault> {
        let root = match plan.base {
            Base::Empty => laid_out.ok_or(Errno::BADF),
            Base::Host => openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()),
        };
        Ok(Self { root: root.at(Step::NewRoot)?, base: plan.base })
    }

    /// Separates the mounts from the host's, and puts every entry of `plan` in its place: what was
    /// `made` in here, and what was `opened` of the host. Gives a mount of an empty directory, if
    /// there is one.
    ///
    /// # Errors
    /// The entry that could not be mounted.
    pub fn fill(
        &self,
        plan: &MountPlan,
        made: Vec<Option<OwnedFd>>,
        opened: Vec<Option<OwnedFd>>,
    ) -> Result<Option<OwnedFd>, Fault> {
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).at(Step::PrivateMounts)?;
        if self.base == Base::Empty {
            let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            move_mount(self.root.as_fd(), "", CWD, WAITING_PLACE, onto).at(Step::NewRoot)?;
        }
        // The place of `/proc` is an empty directory as long as nothing is mounted there.
        let has_place =
            self.base == Base::Empty && plan.entries.iter().any(|e| e.what == What::Proc);
        let empty = has_place.then(|| proc::clone_of(self.root.as_fd(), "proc"));
        let empty = empty.transpose().at(Step::MaskProc)?;
        let mounts = made.into_iter().zip(opened).map(|(made, opened)| opened.or(made));
        for (index, (entry, mount)) in plan.entries.iter().zip(mounts).enumerate() {
            if self.base == Base::Host || is_below_another(plan, index) {
                lay(self.root.as_fd(), entry).map_err(|fault| fault.about(index))?;
            }
            if entry.what.is_mounted() {
                self.put(entry, mount).at(Step::MountEntry).map_err(|fault| fault.about(index))?;
            }
        }
        Ok(empty)
    }

    fn put(&self, entry: &Entry, mount: Option<OwnedFd>) -> Result<(), Errno> {
        let mount = mount.ok_or(Errno::BADF)?;
        let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(mount.as_fd(), "", &self.root, relative(entry), onto)
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
