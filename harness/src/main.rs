//! The `harness` program.
#![forbid(unsafe_code)]

fn main() {}
