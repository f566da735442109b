//! `harness schema`: the JSON Schemas of what others read and write.
#![forbid(unsafe_code)]

use clap::Args;
use sandbox::UnknownWord;

use super::exit::Exit;
use super::failure::Failure;
use super::workspace::Workspace;
use super::{Places, World};
use crate::report::publish::{Page, publish};
use crate::report::redact::Canaries;
use crate::report::schemas;

/// Print a JSON Schema, or write all of them
///
/// They describe attack.toml, target.toml, gaps.toml, harness.toml, the policy file of bulkhead, the
/// reports, the ablation and run.json. Editors and validators can use them; `harness check` finds more, as names that nobody has.
#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Its name [default: list the names]
    name: Option<String>,
    /// Write the workspace's docs/schemas/
    #[arg(long, conflicts_with = "name")]
    update: bool,
}

/// Runs it.
pub(super) fn command(args: &SchemaArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let all = schemas::all();
    if args.update {
        let dir = Workspace::around(&world.here, &Places::default())?.documents()?.join("schemas");
        let mut pages = Vec::new();
        for schema in &all {
            let file = dir.join(format!("{}.schema.json", schema.name));
            pages.push(Page { file, text: schema.render()? });
        }
        publish(&pages, &Canaries::default())?;
        return Ok(Exit::Ok);
    }
    let names: Vec<_> = all.iter().map(|schema| schema.name).collect();
    let text = match &args.name {
        None => names.join("\n") + "\n",
        Some(name) => match all.iter().find(|schema| schema.name == name) {
            Some(schema) => schema.render()?,
            None => return Err(UnknownWord::new("schema", name, &names).into()),
        },
    };
    world.say(&text)?;
    Ok(Exit::Ok)
}
