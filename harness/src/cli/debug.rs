//! `harness debug`: one attack while you look on, step by step, with a shell in its lab.
#![forbid(unsafe_code)]

mod guide;
pub(super) mod keep;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use sandbox::Level;

use super::contenders::contenders;
use super::exit::Exit;
use super::failure::Failure;
use super::wanted::{HOST, Host, Wanted};
use super::workspace::Workspace;
use super::{Places, Wishes, World, quoted};
use crate::catalogue::attack::{Expected, Lent};
use crate::oracle::Observation;
use crate::report::Redactor;
use crate::schedule::filter::unknown_attack;
use crate::schedule::{Contender, Sandbox, Schedule, Selection, Trial};
use guide::Guide;

const EXAMPLES: &str = "\
Examples:
  harness debug secrets/netrc-read                        what happens at the strongest level
  harness debug secrets/netrc-read -t own@none --shell    and a shell when the build is over
  harness debug files/cron-entry -t bubblewrap --at escape
  harness debug files/cron-entry -t own@network --keep /tmp/kept
  echo 'ls -l /etc/cron.d' | harness debug files/cron-entry -t own@none --at after

In the shell you are whoever runs the front end, outside the sandbox. What you do there counts: the
oracles see it too.";

/// Run one attack and tell step by step what happens
///
/// The trial is the same as in a run, but alone: without its control and the honest builds nothing
/// can be called blocked, so no verdict is given. The time that you spend in a shell does not
/// count, except for limits that the sandbox itself holds.
///
/// Exit status 0 if the trial went to its end, whatever was seen; 12 if something broke; 20 if this
/// machine cannot run it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DebugArgs {
    /// Its id, as secrets/netrc-read
    id: String,
    /// Against this sandbox, or this level of it [default: own@full]
    #[arg(short, long = "target", value_name = "TARGET[@LEVEL]")]
    target: Option<Wanted>,
    /// In this lab profile [default: root]
    #[arg(long, value_name = "HOST")]
    host: Option<Host>,
    /// Open a shell in the lab; without a terminal it reads its commands from standard input
    #[arg(long)]
    shell: bool,
    /// When to open it [default: after]
    #[arg(long, value_enum, value_name = "WHEN")]
    at: Option<At>,
    /// Have our own sandbox tell, behind what the build prints, what it refused and what was not found
    ///
    /// For this the lab lets it trace the build (`tracing`), which it does in no run.
    #[arg(long)]
    why: bool,
    /// Write the trial's log and every file that was written into a new directory
    ///
    /// They are raw: what is in them was made by an attack, and the canaries of this trial, which
    /// are worth nothing any more, are in them too.
    #[arg(long, value_name = "DIR")]
    pub(super) keep: Option<PathBuf>,
    #[command(flatten)]
    pub(super) places: Places,
    /// The interpreter that builds [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(super) python: Option<PathBuf>,
}

/// When a shell is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum At {
    /// Everything is in place, the front end has not started
    Before,
    /// The build stands still at its last mark, just before the attempt
    Escape,
    /// The front end has ended, the lab still lives
    After,
}

/// Runs it.
pub(super) fn command(args: &DebugArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let catalogue = workspace.catalogue()?;
    let attack = catalogue.get(&args.id).ok_or_else(|| unknown_attack(&catalogue, &args.id))?;
    let hosts: Vec<_> = args.host.iter().cloned().collect();
    let wanted: Vec<_> = args.target.iter().cloned().collect();
    let mut contenders = contenders(&wanted, &hosts, &workspace)?;
    for one in &mut contenders {
        only_strongest(one, args.target.as_ref());
    }
    let schedule = Schedule::of(&catalogue, &contenders, &Selection::of_id(&attack.id.0))?;
    let asked = schedule.cells.iter().find(|cell| {
        cell.asked && cell.expected != Expected::NotRun && cell.trial.attack.id == attack.id
    });
    // A schedule without it would have been refused.
    let Some(cell) = asked else { return Ok(Exit::NothingSelected) };
    let trial = &if args.why { explained(&cell.trial)? } else { cell.trial.clone() };
    if let Sandbox::Command(recipe) = &trial.sandbox
        && let Some(lacking) = &recipe.lacking
    {
        return Err(Failure::Unready(lacking.clone().into()));
    }
    let keep = args.keep.as_ref().map(|dir| world.here.join(dir));
    if let Some(dir) = &keep {
        keep::ready(dir).map_err(|source| Failure::Document { file: dir.clone(), source })?;
    }
    let wishes = Wishes { python: args.python.clone(), slots: 1, ..Wishes::default() };
    let conductor = (world.prepare)(&wishes).map_err(Failure::Unready)?;
    let at = args.at.or(args.shell.then_some(At::After));
    let mut guide = Guide::of(trial, at, keep.as_deref(), &mut *world.out);
    guide.begin();
    let observed = (conductor.look_on)(trial, &mut guide);
    let trouble = guide.end();
    let redactor = Redactor::of(&observed, world.home.as_deref());
    let mut text = told(&observed, trial, &redactor);
    let _ = write!(text, "\nagain:    {}\nverdict:  {}\n", again(args, trial), judged(args, trial));
    world.say(&text)?;
    if let Some((file, source)) = trouble {
        return Err(Failure::Document { file, source });
    }
    Ok(match (&observed.unsupported, &observed.contaminated, &observed.run.broken) {
        (Some(_), _, _) => Exit::MachineCannot,
        (_, Some(_), _) => Exit::Contaminated,
        (_, _, Some(_)) => Exit::Worthless,
        _ => Exit::Ok,
    })
}

