//! `harness run`: from the catalogue to the report.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use clap::Args;

use super::contenders::{boundaries, chosen, contenders, controls, ours_alone};
use super::exit::Exit;
use super::failure::Failure;
use super::report_writer::{ReportWriter, Stance};
use super::views::Views;
use super::wanted::{HOST, Host, Wanted};
use super::workspace::{Workspace, library, place};
use super::{
    Places, STATUS, Wishes, World, background, conducted, outcome, quoted, slots, summary, timings,
};
use crate::gaps;
use crate::redact;
use crate::report::diff::Scope;
use crate::report::schema::{RECORD, Record, Report};
use crate::report::{self, Redactor};
use crate::schedule::filter::Filter;
use crate::schedule::{Schedule, Selection, Slice};
use crate::verdict::{self, Settled};

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
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{STATUS}"))]
pub(super) struct RunArgs {
    /// Try only this sandbox, or this level of it; may be repeated
    #[arg(short, long = "target", value_name = "TARGET[@LEVEL]")]
    target: Vec<Wanted>,
    /// Try it on a host of this kind; may be repeated [default: root]
    ///
    /// root, user (an ordinary one), docker, docker-unconfined (without its system call filter),
    /// podman-rootless, ubuntu (an approximation of what `AppArmor` leaves of user namespaces),
    /// kubernetes (a pod under the restricted standard), pod-userns (root in a pod with users of
    /// its own, `hostUsers: false`), runner (one that GitHub hosts).
    /// What such a host stops without any sandbox is unsupported there.
    #[arg(long, value_name = "HOST")]
    host: Vec<Host>,
    /// Try only the attacks that an expression finds
    #[arg(short = 'E', long = "expression", value_name = "EXPR")]
    expression: Option<Filter>,
    /// How many trials run at the same time [default: two for each processor]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Hold what nobody has read: a foreign catalogue, or a pull request
    ///
    /// Only on hosts where nothing can become root to the kernel: user, which is then
    /// the default, ubuntu, kubernetes, podman-rootless, pod-userns. Sandboxes but our own are not started, and
    /// an attack whose manifest borrows what a lab withholds, or plants a program that gives rights,
    /// is unsupported.
    #[arg(long)]
    untrusted: bool,
    /// Try only what the changes since a git revision can affect
    ///
    /// A change in the folder of an attack affects that attack, one in the folder of a target
    /// every attack on it, one in a committed report the cells that it now tells otherwise, and
    /// one in the kit, the lab, the sandbox or the dependencies everything. Documents, tests,
    /// views and the command line affect nothing. What is not committed yet counts too. Exit
    /// status 4 if nothing is affected.
    #[arg(long, value_name = "BASE")]
    affected: Option<String>,
    /// Try everything so many times; a cell that does not show the same each time is `unstable`, or has
    /// escaped if it ever did
    #[arg(long, value_name = "N")]
    repeat: Option<NonZeroUsize>,
    /// Try one after the other, and give each four times as long: for machines that are busy
    #[arg(long, conflicts_with = "jobs")]
    slow: bool,
    /// Begin the trials in an order that this number decides; the reports are the same in any
    #[arg(long, value_name = "SEED")]
    shuffle: Option<u64>,
    /// Try only one share of the attacks, as slice:1/3
    #[arg(long, value_name = "slice:K/N")]
    partition: Option<Slice>,
    /// Say at the end where the time went: to which parts of the trials, and to which trials
    #[arg(long)]
    timings: bool,
    #[command(flatten)]
    pub(super) places: Places,
    /// The interpreter that builds [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(super) python: Option<PathBuf>,
    /// Where the run writes [default: target/harness in a checkout of Bulkhead, harness-results beside
    /// harness.toml or here]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Fail if the reports differ from the committed ones; never writes into reports/
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Fail if any attack gets through a sandbox, whatever the sandbox claims to stop
    ///
    /// Escapes that are expected, because no layer of the sandbox would stop them, and those that are
    /// on record as gaps end with 10 too. Controls, which must get through, do not count.
    #[arg(long)]
    deny_escapes: bool,
    /// Write the reports into reports/, keeping cells that were not tried
    #[arg(long)]
    pub(super) update: bool,
}

impl RunArgs {
    /// The sandboxes to try: those of -t, else those that the expression names.
    fn targets(&self) -> Vec<Wanted> {
        let named = || self.expression.iter().flat_map(Filter::targets).map(Wanted::whole);
        if self.target.is_empty() { named().collect() } else { self.target.clone() }
    }

