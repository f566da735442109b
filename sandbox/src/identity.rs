//! Ephemeral users: who a build is, and the sweep of those whose supervisor is dead.
#![forbid(unsafe_code)]

use std::fs::{DirEntry, File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

pub mod claim;
pub mod handover;
pub mod lease;
pub mod processes;
pub mod useradd;

/// Why no user could be had for a build.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is nowhere to keep the locks.
    #[error("could not use {} to keep track of users: {source}; name another directory with `--runtime`", .path.display())]
    Runtime {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Every uid of the range is leased.
    #[error(
        "all {0} uids of the range are leased to running builds; give a wider range with `--uids`"
    )]
    Exhausted(usize),
    /// A dead build's processes do not go away.
    #[error("processes of uid {uid} outlive their build and cannot be ended: {source}")]
    Unkillable {
        /// Their uid.
        uid: u32,
        /// Why.
        source: io::Error,
    },
    /// `useradd` did not make an account.
    #[error("{program} failed: {reason}")]
    Account {
        /// The program's path.
        program: &'static str,
        /// What it said.
        reason: String,
    },
}

/// Opens the first of `places` that can be used, making it where it is missing.
fn open_runtime(places: &[PathBuf], below: &str) -> Result<PathBuf, IdentityError> {
    let mut failed = None;
    for place in places {
        let path = place.join(below);
        // Others may pass through, to the private directory that is theirs, and look at nothing.
        // 0700: the names of the locks tell who builds here, and nobody else may take one.
        match own_directory(place, 0o711).and_then(|()| own_directory(&path, 0o700)) {
            Ok(()) => return Ok(path),
            Err(source) => failed = failed.or(Some(IdentityError::Runtime { path, source })),
        }
    }
    Err(failed.unwrap_or_else(|| IdentityError::Runtime {
        path: PathBuf::from("/run/bulkhead"),
        source: io::Error::from(io::ErrorKind::NotFound),
    }))
}

/// Makes the parent of a staging directory, if it lies in the runtime directory `places`.
///
/// # Errors
/// It cannot be made, or is somebody else's.
pub fn open_staging(places: &[PathBuf], staging: &Path) -> Result<(), IdentityError> {
    let ours = places.iter().find(|place| staging.parent() == Some(&place.join("private")));
    let Some(place) = ours else { return Ok(()) };
    let path = place.join("private");
    let passable = || -> io::Result<()> {
        own_directory(place, 0o711)?;
        own_directory(&path, 0o711)?;
        let mode = place.metadata()?.mode();
        // One that the caller named keeps its mode, whatever follows from it.
        if place.file_name().is_some_and(|name| name == "bulkhead") && mode & 0o011 != 0o011 {
            std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode | 0o011))?;
        }
        Ok(())
    };
    passable().map_err(|source| IdentityError::Runtime { path: path.clone(), source })
}

/// Makes the directory `path` where it is missing. One that is there must be the caller's: in
/// `/tmp` somebody else could have made it first.
fn own_directory(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path)?;
    let found = path.symlink_metadata()?;
    if !found.is_dir() || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
    }
    Ok(())
}

/// The files in the directory `place`; none where it is not there yet.
fn records(place: &Path) -> Result<Vec<DirEntry>, IdentityError> {
    let failed = |source| IdentityError::Runtime { path: place.to_owned(), source };
    match place.read_dir() {
        Ok(entries) => entries.collect::<io::Result<_>>().map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(failed(error)),
    }
}

/// Opens the lock file at `path` and locks it; `None` when somebody living holds it.
///
/// The kernel lets go of the lock when its holder dies, in whatever way (`flock(2)`).
fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(path)?;
    match flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes and locks the lock file at `path`, whose name nobody has used before; nothing is left of it
/// where that fails.
fn lock_new(path: &Path) -> io::Result<File> {
    match try_lock(path) {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(io::ErrorKind::AlreadyExists.into()),
        Err(error) => {
            let _ = std::fs::remove_file(path);
            Err(error)
        }
    }
}
