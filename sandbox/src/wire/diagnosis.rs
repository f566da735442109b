//! The documents of `doctor` in JSON.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

use crate::doctor::{Diagnosis, Verdict};
use crate::plain;
use crate::plan::holdings::Holdings;
use crate::words::Layer;

/// A diagnosis as a JSON document, for `doctor --json`.
#[must_use]
pub fn diagnosis_json(diagnosis: &Diagnosis) -> String {
    let verdict = match &diagnosis.verdict {
        Verdict::Refused(why) => json!({ "refused": why }),
        Verdict::Plan { kind, identity, holdings: held } => json!({
            "plan": kind.name(),
            "identity": identity.name(),
            "guarantees": holdings(held),
        }),
    };
    let findings = diagnosis.findings.iter().map(|finding| {
        json!({ "cause": finding.cause.name(), "what": finding.what, "remedy": finding.remedy })
    });
    let document = json!({
        "schema": "bulkhead.doctor/1",
        "answer": diagnosis.answer(),
        "host": diagnosis.host,
        "full": verdict,
        "findings": findings.collect::<Vec<_>>(),
    });
    plain::document(&document)
}

/// What is held of every guarantee.
pub(super) fn holdings(holdings: &Holdings) -> Value {
    let entries = holdings.iter().map(|(guarantee, holding)| {
        let layers: Vec<_> = holding.layers().iter().map(Layer::name).collect();
        let value = json!({
            "holding": holding.name(), "layers": layers, "lacking": holding.reasons(),
        });
        (guarantee.name().to_owned(), value)
    });
    Value::Object(entries.collect())
}
