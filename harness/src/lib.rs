//! Puts sandboxes on trial.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod gaps;
pub mod oracle;
pub mod schedule;
pub mod target;
pub mod verdict;
