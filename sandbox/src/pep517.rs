//! What a call of `pyproject_hooks` needs, found by reading and never by running anything.
//!
//! A front end calls `PYTHON …/_in_process.py HOOK CONTROL_DIR` with the source tree as its
//! working directory. The control directory holds `input.json`, whose `kwargs` name the directory
//! that the hook writes to. [`HookCall::parse`] turns that into paths, and only reads.
#![forbid(unsafe_code)]

mod call;
mod hook;
mod json;
mod overlay;
mod relocated;

pub use crate::paths::{Beneath, OpenError};
pub use call::{HookCall, HookError};
pub use hook::{HookKind, Product};
pub(crate) use json::object as json_object;
pub use json::{JsonError, JsonLimits};
pub(crate) use overlay::{PYTHONPATH, overlay};
pub(crate) use relocated::relocated_input;
