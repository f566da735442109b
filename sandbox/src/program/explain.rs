//! `bulkhead explain`: the plan, and nothing run.
#![forbid(unsafe_code)]

use super::error::Failure;
use super::run;
use crate::explain;
use crate::plain::print;
use crate::wire;

/// The arguments of `explain`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Arguments {
    /// Print a JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    command: run::Arguments,
}

/// Prints the plan for the command.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let (plan, unseen) = arguments.command.plan()?;
    let text = if arguments.json {
        wire::plan_json(&plan, &unseen)
    } else {
        format!("{plan}{}", explain::not_seen(&unseen))
    };
    print(&text, false).map_err(Failure::Unprinted)?;
    Ok(0)
}
