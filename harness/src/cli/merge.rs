//! `harness merge`: the reports of shards, made into the reports of one run.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::outcome::of_verdict;
use super::views::Views;
use super::workspace::{Workspace, library, place};
use super::{Places, World};
use crate::catalogue::{BENIGN, Catalogue};
use crate::report::publish::{Page, publish};
use crate::report::redact::Canaries;
use crate::report::schema::Report;
use crate::report::{json, listed_cells};

/// Merge the reports of shards
///
/// Refuses unless together they hold every attack of the catalogue exactly once, and all are of
/// the catalogue that is here. The result has the same bytes as the reports of one run.
#[derive(Debug, Args)]
pub(super) struct MergeArgs {
    /// The folders that `harness run --partition … --out DIR` wrote
    #[arg(required = true, value_name = "DIR")]
    dirs: Vec<PathBuf>,
    /// Where the merged reports go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    places: Places,
}

/// Runs it.
pub(super) fn command(args: &MergeArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let catalogue = workspace.catalogue()?;
    let mut merged: BTreeMap<(String, String), Report> = BTreeMap::new();
    for dir in &args.dirs {
        let shard = library(&world.here.join(dir))?;
        if shard.is_empty() {
            return Err(Failure::Shards(format!("{} holds no report", dir.display())));
        }
        for report in shard {
            let key = (report.host.clone(), report.target.clone());
            match merged.get_mut(&key) {
                Some(whole) => add(whole, report, &dir.display().to_string())?,
                None => drop(merged.insert(key, report)),
            }
        }
    }
    let reports: Vec<_> = merged.into_values().collect();
    reports.iter().try_for_each(|report| is_whole(report, &catalogue))?;
    let out = world.here.join(&args.out);
    let mut pages = Vec::new();
    for report in &reports {
        pages.push(Page { file: place(&out, report), text: json::render(report)? });
    }
    let (ablations, attacks) = (workspace.known_ablations()?, workspace.attack_pages());
    let views = Views { catalogue: &catalogue, ablations: &ablations, attacks: attacks.as_deref() };
    pages.extend(views.pages(&out, &reports)?);
    // The shards were looked through for canaries when they were written.
    publish(&pages, &Canaries::default())?;
    let mut exits = Vec::new();
    for one in listed_cells(&reports) {
        let exit = of_verdict(one.cell.verdict, world.require_isolation);
        if exit != Exit::Ok {
            world.say(&format!(
                "{}  {} at {} of {} on {}\n",
                one.cell.verdict, one.id, one.level, one.report.target, one.report.host
            ))?;
        }
        exits.push(exit);
    }
    Ok(Exit::worst(&exits))
}

/// Adds a shard to what is there of the same target.
fn add(whole: &mut Report, shard: Report, dir: &str) -> Result<(), Failure> {
    let (host, target) = (&shard.host, &shard.target);
    if whole.subject != shard.subject {
        let problem = format!("{dir} is about another version of {target}");
        return Err(Failure::Shards(problem));
    }
    for (id, entry) in shard.results {
        let honest = id.starts_with(BENIGN);
        match whole.results.get(&id) {
            None => drop(whole.results.insert(id, entry)),
            // Every shard brings the honest builds along.
            Some(known) if honest && *known == entry => {}
            Some(_) if honest => {
                return Err(Failure::Shards(format!(
                    "{id} of {target} on {host} is not the same in {dir} as in the others"
                )));
            }
            Some(_) => {
                return Err(Failure::Shards(format!(
                    "{id} of {target} on {host} is in {dir} and in another shard"
                )));
            }
        }
    }
    Ok(())
}

fn is_whole(report: &Report, catalogue: &Catalogue) -> Result<(), Failure> {
    let (host, target) = (&report.host, &report.target);
    for attack in catalogue.entries() {
        match report.results.get(&attack.id.0) {
            None => {
                let problem = format!("{} of {target} on {host} is in no shard", attack.id);
                return Err(Failure::Shards(problem));
            }
            Some(entry) if entry.fixture != attack.fixture => {
                let problem = format!("{} was another one when it was run", attack.id);
                return Err(Failure::Shards(problem));
            }
            Some(_) => {}
        }
    }
    match report.results.keys().find(|id| catalogue.get(id).is_none()) {
        Some(id) => Err(Failure::Shards(format!("{id} is not in the catalogue"))),
        None => Ok(()),
    }
}
