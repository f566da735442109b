//! What a directory of programs brings along that PATH, or the path of the command, names.
#![forbid(unsafe_code)]

use std::path::Path;

use super::interpreter::looked_at;
use super::interpreter_error::InterpreterError;
use super::known_places::in_known_place;
use super::lookup::Lookup;
use super::pythons::{NAMES, is_executable};
use super::{Found, Withheld, conda, is_system, prefix, pyenv, pyvenv};
use crate::paths::{self, Opened, PathError, Trust};
use crate::payload::Payload;

/// What the directory `entry`, which the caller names as one of programs, brings along.
pub(super) fn named(payload: &Payload, entry: &Path, lookup: &Lookup) -> Found {
    let homes = &lookup.homes;
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
        let parts = || pyenv::parts(payload, &root, lookup);
        found.add(lookup.pyenv.get_or_init(parts).clone());
    }
    let python = NAMES.iter().map(|name| real.join(name)).find(|path| is_executable(path));
    let environment = real.parent().filter(|prefix| pyvenv::is_environment(prefix));
    if let Some(python) = python {
        // Where a shim is first in a directory, its interpreter is another's.
        match looked_at(payload, &python, lookup) {
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
