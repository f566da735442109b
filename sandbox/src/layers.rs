//! The mechanisms, one file each: a pure half that resolves, a small half that applies.
#![forbid(unsafe_code)]

pub mod landlock;
pub mod limits;
pub mod syscalls;
