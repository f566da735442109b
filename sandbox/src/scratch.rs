//! The private scratch file system of a build: its `/tmp`, its home, its copy of the source tree
//! and the directories that it hands over.
//!
//! In memory it is a tmpfs that is attached nowhere on the host, so the kernel removes it with the
//! last process that has it. On disk it is a directory, whose name stands in the lease.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, chownat, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen,
};
use rustix::process::{Gid, Uid};

use crate::layers::mounts::SCRATCH;
use crate::overlay::{self, Sharing};
use crate::payload::{PrivateTree, Purpose};
use crate::step::{At, Fault, Step};

mod copy;
mod removal;
mod staging;

pub use copy::copy_tree;
pub use removal::remove_directory;

/// How much of the memory a scratch file system in memory may take.
const SIZE: &str = "75%";

/// A scratch file system that exists.
#[derive(Debug)]
pub struct Scratch {
    root: OwnedFd,
    path: Option<PathBuf>,
}

impl Scratch {
    /// Makes one, in memory or as the new directory `disk`, and in it the directories that every
    /// build has, which belong to `owner`.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn make(disk: Option<&Path>, owner: (u32, u32)) -> Result<Self, Fault> {
        let scratch = match disk {
            None => Self { root: in_memory().at(Step::Scratch)?, path: None },
            Some(path) => {
                Self { root: on_disk(path).at(Step::Scratch)?, path: Some(path.to_owned()) }
            }
        };
        for (name, _) in SCRATCH {
            scratch.place(name, owner).at(Step::Scratch)?;
        }
        Ok(scratch)
    }

    /// Puts into the scratch file system what `trees` begin with: for a source tree that is shared
    /// only the two directories of its overlay.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn fill(
        &self,
        trees: &[PrivateTree],
        sharing: Option<Sharing>,
        owner: (u32, u32),
    ) -> Result<(), Fault> {
        for tree in trees {
            let name = tree.purpose.name();
            let target = self.directory(name, owner).at(Step::Scratch)?;
            match tree.purpose {
                Purpose::Output => {}
                Purpose::Source if matches!(sharing, Some(Sharing::Overlay(_))) => {
                    mkdirat(&self.root, overlay::WORK, Mode::from_raw_mode(0o700))
                        .at(Step::Scratch)?;
                    copy::copy_likeness(&tree.path, &target, owner).at(Step::CopySource)?;
                }
                Purpose::Source | Purpose::Metadata => {
                    copy_tree(&tree.path, &target, owner).at(Step::CopySource)?;
                }
                Purpose::Control => {
                    copy::copy_file(&tree.path, c"input.json", &target, owner)
                        .at(Step::CopySource)?;
                }
            }
        }
        Ok(())
    }

    /// Lets go of the mount, and keeps the directory: nothing more can be mounted from it, and the
    /// kernel has no mount to remove when this process ends, over which it would take its time.
    ///
    /// # Errors
    /// The errno of `openat(2)`.
    pub fn detach(&mut self) -> Result<(), Errno> {
        if self.path.is_none() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            self.root = openat(&self.root, ".", flags, Mode::empty())?;
        }
        Ok(())
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// One that was made by the sandbox itself, in memory.
    #[must_use]
    pub const fn received(root: OwnedFd) -> Self {
        Self { root, path: None }
    }

    /// Removes the directory on disk; what is in memory goes by itself.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn remove(self) -> Result<(), Errno> {
        let Some(path) = &self.path else { return Ok(()) };
        removal::empty(self.root.as_fd())?;
        unlinkat(CWD, path, AtFlags::REMOVEDIR)
    }

    /// Makes a directory that belongs to `owner`. By its name, for nobody else can reach it yet.
    fn place(&self, name: &str, owner: (u32, u32)) -> Result<(), Errno> {
        mkdirat(&self.root, name, Mode::from_raw_mode(0o700))?;
        let mode = if name.ends_with("tmp") { 0o1777 } else { 0o755 };
        chmodat(&self.root, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
        let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        chownat(&self.root, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
    }

    fn directory(&self, name: &str, owner: (u32, u32)) -> Result<OwnedFd, Errno> {
        self.place(name, owner)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&self.root, name, flags, Mode::empty())
    }
}

/// Makes `owner` the owner of an open file, unless it is already.
fn own(file: impl AsFd, owner: (u32, u32)) -> Result<(), Errno> {
    let status = rustix::fs::fstat(&file)?;
    if (status.st_uid, status.st_gid) == owner {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
    chownat(file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
}

fn in_memory() -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "size", SIZE)?;
    fsconfig_set_string(context.as_fd(), "mode", "0755")?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

/// A path below `place` that nobody can have prepared.
///
/// # Errors
/// The errno of `getrandom(2)`.
pub fn new_path(place: &Path) -> Result<PathBuf, Errno> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    Ok(place.join(format!("bulkhead-{:016x}", u64::from_ne_bytes(random))))
}

/// Closed to everybody else, for what is copied into it may be closed where it comes from.
fn on_disk(path: &Path) -> Result<OwnedFd, Errno> {
    mkdirat(CWD, path, Mode::from_raw_mode(0o700))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(CWD, path, flags, Mode::empty())
}
