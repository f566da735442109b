//! What scripts show of each attack once it is opened, as JSON that cannot end its own element.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::{Value, json};

use super::super::columns::{Column, columns};
use super::super::matrix::told;
use super::super::redact;
use super::super::schema::ablation::{Ablation, By};
use super::super::schema::{Cell, Listed, Report};
use super::super::totals::by_host;
use super::Beside;
use crate::catalogue::attack::Attack;

/// The ids of a folder's entries, sorted.
pub(super) fn ids<'r>(reports: &'r [Report], folder: &str) -> BTreeSet<&'r str> {
    let start = format!("{folder}/");
    let all = reports.iter().flat_map(|report| report.results.keys().map(String::as_str));
    all.filter(|id| id.starts_with(&start)).collect()
}

/// Texts that are said many times, each kept once.
#[derive(Default)]
struct Texts {
    numbers: BTreeMap<[String; 2], usize>,
    all: Vec<[String; 2]>,
}

impl Texts {
    fn number(&mut self, text: &[String; 2]) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.numbers.insert(text.clone(), self.all.len());
        self.all.push(text.clone());
        self.all.len() - 1
    }
}

/// How many digits a number of a text has in the data.
const DIGITS: usize = 3;

/// The data: `columns` are `[host, sandbox, target]`, `texts` are what cells say and why, and an attack has
/// for each column the number of a text in [`DIGITS`] hexadecimal digits, or as many blanks.
pub(super) fn render(reports: &[Report], beside: Beside<'_>) -> serde_json::Result<String> {
    let columns: Vec<(String, Column<'_>)> = by_host(reports)
        .into_iter()
        .flat_map(|(host, reports)| {
            columns(&reports).into_iter().map(move |column| (host.to_owned(), column))
        })
        .collect();
    let mut texts = Texts::default();
    let names: Vec<_> = columns
        .iter()
        .map(|(host, column)| [host, &column.heading, &column.report.target])
        .map(|names| names.map(|name| redact::one_line(name)))
        .collect();
    let all: BTreeSet<&str> =
        reports.iter().flat_map(|report| report.results.keys()).map(String::as_str).collect();
    let attacks: Vec<_> =
        all.into_iter().map(|id| attack(id, &columns, beside, &mut texts)).collect();
    let value = json!({
        "place": beside.attacks,
        "columns": names,
        "texts": texts.all,
        "attacks": attacks,
    });
    // No `<` is left, so nothing in it ends the element or begins another.
    Ok(serde_json::to_string(&value)?.replace('<', "\\u003c"))
}

fn attack(
    id: &str,
    columns: &[(String, Column<'_>)],
    beside: Beside<'_>,
    texts: &mut Texts,
) -> Value {
    let mut cells = String::new();
    for (_, column) in columns {
        // Writing into a string cannot fail.
        let _ = match column.cell(id) {
            Some(cell) => write!(cells, "{:0DIGITS$x}", texts.number(&said(cell))),
            None => write!(cells, "{:DIGITS$}", ""),
        };
    }
    let mut one = json!({ "id": redact::one_line(id), "cells": cells });
    let known = beside.catalogue.and_then(|catalogue| catalogue.get(id));
    let about = known.map(|attack| about(attack)).unwrap_or_default();
    let depth = beside.ablations.iter().filter_map(|ablation| depth(ablation, id));
    let depth: Vec<_> = depth.collect();
    if let Some(table) = one.as_object_mut() {
        table.extend(about);
        if !depth.is_empty() {
            table.insert("depth".to_owned(), json!(depth.join("; ")));
        }
    }
    one
}

/// What the manifest says of it.
fn about(attack: &Attack) -> serde_json::Map<String, Value> {
    let listed = Listed::of(attack);
    let mut table = serde_json::Map::new();
    let mut add = |key: &str, text: String| {
        if !text.is_empty() {
            table.insert(key.to_owned(), json!(redact::one_line(&text)));
        }
    };
    add("title", listed.title.clone());
    add("severity", listed.severity.unwrap_or_default().to_owned());
    add("layers", listed.stopped_by.join(" "));
    add("tags", listed.tags.join(" "));
    let seen = attack.references.iter().map(|reference| match &reference.date {
        Some(date) => format!("{} ({date})", reference.title),
        None => reference.title.clone(),
    });
    add("known", seen.collect::<Vec<_>>().join("; "));
    table
}

fn depth(ablation: &Ablation, id: &str) -> Option<String> {
    let found = ablation.attacks.get(id)?;
    let alone = found.alone.iter();
    let alone =
        alone.map(|(By(layer), trial)| format!("{} {}", layer.name(), trial.outcome.name()));
    let alone: Vec<_> = alone.collect();
    Some(format!("{} on {}: {}", found.depth, ablation.host, alone.join(", ")))
}

/// What a cell says, and what speaks for it.
fn said(cell: &Cell) -> [String; 2] {
    let mut parts = Vec::new();
    if !cell.saw.is_empty() {
        parts.push(format!("seen: {}", cell.saw.join(", ")));
    }
    if !cell.marks.is_empty() {
        parts.push(format!("marks: {}", cell.marks.join(", ")));
    }
    parts.extend(cell.reason.clone());
    [told(cell).replace("**", ""), parts.join("; ")].map(|text| redact::one_line(&text))
}
