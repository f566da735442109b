//! `harness log`: when the committed reports last told something else of an attack, and by which commit.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use sandbox::Level;
use serde_json::{Value, json};

use super::changes::{Commit, commits, is_shallow};
use super::exit::Exit;
use super::failure::Failure;
use super::wanted::{HOST, Host, OWN, Wanted};
use super::workspace::Workspace;
use super::{Places, World};
use crate::redact;
use crate::schedule::filter::unknown_attack;

const EXAMPLES: &str = "\
Examples:
  harness log secrets/netrc-read
  harness log secrets/netrc-read -t own@full --host user
  harness log secrets/netrc-read -t bubblewrap --json";

/// Tell when the reports last changed what they say of an attack, and by which commit
///
/// Every version of the committed report is read, as git has it, and each commit in which a cell was
/// another than before is told, the newest first. A commit whose report cannot be read, because it has
/// an older form, is passed over.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LogArgs {
    /// Its id, as secrets/netrc-read
    id: String,
    /// Of this sandbox, or this level of it; may be repeated [default: own]
    #[arg(short, long = "target", value_name = "TARGET[@LEVEL]")]
    target: Vec<Wanted>,
    /// In this lab profile; may be repeated [default: root]
    #[arg(long, value_name = "HOST")]
    host: Vec<Host>,
    /// As JSON: an array of changes
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

/// A report, by the file in which it is committed.
struct Committed {
    file: PathBuf,
    host: String,
    target: String,
}

impl Committed {
    fn of(reports: &Path, host: &str, target: &str) -> Self {
        let file = reports.join(host).join(format!("{target}.json"));
        Self { file, host: host.to_owned(), target: target.to_owned() }
    }
}

/// A commit in which a cell was another than before.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    commit: Commit,
    target: String,
    host: String,
    level: Level,
    before: Option<String>,
    after: Option<String>,
}

/// Runs it.
pub(super) fn command(args: &LogArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let catalogue = workspace.catalogue()?;
    let attack = catalogue.get(&args.id).ok_or_else(|| unknown_attack(&catalogue, &args.id))?;
    let reports = workspace.demanded_reports()?;
    // The folder of reports may be gone, or not there yet.
    let dir = workspace.root().unwrap_or(&world.here);
    let reports = reports.strip_prefix(dir).unwrap_or(&reports);
    let hosts: Vec<&str> = args.host.iter().map(|host| host.0).collect();
    let hosts = if hosts.is_empty() { vec![HOST] } else { hosts };
    let own = [Wanted::whole(OWN)];
    let targets = if args.target.is_empty() { &own[..] } else { &args.target };
    let mut turns = Vec::new();
    for host in hosts {
        for wanted in targets {
            let level = wanted.level.as_deref().map(str::parse::<Level>).transpose()?;
            let found = history(dir, &Committed::of(reports, host, &wanted.target), &attack.id.0)?;
            turns
                .extend(found.into_iter().filter(|it| level.is_none_or(|level| level == it.level)));
        }
    }
    let text =
        if args.json { as_json(&turns)? } else { as_text(&turns, &attack.id.0, is_shallow(dir)?) };
    world.say(&text)?;
    Ok(Exit::Ok)
}

/// What was told of each cell of an attack by the reports of one target, from the newest commit to the oldest.
fn history(dir: &Path, report: &Committed, attack: &str) -> Result<Vec<Turn>, Failure> {
    let mut turns = Vec::new();
    let mut before = BTreeMap::new();
    for commit in commits(dir, &report.file)?.into_iter().rev() {
        let read = commit.file(dir, &report.file)?.map(|text| cells(&text, attack));
        let Some(after) = read.unwrap_or_else(|| Some(BTreeMap::new())) else { continue };
        for level in Level::ALL {
            let (was, is) = (before.get(&level).cloned(), after.get(&level).cloned());
            if was != is {
                let (target, host) = (report.target.clone(), report.host.clone());
                turns.push(Turn {
                    commit: commit.clone(),
                    target,
                    host,
                    level,
                    before: was,
                    after: is,
                });
            }
        }
        before = after;
    }
    turns.reverse();
    Ok(turns)
}

/// What a report says of each level of an attack; nothing where it has another form.
fn cells(report: &[u8], attack: &str) -> Option<BTreeMap<Level, String>> {
    // Not as the report of today: an older one may have other words.
    let report: Value = serde_json::from_slice(report).ok()?;
    let results = report.get("results")?.as_object()?;
    let entry = results.get(attack);
    let said = |level: Level| {
        let cell = entry?.get(level.name())?;
        let word = |key: &str| cell.get(key).and_then(Value::as_str);
        let (outcome, verdict) = (word("outcome")?, word("verdict")?);
        Some((
            level,
            if verdict == "ok" { outcome.to_owned() } else { format!("{outcome} ({verdict})") },
        ))
    };
    Some(Level::ALL.into_iter().filter_map(said).collect())
}

fn as_text(turns: &[Turn], attack: &str, shallow: bool) -> String {
    let mut text = String::new();
    for turn in turns {
        let Turn { commit, target, host, level, before, after } = turn;
        let what = match (before, after) {
            (None, Some(after)) => format!("is new: {after}"),
            (Some(before), None) => format!("is gone; was {before}"),
            (before, after) => {
                let word = |said: &Option<String>| said.clone().unwrap_or_default();
                format!("was {}, is {}", word(before), word(after))
            }
        };
        let line = format!(
            "{} {} {target}@{level} on {host}: {what} ({})",
            commit.day,
            commit.short(),
            commit.subject
        );
        // A commit may come from anywhere. Writing into a string cannot fail.
        let _ = writeln!(text, "{}", redact::one_line(&line));
    }
    if turns.is_empty() {
        let _ = writeln!(text, "no committed report tells of {attack} there");
    }
    if shallow {
        text.push_str("note: this clone is shallow, so older commits are not known here\n");
    }
    text
}

fn as_json(turns: &[Turn]) -> serde_json::Result<String> {
    let one = |turn: &Turn| {
        json!({
            "commit": turn.commit.name,
            "day": turn.commit.day,
            "subject": turn.commit.subject,
            "target": turn.target,
            "host": turn.host,
            "level": turn.level.name(),
            "before": turn.before,
            "after": turn.after,
        })
    };
    serde_json::to_string_pretty(&turns.iter().map(one).collect::<Vec<_>>()).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_of_every_form_that_has_cells_are_read_and_others_passed_over() {
        let report = br#"{"schema": "of old", "results": {"a/b": {"fixture": "x",
            "none": {"outcome": "escaped", "verdict": "ok", "more": 1},
            "full": {"outcome": "escaped", "verdict": "known-gap"},
            "network": {"outcome": 7}}}}"#;
        let told = cells(report, "a/b").unwrap();
        let told: Vec<_> = told.iter().map(|(level, said)| (level.name(), said.as_str())).collect();
        assert_eq!(told, [("none", "escaped"), ("full", "escaped (known-gap)")]);
        assert!(cells(report, "a/c").unwrap().is_empty());
        assert_eq!(cells(b"{\"cells\": []}", "a/b"), None);
        assert_eq!(cells(b"<<<<<<<", "a/b"), None);
    }
}
