//! The records of launches: which directory and which file may be believed.
//!
//! A record makes whoever sweeps end processes, remove directories and give files away. So none is
//! read that somebody else could have written: the directory is the caller's own, closed to others
//! for writing, and reached by no stranger's link; the file is a regular one of the caller's, with one
//! name, closed to others altogether. What a record says is held against what bulkhead writes.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fs::File;
use std::io::ErrorKind::NotFound;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, fchmod, flock, fstat, openat,
    statfs, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::IdentityError;
use crate::layers::limits::slot;
use crate::paths::{self, PathError, Trust};
use crate::scratch::{GoOn, Left, remove_opened};

/// How often a record is made anew that a sweep takes for one of the dead, in the moment between its
/// making and its lock.
const ATTEMPTS: usize = 200;

/// A directory of records that may be believed.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    directory: OwnedFd,
}

impl Records {
    /// Opens the directory `below` the first of `places` that can be used, making it where it is
    /// missing.
    pub(super) fn open(places: &[PathBuf], below: &str) -> Result<Self, IdentityError> {
        let mut failed = None;
        for place in places {
            let path = place.join(below);
            // Others may pass through, to the private directory that is theirs, and look at nothing.
            // 0700: the names of the locks tell who builds here, and nobody else may take one.
            match own_directory(place, 0o711).and_then(|_| own_directory(&path, 0o700)) {
                Ok(directory) => return Ok(Self { path, directory }),
                Err(source) => failed = failed.or(Some(IdentityError::Runtime { path, source })),
            }
        }
        Err(failed.unwrap_or_else(|| IdentityError::Runtime {
            path: PathBuf::from("/run/bulkhead"),
            source: io::Error::from(io::ErrorKind::NotFound),
        }))
    }

    /// The directory `below` `place`; none where it is not there yet, and none where it is not to be
    /// believed, which [`distrusted`] says of it.
    pub(super) fn existing(place: &Path, below: &str) -> Option<Self> {
        let path = place.join(below);
        let directory = checked(place).and_then(|_| checked(&path)).ok()?;
        Some(Self { path, directory })
    }

    /// Where the record of that name lies.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory.
    pub(super) fn directory(&self) -> &Path {
        &self.path
    }

    /// The names of the records, in no order.
    pub(super) fn names(&self) -> Result<Vec<String>, IdentityError> {
        let listed = || -> Result<Vec<String>, Errno> {
            let mut names = Vec::new();
            for entry in Dir::read_from(&self.directory)? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if !matches!(name.as_str(), "." | "..") {
                    names.push(name);
                }
            }
            Ok(names)
        };
        listed().map_err(|errno| IdentityError::Runtime {
            path: self.path.clone(),
            source: errno.into(),
        })
    }

    /// Opens the record `name`, making it where it is missing, and locks it; `None` when somebody
    /// living holds it.
    ///
    /// The kernel lets go of the lock when its holder dies, in whatever way (`flock(2)`).
    ///
    /// # Errors
    /// It cannot be opened, or is none that may be believed.
    pub(super) fn lock(&self, name: &str) -> io::Result<Option<File>> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.lock_with(name, OFlags::CREATE) {
                // A sweep has removed it between its making and its lock.
                Err(error) if error.kind() == NotFound && attempts < ATTEMPTS => {}
                locked => return locked,
            }
        }
    }

    /// The same for a record that is there.
    pub(super) fn lock_existing(&self, name: &str) -> io::Result<Option<File>> {
        self.lock_with(name, OFlags::empty())
    }

    /// Makes and locks the record `name`, which nobody has used before; nothing is left of it where
    /// that fails. A sweep that finds it before it is locked holds it for a moment.
    pub(super) fn lock_new(&self, name: &str) -> io::Result<File> {
        for _ in 0..ATTEMPTS {
            match self.lock(name) {
                Ok(Some(file)) => return Ok(file),
                // A sweep has found it before it was locked, and removes it now.
                Ok(None) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => {
                    let _ = self.remove(name);
                    return Err(error);
                }
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn lock_with(&self, name: &str, further: OFlags) -> io::Result<Option<File>> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | further;
        let file = openat(&self.directory, name, flags, Mode::from_raw_mode(0o600))?;
        check_record(&fstat(&file)?)?;
        match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
            // Its holder before has removed it: nobody else will find this lock.
            Ok(()) if fstat(&file)?.st_nlink == 0 => Err(NotFound.into()),
            Ok(()) => Ok(Some(file.into())),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether there is a record of that name, and something in it.
    pub(super) fn is_written(&self, name: &str) -> bool {
        rustix::fs::statat(&self.directory, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|found| check_record(&found).is_ok() && found.st_size > 0)
    }

    /// Removes the record `name`.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.directory, name, AtFlags::empty())?)
    }
}

/// What is in a record, up to `limit` bytes.
pub(super) fn content(mut file: &File, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.by_ref().take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why what lies in one of `places` is not believed, one sentence for each that is there and is not.
#[must_use]
pub fn distrusted(places: &[PathBuf]) -> Vec<String> {
    let reason = |place: &PathBuf| match checked(place) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Some(format!("{:?} was left alone: {error}", place.to_string_lossy()))
        }
        _ => None,
    };
    places.iter().filter_map(reason).collect()
}

