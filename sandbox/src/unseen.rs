//! What of its caller's surroundings a build does not get, with the switch that would give it: entries
//! of PATH, places that variables name, variables that the package asks for, links out of the tree.
//!
//! A tool that exists is otherwise "not found", and a package that is steered by a variable silently
//! becomes another one. Only what can be told without running anything is told, and none of it is a
//! promise: the package's own files are read as hostile bytes, and bounded.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::{Path, PathBuf};

use crate::layers::environment::Origin;
use crate::paths;
use crate::payload::{Payload, Purpose};
use crate::plan::Plan;
use crate::policy::environment::Ruling;
use crate::tools::Withheld;

mod links;
mod mentions;
mod visible;

pub(crate) use visible::Visible;

/// One thing that a build does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    /// What is not there, and what would help, as one clause.
    pub text: String,
    /// It is told only where everything is: it may be a secret, or is far-fetched.
    pub quiet: bool,
}

impl Unseen {
    const fn told(text: String) -> Self {
        Self { text, quiet: false }
    }

    const fn listed(text: String) -> Self {
        Self { text, quiet: true }
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Variables that only say something of the caller's session, which a build has none of.
const SESSION: &[&str] = &[
    "PWD",
    "OLDPWD",
    "SHLVL",
    "_",
    "SHELL",
    "HOSTNAME",
    "HOST",
    "MAIL",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "EDITOR",
    "VISUAL",
    "PAGER",
    "LESSOPEN",
    "LS_COLORS",
    "TMP",
    "TEMP",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "PS1",
    "HISTFILE",
];
/// Beginnings of names of the same kind.
const SESSIONS: &[&str] = &["XDG_", "SSH_", "DBUS_", "GPG_", "SUDO_", "TERM_PROGRAM"];

/// Variables that name where programs manage others, which matters only where PATH names these.
const MANAGERS: &[&str] = &["PYENV_ROOT", "CARGO_HOME", "RUSTUP_HOME"];

/// Variables whose loss is told whether or not anything mentions them.
const ALWAYS: &[&str] = &["LD_LIBRARY_PATH"];

/// How far it is looked for what a build may miss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// As far as a launch has time for.
    Launch,
    /// As far as `explain` has.
    Explain,
}

/// What the build of `payload` under `plan` does not get; `withheld` is what the search for tools has
/// left out.
#[must_use]
pub fn unseen(plan: &Plan, payload: &Payload, withheld: &[Withheld], depth: Depth) -> Vec<Unseen> {
    let Some(visible) = Visible::under(plan) else { return vec![] };
    let mut found = Vec::new();
    let mut places = entries(payload, &visible);
    places.extend(named_places(plan, payload, &visible));
    for Withheld { path, why } in withheld {
        let told = format!("{} is not granted, for {why}; `--ro {0}` grants it", path.display());
        places.push((path.clone(), Unseen::told(told)));
    }
    let mut told: Vec<PathBuf> = Vec::new();
    for (path, unseen) in places {
        // A place is told once, whatever names it.
        if !told.contains(&path) {
            told.push(path);
            found.push(unseen);
        }
    }
    found.extend(variables(plan, payload));
    for tree in payload.trees.iter().filter(|tree| tree.purpose == Purpose::Source) {
        found.extend(links::of_tree(tree, &visible, depth));
    }
    found.extend(links::of_system(&visible, depth));
    found
}

/// The entries of PATH that exist and that the build does not see.
fn entries(payload: &Payload, visible: &Visible) -> Vec<(PathBuf, Unseen)> {
    let entries = payload.search_path().filter(|entry| entry.is_dir());
    let hidden = entries.filter(|entry| !visible.has(entry));
    hidden
        .map(|entry| {
            let text = format!(
                "{0}, an entry of PATH, is not there for the build; `--ro {0}` grants it",
                entry.display()
            );
            (entry, Unseen::told(text))
        })
        .collect()
}

/// The places that variables name which reach the build, and that it does not see.
fn named_places(plan: &Plan, payload: &Payload, visible: &Visible) -> Vec<(PathBuf, Unseen)> {
    let mut found = Vec::new();
    for (name, origin) in &plan.environment.origins {
        let own = matches!(origin, Origin::Ruled(_) | Origin::Unfiltered | Origin::Set);
        if !own || !origin.passes() || name == "PATH" {
            continue;
        }
        let value = payload.environment.iter().find(|(known, _)| known == name);
        let set = plan.environment.variables.iter().find(|(known, _)| known == name);
        let Some((_, value)) = value.or(set) else { continue };
        for place in paths::among(value).into_iter().filter(|place| place.exists()) {
            // Of an environment or a tool chain in a home its parts are there.
            if !visible.has(&place) && !visible.has(&place.join("bin")) {
                let text = format!(
                    "{} names {1}, which is not there for the build; `--ro {1}` grants it",
                    name.display(),
                    place.display()
                );
                let manager = MANAGERS.iter().any(|known| name == known);
                let unseen = if manager { Unseen::listed(text) } else { Unseen::told(text) };
                found.push((place, unseen));
            }
        }
    }
    found
}

/// A variable that does not reach the build, and that the package or the command asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Its name.
    pub name: String,
    /// Why it is not passed on, and why that may matter.
    pub why: String,
    /// It may be a secret.
    pub secret: bool,
}

/// The variables that do not reach the build of `payload` under `plan`, and that the package or the
/// command asks for.
#[must_use]
pub fn dropped(plan: &Plan, payload: &Payload) -> Vec<Dropped> {
    let dropped = plan.environment.origins.iter().filter_map(|(name, origin)| match origin {
        Origin::Ruled(ruling) if !ruling.passes() => Some((name.to_str()?, *ruling)),
        _ => None,
    });
    let dropped: Vec<_> = dropped
        .filter(|(name, ruling)| {
            !matches!(ruling, Ruling::Deleted | Ruling::BadName)
                && !SESSION.contains(name)
                && !SESSIONS.iter().any(|begin| name.starts_with(begin))
        })
        .collect();
    if dropped.is_empty() {
        return vec![];
    }
    let names: Vec<_> = dropped.iter().map(|(name, _)| *name).collect();
    let mentioned = mentions::among(&names, payload);
    let asked_for = dropped.into_iter().filter_map(|(name, ruling)| {
        let by = mentioned.iter().find(|(known, _)| known == name).map(|(_, by)| by.as_str());
        let why = match (by, ALWAYS.contains(&name)) {
            (Some(by), _) => format!("it is {}, and {by} mentions it", reason(ruling)),
            (None, true) => format!("it is {}, and programs may need it", reason(ruling)),
            (None, false) => return None,
        };
        // What may be a secret is nothing to be talked into.
        let secret = matches!(ruling, Ruling::SecretName | Ruling::SecretValue);
        let secret = secret || crate::policy::environment::may_be_secret(name);
        Some(Dropped { name: name.to_owned(), why, secret })
    });
    asked_for.collect()
}

/// What is told of these variables.
fn variables(plan: &Plan, payload: &Payload) -> Vec<Unseen> {
    let told = dropped(plan, payload).into_iter().map(|Dropped { name, why, secret }| {
        let text =
            format!("{name} does not reach the build, for {why}; `--env {name}` passes it on");
        if secret { Unseen::listed(text) } else { Unseen::told(text) }
    });
    told.collect()
}

const fn reason(ruling: Ruling) -> &'static str {
    match ruling {
        Ruling::SecretName | Ruling::SecretValue => "a secret, by the look of it",
        _ => "on no list",
    }
}

/// A path in a sentence.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
#[path = "unseen/tests.rs"]
mod tests;
