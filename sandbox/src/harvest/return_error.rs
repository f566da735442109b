//! What can be wrong with an `output.json`.
#![forbid(unsafe_code)]

use super::names::NameError;
use super::requirement::RequirementError;
use crate::pep517::HookKind;

/// Why an `output.json` is not handed on.
#[derive(Debug, thiserror::Error)]
pub enum ReturnError {
    /// A key is missing or has a value of another type.
    #[error("the key `{key}` does not hold {wanted}")]
    Key {
        /// The key.
        key: &'static str,
        /// What should be there.
        wanted: &'static str,
    },
    /// It claims an answer that this hook cannot give; a front end might fall back to a legacy way.
    #[error("the hook {hook} cannot answer `{key}`")]
    Impossible {
        /// The hook.
        hook: HookKind,
        /// The key.
        key: &'static str,
    },
    /// It lists too much.
    #[error("the key `{key}` lists more than {limit} entries")]
    TooMany {
        /// The key.
        key: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A requirement is not harmless.
    #[error("the requirement {text:?} is not handed on: {source}")]
    Requirement {
        /// The requirement.
        text: String,
        /// What is wrong with it.
        source: RequirementError,
    },
    /// The file name is not one of such an artefact.
    #[error("the returned name {name:?} is not handed on: {source}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// A feature is none.
    #[error("the feature {0:?} is unknown; `build_editable` is the only one")]
    Feature(String),
}
