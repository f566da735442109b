//! Ephemeral users: who a build is, and the sweep of those whose supervisor is dead.
#![forbid(unsafe_code)]

use std::io;
use std::path::PathBuf;

pub mod claim;
pub mod handover;
pub mod lease;
pub mod processes;
mod records;
pub mod useradd;

pub use records::{distrusted, open_staging};

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
    /// Those that are not leased have processes that no build has started.
    #[error(
        "no uid of the range is free: {inhabited} of {all} have living processes that are no build's, \
         the others are leased to running builds; name a range that nobody uses with `--uids`"
    )]
    Inhabited {
        /// How many.
        inhabited: usize,
        /// How many there are.
        all: usize,
    },
    /// It cannot be told whether a uid has processes.
    #[error("could not look whether a uid has living processes: {0}; /proc has to be mounted")]
    Unseen(io::Error),
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
