//! The schema of the policy file of `bulkhead`. Its keys are held against those that the program knows by
//! a test of the sandbox.
#![forbid(unsafe_code)]

use sandbox::policy::limits::amounts::Unit;
use sandbox::policy::limits::{Limit, Row};
use sandbox::{Guarantee, Layer, Level};
use serde_json::{Value, json};

use super::{array, flag, object, one_of, pattern, text, word};

/// How a package is named: its name, or one release of it.
const PACKAGE: &str = "^[A-Za-z0-9._-]+(==[A-Za-z0-9.+!_-]+)?$";
/// A variable of the environment.
const VARIABLE: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// A variable, or the beginning of several.
const VARIABLES: &str = "^[A-Za-z_][A-Za-z0-9_]*\\*?$";

/// A policy file: its general section, and sections for single packages.
pub(super) fn schema() -> Value {
    let mut file = section();
    let packages = json!({
        "type": "object",
        "propertyNames": { "pattern": PACKAGE },
        "additionalProperties": section(),
    });
    if let Some(keys) = file.get_mut("properties").and_then(Value::as_object_mut) {
        keys.insert("package".to_owned(), packages);
    }
    file
}

fn section() -> Value {
    let levels = Level::ALL.into_iter().filter(|level| *level != Level::None);
    let layers = array(&word::<Layer>());
    let guarantees = array(&one_of(Guarantee::ALL.map(Guarantee::name)));
    object(
        [],
        [
            ("level", one_of(levels.map(Level::name))),
            ("with", layers.clone()),
            ("without", layers),
            ("require", json!({ "anyOf": [{ "const": "all" }, guarantees] })),
            ("best-effort", flag()),
            ("identity", one_of(["lease", "useradd", "caller"])),
            ("scratch", path()),
            ("paths", object([], [("read", array(&path())), ("write", array(&path()))])),
            ("environment", environment()),
            ("limits", limits()),
            ("syscalls", switches(["tracing", "watches", "interfaces", "filters"])),
            ("artefacts", artefacts()),
        ],
    )
}

fn environment() -> Value {
    let set = json!({
        "type": "object",
        "propertyNames": { "pattern": VARIABLE },
        "additionalProperties": text(),
    });
    let names = array(&pattern(VARIABLES));
    object([], [("keep", names.clone()), ("delete", names), ("set", set)])
}

fn limits() -> Value {
    let rows = Limit::ALL.map(Limit::row);
    let of = |row: Row| match row.unit {
        Unit::Size => size(),
        Unit::Number => count(),
        Unit::Time => time(),
    };
    object([], rows.map(|row| (row.name, of(row))))
}

fn artefacts() -> Value {
    object(
        [],
        [
            ("expect", pattern(PACKAGE)),
            ("build-tag", text()),
            ("strict", flag()),
            ("replace", flag()),
            ("twins", flag()),
        ],
    )
}

fn switches<const N: usize>(keys: [&str; N]) -> Value {
    object([], keys.map(|key| (key, flag())))
}

/// An absolute path, without `..`.
fn path() -> Value {
    json!({ "type": "string", "pattern": "^/", "not": { "pattern": "(^|/)\\.\\.(/|$)" } })
}

/// A number of bytes, or a text with a unit.
fn size() -> Value {
    let unit = "([BbKkMmGgTt]|[KkMmGgTt][Ii][Bb])?";
    amount(&format!("^(none|default|[0-9]+{unit})$"))
}

fn count() -> Value {
    amount("^(none|default|[0-9]+)$")
}

/// A time, which always has a unit.
fn time() -> Value {
    pattern("^(none|default|([0-9]+(ms|s|m|h|d))+)$")
}

fn amount(form: &str) -> Value {
    json!({ "anyOf": [{ "type": "integer", "minimum": 1 }, pattern(form)] })
}
