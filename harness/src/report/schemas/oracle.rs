//! The schema of an `[[oracle]]` table: each kind has its own keys.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

use super::plant::{named, path};
use super::{amount, object, text, word};
use crate::catalogue::attack::{Demanded, Hostility, LogReader, OracleKind, Privilege, Resource};

/// One of the kinds.
pub(super) fn schema() -> Value {
    json!({ "oneOf": OracleKind::NAMES.map(of) })
}

fn of(kind: &str) -> Value {
    let what = |words| object([("what", words)], []);
    let mut table = match kind {
        "canary-received" | "canary-in-artefact" | "socket-reached" | "victim-signalled"
        | "victim-changed" | "victim-disturbed" => object([("plant", text())], []),
        "file-created" | "file-changed" | "file-opened" | "file-writable" | "file-exposed" => {
            object([("path", path())], [])
        }
        "privilege-gained" => what(word::<Privilege>()),
        "artefact-hostile" => what(word::<Hostility>()),
        "requirement-returned" => what(word::<Demanded>()),
        "log-command" => what(word::<LogReader>()),
        "limit-exceeded" => object([("what", word::<Resource>()), ("most", amount())], []),
        _ => object([], []),
    };
    named(&mut table, kind);
    table
}
