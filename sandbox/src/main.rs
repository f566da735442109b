//! The `bulkhead` program.
#![forbid(unsafe_code)]

fn main() {}
