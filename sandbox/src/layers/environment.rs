//! An environment built from an allow list, composed here and nowhere else, so that no path to a
//! hook can forget it.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use crate::payload::Payload;
use crate::policy::Policy;
use crate::policy::environment::{OFFLINE, Ruling, jobserver, looks_secret};
use crate::policy::files::{HOME, USER};
use crate::words::Layer;

/// Why a variable is in the environment of the payload, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The caller has it, and this rule lets it pass or drops it.
    Ruled(Ruling),
    /// The caller has it, and the layer is off.
    Unfiltered,
    /// It tells build tools that there is no network.
    Offline,
    /// It points at the private directories and the user inside.
    Inside,
    /// It lets git read what the caller granted and owns.
    Shared,
    /// The caller set it for the payload.
    Set,
}

impl Origin {
    /// Whether the variable is in the environment.
    #[must_use]
    pub const fn passes(self) -> bool {
        !matches!(self, Self::Ruled(ruling) if !ruling.passes())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ruled(ruling) => ruling.text(),
            Self::Unfiltered => "the caller's, not filtered",
            Self::Offline => "tells tools that they are offline",
            Self::Inside => "points inside",
            Self::Shared => "git reads what is granted, whose user is another",
            Self::Set => "set by the caller",
        })
    }
}

/// The environment of a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// What it gets, sorted by name.
    pub variables: Vec<(OsString, OsString)>,
    /// Every variable that was decided about, and how; sorted by name.
    pub origins: Vec<(OsString, Origin)>,
}

impl Environment {
    /// The value of a variable, if it may be shown: what may be a secret may not, whoever lets it pass.
    #[must_use]
    pub fn shown(&self, name: &OsStr, origin: Origin) -> Option<&OsStr> {
        let (_, value) = self.variables.iter().find(|(known, _)| known == name)?;
        let secret = match origin {
            Origin::Ruled(ruling) => ruling.may_be_secret(),
            Origin::Unfiltered => true,
            Origin::Set => looks_secret(name, value),
            Origin::Offline | Origin::Inside | Origin::Shared => false,
        };
        (!secret).then_some(value.as_os_str())
    }
}

/// Where the payload finds its own directories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Its home.
    pub home: PathBuf,
    /// Its temporary files.
    pub temporary: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { home: PathBuf::from(HOME), temporary: PathBuf::from("/tmp") }
    }
}

/// What lets git read a repository that belongs to another user than its own (`safe.directory`,
/// `git-config(1)`). What that keeps from running is code, and all code in the sandbox is held alike.
const SHARED: [(&str, &str); 3] = [
    ("GIT_CONFIG_COUNT", "1"),
    ("GIT_CONFIG_KEY_0", "safe.directory"),
    ("GIT_CONFIG_VALUE_0", "*"),
];

/// What is so about a launch that its environment says.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The payload's own directories, where it has any.
    pub places: Option<&'a Places>,
    /// It has no network.
    pub offline: bool,
    /// What is granted for reading belongs to another user than its own.
    pub shared: bool,
}

