//! The outcome, written where the caller wants it.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use super::error::Failure;
use super::options::Options;
use crate::launch::Finished;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::wire::outcome_json;

/// A file for the outcome, opened before anything runs: a place that cannot be written is a usage
/// error then, and not a surprise afterwards.
#[derive(Debug)]
pub(super) struct Report(Option<(PathBuf, File)>);

impl Report {
    /// Opens the file that the caller named, if any. What is in it stays until there is an outcome.
    pub(super) fn open(options: &Options) -> Result<Self, Failure> {
        let Some(path) = options.outcome.clone() else { return Ok(Self(None)) };
        match File::options().create(true).truncate(false).write(true).open(&path) {
            Ok(file) => Ok(Self(Some((path, file)))),
            Err(source) => Err(Failure::Outcome { path, source }),
        }
    }

    /// Clears away what the build had, writes its outcome and gives its exit status.
    ///
    /// The build has run: what goes wrong here is said, and does not make it one that has not.
    pub(super) fn conclude(self, plan: &Plan, mut finished: Finished) -> u8 {
        let outcome = finished.outcome.clone();
        let watched = finished.trouble.take().map_or(Ok(()), |error| Err(Failure::from(error)));
        let cleared = finished.clear().map(drop).map_err(Failure::from);
        let written = self.put(Some(plan), &outcome);
        for failure in [watched, cleared, written].into_iter().filter_map(Result::err) {
            say_afterwards(&failure);
        }
        outcome.end.exit_status()
    }

    /// Writes that nothing was run, and gives the failure on: it is what the caller has to hear.
    pub(super) fn not_started(self, failure: Failure) -> Failure {
        let outcome = Outcome::new(failure.end(), Duration::ZERO);
        self.put(None, &outcome).err().unwrap_or(failure)
    }

    fn put(self, plan: Option<&Plan>, outcome: &Outcome) -> Result<(), Failure> {
        let Some((path, mut file)) = self.0 else { return Ok(()) };
        let text = outcome_json(plan, outcome);
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(text.as_bytes()));
        written.map_err(|source| Failure::Outcome { path, source })
    }
}

/// Says what went wrong after a build, which has run all the same.
pub(super) fn say_afterwards(failure: &impl std::fmt::Display) {
    let _ = writeln!(anstream::stderr(), "bulkhead: the command has run, but: {failure}");
}
