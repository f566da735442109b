//! Paths that somebody else may have prepared: followed with care, opened once, and known again.
#![forbid(unsafe_code)]

mod among;
mod beneath;
mod links;
pub mod mountinfo;
mod walk;

pub(crate) use among::among;
pub(crate) use beneath::spoken;
pub use beneath::{Beneath, OpenError};
pub use links::LinkError;
pub(crate) use links::hops;
pub use walk::{
    Identity, Opened, PathError, Stranger, Trust, has_link, leads_to, open, open_parent, reopen,
    same, stranger,
};
