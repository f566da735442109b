//! `harness diff`: what differs between two reports.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::World;
use super::exit::Exit;
use super::failure::Failure;
use crate::report::diff::{Scope, between};
use crate::report::json;

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
}

/// Runs it.
pub(super) fn command(args: &DiffArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let old = json::read(&world.here.join(&args.old))?;
    let new = json::read(&world.here.join(&args.new))?;
    let mut text = String::new();
    if old.subject != new.subject {
        let name = |subject: &Option<String>| subject.clone().unwrap_or_else(|| "ours".to_owned());
        let (old, new) = (name(&old.subject), name(&new.subject));
        // Another version is a note, not a difference.
        let _ = writeln!(text, "note: the subject was {old}, is {new}");
    }
    let differences = between(&old, &new, Scope::Whole);
    for difference in &differences {
        let _ = writeln!(text, "{difference}");
    }
    world.say(&text)?;
    Ok(if differences.is_empty() { Exit::Ok } else { Exit::Differs })
}
