//! A plan in JSON, for `explain --json`.
#![forbid(unsafe_code)]

use serde_json::{Value, json};

use super::diagnosis::holdings;
use crate::explain::{calls, sections, what};
use crate::plain;
use crate::plan::holdings::Holdings;
use crate::plan::{Plan, Relocation};
use crate::words::Layer;

/// A plan as a JSON document, with what the build does not see, one sentence each. What is no Unicode is replaced, as on a terminal.
#[must_use]
pub fn plan_json(plan: &Plan, unseen: &[impl std::fmt::Display]) -> String {
    let text = |text: &std::ffi::OsStr| text.to_string_lossy().into_owned();
    let document = json!({
        "schema": "bulkhead.plan/1",
        "plan": plan.kind.name(),
        "level": plan.level.name(),
        "layers": plan.layers.iter().map(Layer::name).collect::<Vec<_>>(),
        "identity": plan.identity.name(),
        "source": plan.sharing.map(super::sharing_json),
        "notes": plan.notes,
        "guarantees": holdings(&Holdings::of(plan)),
        "command": {
            "program": plan.program.to_string_lossy(),
            "arguments": plan.argv.iter().map(|word| text(word)).collect::<Vec<_>>(),
            "directory": plan.directory.to_string_lossy(),
        },
        "environment": environment(plan),
        "mounts": mounts(plan),
        "moved": moved(plan),
        "landlock": landlock(plan),
        "system_calls": calls(plan).iter().map(|group| json!({
            "group": group.group, "rule": group.rule, "why": group.why, "calls": group.names,
        })).collect::<Vec<_>>(),
        "limits": limits(plan),
        "not_seen": unseen.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    plain::document(&document)
}

fn environment(plan: &Plan) -> Value {
    let (mut kept, mut dropped) = (vec![], vec![]);
    for (name, origin) in &plan.environment.origins {
        let value = plan.environment.shown(name, *origin).map(|value| value.to_string_lossy());
        let name = name.to_string_lossy();
        let rule = origin.to_string();
        if origin.passes() {
            kept.push(json!({ "name": name, "value": value, "rule": rule }));
        } else {
            dropped.push(json!({ "name": name, "rule": rule }));
        }
    }
    json!({ "kept": kept, "dropped": dropped })
}

fn mounts(plan: &Plan) -> Value {
    let entries = plan.mounts.iter().flat_map(|files| &files.entries);
    entries
        .map(|entry| json!({ "path": entry.target.to_string_lossy(), "what": what(entry) }))
        .collect()
}

fn moved(plan: &Plan) -> Value {
    let moved = plan.relocation.iter().flat_map(Relocation::moved);
    moved
        .map(|(original, place)| {
            json!({ "path": original.to_string_lossy(), "found_at": place.to_string_lossy() })
        })
        .collect()
}

fn landlock(plan: &Plan) -> Value {
    let Some(rules) = &plan.landlock else { return Value::Null };
    let grants = rules.grants();
    let grants = grants
        .map(|(path, rights)| json!({ "path": path.to_string_lossy(), "rights": rights }))
        .collect::<Vec<_>>();
    json!({ "version": rules.abi, "grants": grants, "denied": rules.denied() })
}

fn limits(plan: &Plan) -> Value {
    let found = sections(plan).into_iter().find(|section| section.title == "limits");
    found.map(|section| section.lines).unwrap_or_default().into()
}
