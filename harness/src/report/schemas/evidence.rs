//! The schemas of what a run writes: report, ablation, and the record of the run.
#![forbid(unsafe_code)]

use sandbox::{Layer, Level};
use serde_json::{Map, Value, json};

use super::super::schema::ablation::{ABLATION, Shown};
use super::super::schema::{RECORD, REPORT};
use super::{array, digest, flag, id, levels, number, object, one_of, sentence, text};
use crate::catalogue::attack::Expected;
use crate::verdict::{Seen, Verdict};

/// What one target did on one host.
pub(super) fn report() -> Value {
    let expected = [Expected::Blocked, Expected::Escaped, Expected::Built, Expected::NotRun];
    let cell = object(
        [
            ("outcome", one_of(Seen::ALL.map(Seen::name))),
            ("expected", one_of(expected.map(Expected::name))),
            ("verdict", one_of(Verdict::ALL.map(Verdict::name))),
        ],
        [("saw", array(&text())), ("marks", array(&text())), ("reason", text())],
    );
    let entry =
        object([("fixture", digest())], Level::ALL.map(|level| (level.name(), cell.clone())));
    object(
        [
            ("schema", json!({ "const": REPORT })),
            ("host", sentence()),
            ("target", sentence()),
            ("results", by_id(&entry)),
        ],
        [("subject", text())],
    )
}

/// What each layer is worth.
pub(super) fn ablation() -> Value {
    let trial = object([("outcome", one_of(Shown::ALL.map(Shown::name)))], [("reason", text())]);
    let alone = Layer::ALL.map(|layer| (layer.name(), trial.clone()));
    let attack =
        object([("fixture", digest()), ("depth", number()), ("bare", trial.clone())], alone);
    object(
        [
            ("schema", json!({ "const": ABLATION })),
            ("host", sentence()),
            ("target", sentence()),
            ("attacks", by_id(&attack)),
        ],
        [],
    )
}

/// Everything volatile about a run.
pub(super) fn run() -> Value {
    let attempt = object(
        [
            ("took_ms", number()),
            ("marks", array(&text())),
            ("hooks", array(&text())),
            ("findings", array(&text())),
            ("built", flag()),
            ("hearsay", array(&text())),
        ],
        [("timed_out", flag()), ("trouble", text()), ("log", text())],
    );
    let trial = object(
        [
            ("attack", id()),
            ("target", sentence()),
            ("host", sentence()),
            ("level", levels()),
            ("verdict", one_of(Verdict::ALL.map(Verdict::name))),
            ("attempts", array(&attempt)),
        ],
        [("reason", text())],
    );
    let machine = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    object(
        [
            ("schema", json!({ "const": RECORD })),
            ("began", number()),
            ("took_ms", number()),
            ("slots", number()),
            ("machine", machine),
            ("trials", array(&trial)),
        ],
        [],
    )
}

/// An object whose keys are ids.
fn by_id(entry: &Value) -> Value {
    let mut object = Map::new();
    object.insert("type".to_owned(), json!("object"));
    object.insert("propertyNames".to_owned(), id());
    object.insert("additionalProperties".to_owned(), entry.clone());
    Value::Object(object)
}
