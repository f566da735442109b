//! `bulkhead doctor`: what this host allows, and what would make it allow more.
#![forbid(unsafe_code)]

use super::error::Failure;
use crate::doctor::{Verdict, diagnose};
use crate::ending::NOTHING_RUN;
use crate::host::Host;
use crate::host::surroundings::Surroundings;
use crate::launch::rehearsal;
use crate::overlay::owners_in_memory_are_fixed;
use crate::plain::print;
use crate::policy::Policy;
use crate::policy::levels::Level;
use crate::wire;

/// The arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Print a JSON document
    #[arg(long)]
    json: bool,
}

/// Prints the diagnosis; gives 125 where every launch at level `full` would be refused.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let (host, held) = rehearsal::rehearse(&Policy::preset(Level::Full), Host::probe());
    // Where nothing is mounted for another user, it does not matter, and may be refused.
    let shown = host.caller.is_privileged() && host.namespaces.are_usable();
    let fixed_owners_in_memory = shown && owners_in_memory_are_fixed();
    let around = Surroundings { fixed_owners_in_memory, ..Surroundings::probe() };
    let diagnosis = diagnose(&host, &around, held.map_err(|it| it.to_string()));
    let json = || wire::diagnosis_json(&diagnosis);
    print(&if arguments.json { json() } else { diagnosis.to_string() }, false)
        .map_err(Failure::Unprinted)?;
    let refused = matches!(diagnosis.verdict, Verdict::Refused(_));
    Ok(if refused { NOTHING_RUN } else { 0 })
}
