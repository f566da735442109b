//! The scratch file system of a build, where a mount namespace of its own has it: what is made from
//! it, clones and overlays, is made from there.
//!
//! Linux before 6.15 makes neither a clone nor an overlay of what is attached nowhere. So the file
//! system is attached, but only ever in a namespace that is private, and that nobody looks at: the
//! sandbox's before it has its root, or one that lives for this alone.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, fstat, stat};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, UnmountFlags, move_mount, unmount};
use rustix::path::Arg;

use crate::sys::mount::{Attributes, clone_tree};

/// Where something is attached that is to have another place later, or none. Every host has this
/// directory, and all that is needed from below it has been opened by then.
pub const WAITING_PLACE: &str = "/dev";

/// A scratch file system that is attached in this process's own mount namespace.
#[derive(Debug)]
pub struct AttachedScratch {
    root: OwnedFd,
    waits: bool,
}

impl AttachedScratch {
    /// Attaches `scratch`, which is attached nowhere. The mounts of this namespace must be private.
    ///
    /// # Errors
    /// The errno of `move_mount(2)`; NOTRECOVERABLE where it says that it did and is not there.
    pub fn take(scratch: OwnedFd) -> Result<Self, Errno> {
        let onto = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        move_mount(scratch.as_fd(), "", CWD, WAITING_PLACE, onto)?;
        let (found, wanted) = (stat(WAITING_PLACE)?, fstat(&scratch)?);
        if (found.st_dev, found.st_ino) != (wanted.st_dev, wanted.st_ino) {
            return Err(Errno::NOTRECOVERABLE);
        }
        Ok(Self { root: scratch, waits: true })
    }

    /// One that is a directory of this namespace already.
    #[must_use]
    pub const fn at(directory: OwnedFd) -> Self {
        Self { root: directory, waits: false }
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Its directory `name`, as a mount that is attached nowhere.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn directory(&self, name: impl Arg) -> Result<OwnedFd, Errno> {
        clone_tree(self.root.as_fd(), name, Attributes::WRITABLE)
    }

    /// Takes it away again, with what was attached in it.
    ///
    /// # Errors
    /// The errno of `umount2(2)`.
    pub fn leave(self) -> Result<(), Errno> {
        if self.waits {
            unmount(WAITING_PLACE, UnmountFlags::DETACH)?;
        }
        Ok(())
    }
}
