//! What a call of `pyproject_hooks` needs, found by reading and never by running anything.
//!
//! A front end calls `PYTHON …/_in_process.py HOOK CONTROL_DIR` with the source tree as its
//! working directory. The control directory holds `input.json`, whose `kwargs` name the directory
//! that the hook writes to. [`HookCall::parse`] turns that into paths, [`interpreter`] finds what
//! of the host the interpreter needs. Both only read: an interpreter that is merely asked for its
//! prefix already runs the `.pth` files of the environment, before any isolation exists.
#![forbid(unsafe_code)]

mod beneath;
mod call;
mod hook;
mod interpreter;
mod json;
mod links;
mod overlay;
mod pyvenv;
mod relocated;

pub(crate) use beneath::spoken;
pub use beneath::{Beneath, OpenError};
pub use call::{HookCall, HookError};
pub use hook::{HookKind, Product};
pub use interpreter::{Interpreter, InterpreterError, interpreter};
pub(crate) use json::object as json_object;
pub use json::{JsonError, JsonLimits};
pub use links::LinkError;
pub(crate) use overlay::{PYTHONPATH, overlay};
pub use pyvenv::PyvenvError;
pub(crate) use relocated::relocated_input;
