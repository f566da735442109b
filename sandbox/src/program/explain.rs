//! `bulkhead explain`: the plan, and nothing run.
#![forbid(unsafe_code)]

use std::io::Write;

use super::error::Failure;
use super::run::Arguments;

/// Prints the plan for the command.
pub(super) fn run(arguments: &Arguments) -> Result<u8, Failure> {
    let plan = arguments.plan()?;
    // A reader that closes the pipe has seen enough.
    let _ = write!(anstream::stdout(), "{plan}");
    Ok(0)
}