/// Makes the directory `path` where it is missing, and opens it. One that is there must be the
/// caller's: in `/tmp` somebody else could have made it first.
pub(super) fn own_directory(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path)?;
    checked(path)
}

/// Opens the directory `path`, if nobody but the caller can have written to it.
fn checked(path: &Path) -> io::Result<OwnedFd> {
    let caller = geteuid().as_raw();
    let trust = Trust::But { caller, suspects: Vec::new() };
    let opened = paths::open(path, &trust).map_err(|error| match error {
        PathError::Missing(_) => io::Error::from(io::ErrorKind::NotFound),
        PathError::Io { errno, .. } => errno.into(),
        other => denied(other.to_string()),
    })?;
    let stranger = paths::stranger(&opened.real, &trust);
    if let Some(stranger) = stranger.map_err(|error| denied(error.to_string()))? {
        return Err(denied(format!("what lies there is exchanged easily, for {stranger}")));
    }
    let status = fstat(&opened.file)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::Directory {
        return Err(denied("it is no directory".to_owned()));
    }
    if status.st_uid != caller {
        return Err(denied(format!("it belongs to somebody else, uid {}", status.st_uid)));
    }
    if status.st_mode & 0o022 != 0 {
        return Err(denied("others may write to it; `chmod go-w` closes it to them".to_owned()));
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    Ok(paths::reopen(&opened.real, Some(opened.identity), flags)?)
}

fn check_record(status: &Stat) -> io::Result<()> {
    let caller = geteuid().as_raw();
    let wrong = if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        "it is no regular file"
    } else if status.st_uid != caller {
        "it belongs to somebody else"
    } else if status.st_nlink > 1 {
        "it has another name"
    } else if status.st_mode & 0o077 != 0 {
        "it is open to others"
    } else {
        return Ok(());
    };
    Err(denied(format!("{wrong}, so it is no record of bulkhead's; remove it")))
}

