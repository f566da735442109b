//! The catalogue: what a manifest may say, and how every mistake is answered.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod bad;
mod clocks;
mod coverage;
mod entry;
mod good;
mod references;
mod schemas;
