//! `harness ablate`: what each layer is worth.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::failure::{Failure, plural};
use super::wanted::HOST;
use super::workspace::{Workspace, ablations};
use super::{Places, Wishes, World, background, conducted, slots};
use crate::gaps;
use crate::report::Redactor;
use crate::report::ablation::{self, Contradiction, picture};
use crate::report::json;
use crate::report::publish::{Page, publish};
use crate::report::schema::ablation::Ablation;
use crate::schedule::ablation::{name, schedule};
use crate::schedule::filter::Filter;
use crate::verdict::{Settled, Verdict};

/// The name of an ablation below the folder of its host.
const FILE: &str = "own.ablation.json";

/// Measure what each layer of our own sandbox is worth
///
/// Every attack that the level `full` stops is tried against it without all the layers that its
/// manifest names, where it must get through, and then with each of these layers alone. How many
/// of them stop it alone is its depth. A layer that stops no attack alone is untested.
///
/// The result goes to --out as HOST/own.ablation.json and ABLATION.md. Exit status 11: something
/// that a manifest does not name stops its attack too; 12: a trial proves nothing, or a layer is
/// untested.
#[derive(Debug, Args)]
pub(super) struct AblateArgs {
    /// Try only the attacks that an expression finds; then no layer is called untested
    #[arg(short = 'E', long = "expression", value_name = "EXPR")]
    expression: Option<Filter>,
    /// How many trials run at the same time [default: two for each processor]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(super) places: Places,
    /// The interpreter that builds [default: python3]
    #[arg(long, value_name = "PROGRAM")]
    pub(super) python: Option<PathBuf>,
    /// Where the result goes [default: target/harness in the workspace]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Fail if the result differs from the committed one
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Write the result into reports/
    #[arg(long)]
    pub(super) update: bool,
}

/// Runs it.
pub(super) fn command(args: &AblateArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let committed =
        if args.check || args.update { Some(workspace.demanded_reports()?) } else { None };
    let catalogue = workspace.catalogue()?;
    let known = background::of(args.expression.as_ref(), &workspace, &catalogue)?;
    let schedule = schedule(&catalogue, args.expression.as_ref(), &known, HOST)?;
    let wishes =
        Wishes { python: args.python.clone(), slots: slots(args.jobs), ..Wishes::default() };
    let (settled, _) = conducted(&wishes, &schedule, &BTreeMap::new(), &gaps::today(), world)?;
    let redactor = Redactor::about(&settled, world.home.as_deref());
    let found = ablation::of(&settled, HOST, &redactor);
    let out = args.out.as_ref().map_or_else(|| workspace.out(), |out| world.here.join(out));
    let mut pages = pages(&out, &found, std::slice::from_ref(&found))?;
    let mut exits = vec![verdict(&found, args.expression.is_none())];
    let mut text = dishonest(&settled, &redactor);
    text.push_str(&told(&found, args.expression.is_none()));
    if let Some(dir) = committed {
        let old = json::read_ablation(&dir.join(HOST).join(FILE))?;
        let accepted = match &old {
            Some(old) if args.expression.is_some() => ablation::merged(old, &found),
            _ => found.clone(),
        };
        if old.as_ref() != Some(&accepted) {
            let _ = writeln!(text, "reports/{HOST}/{FILE} differs:");
            text.push_str(&differences(old.as_ref(), &accepted));
            if args.check {
                exits.push(Exit::Differs);
            }
        }
        if args.update {
            pages.extend(self::pages(&dir, &accepted, &with(ablations(&dir)?, &accepted))?);
        }
    }
    publish(&pages, redactor.canaries())?;
    let _ = writeln!(text, "Closer: {}", shown(&out.join("ABLATION.md"), &world.here));
    world.say(&text)?;
    Ok(Exit::worst(&exits))
}

