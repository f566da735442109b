//! The schema of a `[[plant]]` table: each kind has its own keys.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

use super::{array, flag, name, object, pattern, text, word};
use crate::catalogue::attack::{Namespace, PlantKey, PlantKind};

/// One of the kinds.
pub(super) fn schema() -> Value {
    json!({ "oneOf": PlantKind::NAMES.map(of) })
}

/// A path of the lab, a template.
pub(super) fn path() -> Value {
    pattern("^[/{]")
}

fn of(kind: &str) -> Value {
    let [required, optional] = PlantKind::keys(kind).unwrap_or_default();
    let mut table = object(required.iter().map(key), optional.iter().map(key));
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

/// The name of a key, and what may stand there.
fn key(key: &PlantKey) -> (&'static str, Value) {
    match *key {
        PlantKey::Path(name) => (name, path()),
        PlantKey::Text(name) => (name, text()),
        PlantKey::Texts(name) => (name, array(&text())),
        PlantKey::Flag(name) => (name, flag()),
        PlantKey::Variables(name) => (name, variables()),
        PlantKey::Mode => ("mode", mode()),
        PlantKey::VariableName => ("name", variable()),
        PlantKey::ProcessName => ("name", pattern("^[^/]{1,15}$")),
        PlantKey::Namespace => ("what", word::<Namespace>()),
    }
}

fn variables() -> Value {
    json!({
        "type": "object",
        "propertyNames": variable(),
        "additionalProperties": { "type": "string" },
    })
}

/// Permission bits: an octal number as a text.
fn mode() -> Value {
    pattern("^[0-7]{1,4}$")
}

fn variable() -> Value {
    pattern("^[A-Za-z_][A-Za-z0-9_]*$")
}
