//! An environment built from an allow list, composed here and nowhere else, so that no path to a
//! hook can forget it.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::payload::Payload;
use crate::policy::Policy;
use crate::policy::environment::OFFLINE;
use crate::policy::files::{HOME, USER};
use crate::words::Layer;

/// The environment of the payload, sorted by name.
#[must_use]
pub fn resolve(policy: &Policy, payload: &Payload) -> Vec<(OsString, OsString)> {
    let mut composed = BTreeMap::new();
    let own = policy.layers.has(Layer::Environment);
    for (name, value) in &payload.environment {
        if !own || policy.environment.rule(name, value).passes() {
            composed.insert(name.clone(), value.clone());
        }
    }
    if own && let Some(path) = composed.get_mut(OsStr::new("PATH")) {
        *path = absolute_entries(path);
    }
    if policy.layers.has(Layer::Network) {
        composed.extend(OFFLINE.iter().map(|(name, value)| ((*name).into(), (*value).into())));
    }
    if policy.layers.has(Layer::Mounts) {
        for (name, value) in [("HOME", HOME), ("TMPDIR", "/tmp"), ("USER", USER), ("LOGNAME", USER)]
        {
            composed.insert(name.into(), value.into());
        }
    }
    composed.extend(policy.environment.set.iter().cloned());
    composed.into_iter().collect()
}

/// PATH without its relative entries, which would name whatever lies in the working directory.
fn absolute_entries(path: &OsStr) -> OsString {
    let entries = std::env::split_paths(path).filter(|entry| Path::new(entry).is_absolute());
    std::env::join_paths(entries).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::levels::Level;
    use std::path::PathBuf;

    fn composed(level: Level, variables: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        let environment =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let payload =
            Payload::command(vec!["true".into()], PathBuf::from("/w"), environment).unwrap();
        resolve(&Policy::preset(level), &payload).into_iter().collect()
    }

    #[test]
    fn no_path_to_a_hook_can_forget_that_a_build_is_offline() {
        for level in [Level::Network, Level::Proposal, Level::Full] {
            let composed = composed(level, &[("CARGO_NET_OFFLINE", "false")]);
            assert_eq!(composed.get(OsStr::new("CARGO_NET_OFFLINE")), Some(&"true".into()));
        }
    }

    #[test]
    fn home_and_temporary_files_point_inside() {
        let composed = composed(Level::Full, &[("HOME", "/root"), ("TMPDIR", "/srv/tmp")]);
        assert_eq!(composed.get(OsStr::new("HOME")), Some(&HOME.into()));
        assert_eq!(composed.get(OsStr::new("TMPDIR")), Some(&"/tmp".into()));
    }

    #[test]
    fn relative_entries_of_path_do_not_pass() {
        let composed = composed(Level::Full, &[("PATH", "/usr/bin:.::bin:/bin")]);
        assert_eq!(composed.get(OsStr::new("PATH")), Some(&"/usr/bin:/bin".into()));
    }
}
