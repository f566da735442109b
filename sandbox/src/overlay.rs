//! A directory of a build's own that shares what the build leaves alone with the host: an overlay.
//!
//! The lower layer is the host's directory, read-only and shown as the build's; the upper one is
//! private and takes whatever the build changes (`Documentation/filesystems/overlayfs.rst` of the
//! kernel). Both are attached while the overlay is made, in a namespace that the host does not see.
#![forbid(unsafe_code)]

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, fstat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, move_mount,
};

use crate::host::namespaces::in_words;
use crate::sys::mount::{Attributes, clone_tree, map_ids};

mod apart;
mod attached;
pub mod mapping;
mod survey;
mod trial;

use apart::make_apart;
pub use attached::{AttachedScratch, WAITING_PLACE};
pub use trial::{Demand, look, owners_in_memory_are_fixed};

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
    /// The place of the private directories cannot hold an upper layer.
    Scratch,
    /// The time of the call was up before all of it was looked at.
    Late,
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
                "the private directories are on a file system that cannot lie over another here"
            }
            Self::Late => "the time was up before all of it was looked at",
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
/// The name of the empty directory beside them on which the lower layer is attached.
pub const LOWER: &str = "source-lower";

/// The directory `path` of the host as a lower layer: a mount that is attached nowhere, read-only,
/// its files shown as those of `owner`.
///
/// # Errors
/// The errno of the call that failed: EINVAL where the file system shows no file as another's.
pub fn lower_layer(path: &Path, owner: (u32, u32)) -> Result<OwnedFd, Errno> {
    let mount = clone_tree(CWD, path, Attributes::SEALED)?;
    let found = fstat(&mount)?;
    let from = (found.st_uid, found.st_gid);
    if from != owner {
        map_ids(&mount, mapping::user_namespace(from, owner)?.as_fd())?;
    }
    Ok(mount)
}

/// A mount, attached nowhere, in which `lower` is what was made by [`lower_layer`], and can be
/// changed without being changed: what is, lies in the directory `upper` of `attached`.
///
/// Every kernel that has overlays takes layers by their names in this namespace. By descriptor, and
/// attached nowhere, they are taken since Linux 6.15 only.
///
/// # Errors
/// The errno of the call that failed: EINVAL where one overlay too many would lie over others, or
/// before Linux 5.19, which shows no file of a layer as another's.
pub fn view(
    attached: &AttachedScratch,
    lower: BorrowedFd<'_>,
    upper: &str,
    notes: Notes,
) -> Result<OwnedFd, Errno> {
    let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(lower, "", attached.root(), LOWER, onto)?;
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let layers = [("lowerdir", LOWER), ("upperdir", upper), ("workdir", WORK)];
    for (key, name) in layers {
        fsconfig_set_string(context.as_fd(), key, format!("{WAITING_PLACE}/{name}"))?;
    }
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

/// The same by a supervisor that is in the host's namespace, from `scratch`, which is attached
/// nowhere: in a namespace that ends with it. Gives the overlay, and `scratch` attached nowhere.
///
/// The caller must have one thread only.
///
/// # Errors
/// As [`view`].
pub fn view_apart(
    scratch: BorrowedFd<'_>,
    lower: BorrowedFd<'_>,
    upper: &str,
    notes: Notes,
) -> Result<[OwnedFd; 2], Errno> {
    let scratch = scratch.try_clone_to_owned().or(Err(Errno::MFILE))?;
    make_apart(|| {
        let attached = AttachedScratch::take(scratch)?;
        Ok([view(&attached, lower, upper, notes)?, attached.directory(".")?])
    })
}
