//! A policy in a file: a level, extended or cut, paths, variables, limits, and sections for single
//! packages.
//!
//! ```toml
//! level = "full"
//! without = ["hostname"]
//! require = ["secrets", "network"]
//!
//! [paths]
//! read = ["/opt/cuda"]
//!
//! [environment]
//! keep = ["MY_BUILD_*"]
//! delete = ["MY_BUILD_SECRET*"]
//! set = { CC = "clang" }
//!
//! [limits]
//! memory = "8G"
//! timeout = "2h"
//!
//! [artefacts]
//! expect = "numpy==2.1.0"
//! strict = true
//!
//! [package."numpy==2.1.0".limits]
//! memory = "16G"
//! ```
//!
//! What is narrower comes later: the file, then the section of the package, then that of its
//! version, then the command line. Lists add up; everything else is replaced.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::PathBuf;

use super::artefacts::Artefacts;
use super::environment::Pattern;
use super::levels::Level;
use super::limits::{Demand, Limit};
use super::package::{Package, TwoReleases, Wanted};
use super::syscalls::Choice;
use super::{IdentityChoice, Policy};
use crate::words::{Guarantee, Layer};

mod mistake;
mod reader;
mod sections;

pub(crate) use self::sections::SYSCALLS;

pub use mistake::{Mistake, Mistakes};

/// The largest policy file.
const MOST_BYTES: usize = 1 << 20;

/// A policy file that was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyFile {
    /// What it says of every build.
    general: Section,
    /// What it says of single packages.
    packages: Vec<(Package, Section)>,
}

/// What a file, or a section for a package, says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Section {
    level: Option<Level>,
    with: Vec<Layer>,
    without: Vec<Layer>,
    require: Vec<Guarantee>,
    best_effort: Option<bool>,
    identity: Option<IdentityChoice>,
    scratch: Option<PathBuf>,
    paths: Vec<Granted>,
    keep: Vec<Pattern>,
    delete: Vec<Pattern>,
    set: Vec<(OsString, OsString)>,
    /// In their units.
    limits: Vec<(Limit, Demand<u64>)>,
    syscalls: Vec<(Choice, bool)>,
    artefacts: Artefacts,
}

/// A path that is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// Absolute and without `..`.
    pub path: PathBuf,
    /// Whether it may be written.
    pub writable: bool,
    /// Where in the file it stands.
    pub span: std::ops::Range<usize>,
}

impl PolicyFile {
    /// Reads `text`, the content of the file `name`.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let file = if text.len() > MOST_BYTES {
            mistakes.push(Mistake::new(0..0, format!("the file has more than {MOST_BYTES} bytes")));
            Self::default()
        } else {
            sections::read(text, &mut mistakes)
        };
        if mistakes.is_empty() { Ok(file) } else { Err(Mistakes::new(name, text, mistakes)) }
    }

    /// The policy for a build of `wanted`; `level` is the caller's own choice.
    #[must_use]
    pub fn policy(&self, level: Option<Level>, wanted: Option<&Wanted>) -> Policy {
        let sections: Vec<_> = self.sections(wanted).collect();
        let chosen = sections.iter().rev().find_map(|section| section.level);
        let mut policy = Policy::preset(level.or(chosen).unwrap_or(Level::Full));
        for section in sections {
            section.apply(&mut policy);
        }
        policy
    }

    /// The paths that are granted to a build of `wanted`.
    pub fn paths(&self, wanted: Option<&Wanted>) -> impl Iterator<Item = &Granted> {
        self.sections(wanted).flat_map(|section| &section.paths)
    }

    /// What is demanded of what a build of `wanted` hands over.
    #[must_use]
    pub fn artefacts(&self, wanted: Option<&Wanted>) -> Artefacts {
        let demands = self.sections(wanted).map(|section| section.artefacts.clone());
        demands.fold(Artefacts::default(), Artefacts::narrowed)
    }

    /// What is built, where the caller has named it as `package`, and as what it asks a hook for
    /// (`asked`): where it asks for nothing, what the file asks for counts, also where that stands in
    /// a section that only what is built so far has chosen.
    ///
    /// # Errors
    /// Two of them are about different releases.
    pub fn built(
        &self,
        package: Option<&Package>,
        asked: Option<&Package>,
    ) -> Result<Option<Package>, TwoReleases> {
        let mut built = Package::both(package.cloned(), asked.cloned())?;
        while asked.is_none() {
            let narrower = Package::both(built.clone(), self.artefacts(built.as_ref()).expect)?;
            if narrower == built {
                break;
            }
            built = narrower;
        }
        Ok(built)
    }

    /// What applies to a build of `wanted`, the narrowest last.
    fn sections(&self, wanted: Option<&Wanted>) -> impl Iterator<Item = &Section> {
        let applies = |package: &Package| wanted.is_some_and(|wanted| package.covers(wanted));
        let mut narrower: Vec<_> =
            self.packages.iter().filter(|(package, _)| applies(package)).collect();
        narrower.sort_by_key(|(package, _)| package.version.is_some());
        std::iter::once(&self.general).chain(narrower.into_iter().map(|(_, section)| section))
    }
}

impl Section {
    fn apply(&self, policy: &mut Policy) {
        for layer in &self.with {
            policy.layers = policy.layers.with(*layer);
        }
        for layer in &self.without {
            policy.layers = policy.layers.without(*layer);
        }
        policy.required.extend(&self.require);
        policy.best_effort = self.best_effort.unwrap_or(policy.best_effort);
        policy.identity = self.identity.or(policy.identity);
        policy.files.scratch = self.scratch.clone().or(policy.files.scratch.take());
        policy.environment.keep.extend(self.keep.iter().cloned());
        policy.environment.delete.extend(self.delete.iter().cloned());
        policy.environment.set.extend(self.set.iter().cloned());
        for (limit, demand) in &self.limits {
            policy.limits.set(*limit, *demand);
        }
        for (choice, made) in &self.syscalls {
            policy.syscalls = policy.syscalls.set(*choice, *made);
        }
    }
}

#[cfg(test)]
mod tests;
