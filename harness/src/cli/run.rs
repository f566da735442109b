//! `harness run`: from the catalogue to the report.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::paper::{Paper, Stance};
use super::wanted::{Host, Wanted, contenders, controls};
use super::workspace::Workspace;
use super::{Places, STATUS, Wishes, World, background, conducted, outcome, slots, summary};
use crate::gaps;
use crate::report::diff::Scope;
use crate::report::schema::{RECORD, Record};
use crate::report::{self, Discretion};
use crate::schedule::filter::Filter;
use crate::schedule::{Schedule, Selection, Slice};
use crate::verdict;

const EXAMPLES: &str = "\
Examples:
  harness run                                        everything; writes target/harness/
  harness run -t own@full                            one level, with its controls
  harness run -E 'secrets/ & severity(>=high) - id(secrets/netrc-read)'
  harness run --check                                what CI calls
  harness run --update                               accept what was seen into reports/

Expressions: a folder `secrets/`, an id `secrets/netrc-read`, a tag `CWE-522`, id(secrets/*),
severity(>=high), layer(mounts), tag(T1552.001); target(bubblewrap), of the sandboxes on trial
only this one; verdict(known-gap), what the committed report of the sandbox says;
changed(main), attacks whose folder differs from there, and changed() from the last commit;
`&` and, `|` or `+` or, `-` without, `!` not, parentheses. `-` needs a blank before it.";

/// Run the attacks and report which of them got through
///
/// Every attack is also run at its control level, where it must get through, and every honest
/// build at the chosen levels, where it must build: without both, nothing counts as blocked.
///
/// The reports of the run go to --out as HOST/TARGET.json and MATRIX.md, beside run.json, which
/// holds what is volatile. They are compared with the committed ones in reports/ and differences
/// are told; only with --check do they change the exit status, and only --update writes them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{STATUS}"))]
pub(super) struct RunArgs {
    /// Try only this sandbox, or this level of it; may be repeated
    #[arg(short, long = "target", value_name = "TARGET[@LEVEL]")]
    target: Vec<Wanted>,
    /// Try it on a host of this kind; may be repeated [default: root]
    ///
    /// root, user (an ordinary one), docker, docker-unconfined (without its system call filter),
    /// podman-rootless, ubuntu (an approximation of what `AppArmor` leaves of user namespaces).
    /// What such a host stops without any sandbox is unsupported there.
    #[arg(long, value_name = "HOST")]
    host: Vec<Host>,
    /// Try only the attacks that an expression finds
    #[arg(short = 'E', long = "expression", value_name = "EXPR")]
    expression: Option<Filter>,
    /// How many trials run at the same time [default: two for each processor]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Try only what the changes since a git revision can affect
    ///
    /// A change in the folder of an attack affects that attack, one in the folder of a target
    /// every attack on it, one in a committed report the cells that it now tells otherwise, and
    /// one in the kit, the lab, the sandbox or the dependencies everything. Documents, tests,
    /// views and the command line affect nothing. What is not committed yet counts too. Exit
    /// status 4 if nothing is affected.
    #[arg(long, value_name = "BASE")]
    affected: Option<String>,
    /// Begin the trials in an order that this number decides; the reports are the same in any
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Try only one share of the attacks, as slice:1/3
    #[arg(long, value_name = "slice:K/N")]
    partition: Option<Slice>,
    #[command(flatten)]
    places: Places,
    /// The interpreter that builds [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    python: Option<PathBuf>,
    /// Where the run writes [default: target/harness in the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Fail if the reports differ from the committed ones; never writes into reports/
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Write the reports into reports/, keeping cells that were not tried
    #[arg(long)]
    update: bool,
}

impl RunArgs {
    /// The sandboxes to try: those of -t, else those that the expression names.
    fn targets(&self) -> Vec<Wanted> {
        let named = || self.expression.iter().flat_map(Filter::targets).map(Wanted::whole);
        if self.target.is_empty() { named().collect() } else { self.target.clone() }
    }

    const fn stance(&self) -> Stance {
        match (self.check, self.update) {
            (true, _) => Stance::Check,
            (_, true) => Stance::Update,
            _ => Stance::Tell,
        }
    }
}

/// Runs it.
pub(super) fn command(args: &RunArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here);
    let committed = if args.check || args.update {
        Some(workspace.demanded_reports()?)
    } else {
        workspace.reports()
    };
    let catalogue = workspace.catalogue(&args.places)?;
    let known = background::of(args.expression.as_ref(), &workspace, &args.places, &catalogue)?;
    let contenders = contenders(&args.targets(), &args.host, &workspace)?;
    let affected = match &args.affected {
        Some(base) => Some(background::affected(base, &workspace, &args.places)?),
        None => None,
    };
    let selection =
        Selection { filter: args.expression.clone(), known, affected, slice: args.partition };
    let schedule = Schedule::of(&catalogue, &contenders, &selection)?
        .with_controls(&controls(&catalogue, &workspace)?);
    let gaps = workspace.gaps(&contenders)?;
    let today = gaps::today();
    let wishes =
        Wishes { python: args.python.clone(), slots: slots(args.jobs), shuffle: args.shuffle };
    let (began_at, began) = (SystemTime::now(), Instant::now());
    let (settled, machine) = conducted(&wishes, &schedule, &gaps, &today, world)?;
    let took = began.elapsed();
    let stale: Vec<_> = gaps
        .iter()
        .flat_map(|(target, gaps)| verdict::stale(target, gaps, &catalogue, &settled, &today))
        .collect();
    let whole = selection.is_whole() && args.target.iter().all(Wanted::is_whole);
    let paper = Paper {
        out: args.out.as_ref().map_or_else(|| workspace.out(), |out| world.here.join(out)),
        committed,
        stance: args.stance(),
        scope: if whole { Scope::Whole } else { Scope::Part },
        discretion: Discretion::about(&settled, world.home.as_deref()),
        settled: &settled,
    };
    let record = Record {
        schema: RECORD.to_owned(),
        began: began_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        took_ms: took.as_millis(),
        slots: wishes.slots,
        machine,
        trials: report::trials(&settled, &paper.discretion),
    };
    let comparison = paper.write(&record)?;
    let mut text = summary::text(&settled, &paper.discretion, took);
    for complaint in &stale {
        let _ = writeln!(text, "stale gap  {complaint}");
    }
    text.push_str(&comparison.text);
    let _ = writeln!(
        text,
        "Closer: `harness show ID` for one attack; {} for everything that was observed.",
        shown(&paper.out.join("run.json"), &world.here)
    );
    world.say(&text)?;
    let verdicts = outcome::of(&settled, stale.len(), world.require_isolation);
    Ok(Exit::worst(&[verdicts, comparison.exit]))
}

fn shown(file: &Path, here: &Path) -> String {
    file.strip_prefix(here).unwrap_or(file).display().to_string()
}
