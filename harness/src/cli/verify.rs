//! `harness verify`: the same attack many times, to find out whether its verdicts can be relied on.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use sandbox::Level;
use serde_json::json;

use super::contenders::{contenders, controls};
use super::exit::Exit;
use super::failure::Failure;
use super::wanted::{Host, Wanted};
use super::workspace::Workspace;
use super::{Places, Wishes, World, conducted, outcome, slots};
use crate::catalogue::attack::Expected;
use crate::gaps;
use crate::report::Redactor;
use crate::schedule::filter::unknown_attack;
use crate::schedule::{Schedule, Selection};
use crate::verdict::Settled;

/// Run one attack many times and tell how often each cell showed what
///
/// Exit status 12 if a cell did not show the same every time, else that of the verdicts.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Its id, as secrets/netrc-read
    id: String,
    /// How many times
    #[arg(long, value_name = "N", default_value = "20")]
    times: NonZeroUsize,
    /// Only this sandbox, or this level of it; may be repeated
    #[arg(short, long = "target", value_name = "TARGET[@LEVEL]")]
    target: Vec<Wanted>,
    /// Only in this lab profile; may be repeated [default: root]
    #[arg(long, value_name = "HOST")]
    host: Vec<Host>,
    /// How many trials run at the same time [default: two for each processor]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) places: Places,
    /// The interpreter that builds [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(super) python: Option<PathBuf>,
}

/// What a cell showed, and how often.
type Counts = BTreeMap<(String, Level), BTreeMap<String, usize>>;

/// Runs it.
pub(super) fn command(args: &VerifyArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let catalogue = workspace.catalogue()?;
    let attack = catalogue.get(&args.id).ok_or_else(|| unknown_attack(&catalogue, &args.id))?;
    let contenders = contenders(&args.target, &args.host, &workspace)?;
    let selection = Selection::of_id(&attack.id.0);
    let schedule = Schedule::of(&catalogue, &contenders, &selection)?
        .with_controls(&controls(&catalogue, &workspace, false)?);
    let gaps = workspace.gaps(&contenders)?;
    let wishes =
        Wishes { python: args.python.clone(), slots: slots(args.jobs), ..Wishes::default() };
    let today = gaps::today();
    let mut counts = Counts::new();
    let mut exits = Vec::new();
    for _ in 0..args.times.get() {
        let (settled, _) = conducted(&wishes, &schedule, &gaps, &today, world)?;
        count(&mut counts, &settled, &Redactor::about(&settled, world.home.as_deref()));
        exits.push(outcome::of(&settled, 0, world.require_isolation));
    }
    if counts.values().any(|shown| shown.len() > 1) {
        exits.push(Exit::Worthless);
    }
    let text = if args.json { as_json(&counts)? } else { told(&counts) };
    world.say(&text)?;
    Ok(Exit::worst(&exits))
}

fn count(counts: &mut Counts, settled: &[Settled], redactor: &Redactor) {
    for one in settled.iter().filter(|one| one.cell.expected != Expected::NotRun) {
        let trial = &one.cell.trial;
        let (ruling, id) = (&one.ruling, &trial.attack.id);
        let reason = ruling.reason.as_deref().map(|reason| redactor.line(reason));
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let shown = format!("{} ({}){reason}", ruling.seen, ruling.verdict);
        let cell = counts.entry((format!("{id} of {}", trial.target), trial.level)).or_default();
        *cell.entry(shown).or_default() += 1;
    }
}

fn told(counts: &Counts) -> String {
    let mut text = String::new();
    for ((name, level), shown) in counts {
        for (what, times) in shown {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{times:>4} × {name} at {level}: {what}");
        }
    }
    text
}

fn as_json(counts: &Counts) -> serde_json::Result<String> {
    let cells = counts.iter().map(|((name, level), shown)| {
        let shown = shown.iter().map(|(what, times)| json!({ "what": what, "times": times }));
        json!({ "cell": name, "level": level.name(), "shown": shown.collect::<Vec<_>>() })
    });
    serde_json::to_string_pretty(&cells.collect::<Vec<_>>()).map(|text| text + "\n")
}
