//! `harness doctor`: what this machine can put on trial, and what it lacks.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::contenders::contenders;
use super::exit::Exit;
use super::failure::Failure;
use super::wanted::{HOST, Host, OWN, Wanted};
use super::workspace::Workspace;
use super::{Places, Wishes, World, machine};
use crate::lab::profile::Profile;
use crate::redact;
use crate::schedule::{self, Contender, Sandbox, Schedule, Selection};

/// The name of this form of an answer.
const DOCTOR: &str = "harness.doctor/1";

/// Say what this machine can put on trial, and what it lacks
///
/// Looks at the caller, the kernel, the interpreter and the front end, opens one empty lab, asks
/// every sandbox for its version, and counts for each host and sandbox which attacks cannot be
/// tried here and why. No attack is run.
///
/// Exit status 0 if something can be tried here, 20 if nothing can.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) places: Places,
    /// The interpreter that builds [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(super) python: Option<PathBuf>,
}

/// What was found out.
struct Answer {
    /// Why nothing can be tried at all.
    problem: Option<String>,
    facts: BTreeMap<String, String>,
    contests: Vec<Contest>,
}

/// One sandbox on one host.
struct Contest {
    host: String,
    target: String,
    subject: Option<String>,
    entries: usize,
    /// The entries that cannot be tried, by the reason.
    lacking: BTreeMap<String, BTreeSet<String>>,
}

/// Runs it.
pub(super) fn command(args: &DoctorArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let catalogue = workspace.catalogue()?;
    let names = [OWN.to_owned()].into_iter().chain(workspace.targets()?);
    let targets: Vec<_> = names.map(|name| Wanted::whole(&name)).collect();
    let hosts: Vec<Host> =
        Profile::ALL.iter().map(|(_, name)| name.parse()).collect::<Result<_, _>>()?;
    let contenders = contenders(&targets, &hosts, &workspace)?;
    let schedule = Schedule::of(&catalogue, &contenders, &Selection::default())?;
    let wishes = Wishes { python: args.python.clone(), slots: 1, ..Wishes::default() };
    let prepared = (world.prepare)(&wishes);
    let (unmet, facts, problem) = match prepared {
        Ok(conductor) => (Some(conductor.unmet), conductor.facts, None),
        Err(error) => (None, BTreeMap::new(), Some(error.to_string())),
    };
    let unmet = |trial: &_| unmet.as_ref().and_then(|unmet| unmet(trial));
    let answer = Answer {
        contests: contenders.iter().map(|one| contest(one, &schedule, &unmet)).collect(),
        facts: machine::facts().into_iter().chain(facts).collect(),
        problem,
    };
    let text = if args.json { as_json(&answer)? } else { as_text(&answer) };
    world.say(&text)?;
    Ok(if answer.problem.is_some() { Exit::MachineCannot } else { Exit::Ok })
}

fn contest(
    contender: &Contender,
    schedule: &Schedule,
    unmet: &dyn Fn(&crate::schedule::Trial) -> Option<String>,
) -> Contest {
    let (subject, lacks) = match &contender.sandbox {
        Sandbox::Command(recipe) => (recipe.subject.clone(), recipe.lacking.clone()),
        Sandbox::Own { .. } => (Some(format!("this one, {}", env!("CARGO_PKG_VERSION"))), None),
    };
    let ours =
        schedule.trials().filter(|it| it.target == contender.name && it.host == contender.host);
    let (mut entries, mut lacking) = (BTreeSet::new(), BTreeMap::new());
    for trial in ours {
        let id = trial.attack.id.0.clone();
        if let Some(reason) = lacks.clone().or_else(|| unmet(trial)) {
            let ids: &mut BTreeSet<_> = lacking.entry(reason).or_default();
            ids.insert(id.clone());
        }
        entries.insert(id);
    }
    Contest {
        host: contender.host.clone(),
        target: contender.name.clone(),
        subject,
        entries: entries.len(),
        lacking,
    }
}

impl Contest {
    /// How many entries can be tried here.
    fn able(&self) -> usize {
        let unable: BTreeSet<_> = self.lacking.values().flatten().collect();
        self.entries.saturating_sub(unable.len())
    }
}

fn as_text(answer: &Answer) -> String {
    let mut text = String::new();
    let mut row = |name: &str, what: &str| {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{name:14}{}", redact::one_line(what));
    };
    let own = || answer.contests.iter().filter(|contest| contest.target == OWN);
    // The host that a run tries unless it is told otherwise.
    let best = own().find(|contest| contest.host == HOST).or_else(|| own().next());
    let told = match (&answer.problem, best) {
        (Some(problem), _) => format!("no: {problem}"),
        (None, Some(best)) => format!(
            "yes: {} of {} can be tried on {}",
            best.able(),
            schedule::entries(best.entries),
            best.host
        ),
        (None, None) => "yes".to_owned(),
    };
    row("runs here", &told);
    for name in ["kernel", "architecture", "interpreter", "python"] {
        row(name, answer.facts.get(name).map_or("unknown", String::as_str));
    }
    match &answer.problem {
        None => row("labs", "can be opened"),
        Some(problem) => row("labs", &format!("NONE: {problem}")),
    }
    for contest in &answer.contests {
        let place = format!("{} on {}", contest.target, contest.host);
        let absent = if contest.able() == 0 { "cannot be used here" } else { "has no version" };
        let subject = contest.subject.as_deref().unwrap_or(absent);
        let (able, entries) = (contest.able(), contest.entries);
        let _ = writeln!(text, "\n{place} ({})", redact::one_line(subject));
        let verb =
            if answer.problem.is_some() { "could be tried with labs" } else { "can be tried" };
        let _ = writeln!(text, "    {able} of {} {verb}", schedule::entries(entries));
        for (reason, ids) in &contest.lacking {
            let _ = writeln!(text, "    {} cannot: {}", ids.len(), redact::one_line(reason));
            if ids.len() < entries {
                let _ = writeln!(text, "        {}", shortened(ids));
            }
        }
    }
    text
}

/// The first few of them.
fn shortened(ids: &BTreeSet<String>) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<_> = ids.iter().take(SHOWN).map(String::as_str).collect();
    match ids.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn as_json(answer: &Answer) -> serde_json::Result<String> {
    let contests = answer.contests.iter().map(|contest| {
        let lacking = contest.lacking.iter();
        let lacking = lacking.map(|(reason, ids)| json!({ "reason": reason, "entries": ids }));
        json!({
            "host": contest.host,
            "target": contest.target,
            "subject": contest.subject,
            "entries": contest.entries,
            "can_be_tried": if answer.problem.is_some() { 0 } else { contest.able() },
            "lacking": lacking.collect::<Vec<_>>(),
        })
    });
    let value = json!({
        "schema": DOCTOR,
        "problem": answer.problem,
        "machine": answer.facts,
        "contests": contests.collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&value).map(|text| text + "\n")
}
