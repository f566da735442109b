//! `harness gc`: clears away what runs that were killed have left.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::failure::{Failure, plural};
use super::workspace::Workspace;
use super::{Places, World};
use crate::frontend::finding;
use crate::lab::{groups, run_temp_dir};

/// Remove what killed runs have left
///
/// Processes, mounts, namespaces and the files of a lab go with the run, whatever ends it. What can
/// stay are empty control groups, a directory for temporary files, a half-fetched front end, and
/// drafts of reports. Living runs are left alone, and a second call finds nothing. A run does the
/// same for control groups when it begins.
#[derive(Debug, Args)]
pub(super) struct GcArgs {
    /// A folder into which runs wrote, beside those of the workspace
    #[arg(long, value_name = "DIR")]
    out: Vec<PathBuf>,
}

/// Runs it.
pub(super) fn command(args: &GcArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &Places::default())?;
    let written = args.out.iter().map(|dir| world.here.join(dir)).chain([workspace.out()]);
    let committed = workspace.reports().into_iter().chain(workspace.documents().ok());
    let mut places = BTreeSet::from([std::env::temp_dir(), finding::cache()]);
    for top in written.chain(committed) {
        let inner = std::fs::read_dir(&top).into_iter().flatten().flatten();
        places.extend(inner.map(|entry| entry.path()).filter(|path| path.is_dir()));
        places.insert(top);
    }
    let groups::Sweep { mut removed, skipped } = groups::sweep();
    removed.extend(places.iter().flat_map(|place| run_temp_dir::sweep(place)));
    let mut text = String::new();
    for path in &removed {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "removed {}", path.display());
    }
    for path in &skipped {
        let _ = writeln!(text, "skipped {}: a lab may live in it", path.display());
    }
    let _ = match removed.len() {
        0 if skipped.is_empty() => writeln!(text, "nothing was left"),
        0 => writeln!(text, "nothing was removed"),
        count => writeln!(text, "{} removed", plural(count, "thing")),
    };
    world.say(&text)?;
    Ok(Exit::Ok)
}
