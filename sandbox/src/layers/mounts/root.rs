//! The doing half of the layer: one new root, laid out first, then filled and entered.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MoveMountFlags, UnmountFlags, move_mount, unmount};
use rustix::process::{chdir, fchdir, pivot_root, umask};

use super::laying::{self, is_below_another};
use super::{Base, MountPlan, What, filesystems};
use crate::layers::proc;
use crate::overlay::WAITING_PLACE;
use crate::step::{At, Fault, Step};
use crate::sys::mount::{Attributes, clone_tree, set_attributes};

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
    for index in 0..plan.entries.len() {
        if !is_below_another(plan, index) {
            let laid = laying::lay(root.as_fd(), plan, index).at(Step::MountEntry);
            laid.map_err(|fault| fault.about(index))?;
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

    /// Puts every entry of `plan` in its place: what was `made` in here, and what was `opened` of
    /// the host. The mounts of this namespace must be private. Gives a mount of an empty directory,
    /// if there is one.
    ///
    /// # Errors
    /// The entry that could not be mounted.
    pub fn fill(
        &self,
        plan: &MountPlan,
        made: Vec<Option<OwnedFd>>,
        opened: Vec<Option<OwnedFd>>,
    ) -> Result<Option<OwnedFd>, Fault> {
        if self.base == Base::Empty {
            let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            move_mount(self.root.as_fd(), "", CWD, WAITING_PLACE, onto).at(Step::NewRoot)?;
        }
        // The place of `/proc` is an empty directory as long as nothing is mounted there.
        let has_place =
            self.base == Base::Empty && plan.entries.iter().any(|e| e.what == What::Proc);
        let empty = has_place.then(|| clone_tree(self.root.as_fd(), "proc", proc::NOTHING));
        let empty = empty.transpose().at(Step::MaskProc)?;
        let mounts = made.into_iter().zip(opened).map(|(made, opened)| opened.or(made));
        for (index, (entry, mount)) in plan.entries.iter().zip(mounts).enumerate() {
            let root = self.root.as_fd();
            let is_laid_out = self.base == Base::Empty && !is_below_another(plan, index);
            let laid = if is_laid_out { Ok(()) } else { laying::lay(root, plan, index) };
            let filled = laid.and_then(|()| match mount {
                _ if !entry.what.is_mounted() => Ok(()),
                Some(mount) => laying::put(root, plan, index, mount.as_fd()),
                None => Err(Errno::BADF),
            });
            filled.at(Step::MountEntry).map_err(|fault| fault.about(index))?;
        }
        Ok(empty)
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
            set_attributes(&self.root, Attributes::SEALED, false).at(Step::SealRoot)?;
        }
        Ok(())
    }
}

/// Makes the file system of an entry that is the build's own.
fn make(what: &What) -> Result<Option<OwnedFd>, Fault> {
    let made = match what {
        What::Nothing => filesystems::empty().at(Step::MountEntry),
        What::Memory { most, mode } => {
            filesystems::private_memory(*most, mode).at(Step::MountEntry)
        }
        What::Proc => proc::fresh().at(Step::MountProc),
        What::HostProc => proc::of_the_host().at(Step::MountProc),
        What::BoundProc => proc::of_the_host_read_only().at(Step::MountProc),
        What::Terminals => filesystems::terminals().at(Step::MountDevices),
        What::Queues => filesystems::queues().at(Step::MountDevices),
        // A host that does not let its groups be seen leaves an empty place: nothing rests on it.
        What::ControlGroup(controllers) => filesystems::control_group(controllers)
            .or_else(|_| filesystems::empty())
            .at(Step::MountEntry),
        _ => return Ok(None),
    };
    made.map(Some)
}

#[cfg(test)]
#[path = "root_tests.rs"]
mod tests;
