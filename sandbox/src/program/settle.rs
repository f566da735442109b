//! Every path that a caller names, followed once before anything is decided, and held open.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::error::Failure;
use crate::paths::{self, PathError, Trust};
use crate::payload::{HeldPaths, Payload};
use crate::policy::Policy;

/// A demand whose paths are without links.
pub(super) struct Settled {
    pub(super) policy: Policy,
    pub(super) payload: Payload,
    /// What keeps the files that were looked at the same until the launch is over.
    _held: HeldPaths,
}

/// Follows every path of `policy` and `payload`.
pub(super) fn settle(policy: &Policy, payload: &Payload) -> Result<Settled, Failure> {
    let (mut policy, mut payload) = (policy.clone(), payload.clone());
    let mut held = payload.settle()?;
    let trust = payload.trust(&[]);
    if let Some(scratch) = &mut policy.files.scratch {
        let opened = paths::open(scratch, &trust).map_err(|problem| Failure::Place {
            what: "scratch directory",
            path: scratch.clone(),
            problem,
        })?;
        refuse_strange("scratch directory", &opened.real, &trust)?;
        *scratch = opened.real;
        held.keep(opened.file);
    }
    if let Some(runtime) = &policy.runtime {
        let runtime = std::path::absolute(runtime).map_err(Failure::Directory)?;
        refuse_strange("runtime directory", &existing(&runtime), &trust)?;
        policy.runtime = Some(runtime);
    }
    Ok(Settled { policy, payload, _held: held })
}

/// A place in which the supervisor makes and removes directories by their names must not be one in
/// which others could exchange them.
fn refuse_strange(what: &'static str, path: &Path, trust: &Trust) -> Result<(), Failure> {
    let failed = |problem| Failure::Place { what, path: path.to_owned(), problem };
    match paths::stranger(path, trust).map_err(failed)? {
        None => Ok(()),
        Some(stranger) => Err(Failure::Strange { what, path: path.to_owned(), stranger }),
    }
}

/// The part of `path` that is there: the rest is made by nobody but the supervisor.
fn existing(path: &Path) -> PathBuf {
    let there =
        |path: &&Path| !matches!(paths::open(path, &Trust::All), Err(PathError::Missing(_)));
    path.ancestors().find(there).unwrap_or(path).to_owned()
}

/// Notes the names that the caller's `variables`, which are lists of paths, have for places in the
/// trees of `payload`: a front end may know its source tree through a link.
pub(super) fn note_names(payload: &mut Payload, variables: &[&str]) {
    let values = variables.iter().filter_map(|name| payload.variable(name));
    let names: Vec<PathBuf> = values.flat_map(elements).collect();
    for name in names.iter().filter(|name| name.is_absolute()) {
        payload.note_name(name);
    }
}

/// The paths of a list with colons or in JSON: `pyproject_hooks` has had both forms.
fn elements(value: &OsStr) -> Vec<PathBuf> {
    let json = value.to_str().filter(|text| text.starts_with('['));
    match json.map(serde_json::from_str::<Vec<PathBuf>>) {
        Some(Ok(elements)) => elements,
        _ => std::env::split_paths(value).collect(),
    }
}