fn denied(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

/// Whether `path` can be a directory that bulkhead made for a build: absolute, without `..`, and with
/// a name of the form that [`crate::scratch::new_path`] gives.
fn is_scratch(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let plain = path.components().all(|part| {
        matches!(part, std::path::Component::RootDir | std::path::Component::Normal(_))
    });
    let digits = name.strip_prefix("bulkhead-").unwrap_or_default();
    path.is_absolute()
        && plain
        && digits.len() == 16
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What became of a directory that a record names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// It is gone.
    Gone,
    /// It could not be removed, or not all of it: what stays and why.
    Left(String),
    /// It is none that bulkhead made, or was not there.
    NotOurs,
}

/// How long a launch works on what the dead have left on disk, all in all, before it goes its way.
const SPARE: Duration = Duration::from_millis(100);

/// What to ask while what the dead have left is removed by somebody who has other things to do.
pub(super) fn spare_time() -> impl FnMut() -> bool {
    let mut latest = None;
    move || Instant::now() < *latest.get_or_insert_with(|| Instant::now() + SPARE)
}

/// Removes the directory `path`, which a record names, if it is one that bulkhead made: of that form,
/// the caller's own, and reached by no stranger's link. Before anything of it goes it is closed to
/// everybody else, so that what stays once `go_on` says no is in nobody's reach.
pub(super) fn remove_scratch(path: &Path, go_on: &mut GoOn<'_>) -> Removal {
    if !is_scratch(path) {
        return Removal::NotOurs;
    }
    let caller = geteuid().as_raw();
    let trust = Trust::But { caller, suspects: Vec::new() };
    let Ok(opened) = paths::open(path, &trust) else { return Removal::NotOurs };
    // The name itself is never a link's: the directory is made under it.
    let own = opened.is_directory()
        && opened.real.file_name() == path.file_name()
        && fstat(&opened.file)
            .is_ok_and(|status| status.st_uid == caller && status.st_mode & 0o022 == 0);
    if !own {
        return Removal::NotOurs;
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let removed = paths::reopen(&opened.real, Some(opened.identity), flags).and_then(|directory| {
        fchmod(&directory, Mode::from_raw_mode(0o700))?;
        Ok(directory)
    });
    let removed = removed
        .map_err(|errno| Left { path: path.to_owned(), errno, more: 0 })
        .and_then(|directory| remove_opened(&opened.real, directory.as_fd(), go_on));
    removed.map_or_else(|left| Removal::Left(left.to_string()), |()| Removal::Gone)
}

/// Removes the control group `path`, which the record of a build with this `name` names, and ends what
/// is on its way to end in it, if it is one that bulkhead made for it: of that name, the caller's own,
/// and in a tree of groups.
pub(super) fn remove_group(path: &Path, name: &str) -> Removal {
    let called = path.file_name().is_some_and(|file| file == OsStr::new(&slot::file_name(name)));
    if !path.is_absolute() || !called {
        return Removal::NotOurs;
    }
    let Ok(found) = path.symlink_metadata() else { return Removal::Gone };
    let groups = statfs(path).is_ok_and(|found| GROUPS.contains(&i128::from(found.f_type)));
    if !groups || !found.is_dir() || found.uid() != geteuid().as_raw() {
        return Removal::NotOurs;
    }
    let named = path.to_string_lossy();
    let left = |error| Removal::Left(format!("{named:?} could not be removed: {error}"));
    slot::remove_dead(path).map_or_else(left, |()| Removal::Gone)
}

/// The file systems of control groups, version 1 and 2 (`statfs(2)`).
const GROUPS: [i128; 2] = [0x0027_e0eb, 0x6367_7270];

/// Makes the parent of a staging directory, if it lies in the runtime directory `places`.
///
/// # Errors
/// It cannot be made, or is somebody else's.
pub fn open_staging(places: &[PathBuf], staging: &Path) -> Result<(), IdentityError> {
    let ours = places.iter().find(|place| staging.parent() == Some(&place.join("private")));
    let Some(place) = ours else { return Ok(()) };
    let path = place.join("private");
    let passable = || -> io::Result<()> {
        let opened = own_directory(place, 0o711)?;
        own_directory(&path, 0o711)?;
        let mode = fstat(&opened)?.st_mode;
        // One that the caller named keeps its mode, whatever follows from it.
        if place.file_name().is_some_and(|name| name == "bulkhead") && mode & 0o011 != 0o011 {
            fchmod(&opened, Mode::from_raw_mode(mode & 0o777 | 0o011))?;
        }
        Ok(())
    };
    passable().map_err(|source| IdentityError::Runtime { path: path.clone(), source })
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
