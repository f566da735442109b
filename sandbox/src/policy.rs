//! What a caller demands of the sandbox.
#![forbid(unsafe_code)]

pub mod levels;
pub mod limits;
pub mod syscalls;
