//! The private scratch file system of a build: its copy of the source tree and the directories that
//! it hands over, and on disk its `/tmp` and its home.
//!
//! In memory it is a tmpfs that is attached nowhere on the host, so the kernel removes it with the
//! last process that has it. On disk it is a directory, whose name stands in the lease.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, chmodat, chownat, fchmod, fchown, mkdirat, openat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, geteuid};

use crate::layers::mounts::{SCRATCH, private_memory};
use crate::overlay::{self, Sharing};
use crate::payload::{PrivateTree, Purpose};
use crate::step::{At, Fault, Step};
use crate::sys::mount::{Attributes, clone_tree};

mod copy;
mod removal;
mod staging;

pub(crate) use copy::each_part;
pub use removal::{Left, remove_directory, remove_opened};

use copy::Copying;

/// Asked again and again while something takes its time: whether to go on with it.
pub type GoOn<'a> = dyn FnMut() -> bool + 'a;

/// How many files that were left out of a copy are named.
const NAMED: usize = 8;

/// What a copy was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// How many bytes it takes, in memory if it lies there.
    pub bytes: u64,
    /// What was left out of it and why, one clause each; not more than a few of them.
    pub left_out: Vec<String>,
}

impl Copied {
    fn leave_out(&mut self, path: &Path, why: &str) {
        match self.left_out.len() {
            0..NAMED => self.left_out.push(format!("{} {why}", path.display())),
            NAMED => self.left_out.push("and more".to_owned()),
            _ => {}
        }
    }
}

/// A copy that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not copy the source tree into the sandbox: {why} ({})", .path.display())]
pub struct CopyError {
    /// What it is about.
    pub path: PathBuf,
    /// Why not.
    pub why: CopyFault,
}

/// Why a copy could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CopyFault {
    /// A call failed.
    #[error("{}", std::io::Error::from(*.0))]
    Io(Errno),
    /// Directories lie in one another too deep.
    #[error("its directories nest deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// Nobody wants it any more.
    #[error("the call was over before it was copied")]
    Interrupted,
    /// It takes more memory than the build may have.
    #[error(
        "it takes more than the {} MiB that the build's memory leaves for it; raise `--memory`, or \
         keep it on disk with `--scratch`",
        limit >> 20
    )]
    NoRoom {
        /// How much there is for it, in bytes.
        limit: u64,
    },
}

impl CopyFault {
    /// The errno that says so.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::Io(errno) => errno,
            Self::TooDeep { .. } => Errno::NAMETOOLONG,
            Self::Interrupted => Errno::CANCELED,
            Self::NoRoom { .. } => Errno::NOSPC,
        }
    }
}