/// The environment of the payload.
#[must_use]
pub fn resolve(policy: &Policy, payload: &Payload, facts: Facts<'_>) -> Environment {
    let mut composed = BTreeMap::new();
    let mut origins = BTreeMap::new();
    let own = policy.layers.has(Layer::Environment);
    for (name, value) in &payload.environment {
        let origin = if own {
            Origin::Ruled(policy.environment.rule(name, value))
        } else {
            Origin::Unfiltered
        };
        origins.insert(name.clone(), origin);
        if origin.passes() {
            composed.insert(name.clone(), value.clone());
        }
    }
    if own && let Some(path) = composed.get_mut(OsStr::new("PATH")) {
        *path = absolute_entries(path);
    }
    if own {
        let jobs = composed.get(OsStr::new("NUM_JOBS")).cloned();
        for (name, value) in &mut composed {
            if let Some(other) = jobserver::without(name, value, jobs.as_deref()) {
                *value = other;
            }
        }
    }
    let shared = facts.shared && own && !composed.contains_key(OsStr::new(SHARED[0].0));
    let mut put = |name: &OsStr, value: &OsStr, origin| {
        composed.insert(name.to_owned(), value.to_owned());
        origins.insert(name.to_owned(), origin);
    };
    if facts.offline {
        for (name, value) in OFFLINE {
            put(name.as_ref(), value.as_ref(), Origin::Offline);
        }
    }
    if shared {
        for (name, value) in SHARED {
            put(name.as_ref(), value.as_ref(), Origin::Shared);
        }
    }
    if let Some(Places { home, temporary }) = facts.places {
        put("HOME".as_ref(), home.as_os_str(), Origin::Inside);
        put("TMPDIR".as_ref(), temporary.as_os_str(), Origin::Inside);
        put("USER".as_ref(), USER.as_ref(), Origin::Inside);
        put("LOGNAME".as_ref(), USER.as_ref(), Origin::Inside);
    }
    for (name, value) in &policy.environment.set {
        put(name, value, Origin::Set);
    }
    Environment {
        variables: composed.into_iter().collect(),
        origins: origins.into_iter().collect(),
    }
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

    const FACTS: Facts<'static> = Facts { places: None, offline: true, shared: false };

    fn composed(level: Level, variables: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        let environment =
            variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let payload =
            Payload::command(vec!["true".into()], PathBuf::from("/w"), environment).unwrap();
        let places = Places::default();
        let places = (level == Level::Full).then_some(&places);
        let facts = Facts { places, ..FACTS };
        resolve(&Policy::preset(level), &payload, facts).variables.into_iter().collect()
    }

    #[test]
    fn a_variable_that_is_dropped_is_accounted_for_without_its_value() {
        let environment = vec![("GITHUB_TOKEN".into(), "hush".into())];
        let payload = Payload::command(vec!["true".into()], "/w".into(), environment).unwrap();
        let found = resolve(&Policy::preset(Level::Full), &payload, FACTS);
        let origin = Origin::Ruled(Ruling::SecretName);
        assert!(found.origins.contains(&("GITHUB_TOKEN".into(), origin)));
        assert!(!format!("{found:?}").contains("hush"));
    }

    /// Every origin that lets a variable pass.
    #[test]
    fn no_value_that_may_be_a_secret_is_shown() {
        let named = |ruling| Origin::Ruled(ruling);
        let address = "https://user:hush@host/";
        for (name, value, origin, shown) in [
            ("X_FLAG", "1", named(Ruling::Named), true),
            ("CMAKE_ARGS", "-DX=1", named(Ruling::Listed), true),
            ("X_TOKEN", "hush", named(Ruling::NamedSecret), false),
            ("X_FLAG", address, named(Ruling::NamedSecret), false),
            ("X_FLAG", "1", Origin::Unfiltered, false),
            ("X_FLAG", "1", Origin::Set, true),
            ("X_TOKEN", "hush", Origin::Set, false),
            ("X_FLAG", address, Origin::Set, false),
            ("HOME", "/x", Origin::Inside, true),
            ("PIP_NO_INDEX", "1", Origin::Offline, true),
            ("GIT_CONFIG_COUNT", "1", Origin::Shared, true),
        ] {
            let variables = vec![(name.into(), value.into())];
            let environment = Environment { variables, origins: vec![(name.into(), origin)] };
            let found = environment.shown(name.as_ref(), origin);
            assert_eq!(found, shown.then_some(value.as_ref()), "{name}={value} {origin:?}");
        }
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

    #[test]
    fn git_reads_what_is_another_users_unless_the_caller_has_settings_for_it() {
        let environment = vec![("GIT_CONFIG_COUNT".into(), "0".into())];
        let payload = Payload::command(vec!["true".into()], "/w".into(), environment).unwrap();
        let count = |policy: &Policy, shared| {
            let found = resolve(policy, &payload, Facts { shared, ..FACTS }).variables;
            let of_git =
                |(name, _): &&(OsString, OsString)| name.as_encoded_bytes().starts_with(b"GIT_");
            found.iter().filter(of_git).map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let mut policy = Policy::preset(Level::Full);
        assert!(count(&policy, false).is_empty());
        assert_eq!(count(&policy, true), ["1", "safe.directory", "*"]);
        policy.environment.keep.push("GIT_CONFIG_COUNT".parse().unwrap());
        assert_eq!(count(&policy, true), ["0"]);
    }
}
