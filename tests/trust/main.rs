//! Whether a run of the harness can be believed: real labs, real targets, real interruptions.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod bad_targets;
mod container;
mod determinism;
mod fence;
mod inherited;
mod interrupts;
mod load;
mod loud;
mod newcomer;
#[path = "../skipped.rs"]
mod skipped;
mod vacuous;
mod workplace;