/// The result, and the picture of all of them.
fn pages(dir: &Path, found: &Ablation, all: &[Ablation]) -> Result<Vec<Page>, Failure> {
    Ok(vec![
        Page { file: dir.join(&found.host).join(FILE), text: json::render(found)? },
        Page { file: dir.join("ABLATION.md"), text: picture::render(all) },
    ])
}

/// All ablations, with this one in the place of its older self.
fn with(mut all: Vec<Ablation>, new: &Ablation) -> Vec<Ablation> {
    all.retain(|one| one.host != new.host);
    all.push(new.clone());
    all.sort_by(|one, two| one.host.cmp(&two.host));
    all
}

fn verdict(found: &Ablation, whole: bool) -> Exit {
    let contradictions = ablation::contradictions(found);
    let exits: Vec<_> = contradictions
        .iter()
        .map(|(_, contradiction)| match contradiction {
            Contradiction::StoppedByOthers => Exit::UnexpectedBlock,
            Contradiction::Unclear(..) => Exit::Worthless,
            // The depth says it, and the committed report holds it.
            Contradiction::NotAlone(_) => Exit::Ok,
        })
        .chain((whole && !ablation::untested(found).is_empty()).then_some(Exit::Worthless))
        .collect();
    Exit::worst(&exits)
}

/// Every configuration in which an honest build does not build, and why.
fn dishonest(settled: &[Settled], redactor: &Redactor) -> String {
    let mut text = String::new();
    for one in settled.iter().filter(|one| one.cell.trial.attack.is_benign()) {
        if one.ruling.verdict != Verdict::Ok {
            let trial = &one.cell.trial;
            let reason = redactor.line(one.ruling.reason.as_deref().unwrap_or_default());
            let _ =
                writeln!(text, "{} without {}: {reason}", trial.attack.id, name(&trial.sandbox));
        }
    }
    text
}

fn told(found: &Ablation, whole: bool) -> String {
    let mut text = String::new();
    for (id, contradiction) in ablation::contradictions(found) {
        let _ = match contradiction {
            Contradiction::StoppedByOthers => writeln!(
                text,
                "{id}: is stopped without all of its `stopped_by`: name what else stops it"
            ),
            Contradiction::NotAlone(layer) => {
                writeln!(text, "{id}: `{layer}` is named, but does not stop it alone")
            }
            Contradiction::Unclear(Some(layer), why) => {
                writeln!(text, "{id}: with `{layer}` alone nothing can be said: {why}")
            }
            Contradiction::Unclear(None, why) => {
                writeln!(text, "{id}: without all of its layers nothing can be said: {why}")
            }
        };
    }
    if whole {
        for layer in ablation::untested(found) {
            let _ = writeln!(text, "untested: `{layer}` stops no attack alone");
        }
    }
    let mut depths: BTreeMap<usize, usize> = BTreeMap::new();
    for one in found.attacks.values() {
        *depths.entry(one.depth).or_default() += 1;
    }
    let depths: Vec<_> =
        depths.iter().map(|(depth, count)| format!("{count} of depth {depth}")).collect();
    let attacks = plural(found.attacks.len(), "attack");
    let _ = writeln!(text, "{attacks} on {}: {}", found.host, depths.join(", "));
    text
}

fn differences(old: Option<&Ablation>, new: &Ablation) -> String {
    let Some(old) = old else { return "    it is not there yet\n".to_owned() };
    let mut text = String::new();
    for (id, one) in &new.attacks {
        match old.attacks.get(id) {
            Some(before) if before == one => {}
            Some(before) => {
                let (was, is) = (before.depth, one.depth);
                let _ = writeln!(text, "    {id}: depth was {was}, is {is}");
            }
            None => {
                let _ = writeln!(text, "    {id}: is new");
            }
        }
    }
    for id in old.attacks.keys().filter(|id| !new.attacks.contains_key(*id)) {
        let _ = writeln!(text, "    {id}: is gone");
    }
    text
}

fn shown(file: &Path, here: &Path) -> String {
    file.strip_prefix(here).unwrap_or(file).display().to_string()
}
