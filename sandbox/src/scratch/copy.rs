//! Copying a source tree by descriptor: contents, holes, modes, times and links; nothing special.
//!
//! Without recursion: a directory that is copied waits as two descriptors, and where there are many
//! of them, the outer ones are closed and found again through `..`, if that is still the same.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, SeekFrom, Stat, Timespec, Timestamps, chownat, fchmod,
    fstat, ftruncate, futimens, mkdirat, openat, readlinkat, seek, statat, symlinkat, utimensat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::{Copied, CopyError, CopyFault, GoOn, own};
use crate::paths;
use crate::paths::spoken;
use crate::payload::PrivateTree;

/// Deeper trees than this are refused: nobody has one, but a circle of mounts could be.
const DEPTH: usize = 4096;

/// How many of the innermost directories stay open.
const OPEN: usize = 32;

/// What a file system in memory takes for a file beside its contents, and what it counts in.
const ENTRY: u64 = 1024;
const PAGE: u64 = 4096;

/// How much is copied between two looks whether to go on.
const PIECE: u64 = 1 << 20;

/// A copy that is being made.
pub(super) struct Copying<'a, 'b> {
    pub(super) owner: (u32, u32),
    /// How many bytes of memory it may take; any where it takes none.
    pub(super) room: Option<u64>,
    pub(super) copied: &'a mut Copied,
    pub(super) go_on: &'a mut GoOn<'b>,
}

/// A directory whose files are copied, and whose directories are not all.
struct Level {
    /// Both are open unless there are many levels below.
    open: Option<(OwnedFd, OwnedFd)>,
    /// What `source` was when it was opened.
    status: Stat,
    name: CString,
    left: VecDeque<CString>,
}

impl Copying<'_, '_> {
    /// Copies the directory of `tree` with all that is in it into the directory `target`.
    ///
    /// Regular files, directories and links are copied; sockets, pipes and devices are not, because
    /// a copy of one would either not work or reach out of the sandbox; nor is what cannot be read.
    /// Every copy belongs to the owner and has no set-id bit.
    ///
    /// # Errors
    /// What failed, with its path.
    pub(super) fn tree(&mut self, tree: &PrivateTree, target: &OwnedFd) -> Result<(), CopyError> {
        let mut levels = Vec::new();
        self.descend(tree, target, &mut levels).map_err(|why| {
            let names = levels.iter().skip(1).map(|level| OsStr::from_bytes(level.name.to_bytes()));
            let mut path = tree.path.clone();
            path.extend(names);
            let path = why.1.map_or(path.clone(), |name| path.join(name));
            CopyError { path, why: why.0 }
        })
    }

