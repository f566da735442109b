//! Labs, front end and oracles on the real kernel: each test needs root.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod course;
mod death;
mod debug;
mod fixture;
mod hosts;
mod plants;
mod rooms;
mod scaffold;
mod sight;
