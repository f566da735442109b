//! Puts sandboxes on trial.
#![forbid(unsafe_code)]

pub mod builtin;
pub mod catalogue;
pub mod cli;
pub mod conduct;
pub mod frontend;
pub mod gaps;
pub mod lab;
pub mod oracle;
pub mod recipe;
pub mod redact;
pub mod report;
pub mod runner;
pub mod schedule;
pub mod target;
pub mod verdict;
