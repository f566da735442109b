//! The schema of an `[[oracle]]` table: each kind has its own keys.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

use super::plant::{named, path};
use super::{amount, object, text, word};
use crate::catalogue::attack::{
    Demanded, Hostility, LogReader, OracleKeys, OracleKind, Privilege, Resource,
};

/// One of the kinds.
pub(super) fn schema() -> Value {
    json!({ "oneOf": OracleKind::NAMES.map(of) })
}

fn of(kind: &str) -> Value {
    let mut table = match OracleKind::keys(kind) {
        Some(OracleKeys::Plant(_)) => object([("plant", text())], []),
        Some(OracleKeys::Listed(_) | OracleKeys::Watched(_)) => object([("path", path())], []),
        Some(OracleKeys::Own) => own(kind),
        Some(OracleKeys::Nothing(_)) | None => object([], []),
    };
    named(&mut table, kind);
    table
}

/// A kind with keys of its own.
fn own(kind: &str) -> Value {
    let what = |words| object([("what", words)], []);
    match kind {
        "privilege-gained" => what(word::<Privilege>()),
        "artefact-hostile" => what(word::<Hostility>()),
        "requirement-returned" => what(word::<Demanded>()),
        "log-command" => what(word::<LogReader>()),
        "limit-exceeded" => object([("what", word::<Resource>()), ("most", amount())], []),
        _ => object([], []),
    }
}
