//! `bulkhead doctor`: what this host allows, and what would make it allow more.
#![forbid(unsafe_code)]

use std::io::Write;

use super::error::NOTHING_RUN;
use crate::doctor::{Verdict, diagnose};
use crate::host::Host;
use crate::host::surroundings::Surroundings;
use crate::wire;

/// The arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

/// Prints the diagnosis; gives 125 where every launch at level `full` would be refused.
pub(super) fn run(arguments: &Arguments) -> u8 {
    let diagnosis = diagnose(&Host::probe().rehearsed(), &Surroundings::probe());
    let mut out = anstream::stdout();
    // A reader that closes the pipe has seen enough.
    let _ = if arguments.json {
        write!(out, "{}", wire::diagnosis_json(&diagnosis))
    } else {
        write!(out, "{diagnosis}")
    };
    let refused = matches!(diagnosis.verdict, Verdict::Refused(_));
    if refused { NOTHING_RUN } else { 0 }
}
