//! The rules of the house: what code and documents promise about themselves, held against them.
//!
//! Each rule finds every breach before it complains, so that one run shows all there is to mend.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on stops"
)]

mod chains;
mod circles;
mod documents;
mod ends;
mod floors;
mod matrix;
mod mutants;
mod pages;
mod places;
mod proofs;
mod rivals;
#[path = "../skipped.rs"]
mod skipped;
mod sources;
mod speech;
mod tree;
mod words;