/// Why a scratch file system was not filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError {
    /// A step failed.
    #[error(transparent)]
    Step(#[from] Fault),
    /// A copy could not be made.
    #[error(transparent)]
    Copy(#[from] CopyError),
}

impl FillError {
    /// The fault that says so, without the path.
    #[must_use]
    pub const fn fault(&self) -> Fault {
        match self {
            Self::Step(fault) => *fault,
            Self::Copy(error) => Fault::new(Step::CopySource, error.why.errno()),
        }
    }
}

/// A scratch file system that exists.
#[derive(Debug)]
pub struct Scratch {
    root: OwnedFd,
    path: Option<PathBuf>,
}

impl Scratch {
    /// Makes one, in memory or as the new directory `disk`, and on disk the directories in it that
    /// every build has, which belong to `owner`. In memory it takes no more than `memory` bytes, and
    /// those directories are file systems of their own.
    ///
    /// # Errors
    /// The errno of the call that failed.
    pub fn make(
        disk: Option<&Path>,
        owner: (u32, u32),
        memory: Option<u64>,
    ) -> Result<Self, Fault> {
        let scratch = match disk {
            None => Self { root: private_memory(memory, "0755").at(Step::Scratch)?, path: None },
            Some(path) => {
                let root = on_disk(path, owner).at(Step::Scratch)?;
                Self { root, path: Some(path.to_owned()) }
            }
        };
        if disk.is_some() {
            for (name, _) in SCRATCH {
                scratch.place(name, owner).at(Step::Scratch)?;
            }
        }
        Ok(scratch)
    }

    /// Puts into the scratch file system what `trees` begin with: for a source tree that is shared
    /// only the directories of its overlay. Of `memory`, which is the build's, something is left
    /// for the build to begin with.
    ///
    /// # Errors
    /// What failed, with the path that it is about if it is a copy; [`CopyFault::Interrupted`] once
    /// `go_on` says no.
    pub fn fill(
        &self,
        trees: &[PrivateTree],
        sharing: Option<Sharing>,
        owner: (u32, u32),
        memory: Option<u64>,
        go_on: &mut GoOn<'_>,
    ) -> Result<Copied, FillError> {
        let mut copied = Copied::default();
        let room = memory.filter(|_| self.is_in_memory()).map(|all| all - (all / 4).min(BEGINNING));
        let mut copying = Copying { owner, room, copied: &mut copied, go_on };
        for tree in trees {
            let name = tree.purpose.name();
            let target = self.directory(name, owner).at(Step::Scratch)?;
            match tree.purpose {
                Purpose::Output => {}
                Purpose::Source if matches!(sharing, Some(Sharing::Overlay(_))) => {
                    for name in [overlay::WORK, overlay::LOWER] {
                        mkdirat(&self.root, name, Mode::from_raw_mode(0o700)).at(Step::Scratch)?;
                    }
                    copy::copy_likeness(tree, &target, owner).at(Step::CopySource)?;
                }
                Purpose::Source | Purpose::Metadata => {
                    copying.tree(tree, &target)?;
                }
                Purpose::Control => {
                    copy::copy_file(tree, c"input.json", &target, &mut copying)?;
                }
            }
        }
        Ok(copied)
    }

    /// Whether what is in it lies in memory, also where it has a path.
    fn is_in_memory(&self) -> bool {
        const TMPFS: u64 = 0x0102_1994;
        rustix::fs::fstatfs(&self.root).is_ok_and(|status| status.f_type.cast_unsigned() == TMPFS)
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

    /// It as a mount that is attached nowhere: itself, or where it is on disk a clone.
    ///
    /// # Errors
    /// The errno of `open_tree(2)` or `mount_setattr(2)`.
    pub fn mount(&self) -> Result<OwnedFd, Errno> {
        if self.path.is_some() {
            return clone_tree(self.root.as_fd(), ".", Attributes::WRITABLE);
        }
        self.root.try_clone().or(Err(Errno::MFILE))
    }

    /// Its root.
    #[must_use]
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Where it lies, if that is on disk.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// One that was made by the sandbox itself, in memory.
    #[must_use]
    pub const fn received(root: OwnedFd) -> Self {
        Self { root, path: None }
    }

    /// Removes the directory on disk; what is in memory goes by itself.
    ///
    /// # Errors
    /// What stays.
    pub fn remove(&self, go_on: &mut GoOn<'_>) -> Result<(), Left> {
        let Some(path) = &self.path else { return Ok(()) };
        remove_opened(path, self.root.as_fd(), go_on)
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

/// What of its memory a build keeps for itself when its source tree is copied there, if it has four
/// times as much.
const BEGINNING: u64 = 16 << 20;

/// A path below `place` that nobody can have prepared.
///
/// # Errors
/// The errno of `getrandom(2)`.
pub fn new_path(place: &Path) -> Result<PathBuf, Errno> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    Ok(place.join(format!("bulkhead-{:016x}", u64::from_ne_bytes(random))))
}

/// Closed to everybody but `owner`, for what is copied into it may be closed where it comes from.
///
/// `owner` comes in by the group alone, which is the leased one: in a directory that the build owned
/// it could rename things.
fn on_disk(path: &Path, owner: (u32, u32)) -> Result<OwnedFd, Errno> {
    mkdirat(CWD, path, Mode::from_raw_mode(0o700))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = openat(CWD, path, flags, Mode::empty())?;
    if owner.0 != geteuid().as_raw() {
        fchown(&root, None, Some(Gid::from_raw(owner.1)))?;
        fchmod(&root, Mode::from_raw_mode(0o710))?;
    }
    Ok(root)
}
