//! The schema of `attack.toml`.
#![forbid(unsafe_code)]

use sandbox::{Layer, Level};
use serde_json::{Value, json};

use super::{
    amount, array, day_or_month, flag, id, levels, name, object, one_of, oracle, pattern, plant,
    sentence, set, text, word,
};
use crate::catalogue::attack::{
    Expected, FrontendStep, Hook, InterruptSignal, Lent, Need, Second, Severity, Whom,
};
use crate::catalogue::manifest::REFERENCES;

/// Attacks and honest builds share most keys; what only one of them has depends on the folder that
/// the id names.
pub(super) fn schema() -> Value {
    let mut schema = object(
        [
            ("schema", json!({ "const": 1 })),
            ("id", id()),
            ("title", sentence()),
            ("summary", sentence()),
            ("run", run()),
        ],
        [
            ("severity", word::<Severity>()),
            ("stopped_by", at_least_one(&word::<Layer>())),
            ("attack", set(&pattern("^T[0-9]+(\\.[0-9]+)?$"))),
            ("cwe", set(&pattern("^CWE-[0-9]+$"))),
            ("catalogue", set(&name())),
            ("requires", array(&object([("probe", word::<Need>())], []))),
            ("needs", set(&word::<Need>())),
            ("plant", array(&plant::schema())),
            ("oracle", array(&oracle::schema())),
            ("expect", expect()),
            ("reference", array(&reference())),
        ],
    );
    let benign = json!({ "properties": { "id": { "pattern": "^benign/" } } });
    let never = |keys: &[&str]| {
        let keys = keys.iter().map(|key| ((*key).to_owned(), Value::Bool(false)));
        Value::Object(keys.collect())
    };
    if let Some(top) = schema.as_object_mut() {
        top.insert("if".to_owned(), benign);
        let absent = never(&["severity", "stopped_by", "requires", "oracle"]);
        top.insert("then".to_owned(), json!({ "properties": absent }));
        let mut present = never(&["needs"]);
        if let Some(keys) = present.as_object_mut() {
            keys.insert("oracle".to_owned(), json!({ "minItems": 1 }));
            let marks =
                json!({ "required": ["marks"], "properties": { "marks": { "minItems": 1 } } });
            keys.insert("run".to_owned(), marks);
        }
        let attack = json!({
            "properties": present,
            "required": ["severity", "oracle"],
            // A hole that only another sandbox opens is closed by no layer.
            "if": { "properties": { "run": { "required": ["control"] } } },
            "then": { "properties": never(&["stopped_by"]) },
            "else": { "required": ["stopped_by"] },
        });
        top.insert("else".to_owned(), attack);
    }
    schema
}

fn at_least_one(items: &Value) -> Value {
    json!({ "type": "array", "items": items, "uniqueItems": true, "minItems": 1 })
}

fn run() -> Value {
    let interrupt = object(
        [("signal", word::<InterruptSignal>()), ("whom", word::<Whom>()), ("after", name())],
        [],
    );
    let limits = object(
        [],
        [("memory", amount()), ("pids", amount()), ("timeout", amount()), ("log", amount())],
    );
    object(
        [("hooks", at_least_one(&word::<Hook>())), ("timeout", pattern("^[0-9]+(ms|s|m)$"))],
        [
            ("marks", set(&name())),
            ("levels", set(&levels())),
            ("control", name()),
            ("interrupt", interrupt),
            ("second", word::<Second>()),
            ("inherit", array(&text())),
            ("limits", limits),
            ("terminal", flag()),
            ("waits", flag()),
            ("steps", set(&word::<FrontendStep>())),
            ("lends", set(&word::<Lent>())),
        ],
    )
}

fn expect() -> Value {
    let exception = object([("outcome", word::<Expected>()), ("reason", sentence())], []);
    object([], Level::ALL.map(|level| (level.name(), exception.clone())))
}

fn reference() -> Value {
    object(
        [("kind", one_of(REFERENCES)), ("title", sentence())],
        [("url", text()), ("date", day_or_month())],
    )
}
