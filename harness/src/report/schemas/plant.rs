//! The schema of a `[[plant]]` table: each kind has its own keys.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

use super::{array, flag, name, object, pattern, text, word};
use crate::catalogue::attack::{Namespace, PlantKind};

/// One of the kinds.
pub(super) fn schema() -> Value {
    json!({ "oneOf": PlantKind::NAMES.map(of) })
}

/// A path of the lab, a template.
pub(super) fn path() -> Value {
    pattern("^[/{]")
}

fn of(kind: &str) -> Value {
    let mut table = match kind {
        "file" => object([("path", path())], [("mode", mode()), ("content", text())]),
        "directory" => object([("path", path())], [("mode", mode())]),
        "link" => object([("path", path()), ("to", path())], []),
        "variable" => object([("name", variable())], [("value", text())]),
        "tcp-listener" | "tcp6-listener" | "loopback-listener" | "abstract-listener" => {
            object([], [("answer", text()), ("http", flag())])
        }
        "unix-listener" => {
            object([("path", path())], [("mode", mode()), ("answer", text()), ("http", flag())])
        }
        "process" => process(),
        "namespace" => object([("what", word::<Namespace>())], []),
        _ => object([], []),
    };
    named(&mut table, kind);
    table
}

/// Adds what the tables of all kinds have: a name, and the kind.
pub(super) fn named(table: &mut Value, kind: &str) {
    if let Some(keys) = table.pointer_mut("/properties").and_then(Value::as_object_mut) {
        keys.insert("id".to_owned(), name());
        keys.insert("kind".to_owned(), json!({ "const": kind }));
    }
    if let Some(required) = table.pointer_mut("/required").and_then(Value::as_array_mut) {
        required.splice(0..0, ["id", "kind"].map(Value::from));
    }
}

fn process() -> Value {
    let env = json!({
        "type": "object",
        "propertyNames": variable(),
        "additionalProperties": { "type": "string" },
    });
    object(
        [("name", pattern("^[^/]{1,15}$"))],
        [("args", array(&text())), ("env", env), ("memory", text()), ("open", text())],
    )
}

/// Permission bits: an octal number as a text.
fn mode() -> Value {
    pattern("^[0-7]{1,4}$")
}

fn variable() -> Value {
    pattern("^[A-Za-z_][A-Za-z0-9_]*$")
}
