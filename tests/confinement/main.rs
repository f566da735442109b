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

#[cfg(target_arch = "x86_64")]
mod aged;
mod apart;
mod bad_input;
mod cleanup;
mod contained;
mod exit_status;
#[cfg(target_arch = "x86_64")]
mod faults;
mod files;
mod flags;
mod granted;
mod groups;
mod hosts;
mod identity;
mod inherited;
mod input;
mod inspection;
mod kills;
mod library;
mod machine;
mod masked;
mod mistyped;
mod named;
mod neighbours;
mod objects;
mod outputs;
mod ownership;
mod phases;
mod policy;
mod privileges;
mod processes;
mod readme;
mod remnants;
mod rootless;
mod set_id;
mod shared;
mod sharing;
#[path = "../skipped.rs"]
mod skipped;
mod surroundings;
mod sys;
mod terminal;
mod unread;
mod unwritable;
mod why;
