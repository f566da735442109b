//! The command line: what it prints, what it writes, and with which status it ends.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod ablate;
mod affected;
mod anywhere;
mod catalogue;
mod checkout;
mod ci;
mod debug;
mod git;
mod log;
mod machine;
mod merge;
mod pages;
mod program;
mod report;
mod run;
mod schema;
#[path = "../skipped.rs"]
mod skipped;
mod unwritable;
