//! The schemas of `target.toml` and of the `gaps.toml` beside it.
#![forbid(unsafe_code)]

use sandbox::Layer;
use serde_json::{Value, json};

use super::{array, date, levels, object, pattern, sentence, set, text, word};

/// A sandbox that is a command.
pub(super) fn schema() -> Value {
    let requirement = object([("what", sentence()), ("reason", sentence())], []);
    // The word at which the call of the hook is put in.
    let argv = json!({ "type": "array", "items": text(), "contains": { "const": "{argv}" } });
    object(
        [("name", sentence()), ("title", sentence()), ("source", sentence()), ("argv", argv)],
        [
            ("level", levels()),
            ("layers", set(&word::<Layer>())),
            ("version", array(&text())),
            ("unsupported", sentence()),
            ("leaves", array(&text())),
            ("keeps", array(&pattern("^/"))),
            ("files", array(&text())),
            ("requires", array(&requirement)),
        ],
    )
}

/// What it is known not to stop.
pub(super) fn gaps() -> Value {
    let mut gap = object(
        [("attack", sentence()), ("level", levels()), ("reason", sentence())],
        [("hosts", array(&text())), ("issue", text()), ("url", text()), ("until", date())],
    );
    if let Some(table) = gap.as_object_mut() {
        let either = json!([{ "required": ["issue"] }, { "required": ["url"] }]);
        table.insert("anyOf".to_owned(), either);
    }
    object([], [("gap", array(&gap))])
}
