//! The sandboxes on trial, and what a run of one looked like from outside.
#![forbid(unsafe_code)]

pub mod command;
pub mod control;
pub mod own;
pub mod spent;

use std::path::PathBuf;
use std::time::Duration;

use sandbox::Level;

use crate::lab::pace::Pace;
use crate::schedule::{Sandbox, Trial};

/// What stands in front of every hook of `trial`, in slot `slot` of the pool, on a machine of that
/// pace. The front end fills in what it alone knows: the call, and the directories of the build.
#[must_use]
pub fn prefix(trial: &Trial, slot: usize, pace: Pace) -> Vec<String> {
    match (&trial.sandbox, trial.level) {
        (Sandbox::Command(recipe), _) => command::prefix(recipe),
        (Sandbox::Own { .. }, Level::None) => control::prefix(),
        (Sandbox::Own { without, identity, why }, level) => {
            let mut prefix = own::prefix(level, *without, *identity, slot, trial, pace);
            if *why {
                let end = prefix.len().saturating_sub(1);
                prefix.insert(end, "--why".to_owned());
            }
            prefix
        }
    }
}

/// The files that the sandbox of `trial` brings along, relative to the front end's directory.
#[must_use]
pub fn files(trial: &Trial) -> Vec<(PathBuf, Vec<u8>)> {
    match &trial.sandbox {
        Sandbox::Command(recipe) => command::files(recipe),
        Sandbox::Own { .. } => Vec::new(),
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
    /// Where the time of the whole trial went.
    pub spent: spent::Spent,
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
