//! Who has chosen the installation that an executable leads to: the caller, or somebody else who may
//! have written a link on the way to it.
//!
//! | on the way lies | granted of the installation |
//! |---|---|
//! | nothing but the caller's | what Python needs, with packages |
//! | an environment, or another installation | the same without packages and their programs |
//! | a link of a source tree's, a build's or another user's | the same, if the caller's words lead there too or nothing but Pythons lies there |
//!
//! The packages of an installation and its other programs are whatever its user has put there; its
//! standard library is everybody's.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::known_places::is_known_place;
use super::prefix::of_executables;
use super::pythons::NAMES;
use super::{Homes, is_system, pyvenv};
use crate::paths::{self, PathError, Trust};
use crate::payload::Payload;
use crate::policy::files::{PYTHONS, PYTHONS_OF_DATA, PYTHONS_OF_HOME};

/// Who has chosen what is at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The caller.
    Caller,
    /// Whoever has installed into a prefix that the caller has named.
    Installed,
    /// Somebody whom the caller knows nothing of.
    Stranger,
}

/// What the caller's own words lead to.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    /// Whose links are the caller's: none of its trees, of what is granted to be written, and of other
    /// users.
    trust: Trust,
    /// Prefixes that its PATH and its command lead to.
    named: Vec<PathBuf>,
    /// Directories with nothing but installations of Python.
    places: Vec<PathBuf>,
}

impl Chosen {
    /// What the caller of `payload`, whose PATH has `entries`, has chosen.
    pub(super) fn of(payload: &Payload, entries: &[PathBuf], homes: &Homes) -> Self {
        // Without environments: what a link in one of them leads to has a rule of its own.
        let trees = payload.trees.iter().map(|tree| &tree.path);
        let written = payload.grants.iter().filter(|grant| grant.writable).map(|grant| &grant.path);
        let trust = Trust::of_caller(trees.filter(|path| path.parent().is_some()).chain(written));
        let program = payload.program().ok().and_then(|path| path.parent().map(Path::to_owned));
        let directories = entries.iter().chain(&program);
        let named = directories.flat_map(|directory| prefixes(directory, &trust)).collect();
        let places = places(payload).filter_map(|place| paths::open(&place, &trust).ok());
        let places = places.map(|place| place.real).filter(|place| !homes.are_within(place));
        Self { places: places.collect(), named, trust }
    }

    /// Who has chosen where `executable` leads by the paths of `chain`: to the installation `base`, and
    /// through an environment if `environment`.
    pub(super) fn by(
        &self,
        executable: &Path,
        chain: &[PathBuf],
        base: Option<&Path>,
        environment: bool,
    ) -> By {
        if matches!(paths::open(executable, &self.trust), Err(PathError::Link { .. })) {
            return By::Stranger;
        }
        let directories = chain.iter().filter_map(|path| path.parent()?.canonicalize().ok());
        let mut others = directories.filter_map(|directory| of_executables(&directory));
        if environment || others.any(|prefix| Some(&*prefix) != base && !is_system(&prefix)) {
            return By::Installed;
        }
        By::Caller
    }

    /// Whether `prefix` is one that the caller's words lead to, or an installation in a place that is
    /// known to hold nothing but tools.
    pub(super) fn confirms(&self, prefix: &Path) -> bool {
        let within = |place: &PathBuf| prefix != place && prefix.starts_with(place);
        let known = is_known_place(prefix) || self.places.iter().any(within);
        self.names(prefix) || known && !pyvenv::is_environment(prefix)
    }

    /// Whether `prefix` is one that the caller's words lead to.
    pub(super) fn names(&self, prefix: &Path) -> bool {
        is_system(prefix) || self.named.iter().any(|named| named == prefix)
    }

    /// What nobody has said anything about; every link is the caller's.
    #[cfg(test)]
    pub(super) const fn nothing() -> Self {
        Self { trust: Trust::All, named: Vec::new(), places: Vec::new() }
    }
}

/// The prefix that a directory of programs belongs to; where it belongs to none, those that the links
/// of interpreters in it lead to.
fn prefixes(directory: &Path, trust: &Trust) -> Vec<PathBuf> {
    let Ok(opened) = paths::open(directory, trust) else { return vec![] };
    if is_system(&opened.real) {
        return vec![];
    }
    let environment = opened.real.parent().filter(|prefix| pyvenv::is_environment(prefix));
    let own = environment.map(Path::to_owned).or_else(|| of_executables(&opened.real));
    if let Some(own) = own {
        return vec![own];
    }
    let pythons = NAMES.iter().filter_map(|name| paths::open(&opened.real.join(name), trust).ok());
    pythons.filter_map(|python| python.real.parent().and_then(of_executables)).collect()
}

/// Where programs that install Pythons put them.
fn places(payload: &Payload) -> impl Iterator<Item = PathBuf> {
    let below = |place: Option<PathBuf>, parts: &'static [&'static str]| {
        place.into_iter().flat_map(|place| parts.iter().map(move |part| place.join(part)))
    };
    let home = payload.place_in("HOME");
    let data = home.as_ref().map(|home| home.join(".local/share"));
    let data = payload.place_in("XDG_DATA_HOME").or(data);
    let named = PYTHONS.iter().filter_map(|(name, part)| Some(payload.place_in(name)?.join(part)));
    named.chain(below(home, PYTHONS_OF_HOME)).chain(below(data, PYTHONS_OF_DATA))
}

#[cfg(test)]
#[path = "chosen_tests.rs"]
mod tests;
