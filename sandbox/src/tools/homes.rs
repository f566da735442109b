//! Directories that nothing may be granted around: homes, and the parent of the source tree.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::payload::Payload;

/// The homes of this machine and the source trees of a payload, by paths without links.
///
/// A home is no part of any tool, and holds keys and tokens. It may lie in a tool's prefix: in images
/// for applications `HOME` is `/opt/app-root/src`, and the tools are in `/opt/app-root/bin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Homes {
    homes: Vec<PathBuf>,
    around: Vec<PathBuf>,
}

/// The directory of a home that is a prefix of the user's own, where desktops keep keyrings as well.
const USER_PREFIX: &str = ".local";

impl Homes {
    /// Those that concern `payload`: the home of its caller, those of every account, and what its
    /// source tree lies in.
    #[must_use]
    pub fn of(payload: &Payload) -> Self {
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let named = accounts.lines().filter_map(|line| line.split(':').nth(5));
        let own = payload.variable("HOME").map(PathBuf::from);
        let homes = named.map(PathBuf::from).chain(own);
        // The source tree, also where the build works in it directly.
        let around = payload.directory.parent().map(Path::to_owned);
        Self::among(homes, around.into_iter())
    }

    fn among(homes: impl Iterator<Item = PathBuf>, around: impl Iterator<Item = PathBuf>) -> Self {
        let solid = |path: PathBuf| match path.try_exists() {
            Ok(true) => path.canonicalize().unwrap_or(path),
            _ => path,
        };
        // Accounts of the system have the root, or a directory of the system's, in place of a home.
        let own = |path: &PathBuf| {
            path.is_absolute() && path.as_os_str() != "/" && !super::is_system(path)
        };
        // Many accounts share a place that is none, such as `/nonexistent`.
        let homes: BTreeSet<_> = homes.filter(own).collect();
        Self { homes: homes.into_iter().map(solid).collect(), around: around.map(solid).collect() }
    }

    #[cfg(test)]
    pub(super) fn of_test(homes: &[PathBuf]) -> Self {
        Self { homes: homes.to_vec(), around: vec![] }
    }

    /// Whether `path` is a home, or holds one, or what the source tree lies in.
    #[must_use]
    pub fn are_within(&self, path: &Path) -> bool {
        self.homes.iter().chain(&self.around).any(|known| known.starts_with(path))
    }

    /// Whether `path` lies in a home.
    #[must_use]
    pub fn hold(&self, path: &Path) -> bool {
        self.homes.iter().any(|home| path.starts_with(home))
    }

    /// Whether `prefix` is one that somebody has in a home for all kinds of programs, or a home.
    #[must_use]
    pub fn is_personal(&self, prefix: &Path) -> bool {
        self.are_within(prefix) || self.homes.iter().any(|home| prefix == home.join(USER_PREFIX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn homes(homes: &[&str], around: &[&str]) -> Homes {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        Homes::among(paths(homes).into_iter(), paths(around).into_iter())
    }

    #[test]
    fn what_holds_a_home_or_what_the_tree_lies_in_is_known() {
        let found = homes(&["/opt/app-root/src", "/", "/usr/sbin", "rel"], &["/srv/work"]);
        for path in ["/opt", "/opt/app-root", "/opt/app-root/src", "/", "/srv", "/srv/work"] {
            assert!(found.are_within(Path::new(path)), "{path}");
        }
        for path in ["/opt/app-root/bin", "/opt/app", "/opt/app-root/src/x", "/srv/work/pkg"] {
            assert!(!found.are_within(Path::new(path)), "{path}");
        }
        assert!(found.hold(Path::new("/opt/app-root/src/.rustup")));
        assert!(!found.hold(Path::new("/opt/app-root/bin")) && !found.hold(Path::new("/srv/work")));
    }

    #[test]
    fn a_prefix_in_a_home_for_all_kinds_of_programs_is_personal() {
        let found = homes(&["/home/me"], &[]);
        assert!(found.is_personal(Path::new("/home/me/.local")));
        assert!(found.is_personal(Path::new("/home/me")));
        assert!(!found.is_personal(Path::new("/home/me/.pyenv/versions/3.12.1")));
        assert!(!found.is_personal(Path::new("/home/me/.local/share/uv/python/cpython-3.12")));
    }
}
