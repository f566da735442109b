//! Puts sandboxes on trial.
#![forbid(unsafe_code)]

pub mod catalogue;
pub mod conduct;
pub mod frontend;
pub mod lab;
pub mod oracle;
pub mod schedule;
pub mod target;
