//! Isolation for untrusted Python builds.

mod explain;
pub mod host;
pub mod layers;
pub mod payload;
pub mod plan;
pub mod policy;
pub mod step;
#[doc(hidden)]
pub mod sys;
mod words;

pub use policy::levels::Level;
pub use words::{Guarantee, Layer, LayerSet, UnknownWord};
