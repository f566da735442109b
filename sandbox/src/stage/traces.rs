//! What the init inherited from its supervisor and the payload could read of it: the command line,
//! which `/proc/PID/cmdline` shows to everybody, and the environment.
#![forbid(unsafe_code)]

use crate::step::{At, Fault, Step};
use crate::sys::arguments;

/// Overwrites both. Nothing here reads them again: the plan has its own copies.
pub(super) fn wipe() -> Result<(), Fault> {
    arguments::wipe().at(Step::WipeTraces)
}
