//! The tool chains that the caller's PATH and variables name.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::Path;

use super::directory::named;
use super::known_places::in_known_place;
use super::{Lookup, Withheld, conda, system};
use crate::paths;
use crate::payload::Payload;
use crate::policy::environment::EnvironmentPolicy;
use crate::policy::files::{CARGO_HOME, CARGO_PROGRAMS, RUSTUP_HOME, RUSTUP_PARTS};

/// Grants `payload` the tool chains that its caller's PATH names, and those in the known places that
/// the variables name which reach it under `policy`. Gives what was left out.
pub fn search(payload: &mut Payload, policy: &EnvironmentPolicy, lookup: &Lookup) -> Vec<Withheld> {
    let (mut withheld, mut looked_through) = (Vec::new(), BTreeSet::new());
    for entry in &lookup.entries {
        let mut found = named(payload, entry, lookup);
        // Hundreds of links, and PATH names most such directories twice: `/bin` is `/usr/bin`.
        if let Ok(directory) = entry.canonicalize()
            && looked_through.insert(directory.clone())
        {
            found.add(system::linked(payload, &directory, lookup));
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
            && let Some(mut found) = in_known_place(&opened.real, &lookup.homes, &activated)
        {
            found.links.extend(opened.links);
            found.grant(payload);
        }
    }
    withheld
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
