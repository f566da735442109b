//! `harness show`: one attack, what is expected of it, and what the committed report saw.
#![forbid(unsafe_code)]

use std::fmt::Write;

use clap::Args;
use sandbox::Level;

use super::exit::Exit;
use super::failure::Failure;
use super::workspace::{Workspace, library};
use super::{Places, World};
use crate::catalogue::attack::Attack;
use crate::report::redact;
use crate::report::schema::{At, Listed, Report};
use crate::schedule::filter::unknown_attack;
use crate::verdict::Verdict;

/// Show one attack: what it does, what must stop it, and what was seen
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Its id, as secrets/netrc-read
    id: String,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

/// Runs it.
pub(super) fn command(args: &ShowArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let catalogue = workspace.catalogue()?;
    let attack = catalogue.get(&args.id).ok_or_else(|| unknown_attack(&catalogue, &args.id))?;
    let text = if args.json {
        serde_json::to_string_pretty(&Listed::of(attack))? + "\n"
    } else {
        page(attack, &workspace.known_reports()?, &library(&workspace.out())?)
    };
    world.say(&text)?;
    Ok(Exit::Ok)
}

fn page(attack: &Attack, reports: &[Report], last: &[Report]) -> String {
    let one = Listed::of(attack);
    let mut text = format!("{}\n{}\n\n{}\n\n", one.id, one.title, one.summary);
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{name:11} {value}");
        }
    };
    row("severity", one.severity.unwrap_or_default());
    row("stopped by", &one.stopped_by.join(" "));
    row("control", attack.run.control.as_deref().unwrap_or_default());
    row("hooks", &one.hooks.join(" "));
    row("timeout", &format!("{:?}", attack.run.timeout));
    row("marks", &one.marks.join(" "));
    row("needs", &one.needs.join(" "));
    for plant in &one.plants {
        row("plant", &format!("{} ({})", plant.id, plant.kind));
    }
    for oracle in &one.oracles {
        row("oracle", &format!("{} ({})", oracle.id, oracle.kind));
    }
    let expected = one.expected.iter().map(|(level, outcome)| format!("{} {outcome}", level.0));
    row("expected", &expected.collect::<Vec<_>>().join(", "));
    for report in reports {
        row("seen", &seen(attack, report));
    }
    for report in last {
        row("last run", &seen(attack, report));
    }
    row("tags", &one.tags.join(" "));
    for reference in &attack.references {
        let parts = [Some(&reference.title), reference.date.as_ref(), reference.url.as_ref()];
        let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
        row(&reference.kind, &parts.join(", "));
    }
    row("fixture", &attack.fixture);
    row("source", &attack.dir.display().to_string());
    redact::plain(text.as_bytes())
}

fn seen(attack: &Attack, report: &Report) -> String {
    let Some(entry) = report.results.get(&attack.id.0) else { return String::new() };
    let mut cells = Vec::new();
    for level in Level::ALL {
        match entry.cells.get(&At(level)) {
            Some(cell) if cell.verdict == Verdict::Ok => {
                cells.push(format!("{level} {}", cell.outcome));
            }
            Some(cell) => {
                let why = cell.reason.as_ref().map_or_else(String::new, |why| format!(": {why}"));
                cells.push(format!("{level} {} ({}{why})", cell.outcome, cell.verdict));
            }
            None => {}
        }
    }
    let note = if entry.fixture == attack.fixture { "" } else { "; its files have changed since" };
    format!("{}{note} ({} on {})", cells.join(", "), report.target, report.host)
}
