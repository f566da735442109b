//! What a caller demands of the sandbox.
#![forbid(unsafe_code)]

use std::ops::RangeInclusive;
use std::path::PathBuf;

use crate::words::{Guarantee, Layer, LayerSet};

pub mod artefacts;
pub mod environment;
pub mod file;
pub mod files;
pub mod levels;
pub mod limits;
pub mod package;
pub mod syscalls;
pub(crate) mod version;

use environment::EnvironmentPolicy;
use files::FilesPolicy;
use levels::Level;
use limits::Limits;
use syscalls::Syscalls;

/// The uids from which builds are given one, unless the caller names others.
///
/// Nobody hands them out: they lie above the users of `useradd`, of systemd's homes, containers and
/// greeters (up to 60705), below its short-lived users (61184–65519) and the ranges of containers, and
/// within the 65,536 ids that a container has itself.
pub const DEFAULT_UIDS: RangeInclusive<u32> = 60_706..=61_183;

/// What a caller demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The preset it began with.
    pub level: Level,
    /// The layers that are on.
    pub layers: LayerSet,
    /// Who the build is, in the eyes of the kernel; the level's own choice when not given.
    pub identity: Option<IdentityChoice>,
    /// The uids to choose from.
    pub uids: RangeInclusive<u32>,
    /// Where leases are kept; a default by caller when not given.
    pub runtime: Option<PathBuf>,
    /// The caller's variables.
    pub environment: EnvironmentPolicy,
    /// The caller's paths.
    pub files: FilesPolicy,
    /// How much the build may use.
    pub limits: Limits,
    /// The choices over system calls.
    pub syscalls: Syscalls,
    /// What must be held in full, or nothing is run.
    pub required: Vec<Guarantee>,
    /// Go on without what this host cannot do, and say so.
    pub best_effort: bool,
    /// The death of the process that called ends the build too: nobody is left who wants it.
    pub ends_with_caller: bool,
    /// The caller vouches that this is the harness's lab, so that level `none` may run.
    pub lab: bool,
}

/// Who the build is, in the eyes of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityChoice {
    /// A uid without an account, held by a lock on a file.
    Lease,
    /// An account made by `useradd` and removed by `userdel`.
    Useradd,
    /// The caller.
    Caller,
}

impl IdentityChoice {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Lease, Self::Useradd, Self::Caller];

    /// The word for it, as it stands on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::Useradd => "useradd",
            Self::Caller => "caller",
        }
    }

    /// Who that is, in words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Lease => "a leased uid",
            Self::Useradd => "an account made by `useradd`",
            Self::Caller => "the caller's own uid",
        }
    }
}

impl Policy {
    /// The preset of `level`, with nothing added.
    #[must_use]
    pub fn preset(level: Level) -> Self {
        Self {
            level,
            layers: level.layers(),
            identity: None,
            uids: DEFAULT_UIDS,
            runtime: None,
            environment: EnvironmentPolicy::default(),
            files: FilesPolicy::default(),
            limits: Limits::default(),
            syscalls: Syscalls::default(),
            required: Vec::new(),
            best_effort: false,
            ends_with_caller: false,
            lab: false,
        }
    }

    /// The same policy with `layer` switched off.
    #[must_use]
    pub fn without(self, layer: Layer) -> Self {
        Self { layers: self.layers.without(layer), ..self }
    }
}
