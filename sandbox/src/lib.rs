//! Isolation for untrusted Python builds.
//!
//! A [`Policy`] says what a caller demands, a [`Payload`] what is to be run, a [`host::Host`] what
//! the machine allows. [`plan::Plan::resolve`] makes one plan of the three or refuses, and a launch
//! does what the plan says:
//!
//! ```text
//! policy × host → plan → launch ⇢ stage → outcome
//! ```
//!
//! A program launches by a [`Launcher`], which starts the program `bulkhead`; that needs no
//! privilege of the library's and may be done by any number of threads:
//!
//! ```no_run
#![doc = include_str!("../examples/threads.rs")]
//! ```
//!
//! What only looks or decides can be called directly, from a process with one thread:
//! [`host::Host::probe`], [`plan::Plan::resolve`], [`harvest`] and [`pep517`].

pub mod doctor;
pub mod ending;
pub mod explain;
pub mod harvest;
pub mod host;
pub mod identity;
pub mod inspector;
pub mod launch;
pub mod layers;
pub mod outcome;
pub mod overlay;
pub mod paths;
pub mod payload;
pub mod pep517;
#[doc(hidden)]
pub mod plain;
pub mod plan;
pub mod policy;
pub mod program;
pub mod scratch;
pub mod stage;
pub mod step;
#[doc(hidden)]
pub mod sys;
pub mod tools;
pub mod unseen;
pub mod why;
pub mod wire;
mod words;

pub use launch::{Ended, Launcher, LauncherError, Running, Standard};
pub use outcome::{End, Outcome};
pub use payload::Payload;
pub use policy::Policy;
pub use policy::levels::Level;
pub use words::{Guarantee, Layer, LayerSet, UnknownWord, nearest};
