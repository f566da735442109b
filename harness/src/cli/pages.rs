//! `harness pages`: a page for each entry of the catalogue below `docs/attacks/`.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::failure::{Failure, plural};
use super::workspace::{Workspace, ablations, library};
use super::{Places, World};
use crate::catalogue::Catalogue;
use crate::report::pages::{PageSources, docstring, index, page};
use crate::report::publish::{Page, publish};
use crate::report::redact::Canaries;

/// Check the pages of docs/attacks/, or write them
///
/// Each tells of one attack: what it does, which layers must stop it, how many do alone, and what
/// the committed reports say. Exit status 13 if a page does not say what manifests, back ends and
/// reports say now.
#[derive(Debug, Args)]
pub(super) struct PagesArgs {
    /// Write them, and remove those of attacks that are gone
    #[arg(long)]
    update: bool,
}

/// Runs it.
pub(super) fn command(args: &PagesArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &Places::default())?;
    let dir = workspace.documents()?.join("attacks");
    // The pages are of what the workspace holds.
    let catalogue = workspace.catalogue()?;
    let mut pages = pages(&dir, &catalogue, &workspace.demanded_reports()?)?;
    let known: BTreeSet<_> = pages.iter().map(|page| page.file.clone()).collect();
    let gone: Vec<_> = written(&dir)?.into_iter().filter(|file| !known.contains(file)).collect();
    pages.retain(|page| fs::read_to_string(&page.file).ok().as_deref() != Some(&page.text));
    if args.update {
        publish(&pages, &Canaries::default())?;
        for file in &gone {
            fs::remove_file(file)
                .map_err(|source| Failure::Document { file: file.clone(), source })?;
        }
        let (new, old) = (plural(pages.len(), "page"), plural(gone.len(), "page"));
        world.say(&format!("{new} written, {old} removed\n"))?;
        return Ok(Exit::Ok);
    }
    let mut text = String::new();
    for (file, what) in pages
        .iter()
        .map(|page| (&page.file, "is not what it would be now"))
        .chain(gone.iter().map(|file| (file, "is of an attack that is gone")))
    {
        let shown = file.strip_prefix(&world.here).unwrap_or(file).display();
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{shown} {what}");
    }
    if text.is_empty() {
        return Ok(Exit::Ok);
    }
    text.push_str("`harness pages --update` writes them\n");
    world.say(&text)?;
    Ok(Exit::Differs)
}

/// Every page, the index last.
fn pages(dir: &Path, catalogue: &Catalogue, committed: &Path) -> Result<Vec<Page>, Failure> {
    let (reports, ablations) = (library(committed)?, ablations(committed)?);
    let mut pages = Vec::new();
    for attack in catalogue.entries() {
        let backend = fs::read_to_string(attack.dir.join("backend.py")).unwrap_or_default();
        let sources = PageSources {
            attack,
            docstring: docstring(&backend),
            reports: &reports,
            ablations: &ablations,
        };
        let file = dir.join(format!("{}.md", attack.id));
        pages.push(Page { file, text: page(&sources) });
    }
    let text = index(catalogue, &reports, &ablations);
    pages.push(Page { file: dir.join("README.md"), text });
    Ok(pages)
}

/// The pages that are there.
fn written(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        let unreadable = |source| Failure::Document { file: dir.clone(), source };
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(unreadable(error)),
        };
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            if entry.file_type().map_err(unreadable)?.is_dir() {
                open.push(entry.path());
            } else if entry.path().extension().is_some_and(|end| end == "md") {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}
