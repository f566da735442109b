//! The schema of `harness.toml`.
#![forbid(unsafe_code)]

use serde_json::Value;

use super::{array, flag, object, one_of, sentence, set, target, text};
use crate::lab::profile::Profile;

/// What a repository wants tried. Every key may be left out.
pub(super) fn schema() -> Value {
    object(
        [],
        [
            ("target", set(&sentence())),
            ("host", set(&one_of(Profile::ALL.map(|(_, name)| name)))),
            ("expression", sentence()),
            ("deny-escapes", flag()),
            ("catalogue", array(&text())),
            ("targets", array(&text())),
            ("reports", text()),
            ("builtin", flag()),
            ("sandbox", array(&target::schema())),
        ],
    )
}