    fn descend(
        &mut self,
        tree: &PrivateTree,
        target: &OwnedFd,
        levels: &mut Vec<Level>,
    ) -> Result<(), Failed> {
        let source = tree.path.as_path();
        let directory = open_tree(tree)?;
        let target = target
            .try_clone()
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        levels.push(self.files(&|| source.to_owned(), directory, target, c"".to_owned())?);
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.left.pop_front() else {
                let (source, target) = reopen(levels)?;
                let status = levels.pop().map(|level| level.status);
                if let Some(status) = status {
                    finish(target.as_fd(), self.owner, &status, 0o700)?;
                }
                // Its parent is reached from here, should it be closed.
                if let Some(parent) = levels.last_mut().filter(|level| level.open.is_none()) {
                    let flags = OFlags::NOFOLLOW;
                    let up = open_directory(source.as_fd(), c"..", flags)?;
                    let back = open_directory(target.as_fd(), c"..", flags)?;
                    let found = fstat(&up)?;
                    if (found.st_dev, found.st_ino) != (parent.status.st_dev, parent.status.st_ino)
                    {
                        return Err(Errno::STALE.into());
                    }
                    parent.open = Some((up, back));
                }
                continue;
            };
            if levels.len() == DEPTH {
                return Err(CopyFault::TooDeep { limit: DEPTH }.into());
            }
            let level = self.enter(source, levels, name)?;
            levels.extend(level);
            let outer = levels.len().checked_sub(OPEN).and_then(|at| levels.get_mut(at));
            if let Some(outer) = outer {
                outer.open = None;
            }
        }
        Ok(())
    }

    /// Enters the directory `name` of the innermost level; nothing where it cannot be read.
    fn enter(
        &mut self,
        root: &Path,
        levels: &[Level],
        name: CString,
    ) -> Result<Option<Level>, Failed> {
        let Some((source, target)) = levels.last().and_then(|level| level.open.as_ref()) else {
            return Err(Errno::BADF.into());
        };
        // Made only where something is said of it: of a deep tree it is long.
        let own = name.clone();
        let here = || {
            let names = levels.iter().skip(1).map(|level| &level.name).chain([&own]);
            let mut path = root.to_owned();
            path.extend(names.map(|name| OsStr::from_bytes(name.to_bytes())));
            path
        };
        let about = |errno: Errno| Failed::at(errno, &name);
        let inner = match open_directory(source.as_fd(), name.as_c_str(), OFlags::NOFOLLOW) {
            Err(Errno::ACCESS) => {
                self.copied.leave_out(&here(), "cannot be read");
                return Ok(None);
            }
            inner => inner.map_err(about)?,
        };
        mkdirat(target, name.as_c_str(), Mode::from_raw_mode(0o700)).map_err(about)?;
        let copy = open_directory(target.as_fd(), name.as_c_str(), OFlags::NOFOLLOW);
        let copy = copy.map_err(about)?;
        let below = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
        let level = self.files(&here, inner, copy, name);
        level.map(Some).map_err(|Failed(why, inner)| {
            Failed(why, Some(inner.map_or(below.clone(), |inner| below.join(inner))))
        })
    }

    /// Copies what is no directory of a directory; gives what is left.
    fn files(
        &mut self,
        path: &dyn Fn() -> PathBuf,
        source: OwnedFd,
        target: OwnedFd,
        name: CString,
    ) -> Result<Level, Failed> {
        let mut left = VecDeque::new();
        let status = fstat(&source)?;
        for entry in Dir::read_from(&source)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            self.look().and_then(|()| self.take(ENTRY)).map_err(|why| Failed::of(why, name))?;
            let about = |errno: Errno| Failed::at(errno, name);
            let status = statat(&source, name, AtFlags::SYMLINK_NOFOLLOW).map_err(about)?;
            let left_out = || path().join(OsStr::from_bytes(name.to_bytes()));
            match FileType::from_raw_mode(status.st_mode) {
                FileType::RegularFile => match self.regular(&source, name, target.as_fd()) {
                    Err(Failed(CopyFault::Io(Errno::ACCESS), _)) => {
                        self.copied.leave_out(&left_out(), "cannot be read");
                    }
                    copied => copied.map_err(|failed| Failed::of(failed.0, name))?,
                },
                FileType::Symlink => {
                    link(&source, name, target.as_fd(), self.owner, &status).map_err(about)?;
                }
                FileType::Directory => left.push_back(name.to_owned()),
                kind => self.copied.leave_out(&left_out(), &format!("is {}", spoken(kind))),
            }
        }
        Ok(Level { open: Some((source, target)), status, name, left })
    }

    /// Copies the regular file `name` of the directory of `tree`.
    pub(super) fn regular(
        &mut self,
        source: &OwnedFd,
        name: &CStr,
        target: BorrowedFd<'_>,
    ) -> Result<(), Failed> {
        // NONBLOCK: should the file have become a pipe, opening it must not wait for a writer.
        let reading = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let from = openat(source, name, reading, Mode::empty())?;
        let status = fstat(&from)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        let making = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let to = openat(target, name, making, Mode::from_raw_mode(0o600))?;
        let (from, to) = (File::from(from), File::from(to));
        each_part::<Failed>(from.as_fd(), &mut |start, length| {
            self.take(length.next_multiple_of(PAGE))?;
            seek(&from, SeekFrom::Start(start))?;
            seek(&to, SeekFrom::Start(start))?;
            self.part(&from, &to, length)
        })?;
        if let Ok(size) = u64::try_from(status.st_size)
            && fstat(&to)?.st_size < status.st_size
        {
            ftruncate(&to, size)?;
        }
        Ok(finish(to.as_fd(), self.owner, &status, 0o400)?)
    }

    /// Copies the next `length` bytes, or as many as there are.
    fn part(&mut self, from: &File, to: &File, length: u64) -> Result<(), Failed> {
        let mut left = length;
        while left > 0 {
            self.look()?;
            let piece = left.min(PIECE);
            let copied = std::io::copy(&mut std::io::Read::take(from, piece), &mut &*to)
                .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
            if copied < piece {
                break;
            }
            left -= piece;
        }
        Ok(())
    }

    /// Looks whether to go on.
    fn look(&mut self) -> Result<(), CopyFault> {
        if (self.go_on)() { Ok(()) } else { Err(CopyFault::Interrupted) }
    }

    /// Counts what a copy takes.
    fn take(&mut self, bytes: u64) -> Result<(), CopyFault> {
        self.copied.bytes = self.copied.bytes.saturating_add(bytes);
        match self.room {
            Some(limit) if self.copied.bytes > limit => Err(CopyFault::NoRoom { limit }),
            _ => Ok(()),
        }
    }
}

