//! Isolation for untrusted Python builds.

pub mod doctor;
pub mod explain;
pub mod harvest;
pub mod host;
pub mod identity;
pub mod launch;
pub mod layers;
pub mod outcome;
pub mod overlay;
pub mod payload;
pub mod pep517;
pub mod plan;
pub mod policy;
pub mod program;
pub mod scratch;
pub mod stage;
pub mod step;
#[doc(hidden)]
pub mod sys;
pub mod wire;
mod words;

pub use policy::levels::Level;
pub use words::{Guarantee, Layer, LayerSet, UnknownWord};
