//! Labs, front end and oracles on the real kernel: each test needs root.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod containers;
#[path = "../../engines/daemon.rs"]
#[allow(dead_code, reason = "not every engine is held against a host of the lab")]
mod daemon;
mod death;
mod debug;
mod docker;
mod fixture;
mod held;
mod hosts;
mod inherited;
mod oracles;
mod oracles_by_kind;
mod plants;
mod scaffold;
mod shared;
#[path = "../../skipped.rs"]
mod skipped;
mod trial;
