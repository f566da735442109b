//! What an expression or `--affected` asks of beside the manifests, found out before it is asked.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::changes::{Changes, ChangesError};
use super::failure::Failure;
use super::wanted::OWN;
use super::workspace::Workspace;
use crate::catalogue::Catalogue;
use crate::report::json;
use crate::report::listed_cells;
use crate::report::schema::Report;
use crate::schedule::affected::{Affected, entry};
use crate::schedule::filter::{Filter, Known, Shown};
use crate::verdict::Verdict;

/// What the expression asks of, once everything that it names is known to be there.
pub(super) fn of(
    filter: Option<&Filter>,
    workspace: &Workspace,
    catalogue: &Catalogue,
) -> Result<Known, Failure> {
    let Some(filter) = filter else { return Ok(Known::default()) };
    let mut known = Known {
        targets: [OWN.to_owned()].into_iter().chain(workspace.targets()?).collect(),
        words: Verdict::ALL.map(Verdict::name).to_vec(),
        ..Known::default()
    };
    filter.check(catalogue, &known)?;
    if filter.asks_for_verdicts() {
        let reports = workspace.known_reports()?;
        let shown = listed_cells(&reports).map(|one| Shown {
            id: one.id.to_owned(),
            verdict: one.cell.verdict.name(),
            target: one.report.target.clone(),
            host: one.report.host.clone(),
        });
        known.shown = shown.collect();
    }
    for base in filter.bases() {
        if workspace.folders().is_empty() {
            return Err(ChangesError::NoFolder.into());
        }
        known.changed.insert(base.to_owned(), entries(base, workspace.folders())?);
    }
    Ok(known)
}

/// What the changes since `base` can affect.
pub(super) fn affected(base: &str, workspace: &Workspace) -> Result<Affected, Failure> {
    let Some(root) = workspace.root() else {
        let mut affected = Affected::by(base, []);
        affected.entries = entries(base, workspace.folders())?;
        affected.changes = affected.entries.len();
        return Ok(affected);
    };
    let changes = Changes::since(base, root)?;
    let files = changes.files()?;
    let mut affected = Affected::by(base, files.iter().map(PathBuf::as_path));
    let elsewhere = workspace.folders().iter().filter(|dir| !dir.starts_with(root)).cloned();
    affected.entries.extend(entries(base, &elsewhere.collect::<Vec<_>>())?);
    for file in &files {
        let Some((host, target)) = Affected::report(file) else { continue };
        let old = changes.before(file)?.unwrap_or_default();
        // One that was none, or of another form, says nothing that could be compared.
        let old = serde_json::from_slice::<Report>(&old).map(|report| report.results);
        let old = old.unwrap_or_else(|_none| BTreeMap::new());
        let new = json::read_if_there(&root.join(file))?.map(|report| report.results);
        for (id, entry) in new.unwrap_or_default() {
            if old.get(&id) != Some(&entry) {
                affected.told.insert((host.clone(), target.clone(), id));
            }
        }
    }
    Ok(affected)
}

/// The ids of the entries in these folders that differ from `base`.
fn entries(base: &str, folders: &[PathBuf]) -> Result<BTreeSet<String>, ChangesError> {
    let mut found = BTreeSet::new();
    for folder in folders {
        let files = Changes::since(base, folder)?.files()?;
        found.extend(files.iter().filter_map(|file| entry(file)));
    }
    Ok(found)
}