    /// The hosts to try them on.
    fn hosts(&self) -> Result<Vec<Host>, Failure> {
        if self.untrusted { boundaries(&self.host) } else { Ok(self.host.clone()) }
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
pub(super) fn command(
    args: &RunArgs,
    program: &str,
    world: &mut World<'_>,
) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let committed = if args.check || args.update {
        Some(workspace.demanded_reports()?)
    } else {
        // A repository that has committed none has nothing to differ from.
        workspace.reports().filter(|dir| workspace.settings().is_none() || dir.is_dir())
    };
    let settings = workspace.settings();
    let expression =
        args.expression.clone().or_else(|| settings.and_then(|known| known.expression.clone()));
    let catalogue = workspace.catalogue()?;
    let known = background::of(expression.as_ref(), &workspace, &catalogue)?;
    let (hosts, mut targets) = (args.hosts()?, args.targets());
    if args.untrusted {
        // What a checkout's own `harness.toml` names does not count.
        ours_alone(&targets)?;
    } else {
        targets = chosen(&targets, &workspace);
    }
    let contenders = contenders(&targets, &hosts, &workspace)?;
    let affected = match &args.affected {
        Some(base) => Some(background::affected(base, &workspace)?),
        None => None,
    };
    let selection = Selection { filter: expression, known, affected, slice: args.partition };
    let schedule = Schedule::of(&catalogue, &contenders, &selection)?.with_controls(&controls(
        &catalogue,
        &workspace,
        args.untrusted,
    )?);
    let gaps = workspace.gaps(&contenders)?;
    let out = args.out.as_ref().map_or_else(|| workspace.out(), |out| world.here.join(out));
    can_be_written(&out)?;
    let today = gaps::today();
    let wishes = Wishes {
        python: args.python.clone(),
        slots: if args.slow { 1 } else { slots(args.jobs) },
        times: args.repeat,
        slow: args.slow,
        shuffle: args.shuffle,
        untrusted: args.untrusted,
    };
    let (began_at, began) = (SystemTime::now(), Instant::now());
    let (settled, machine) = match conducted(&wishes, &schedule, &gaps, &today, world) {
        Ok(conducted) => conducted,
        Err(failure) => {
            let page = out.join("index.html");
            if page.is_file() {
                let page = shown(&page, &world.here);
                let _ = writeln!(world.err, "note: {page} is still that of an earlier run");
            }
            return Err(failure);
        }
    };
    let took = began.elapsed();
    let stale: Vec<_> = gaps
        .iter()
        .flat_map(|(target, gaps)| verdict::stale(target, gaps, &catalogue, &settled, &today))
        .collect();
    let whole = selection.is_whole() && targets.iter().all(Wanted::is_whole);
    let (ablations, attacks) = (workspace.known_ablations()?, workspace.attack_pages());
    let writer = ReportWriter {
        out,
        committed,
        stance: args.stance(),
        scope: if whole { Scope::Whole } else { Scope::Part },
        redactor: Redactor::about(&settled, world.home.as_deref()),
        settled: &settled,
        views: Views { catalogue: &catalogue, ablations: &ablations, attacks: attacks.as_deref() },
    };
    let record = Record {
        schema: RECORD.to_owned(),
        began: began_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        took_ms: took.as_millis(),
        slots: wishes.slots,
        machine,
        trials: report::trials(&settled, &writer.redactor),
    };
    let comparison = writer.write(&record)?;
    let mut text = summary::text(&settled, &writer.redactor, took);
    for complaint in &stale {
        let _ = writeln!(text, "stale gap  {complaint}");
    }
    text.push_str(&comparison.text);
    if args.timings {
        text.push_str(&timings::table(&settled, wishes.slots));
    }
    let page = shown(&writer.out.join("index.html"), &world.here);
    let record = shown(&writer.out.join("run.json"), &world.here);
    let _ = writeln!(text, "Page: {page}; everything that was observed: {record}");
    text.push_str(&earlier(&writer.out, &settled, &world.here));
    let _ = writeln!(text, "Next: {}", next(args, program, &settled));
    world.say(&text)?;
    let mut exits = vec![outcome::of(&settled, stale.len(), world.require_isolation)];
    exits.push(comparison.exit);
    if (args.deny_escapes || settings.is_some_and(|known| known.deny_escapes))
        && outcome::escapes(&settled)
    {
        exits.push(Exit::UnexpectedEscape);
    }
    Ok(Exit::worst(&exits))
}

/// The command that tells most of what was not as expected, or of the first attack, as it works from
/// here.
fn next(args: &RunArgs, program: &str, settled: &[Settled]) -> String {
    let (program, places) = (quoted(&redact::one_line(program)), args.places.words());
    let Some(one) = summary::worst(settled) else {
        let first = settled.iter().find(|one| !one.cell.trial.attack.is_benign());
        let id = first.or(settled.first()).map_or("ID", |one| &one.cell.trial.attack.id.0);
        return format!("{program} show {}{places}", quoted(id));
    };
    let trial = &one.cell.trial;
    let (id, target) = (quoted(&trial.attack.id.0), format!("{}@{}", trial.target, trial.level));
    let host = if trial.host == HOST { String::new() } else { format!(" --host {}", trial.host) };
    format!("{program} debug {id} -t {}{host}{places}", quoted(&target))
}

/// Fails where a run could not write in the end: before it has begun. What is made to find out is
/// removed.
pub(super) fn can_be_written(out: &Path) -> Result<(), Failure> {
    let unwritable = |source| Failure::Document { file: out.to_owned(), source };
    let there = out.ancestors().find(|dir| dir.symlink_metadata().is_ok());
    let there = there.unwrap_or_else(|| Path::new("/"));
    if !there.is_dir() {
        return Err(unwritable(io::ErrorKind::NotADirectory.into()));
    }
    tempfile::tempfile_in(there).map(drop).map_err(unwritable)
}

/// Which reports in the folder are not of this run, so that nobody takes them for it.
fn earlier(out: &Path, settled: &[Settled], here: &Path) -> String {
    let is_ours = |report: &Report| {
        let trials = settled.iter().map(|one| &one.cell.trial);
        trials.into_iter().any(|it| it.target == report.target && it.host == report.host)
    };
    // What else lies there is none of ours to complain of.
    let known = library(out).unwrap_or_default();
    let old: Vec<_> = known.iter().filter(|report| !is_ours(report)).collect();
    if old.is_empty() {
        return String::new();
    }
    let files: Vec<_> = old.iter().map(|report| shown(&place(out, report), here)).collect();
    format!(
        "Of an earlier run, and not on the page: {}; `harness report {}` would tell of them too\n",
        files.join(", "),
        quoted(&shown(out, here))
    )
}

fn shown(file: &Path, here: &Path) -> String {
    file.strip_prefix(here).unwrap_or(file).display().to_string()
}
