//! Ephemeral users: who a build is, and the sweep of those whose supervisor is dead.
#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

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
        // 0700: the names of the locks tell who builds here, and nobody else may take one.
        match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(source) => failed = failed.or(Some(IdentityError::Runtime { path, source })),
        }
    }
    Err(failed.unwrap_or_else(|| IdentityError::Runtime {
        path: PathBuf::from("/run/bulkhead"),
        source: io::Error::from(io::ErrorKind::NotFound),
    }))
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