/// Where no level was named, the strongest one is looked at.
fn only_strongest(contender: &mut Contender, wanted: Option<&Wanted>) {
    if wanted.is_none_or(Wanted::is_whole) && contender.sandbox == Sandbox::OWN {
        contender.levels = [Level::Full].into();
    }
}

/// The same trial, with a sandbox that tells what it refused.
fn explained(trial: &Trial) -> Result<Trial, Failure> {
    let Sandbox::Own { without, identity, .. } = trial.sandbox else {
        return Err(Failure::NoExplanation);
    };
    if trial.level == Level::None {
        return Err(Failure::NoExplanation);
    }
    let mut trial = trial.clone();
    trial.sandbox = Sandbox::Own { without, identity, why: true };
    let lends = &mut Arc::make_mut(&mut trial.attack).run.lends;
    if !lends.contains(&Lent::Tracing) {
        lends.push(Lent::Tracing);
    }
    Ok(trial)
}

/// What came of it.
fn told(observed: &Observation, trial: &Trial, redactor: &Redactor) -> String {
    let run = &observed.run;
    let mut text = String::new();
    let mut row = |name: &str, what: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{name:<9} {}", redactor.line(what));
    };
    let troubles = [
        ("not run", &observed.unsupported),
        ("refused", &run.refused),
        ("broken", &run.broken),
        ("HOST", &observed.contaminated),
    ];
    for (name, trouble) in troubles {
        if let Some(trouble) = trouble {
            row(name, trouble);
        }
    }
    for test in observed.self_tests.iter().filter(|test| test.failure.is_some()) {
        row("self-test", &format!("{}: {}", test.oracle, test.failure.as_deref().unwrap_or("")));
    }
    for said in &run.hearsay {
        row("hearsay", said);
    }
    let missing = trial.attack.run.marks.iter().filter(|mark| !run.marks.contains(mark));
    missing.for_each(|mark| row("no mark", &format!("{mark}: the attempt was never made")));
    for finding in &observed.findings {
        let undeclared = if finding.declared { "" } else { " (no oracle of the manifest)" };
        row("saw", &format!("{}{undeclared}: {}", finding.oracle, finding.evidence));
    }
    if observed.findings.is_empty() && observed.unsupported.is_none() {
        row("saw", "nothing");
    }
    if run.timed_out {
        row("cut off", "the trial's time was over");
    }
    row("built", if run.built { "yes" } else { "no" });
    text
}

/// The line that does the same once more.
fn again(args: &DebugArgs, trial: &Trial) -> String {
    let mut line = format!("harness debug {}", place(trial));
    if args.shell {
        line.push_str(" --shell");
    }
    if args.why {
        line.push_str(" --why");
    }
    if let Some(word) = args.at.and_then(|at| at.to_possible_value()) {
        let _ = write!(line, " --at {}", word.get_name());
    }
    if let Some(dir) = &args.keep {
        let _ = write!(line, " --keep {}", quoted(&dir.display().to_string()));
    }
    line + &given(args)
}

/// The line that brings a verdict.
fn judged(args: &DebugArgs, trial: &Trial) -> String {
    let id = &trial.attack.id;
    let (id, place) = (quoted(&format!("id({id})")), place(trial));
    let place = place.split_once(' ').map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    format!("harness run -E {id} {place}{}", given(args))
}

fn place(trial: &Trial) -> String {
    let id = quoted(&trial.attack.id.0);
    let target = quoted(&format!("{}@{}", trial.target, trial.level));
    let host = if trial.host == HOST { String::new() } else { format!(" --host {}", trial.host) };
    format!("{id} -t {target}{host}")
}

fn given(args: &DebugArgs) -> String {
    let mut line = args.places.words();
    if let Some(python) = &args.python {
        let _ = write!(line, " --python {}", quoted(&python.display().to_string()));
    }
    line
}
