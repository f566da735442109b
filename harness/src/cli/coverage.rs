//! `harness coverage`: what the catalogue covers of what is known.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;

use clap::Args;
use sandbox::{Guarantee, Layer};
use serde_json::{Value, json};

use super::exit::Exit;
use super::failure::Failure;
use super::workspace::Workspace;
use super::{Places, World};
use crate::catalogue::Catalogue;
use crate::catalogue::attack::Attack;
use crate::report::coverage::{Lists, covered, render, reproducing};

/// The name of this form of an answer.
const COVERAGE: &str = "harness.coverage/1";

/// Tell what the catalogue covers of what is known, and what it leaves out
///
/// The text is that of docs/coverage.md.
#[derive(Debug, Args)]
pub(super) struct CoverageArgs {
    #[command(flatten)]
    places: Places,
    /// Write the workspace's docs/coverage.md
    #[arg(long)]
    update: bool,
    /// As JSON
    #[arg(long, conflicts_with = "update")]
    json: bool,
}

/// Runs it.
pub(super) fn command(args: &CoverageArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let (catalogue, lists) = (workspace.catalogue()?, Lists::known()?);
    if args.json {
        world.say(&(serde_json::to_string_pretty(&as_json(&catalogue, &lists))? + "\n"))?;
        return Ok(Exit::Ok);
    }
    let text = render(&catalogue, &lists);
    if args.update {
        let file = workspace.documents()?.join("coverage.md");
        fs::write(&file, text).map_err(|source| Failure::Document { file, source })?;
    } else {
        world.say(&text)?;
    }
    Ok(Exit::Ok)
}

fn as_json(catalogue: &Catalogue, lists: &Lists) -> Value {
    let attacks: Vec<&Attack> =
        catalogue.entries().map(AsRef::as_ref).filter(|attack| !attack.is_benign()).collect();
    let covered = covered(catalogue);
    let of = |key: &str| covered.get(key).into_iter().flatten().copied().collect::<Vec<_>>();
    let in_folder = |guarantee: Guarantee| {
        let folder = format!("{}/", guarantee.name());
        attacks.iter().filter(|attack| attack.id.0.starts_with(&folder)).count()
    };
    let guarantees: BTreeMap<_, _> =
        Guarantee::ALL.map(|guarantee| (guarantee.name(), in_folder(guarantee))).into();
    let stopped = |layer: Layer| {
        let all: Vec<_> = attacks.iter().filter(|attack| attack.stopped_by().has(layer)).collect();
        let alone = all.iter().filter(|attack| attack.stopped_by().iter().count() == 1);
        let alone: Vec<_> = alone.map(|attack| attack.id.0.as_str()).collect();
        json!({ "attacks": all.len(), "alone": alone })
    };
    let layers: BTreeMap<_, _> = Layer::ALL.map(|layer| (layer.name(), stopped(layer))).into();
    let probes = lists.probes.iter().map(|probe| {
        let mut attacks: Vec<_> = probe.rows.iter().flat_map(|row| of(row)).collect();
        attacks.sort_unstable();
        attacks.dedup();
        json!({ "title": probe.title, "attacks": attacks })
    });
    let incidents = lists.incidents.iter().map(|incident| {
        let by = reproducing(&attacks, incident);
        json!({ "date": incident.date, "title": incident.title, "attacks": by })
    });
    let rows = lists.rows.iter().map(|row| {
        json!({
            "key": row.key,
            "first_wave": row.first_wave,
            "attacks": of(&row.key),
            "left_out": row.left_out,
        })
    });
    json!({
        "schema": COVERAGE,
        "attacks": attacks.len(),
        "guarantees": guarantees,
        "layers": layers,
        "probes": probes.collect::<Vec<_>>(),
        "incidents": incidents.collect::<Vec<_>>(),
        "rows": rows.collect::<Vec<_>>(),
    })
}
