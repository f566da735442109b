//! `harness gc`: clears away what runs that were killed have left.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::exit::Exit;
use super::failure::{Failure, plural};
use super::workspace::Workspace;
use super::{Places, World};
use crate::frontend::finding;
use crate::lab::{groups, run_temp_dir};

/// The name of this form of an answer.
const GC: &str = "harness.gc/1";

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
    /// As JSON
    #[arg(long)]
    json: bool,
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
    let text = if args.json {
        let answer = json!({ "schema": GC, "removed": removed, "skipped": skipped });
        serde_json::to_string_pretty(&answer)? + "\n"
    } else {
        as_text(&removed, &skipped)
    };
    world.say(&text)?;
    Ok(Exit::Ok)
}

fn as_text(removed: &[PathBuf], skipped: &[PathBuf]) -> String {
    let mut text = String::new();
    for thing in grouped(removed) {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "removed {thing}");
    }
    for thing in grouped(skipped) {
        let _ = writeln!(text, "skipped {thing}: a lab may live in it");
    }
    let _ = match grouped(removed).len() {
        0 if skipped.is_empty() => writeln!(text, "nothing was left"),
        0 => writeln!(text, "nothing was removed"),
        count => writeln!(text, "{} removed", plural(count, "thing")),
    };
    text
}

/// Each thing once: control groups of one lab have one name, and lie in a tree for each controller.
fn grouped(paths: &[PathBuf]) -> Vec<String> {
    let mut places: BTreeMap<_, Vec<&Path>> = BTreeMap::new();
    for path in paths {
        places.entry(path.file_name()).or_default().push(path);
    }
    let told = |(name, places): (Option<&std::ffi::OsStr>, Vec<&Path>)| {
        if let [path] = places.as_slice() {
            return path.display().to_string();
        }
        let name = name.unwrap_or_default().to_string_lossy();
        let places: Vec<_> = places.iter().filter_map(|path| path.parent()).collect();
        let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        format!("{name} in {}", places.join(", "))
    };
    places.into_iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_one_name_in_several_trees_is_one_line() {
        let of = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let text = as_text(
            &of(&["/tmp/bulkhead-harness-x", "/sys/pids/bulkhead-harness-1-0"]),
            &of(&["/sys/cpu/bulkhead-harness-2-0", "/sys/pids/bulkhead-harness-2-0"]),
        );
        assert_eq!(
            text,
            "removed /sys/pids/bulkhead-harness-1-0\nremoved /tmp/bulkhead-harness-x\n\
             skipped bulkhead-harness-2-0 in /sys/cpu, /sys/pids: a lab may live in it\n\
             2 things removed\n"
        );
        assert_eq!(as_text(&[], &[]), "nothing was left\n");
    }
}
