//! Isolation for untrusted Python builds.

pub mod host;
pub mod payload;
pub mod policy;
pub mod step;
#[doc(hidden)]
pub mod sys;
mod words;

pub use policy::levels::Level;
pub use words::{Guarantee, Layer, LayerSet, UnknownWord};
