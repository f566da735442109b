//! Puts sandboxes on trial.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod cli;
pub mod gaps;
pub mod oracle;
pub mod report;
pub mod runner;
pub mod schedule;
pub mod target;
pub mod verdict;
