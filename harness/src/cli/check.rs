//! `harness check`: every mistake of every manifest in one pass.
#![forbid(unsafe_code)]

mod syntax;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::contenders::{contenders, controls};
use super::exit::Exit;
use super::failure::{Failure, plural};
use super::wanted::Wanted;
use super::workspace::{Workspace, library};
use super::{Places, World, quoted};
use crate::catalogue::Catalogue;
use crate::catalogue::diagnostic::{Diagnostic, document};
use crate::redact;

/// Check the manifests, build systems and back ends of the catalogue
///
/// Reports every mistake at once, each with file, line, code and remedy. No attack is run; whether
/// back ends are Python at all is asked of `python3`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A folder of attacks, or the folder of one attack [default: the workspace's attacks/]
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// Print docs/diagnostics.md: every code and its meaning
    #[arg(long, conflicts_with = "path")]
    codes: bool,
    /// Print the mistakes to standard output as a JSON array
    #[arg(long, conflicts_with = "codes")]
    json: bool,
}

/// Runs it.
pub(super) fn command(args: &CheckArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    if args.codes {
        world.say(&document())?;
        return Ok(Exit::Ok);
    }
    let checked = match &args.path {
        Some(path) => one_place(&world.here.join(path)),
        None => everything(&world.here),
    };
    let checked = checked.and_then(|catalogue| readable(catalogue, world));
    let catalogue = match checked {
        Err(Failure::Catalogue(found)) if args.json => {
            world.say(&as_json(&found, &world.here.clone())?)?;
            return Ok(Exit::Catalogue);
        }
        other => other?,
    };
    if args.json {
        world.say("[]\n")?;
        return Ok(Exit::Ok);
    }
    let benign = catalogue.entries().filter(|attack| attack.is_benign()).count();
    let attacks = catalogue.entries().count() - benign;
    let (attacks, benign) = (plural(attacks, "attack"), plural(benign, "honest build"));
    let mut text = format!("{attacks} and {benign}: no mistake\n");
    let new = unreported(&catalogue, &Workspace::around(&world.here, &Places::default())?)?;
    if !new.is_empty() {
        text.push_str(&included(&new));
    }
    world.say(&text)?;
    Ok(Exit::Ok)
}

/// The attacks that no committed report tells of, where there are reports.
fn unreported<'a>(
    catalogue: &'a Catalogue,
    workspace: &Workspace,
) -> Result<Vec<&'a str>, Failure> {
    let Some(dir) = workspace.reports() else { return Ok(Vec::new()) };
    let reports = library(&dir)?;
    if reports.is_empty() {
        return Ok(Vec::new());
    }
    let is_told = |id: &str| reports.iter().any(|report| report.results.contains_key(id));
    let ids = catalogue.entries().map(|attack| attack.id.0.as_str());
    Ok(ids.filter(|id| !is_told(id)).collect())
}

/// That they are not in the committed reports, and the command that puts them there.
fn included(new: &[&str]) -> String {
    const SHOWN: usize = 6;
    let terms: Vec<_> = new.iter().map(|id| format!("id({id})")).collect();
    let (names, command) = if new.len() > SHOWN {
        (plural(new.len(), "entry"), "harness run --update".to_owned())
    } else {
        let expression = quoted(&terms.join(" | "));
        (new.join(", "), format!("harness run -E {expression} --update"))
    };
    format!("not in the committed reports yet: {names}; `{command}` includes what is new\n")
}

/// The catalogue, if Python can read every back end of it. That nobody can say is told.
fn readable(catalogue: Catalogue, world: &mut World<'_>) -> Result<Catalogue, Failure> {
    match syntax::check(catalogue.entries().map(AsRef::as_ref)) {
        Ok(found) if found.is_empty() => Ok(catalogue),
        Ok(found) => Err(Failure::Catalogue(found)),
        Err(reason) => {
            let reason = redact::one_line(&reason);
            let _ = writeln!(world.err, "note: the back ends were not parsed: {reason}");
            Ok(catalogue)
        }
    }
}

/// The catalogue of the workspace, after its targets and their gaps were read too.
fn everything(here: &Path) -> Result<Catalogue, Failure> {
    let workspace = Workspace::around(here, &Places::default())?;
    let mut everything = contenders(&[], &[], &workspace)?;
    for name in workspace.targets()? {
        everything.extend(contenders(&[Wanted::whole(&name)], &[], &workspace)?);
    }
    workspace.gaps(&everything)?;
    let catalogue = workspace.catalogue()?;
    controls(&catalogue, &workspace, true)?;
    Ok(catalogue)
}

fn as_json(found: &[Diagnostic], here: &Path) -> serde_json::Result<String> {
    let found = found.iter().map(|one| {
        let one = one.clone().seen_from(here);
        json!({
            "code": one.code.number(),
            "meaning": one.code.meaning(),
            "file": one.file,
            "line": one.line,
            "column": one.column,
            "message": one.message,
            "help": one.help,
        })
    });
    serde_json::to_string_pretty(&found.collect::<Vec<_>>()).map(|text| text + "\n")
}

/// The catalogue at `path`, or only what concerns `path` if it is one entry of one.
fn one_place(path: &Path) -> Result<Catalogue, Failure> {
    let dir = if path.ends_with("attack.toml") { path.parent().unwrap_or(path) } else { path };
    let root = match dir.parent().and_then(Path::parent) {
        Some(root) if dir.join("attack.toml").is_file() => root,
        _ => return Catalogue::open(&[dir.to_owned()]).map_err(Failure::Catalogue),
    };
    match Catalogue::open(&[root.to_owned()]) {
        Ok(catalogue) => Ok(catalogue.only_below(dir)),
        Err(mut found) => {
            found.retain(|diagnostic| diagnostic.file.starts_with(dir));
            if found.is_empty() { Ok(Catalogue::default()) } else { Err(Failure::Catalogue(found)) }
        }
    }
}
