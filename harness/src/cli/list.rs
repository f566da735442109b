//! `harness list`: the catalogue as a table.
#![forbid(unsafe_code)]

use std::fmt::Write;

use clap::Args;

use super::exit::Exit;
use super::failure::Failure;
use super::workspace::Workspace;
use super::{Places, World, background};
use crate::catalogue::attack::Attack;
use crate::report::schema::Listed;
use crate::schedule::filter::{Filter, View};

/// List the attacks and honest builds
#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only what an expression finds; `harness run --help` explains them
    #[arg(short = 'E', long = "expression", value_name = "EXPR")]
    expression: Option<Filter>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    places: Places,
}

/// Runs it.
pub(super) fn command(args: &ListArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let workspace = Workspace::around(&world.here, &args.places)?;
    let catalogue = workspace.catalogue()?;
    let known = background::of(args.expression.as_ref(), &workspace, &catalogue)?;
    let view = View { place: None, known: &known };
    let wanted =
        |attack: &&Attack| args.expression.as_ref().is_none_or(|one| one.finds(attack, &view));
    let found: Vec<_> = catalogue.entries().map(AsRef::as_ref).filter(wanted).collect();
    let text = if args.json {
        let listed: Vec<_> = found.into_iter().map(Listed::of).collect();
        serde_json::to_string_pretty(&listed)? + "\n"
    } else {
        table(&found)
    };
    world.say(&text)?;
    Ok(Exit::Ok)
}

fn table(found: &[&Attack]) -> String {
    let rows: Vec<_> = found.iter().copied().map(Listed::of).collect();
    let layers = |row: &Listed| row.stopped_by.join(" ");
    let id = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
    let by = rows.iter().map(|row| layers(row).len()).max().unwrap_or(0).max("stopped by".len());
    let mut text = String::new();
    let mut line = |cells: [&str; 4]| {
        let [one, two, three, four] = cells;
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{one:id$}  {two:8}  {three:by$}  {four}");
    };
    line(["id", "severity", "stopped by", "title"]);
    for row in &rows {
        line([&row.id, row.severity.unwrap_or("-"), &layers(row), &row.title]);
    }
    text
}
