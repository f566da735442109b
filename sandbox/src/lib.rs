//! Isolation for untrusted Python builds.

pub mod layers;
pub mod policy;
#[doc(hidden)]
pub mod sys;
mod words;

pub use policy::levels::Level;
pub use words::{Guarantee, Layer, LayerSet, UnknownWord};
