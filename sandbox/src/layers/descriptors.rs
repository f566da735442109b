//! No inherited descriptor beyond the declared ones reaches a build.
//!
//! A directory that leaks in is a way out of any mount namespace (CVE-2024-21626).
#![forbid(unsafe_code)]

use std::os::fd::RawFd;

use crate::step::{At, Fault, Step};
use crate::sys::descriptors::{close_between, close_on_exec_from};

/// Closes everything above standard error but `kept`, which must be sorted.
///
/// # Errors
/// The errno of `close_range(2)`.
pub fn apply(kept: &[RawFd]) -> Result<(), Fault> {
    let mut first = 3;
    for descriptor in kept {
        close_between(first, descriptor - 1).at(Step::ForeignDescriptors)?;
        first = descriptor + 1;
    }
    close_between(first, RawFd::MAX).at(Step::ForeignDescriptors)
}

/// Makes sure that the sandbox's own descriptors end with the exec of the payload.
///
/// # Errors
/// The errno of `close_range(2)`.
pub fn seal() -> Result<(), Fault> {
    close_on_exec_from(3).at(Step::ForeignDescriptors)
}
