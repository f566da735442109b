//! JSON Schemas of what others read and write, made from the vocabularies that the program uses.
#![forbid(unsafe_code)]

mod evidence;
mod manifest;
mod oracle;
mod plant;
mod policy;
mod settings;
mod target;

use sandbox::{Guarantee, Level};
use serde_json::{Map, Value, json};

use crate::catalogue::BENIGN;
use crate::catalogue::spelling::Spelt;

/// The dialect in which they are written.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema: its name, and what it says.
pub struct Schema {
    /// Its name; the file is `docs/schemas/NAME.schema.json`.
    pub name: &'static str,
    /// What it describes.
    pub value: Value,
}

/// Every schema.
#[must_use]
pub fn all() -> Vec<Schema> {
    let schema = |name, title: &str, mut value: Value| {
        if let Some(object) = value.as_object_mut() {
            object.insert("$schema".to_owned(), json!(DIALECT));
            object.insert("title".to_owned(), json!(title));
        }
        Schema { name, value }
    };
    vec![
        schema("attack", "attack.toml: an attack, or an honest build", manifest::schema()),
        schema("target", "target.toml: a sandbox that is a command", target::schema()),
        schema("gaps", "gaps.toml: what a sandbox is known not to stop", target::gaps()),
        schema("harness", "harness.toml: what a repository wants tried", settings::schema()),
        schema("policy", "A policy file of bulkhead", policy::schema()),
        schema("report", "HOST/TARGET.json: what a target did on a host", evidence::report()),
        schema("ablation", "own.ablation.json: what each layer is worth", evidence::ablation()),
        schema("run", "run.json: what is volatile about a run", evidence::run()),
    ]
}

impl Schema {
    /// Its text.
    ///
    /// # Errors
    /// None that a schema can cause.
    pub fn render(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&self.value).map(|text| text + "\n")
    }
}

/// A table or object that has these keys and no other, the first ones always.
fn object<'a>(
    required: impl IntoIterator<Item = (&'a str, Value)>,
    optional: impl IntoIterator<Item = (&'a str, Value)>,
) -> Value {
    let required: Vec<_> = required.into_iter().collect();
    let names: Vec<_> = required.iter().map(|(name, _)| (*name).to_owned()).collect();
    let keys = required.into_iter().chain(optional);
    let keys: Map<String, Value> = keys.map(|(name, value)| (name.to_owned(), value)).collect();
    json!({
        "type": "object",
        "properties": keys,
        "required": names,
        "additionalProperties": false,
    })
}

fn array(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// An array in which nothing stands twice.
fn set(items: &Value) -> Value {
    json!({ "type": "array", "items": items, "uniqueItems": true })
}

fn text() -> Value {
    json!({ "type": "string" })
}

/// A text that says something.
fn sentence() -> Value {
    json!({ "type": "string", "pattern": "\\S" })
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// A name that can stand in a line of the protocol, in a path, and in a report.
fn name() -> Value {
    pattern("^[a-z0-9-]+$")
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn number() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// An amount: a whole number, or a text with a unit.
fn amount() -> Value {
    json!({ "anyOf": [number(), pattern("^[0-9]")] })
}

/// A day, or a month where nobody knows the day.
fn day_or_month() -> Value {
    pattern("^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$")
}

fn date() -> Value {
    pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
}

/// One word of a vocabulary of manifests.
fn word<W: Spelt>() -> Value {
    one_of(W::WORDS.iter().map(|(_, word)| *word))
}

fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> Value {
    json!({ "enum": words.into_iter().collect::<Vec<_>>() })
}

fn levels() -> Value {
    one_of(Level::ALL.map(Level::name))
}

/// The id of an entry of the catalogue.
fn id() -> Value {
    let folders: Vec<_> = Guarantee::ALL.map(Guarantee::name).into_iter().chain([BENIGN]).collect();
    pattern(&format!("^({})/[^/]+$", folders.join("|")))
}

/// The digest of a folder.
fn digest() -> Value {
    pattern("^sha256:[0-9a-f]{12}$")
}
