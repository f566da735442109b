//! The catalogue of attacks.
#![forbid(unsafe_code)]

pub mod attack;
