//! `harness coverage`: what the catalogue covers of what is known.
#![forbid(unsafe_code)]

use std::fs;

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::workspace::Workspace;
use super::{Places, World};
use crate::report::coverage::{Lists, render};

/// Print docs/coverage.md, or write it
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct CoverageArgs {
    #[command(flatten)]
    places: Places,
    /// Write the workspace's docs/coverage.md
    #[arg(long)]
    update: bool,
}

/// Runs it.
pub(super) fn command(args: &CoverageArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let text = render(&workspace.catalogue()?, &Lists::known()?);
    if args.update {
        let file = workspace.documents()?.join("coverage.md");
        fs::write(&file, text).map_err(|source| Failure::Document { file, source })?;
    } else {
        world.say(&text)?;
    }
    Ok(Exit::Ok)
}
