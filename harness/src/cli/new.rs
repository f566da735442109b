//! `harness new`: an attack that works, to be made into another one.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::Args;
use sandbox::Guarantee;

use super::World;
use super::exit::Exit;
use super::failure::Failure;
use crate::report::publish::{Page, publish};
use crate::report::redact::Canaries;

/// The files of the scaffold.
const FILES: [(&str, &str); 3] = [
    ("attack.toml", include_str!("scaffold/attack.toml")),
    ("pyproject.toml", include_str!("scaffold/pyproject.toml")),
    ("backend.py", include_str!("scaffold/backend.py")),
];

/// Write the scaffold of a new attack
///
/// It passes `harness check` and, unedited, gets through where nothing stops it, so that every
/// edit can be tried at once.
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// Its id: a guarantee and a name of its own, as secrets/netrc-read
    id: String,
    /// The folder of attacks [default: the workspace's attacks/]
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
}

/// Runs it.
pub(super) fn command(args: &NewArgs, world: &mut World<'_>) -> Result<Exit, Failure> {
    let (guarantee, slug) = args.id.split_once('/').ok_or_else(|| unnamed(&args.id))?;
    guarantee.parse::<Guarantee>()?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !slug.chars().all(fits) || !slug.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(unnamed(&args.id));
    }
    let attacks = if let Some(dir) = &args.catalogue {
        world.here.join(dir)
    } else {
        let mut found = world.here.ancestors().map(|dir| dir.join("attacks"));
        let nowhere = || Failure::NoAttacks { here: world.here.clone() };
        found.find(|dir| dir.is_dir()).ok_or_else(nowhere)?
    };
    let dir = attacks.join(guarantee).join(slug);
    if dir.exists() {
        return Err(Failure::Exists { dir });
    }
    let page = |(name, text): (&str, &str)| Page {
        file: dir.join(name),
        text: text.replace("{id}", &args.id),
    };
    publish(&FILES.map(page), &Canaries::default())?;
    let shown = dir.strip_prefix(&world.here).unwrap_or(&dir).display().to_string();
    // A folder that had to be named has to be named again.
    let named = args.catalogue.as_ref().map(|dir| format!(" --catalogue {}", dir.display()));
    world.say(&format!(
        "{shown}: edit attack.toml and backend.py, then\n  harness check {shown}\n  \
         harness run -E {id}{named}\n  harness ablate -E {id}{named}\n",
        id = args.id,
        named = named.unwrap_or_default(),
    ))?;
    Ok(Exit::Ok)
}

fn unnamed(id: &str) -> Failure {
    Failure::Unnamed { id: id.to_owned() }
}
