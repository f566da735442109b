//! `harness check`: every mistake of every manifest in one pass.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::failure::{Failure, plural};
use super::wanted::{contenders, controls};
use super::workspace::Workspace;
use super::{Places, World};
use crate::catalogue::Catalogue;
use crate::catalogue::diagnostic::document;

/// Check the manifests, build systems and back ends of the catalogue
///
/// Reports every mistake at once, each with file, line, code and remedy. Nothing is run.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// A folder of attacks, or the folder of one attack [default: the workspace's attacks/]
    #[arg(value_name = "PATH")]
    path: Option<PathBuf>,
    /// Print docs/diagnostics.md: every code and its meaning
    #[arg(long, conflicts_with = "path")]
    codes: bool,
}

/// Runs it.
pub(super) fn command(args: &CheckArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    if args.codes {
        world.say(&document())?;
        return Ok(Exit::Ok);
    }
    let catalogue = if let Some(path) = &args.path {
        one_place(&world.here.join(path))?
    } else {
        let workspace = Workspace::around(&world.here);
        let mut everything = contenders(&[], &[], &workspace)?;
        for name in workspace.targets()? {
            let whole = name.parse().unwrap_or_else(|never| match never {});
            everything.extend(contenders(&[whole], &[], &workspace)?);
        }
        workspace.gaps(&everything)?;
        let catalogue = workspace.catalogue(&Places { catalogue: Vec::new() })?;
        controls(&catalogue, &workspace)?;
        catalogue
    };
    let benign = catalogue.entries().filter(|attack| attack.is_benign()).count();
    let attacks = catalogue.entries().count() - benign;
    let (attacks, benign) = (plural(attacks, "attack"), plural(benign, "honest build"));
    world.say(&format!("{attacks} and {benign}: no mistake\n"))?;
    Ok(Exit::Ok)
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
