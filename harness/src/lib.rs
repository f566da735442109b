//! Puts sandboxes on trial.
#![forbid(unsafe_code)]

pub mod catalogue;
