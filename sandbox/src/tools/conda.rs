//! A prefix of conda's or micromamba's, which holds compilers with everything that they need.
#![forbid(unsafe_code)]

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::{Found, Homes, Share, Withheld, is_system};
use crate::paths;
use crate::payload::Payload;

/// The variables by which an activated prefix is named.
const VARIABLES: [&str; 2] = ["CONDA_PREFIX", "CONDA_BUILD_SYSROOT"];

/// Directories of a prefix that hold other environments and downloads.
const OTHERS: [&str; 2] = ["envs", "pkgs"];

/// The most entries that are granted of one: conda's own has some twenty, and each costs a launch a
/// mount and a rule.
const MOST_ENTRIES: usize = 128;

/// The directory by which a prefix is known as one.
const META: &str = "conda-meta";

/// The prefixes that the caller has activated, without links; none behind a link of a stranger's. That
/// a directory *looks* like one grants nothing: anybody who can write to it can make it look so.
pub(super) fn activated(payload: &Payload) -> Vec<PathBuf> {
    let named: Vec<_> = VARIABLES.iter().filter_map(|name| payload.variable(name)).collect();
    if named.is_empty() {
        return vec![];
    }
    let trust = payload.trust(&[]);
    let opened = named.into_iter().filter_map(|path| paths::open(Path::new(path), &trust).ok());
    opened.map(|opened| opened.real).collect()
}

/// What of the activated prefix is granted: all but other environments, downloads, and settings of
/// the user's.
pub(super) fn prefix(prefix: &Path, homes: &Homes) -> Found {
    let mut found = Found::default();
    if homes.is_personal(prefix) || is_system(prefix) {
        return found;
    }
    let entries: Vec<_> =
        prefix.read_dir().into_iter().flatten().flatten().take(MOST_ENTRIES + 1).collect();
    if entries.len() > MOST_ENTRIES {
        let why =
            format!("it has more than {MOST_ENTRIES} entries, which no prefix of conda's has");
        found.withheld.push(Withheld { path: prefix.to_owned(), why });
        return found;
    }
    for entry in entries {
        let (name, path) = (entry.file_name(), entry.path());
        let other = name.as_bytes().starts_with(b".") || OTHERS.iter().any(|other| name == *other);
        let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if other || homes.are_within(&path) {
            continue;
        }
        match path.canonicalize() {
            Ok(target) if link && target.starts_with(prefix) => found.links.push((path, target)),
            Ok(target) if link => {
                let why = format!("it is a link out of its prefix, to {}", target.display());
                found.withheld.push(Withheld { path, why });
            }
            Ok(_) => found.shares.push(Share::all(path)),
            Err(_) => {}
        }
    }
    found
}

/// Whether `prefix` looks like one.
pub(super) fn looks_like_one(prefix: &Path) -> bool {
    prefix.join(META).is_dir()
}
