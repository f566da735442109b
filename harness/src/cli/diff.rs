//! `harness diff`: what differs between two reports.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::World;
use super::exit::Exit;
use super::failure::Failure;
use crate::redact;
use crate::report::diff::{Change, Difference, Scope, between};
use crate::report::json as reports;
use crate::report::schema::Report;

/// Tell what differs between two reports
///
/// Cells that either machine could not try are not compared. Exit status 0 if nothing differs,
/// 13 if something does.
#[derive(Debug, Args)]
pub(super) struct DiffArgs {
    /// The older report, as reports/root/own.json
    old: PathBuf,
    /// The newer report, as target/harness/root/own.json
    new: PathBuf,
    /// As JSON: an array of differences
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(super) fn command(args: &DiffArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let old = reports::read(&world.here.join(&args.old))?;
    let new = reports::read(&world.here.join(&args.new))?;
    let differences = between(&old, &new, Scope::Whole);
    let text = if args.json { as_json(&differences)? } else { as_text(&old, &new, &differences) };
    world.say(&text)?;
    Ok(if differences.is_empty() { Exit::Ok } else { Exit::Differs })
}

fn as_text(old: &Report, new: &Report, differences: &[Difference]) -> String {
    let mut text = String::new();
    if old.subject != new.subject {
        let name = |subject: &Option<String>| subject.clone().unwrap_or_else(|| "ours".to_owned());
        let (old, new) = (name(&old.subject), name(&new.subject));
        // Another version is a note, not a difference. Writing into a string cannot fail.
        let _ = writeln!(text, "note: the subject was {old}, is {new}");
    }
    for difference in differences {
        let _ = writeln!(text, "{difference}");
    }
    // A report may come from anywhere.
    text.lines().map(|line| redact::one_line(line) + "\n").collect()
}

fn as_json(differences: &[Difference]) -> serde_json::Result<String> {
    let one = |difference: &Difference| {
        let (what, level, cells) = match &difference.change {
            Change::EntryAdded => ("entry-added", None, None),
            Change::EntryRemoved => ("entry-removed", None, None),
            Change::Fixture => ("files-changed", None, None),
            Change::CellAdded(level) => ("cell-added", Some(level), None),
            Change::CellRemoved(level) => ("cell-removed", Some(level), None),
            Change::Cell { level, old, new } => ("cell-changed", Some(level), Some((old, new))),
        };
        let (old, new) = cells.unzip();
        let level = level.map(|level| level.name());
        json!({ "attack": difference.attack, "what": what, "level": level, "old": old, "new": new })
    };
    let all: Vec<_> = differences.iter().map(one).collect();
    serde_json::to_string_pretty(&all).map(|text| text + "\n")
}