/// Shows `each` the parts of `file` that are no holes, by where they start and how long they are; all
/// of it where its file system does not tell (`lseek(2)`).
pub(crate) fn each_part<E: From<Errno>>(
    file: BorrowedFd<'_>,
    each: &mut dyn FnMut(u64, u64) -> Result<(), E>,
) -> Result<(), E> {
    let mut at = 0;
    loop {
        let start = match seek(file, SeekFrom::Data(at)) {
            // There is no more data.
            Err(Errno::NXIO) => return Ok(()),
            Err(Errno::INVAL) if at == 0 => 0,
            start => start?,
        };
        let end = match seek(file, SeekFrom::Hole(start)) {
            Err(Errno::INVAL) => seek(file, SeekFrom::End(0))?,
            end => end?,
        };
        if end <= start {
            return Ok(());
        }
        each(start, end - start)?;
        at = end;
    }
}

/// What went wrong, and the name of what it is about if that is in the directory at hand.
pub(super) struct Failed(pub(super) CopyFault, Option<PathBuf>);

impl Failed {
    fn at(errno: Errno, name: &CStr) -> Self {
        Self::of(CopyFault::Io(errno), name)
    }

    fn of(why: CopyFault, name: &CStr) -> Self {
        Self(why, Some(PathBuf::from(OsStr::from_bytes(name.to_bytes()))))
    }
}

impl From<Errno> for Failed {
    fn from(errno: Errno) -> Self {
        Self(CopyFault::Io(errno), None)
    }
}

impl From<CopyFault> for Failed {
    fn from(why: CopyFault) -> Self {
        Self(why, None)
    }
}

/// The descriptors of the innermost level, taken out of it.
fn reopen(levels: &mut [Level]) -> Result<(OwnedFd, OwnedFd), Errno> {
    levels.last_mut().and_then(|level| level.open.take()).ok_or(Errno::BADF)
}

/// Gives the directory `target` the mode and the times of the directory of `tree`, but nothing that
/// is in it.
///
/// # Errors
/// The errno of the call that failed.
pub(super) fn copy_likeness(
    tree: &PrivateTree,
    target: &OwnedFd,
    owner: (u32, u32),
) -> Result<(), Errno> {
    let directory = open_tree(tree)?;
    finish(target.as_fd(), owner, &fstat(&directory)?, 0o700)
}

/// Copies the regular file `name` of the directory of `tree`.
///
/// # Errors
/// What failed, with its path.
pub(super) fn copy_file(
    tree: &PrivateTree,
    name: &CStr,
    target: &OwnedFd,
    copying: &mut Copying<'_, '_>,
) -> Result<(), CopyError> {
    let path = || tree.path.join(OsStr::from_bytes(name.to_bytes()));
    open_tree(tree)
        .map_err(Failed::from)
        .and_then(|directory| copying.regular(&directory, name, target.as_fd()))
        .map_err(|failed| CopyError { path: path(), why: failed.0 })
}

/// Owner first, for a change of owner clears mode bits; times last, for writing changes them.
fn finish(
    file: BorrowedFd<'_>,
    owner: (u32, u32),
    status: &Stat,
    at_least: u32,
) -> Result<(), Errno> {
    own(file, owner)?;
    fchmod(file, Mode::from_raw_mode(status.st_mode & 0o777 | at_least))?;
    futimens(file, &times(status))
}

fn link(
    source: &OwnedFd,
    name: &CStr,
    target: BorrowedFd<'_>,
    owner: (u32, u32),
    status: &Stat,
) -> Result<(), Errno> {
    let to = readlinkat(source, name, Vec::new())?;
    symlinkat(&to, target, name)?;
    let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
    let quiet = AtFlags::SYMLINK_NOFOLLOW;
    chownat(target, name, Some(uid), Some(gid), quiet)?;
    utimensat(target, name, &times(status), quiet)
}

#[expect(clippy::cast_possible_wrap, reason = "nanoseconds are below 10^9")]
const fn times(status: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: status.st_atime, tv_nsec: status.st_atime_nsec as i64 },
        last_modification: Timespec {
            tv_sec: status.st_mtime,
            tv_nsec: status.st_mtime_nsec as i64,
        },
    }
}

/// The directory of `tree`, if it still is the one that was looked at.
pub(super) fn open_tree(tree: &PrivateTree) -> Result<OwnedFd, Errno> {
    paths::reopen(&tree.path, tree.identity, OFlags::RDONLY | OFlags::DIRECTORY)
}

fn open_directory<P: rustix::path::Arg>(
    directory: BorrowedFd<'_>,
    name: P,
    further: OFlags,
) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | further;
    openat(directory, name, flags, Mode::empty())
}

#[cfg(test)]
#[path = "copy_tests.rs"]
mod tests;
