//! A directory of a build's own that shares what the build leaves alone with the host: an overlay.
//!
//! The lower layer is the host's directory, read-only and shown as the build's; the upper one is
//! private and takes whatever the build changes (`Documentation/filesystems/overlayfs.rst` of the
//! kernel). Neither is ever attached where the host could see it.
#![forbid(unsafe_code)]

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, fstat, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_fd,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, open_tree,
};

use crate::host::rehearsal::in_words;
use crate::sys::mount::{Attributes, map_ids, set_attributes};

pub mod mapping;
mod survey;
mod trial;

pub use trial::{Demand, look};

/// How a build gets a source tree of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// By an overlay, which was tried.
    Overlay(Notes),
    /// By a copy of every file, and why.
    Copy(Obstacle),
}

/// Where an overlay keeps its notes on the files of its upper layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notes {
    /// In extended attributes that only root of the machine can write. Every operation works.
    Trusted,
    /// In attributes that the owner of a file can write. A directory of the host's cannot be
    /// renamed then: `rename(2)` answers EXDEV, as in every image layer of a container, and `mv`
    /// and `shutil.move` copy instead.
    User,
}

/// Why a tree is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Nobody has looked at it.
    Untried,
    /// Nothing can be mounted for this build.
    NoMounts,
    /// A copy is quicker.
    Small,
    /// The kernel shows the files of one owner as another's, not those of several.
    Owners,
    /// Its owner could not read a file of it, or not enter a directory.
    Closed,
    /// A set-id bit, which a copy does not have.
    SetId,
    /// A pipe, socket or device, which a copy does not have.
    Special,
    /// A file that is sealed against changes (`ioctl_iflags(2)`), which a copy is not.
    Sealed,
    /// Something is mounted in it, and an overlay does not show that.
    Mounts,
    /// The place of the scratch directory cannot hold an upper layer.
    Scratch,
    /// It could not be looked at.
    Unreadable(Errno),
    /// The kernel refused the overlay, or to show the files as another's.
    Refused(Errno),
}

impl Sharing {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overlay(_) => "overlay",
            Self::Copy(_) => "copy",
        }
    }
}

impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlay(Notes::Trusted) => f.write_str("an overlay, copied on write"),
            Self::Overlay(Notes::User) => f.write_str(
                "an overlay, copied on write; a directory of it is moved by copying, for rename(2) \
                 answers EXDEV",
            ),
            Self::Copy(obstacle) => write!(f, "a copy: {obstacle}"),
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untried => "nobody has looked whether it could be shared",
            Self::NoMounts => "nothing can be mounted for this build",
            Self::Small => "it is so small that a copy is quicker",
            Self::Owners => "its files belong to more than one user or group, or to a stranger",
            Self::Closed => "something in it is closed to its own owner",
            Self::SetId => "something in it has a set-id bit",
            Self::Special => "there is a pipe, socket or device in it",
            Self::Sealed => "something in it is sealed against changes",
            Self::Mounts => "something is mounted in it",
            Self::Scratch => {
                "the scratch directory is on a file system that cannot lie over another"
            }
            Self::Unreadable(errno) => {
                return write!(f, "it cannot be looked through: {}", in_words(*errno));
            }
            Self::Refused(errno) => {
                return write!(f, "its file system refuses to be shared: {}", in_words(*errno));
            }
        })
    }
}

/// The name of the overlay's work directory, beside its upper layer: it must be on the same file
/// system and outside of it.
pub const WORK: &str = "source-work";

/// A detached mount in which `lower`, a directory of the host's, is that of whoever owns the
/// directory `upper` of the scratch file system `scratch`, and can be changed without being changed.
///
/// # Errors
/// The errno of the call that failed: EINVAL where the file system of `lower` shows no file as
/// another's, where one overlay too many would lie over others, or before Linux 6.15, which takes
/// no layers by descriptor that are attached nowhere.
pub fn view(
    lower: &Path,
    scratch: BorrowedFd<'_>,
    upper: &str,
    notes: Notes,
) -> Result<OwnedFd, Errno> {
    let directory = |name: &str| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(scratch, name, flags, Mode::empty())
    };
    let (upper, work) = (directory(upper)?, directory(WORK)?);
    let lower = lower_layer(lower, &upper)?;
    overlay(lower.as_fd(), upper.as_fd(), work.as_fd(), notes)
}

/// The directory `path` of the host, read-only, its files shown as those of the owner of `upper`.
fn lower_layer(path: &Path, upper: &OwnedFd) -> Result<OwnedFd, Errno> {
    // Recursive, as every clone of a mount: those below are locked to it in a user namespace.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let mount = open_tree(CWD, path, flags)?;
    let (from, to) = (fstat(&mount)?, fstat(upper)?);
    let (from, to) = ((from.st_uid, from.st_gid), (to.st_uid, to.st_gid));
    if from != to {
        map_ids(&mount, mapping::user_namespace(from, to)?.as_fd())?;
    }
    set_attributes(&mount, Attributes { read_only: true, no_devices: true, no_exec: false }, true)?;
    Ok(mount)
}

fn overlay(
    lower: BorrowedFd<'_>,
    upper: BorrowedFd<'_>,
    work: BorrowedFd<'_>,
    notes: Notes,
) -> Result<OwnedFd, Errno> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_fd(context.as_fd(), "lowerdir+", lower)?;
    fsconfig_set_fd(context.as_fd(), "upperdir", upper)?;
    fsconfig_set_fd(context.as_fd(), "workdir", work)?;
    match notes {
        // Without it a directory of the lower layer cannot be renamed.
        Notes::Trusted => fsconfig_set_string(context.as_fd(), "redirect_dir", "on")?,
        Notes::User => fsconfig_set_flag(context.as_fd(), "userxattr")?,
    }
    // Whatever the distribution's defaults are: names of one file part at the first change, as in
    // a copy, and no file of the upper layer leans on one of the lower.
    fsconfig_set_string(context.as_fd(), "index", "off")?;
    fsconfig_set_string(context.as_fd(), "metacopy", "off")?;
    // It is thrown away, so nothing need ever reach a disk (`sync(2)` would for every layer).
    fsconfig_set_flag(context.as_fd(), "volatile")?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}
