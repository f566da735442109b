//! The tool chains that the caller's PATH and variables name.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::chosen::NAMES;
use super::interpreter::{InterpreterError, is_executable};
use super::program::looked_at;
use super::{Found, Homes, Share, Withheld, conda, is_system, prefix, pyenv, pyvenv, system};
use crate::paths::{self, Opened, PathError, Trust};
use crate::payload::{Payload, is_normal};
use crate::policy::environment::EnvironmentPolicy;
use crate::policy::files::{
    CARGO_HOME, CARGO_PROGRAMS, RUSTUP_HOME, RUSTUP_PARTS, STORES, TOOL_ROOTS,
};

/// Grants `payload` the tool chains that its caller's PATH names, and those in the known places that
/// the variables name which reach it under `policy`. Gives what was left out.
pub fn search(payload: &mut Payload, policy: &EnvironmentPolicy, homes: &Homes) -> Vec<Withheld> {
    let entries: Vec<_> = payload.search_path().collect();
    let (mut withheld, mut looked_through) = (Vec::new(), BTreeSet::new());
    for entry in &entries {
        let mut found = named(payload, entry, &entries, homes);
        // Hundreds of links, and PATH names most such directories twice: `/bin` is `/usr/bin`.
        if let Ok(directory) = entry.canonicalize()
            && looked_through.insert(directory.clone())
        {
            found.add(system::linked(payload, &directory, &entries, homes));
        }
        withheld.extend(found.withheld.iter().cloned());
        found.grant(payload);
        grant_rust(payload, entry);
    }
    let passing = payload
        .environment
        .iter()
        .filter(|(name, value)| name != "PATH" && policy.rule(name, value).passes());
    let places: Vec<_> =
        passing.flat_map(|(_, value)| paths::among(value)).filter(|it| it.exists()).collect();
    let (trust, activated) = (payload.trust(&[]), conda::activated(payload));
    for place in places {
        // Only in places where nothing but tools lies; any other is the caller's to grant.
        if let Ok(opened) = paths::open(&place, &trust)
            && let Some(mut found) = in_known_place(&opened.real, homes, &activated)
        {
            found.links.extend(opened.links);
            found.grant(payload);
        }
    }
    withheld
}

/// What the directory `entry`, which the caller names as one of programs, brings along.
pub(super) fn named(payload: &Payload, entry: &Path, entries: &[PathBuf], homes: &Homes) -> Found {
    if paths::open(entry, &Trust::All).is_ok_and(|it| it.links.is_empty() && is_system(&it.real)) {
        return Found::default();
    }
    let Opened { real, links, .. } = match paths::open(entry, &payload.trust(&[])) {
        Ok(opened) => opened,
        Err(problem @ PathError::Link { .. }) => {
            let why = problem.to_string();
            let withheld = vec![Withheld { path: entry.to_owned(), why }];
            return Found { withheld, ..Found::default() };
        }
        Err(_) => return Found::default(),
    };
    let mut found = Found { links, ..Found::default() };
    if is_system(&real) {
        return found;
    }
    // What lies in the tree the build has of its own; what an environment there is based on it has not.
    let in_tree = payload.trees.iter().any(|tree| real.starts_with(&tree.path));
    let activated = conda::activated(payload);
    if let Some(known) = in_known_place(&real, homes, &activated).filter(|_| !in_tree) {
        found.add(known);
    } else if let Some(prefix) = activated.iter().find(|prefix| real.starts_with(prefix)) {
        found.add(conda::prefix(prefix, homes));
    } else if let Some(root) = pyenv::root(payload, &real) {
        found.add(pyenv::parts(payload, &root, entries, homes));
    }
    let python = NAMES.iter().map(|name| real.join(name)).find(|path| is_executable(path));
    let environment = real.parent().filter(|prefix| pyvenv::is_environment(prefix));
    if let Some(python) = python {
        // Where a shim is first in a directory, its interpreter is another's.
        match looked_at(payload, &python, entries, homes) {
            Ok(interpreter) => found.add(interpreter.found),
            Err(problem @ InterpreterError::Stranger { .. }) => {
                found.withheld.push(problem.withheld(real.clone()));
            }
            Err(problem) if environment.is_some() => {
                found.withheld.push(problem.withheld(real.clone()));
            }
            Err(_) => {}
        }
    } else if let Some(prefix) = environment {
        found.add(prefix::environment(prefix, homes));
    }
    found
}

