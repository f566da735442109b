//! Puts sandboxes on trial.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod oracle;
pub mod schedule;
pub mod target;
