//! The sandboxes on trial, and what a run of one looked like from outside.
#![forbid(unsafe_code)]

pub mod control;
pub mod own;

use std::time::Duration;

use sandbox::Level;

use crate::catalogue::attack::RunLimits;

/// What stands in front of every hook at `level`, in slot `slot` of the pool, with the limits of
/// the manifest.
#[must_use]
pub fn prefix(level: Level, slot: usize, limits: &RunLimits) -> Vec<String> {
    match level {
        Level::None => control::prefix(),
        level => own::prefix(level, slot, limits),
    }
}

/// What happened in a trial, as the harness saw it from outside the sandbox.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// Marks that arrived, in order, each once.
    pub marks: Vec<String>,
    /// Every hook that the front end called, in order.
    pub hooks: Vec<HookEnd>,
    /// The trial was cut off at its deadline.
    pub timed_out: bool,
    /// The front end itself broke, or could not be started: one sentence.
    pub broken: Option<String>,
    /// The target refused to run anything (exit 125): its own sentence.
    pub refused: Option<String>,
    /// The last hook returned, and the artefact that it named exists where it belongs.
    pub built: bool,
    /// What the build printed, hostile bytes, capped at 1 MiB.
    pub log: Vec<u8>,
    /// What the payload said of itself; never evidence.
    pub hearsay: Vec<String>,
    /// From the start of the front end to its end.
    pub elapsed: Duration,
}

/// How one hook call ended, as the front end reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEnd {
    /// The hook's name.
    pub hook: String,
    /// It returned a value.
    pub returned: bool,
    /// The exception, when it did not.
    pub exception: Option<String>,
}
