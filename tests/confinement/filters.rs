//! The layers that need no namespace, each against the kernel: system calls, Landlock and limits.
#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where the ground under it gives way"
)]

#[path = "filters/attempts.rs"]
mod attempts;
#[path = "filters/builds.rs"]
mod builds;
#[path = "filters/landlock.rs"]
mod landlock;
#[path = "filters/limits.rs"]
mod limits;
#[path = "filters/payload.rs"]
mod payload;
#[path = "filters/refusals.rs"]
mod refusals;
#[path = "../skipped.rs"]
mod skipped;
#[path = "filters/syscalls.rs"]
mod syscalls;
