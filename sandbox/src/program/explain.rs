//! `bulkhead explain`: the plan, and nothing run.
#![forbid(unsafe_code)]

use std::io::Write;

use super::error::Failure;
use super::run;
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
    let plan = arguments.command.plan()?;
    let mut out = anstream::stdout();
    // A reader that closes the pipe has seen enough.
    let _ = if arguments.json {
        write!(out, "{}", wire::plan_json(&plan))
    } else {
        write!(out, "{plan}")
    };
    Ok(0)
}
