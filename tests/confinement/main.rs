//! What `bulkhead` holds a payload to, tried with the real program on the real kernel.
//!
//! A test of something that must fail first shows that it succeeds without the layer that stops
//! it; otherwise it would hold without a sandbox too.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod apart;
mod bad_input;
mod cleanup;
mod contained;
mod exit_status;
#[cfg(target_arch = "x86_64")]
mod faults;
mod files;
mod identity;
mod kills;
mod library;
mod machine;
mod masked;
mod neighbours;
mod outputs;
mod ownership;
mod policy;
mod privileges;
mod processes;
mod remnants;
mod rootless;
mod sharing;
mod surroundings;
mod terminal;