/// What is granted of a place that is known to hold nothing but tools, and of the prefixes `activated` by
/// the caller there.
fn in_known_place(real: &Path, homes: &Homes, activated: &[PathBuf]) -> Option<Found> {
    if let Some(store) = store(real) {
        return Some(Found { shares: vec![Share::all(store)], ..Found::default() });
    }
    let root = tool_root(real)?;
    // Environments may lie side by side there, and one is never granted with another. What marks a
    // place as one only makes the grant smaller: each mark leaves of what is around it what it allows.
    let mut looks = None;
    for place in real.ancestors().take_while(|path| path.starts_with(&root)) {
        if activated.iter().any(|prefix| prefix == place) {
            return Some(conda::prefix(place, homes));
        }
        if place != root && pyvenv::is_environment(place) {
            let environment = prefix::environment(place, homes);
            return Some(within(environment, looks, homes));
        }
        if looks.is_none() && conda::looks_like_one(place) {
            looks = Some(place);
        }
    }
    Some(within(prefix::tool_chain(&root, homes), looks, homes))
}

/// Of what is found that part which the prefix of conda's `looks` would have too, where there is one.
fn within(found: Found, looks: Option<&Path>, homes: &Homes) -> Found {
    match looks {
        Some(place) => prefix::both(conda::prefix(place, homes), found),
        None => found,
    }
}

/// Whether `real` lies in a place that is known to hold nothing but tools.
pub(super) fn is_known_place(real: &Path) -> bool {
    store(real).is_some() || tool_root(real).is_some()
}

/// The store in which `path` lies: everything in it may lean on everything else, and all of it may be
/// read by everybody.
pub(super) fn store(path: &Path) -> Option<PathBuf> {
    STORES.iter().map(PathBuf::from).find(|store| path.starts_with(store))
}

/// The directory that is granted for a place below a known root of tool chains: for `/opt/rust/bin` it
/// is that tool chain, `/opt/rust`.
fn tool_root(path: &Path) -> Option<PathBuf> {
    if !is_normal(path) || is_system(path) {
        return None;
    }
    let root = TOOL_ROOTS.iter().find(|root| path.starts_with(root) && path != Path::new(root))?;
    let first = path.strip_prefix(root).ok()?.components().next()?;
    Some(Path::new(root).join(first))
}

/// Where PATH names cargo's programs: grants them and rustup's tool chains, and says where these are.
/// The programs only start rustup, which looks for them below HOME, and the build has another one.
fn grant_rust(payload: &mut Payload, entry: &Path) {
    let home = payload.place_in("HOME");
    let cargo = payload.place_in(CARGO_HOME).map(|cargo| cargo.join("bin"));
    let own = home.as_ref().map(|home| home.join(CARGO_PROGRAMS));
    if ![cargo, own].into_iter().flatten().any(|programs| programs == entry) {
        return;
    }
    let trust = payload.trust(&[]);
    let solid = |path: &Path| Some(paths::open(path, &trust).ok()?.real);
    let named = payload.place_in(RUSTUP_HOME);
    let rustup = named.clone().or_else(|| home.map(|home| home.join(".rustup")));
    let parts = rustup.iter().flat_map(|rustup| RUSTUP_PARTS.iter().map(|part| rustup.join(part)));
    let paths: Vec<_> = std::iter::once(entry.to_owned()).chain(parts).collect();
    for path in paths {
        if let Some(real) = solid(&path) {
            payload.links.extend((real != path).then(|| (path, real.clone())));
            payload.grant(real);
        }
    }
    if let (None, Some(rustup)) = (named, rustup.filter(|rustup| rustup.is_dir())) {
        payload.environment.push((RUSTUP_HOME.into(), rustup.into()));
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
