//! What of the host's `/etc` a build sees.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use crate::policy::files::{ETC, Shared, WITHHELD};

/// What of `/etc` a build sees, by paths below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Etc {
    /// What the allow list names and the host has; true for a directory.
    pub shown: Vec<(String, bool)>,
    /// What lies in it and is withheld all the same; true for a directory.
    pub withheld: Vec<(String, bool)>,
    /// What lies beside that, where it had to be looked for.
    pub beside: Vec<String>,
}

impl Etc {
    /// What the directory `etc` has of the two lists.
    pub(super) fn look(etc: &Path) -> Self {
        let mut found = Self::default();
        let present = names(etc);
        for name in ETC.iter().flat_map(|shared| shared.among(&present)) {
            if let Ok(status) = fs::metadata(etc.join(&name)) {
                found.shown.push((name, status.is_dir()));
            }
        }
        for shared in WITHHELD {
            let Some((directory, below)) = shared.name.split_once('/') else { continue };
            for directory in (Shared { name: directory, ..*shared }).among(&present) {
                let name = format!("{directory}/{below}");
                // Of a link what it leads to is withheld, if it is shown at all.
                let status = fs::symlink_metadata(etc.join(&name));
                let status = status.ok().filter(|status| status.is_file() || status.is_dir());
                found.withheld.extend(status.map(|status| (name, status.is_dir())));
            }
        }
        found
    }

    /// Whether something below `name` is withheld.
    #[must_use]
    pub fn withholds_below(&self, name: &str) -> bool {
        let below = |path: &str| path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
        self.withheld.iter().any(|(path, _)| below(path))
    }

    /// Finds what lies beside what is withheld, and leads nowhere else.
    pub(super) fn look_beside(&mut self, etc: &Path) {
        self.beside.clear();
        let solid = |name: &str| etc.join(name).canonicalize();
        let withheld: Vec<_> =
            self.withheld.iter().filter_map(|(name, _)| solid(name).ok()).collect();
        let shown = self.shown.iter().map(|(name, _)| name.clone());
        let mut waiting: Vec<_> = shown.filter(|name| self.withholds_below(name)).collect();
        while let Some(directory) = waiting.pop() {
            for name in names(&etc.join(&directory)) {
                let name = format!("{directory}/{name}");
                if self.withholds_below(&name) {
                    waiting.push(name);
                } else if solid(&name).is_ok_and(|path| !withheld.contains(&path)) {
                    self.beside.push(name);
                }
            }
        }
    }
}

/// The names in a directory, sorted.
fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<_> =
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_withheld_is_left_out_by_whatever_name() {
        let etc = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = etc.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        let own = [
            "ssl/certs/ssl-cert-snakeoil.pem",
            "perl/CPAN/Config.pm",
            "openmpi-x86/openmpi-default-hostfile",
        ];
        let others = [
            "ssl/certs/authority.pem",
            "perl/Net/other.cfg",
            "openmpi-x86/openmpi-mca-params.conf",
            "magic",
        ];
        for path in own.iter().chain(&others) {
            write(path);
        }
        symlink("ssl-cert-snakeoil.pem", etc.path().join("ssl/certs/0123abcd.0")).unwrap();
        symlink("authority.pem", etc.path().join("ssl/certs/4567abcd.0")).unwrap();
        let mut found = Etc::look(etc.path());
        let withheld: Vec<_> = found.withheld.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(withheld, [own[0], own[2], "perl/CPAN"]);
        assert!(found.withholds_below("ssl/certs") && !found.withholds_below("ssl/cert"));
        assert_eq!(found.beside, [""; 0], "nobody has asked");
        found.look_beside(etc.path());
        found.beside.sort();
        let beside = [others[2], "perl/Net", "ssl/certs/4567abcd.0", "ssl/certs/authority.pem"];
        assert_eq!(found.beside, beside);
    }
}
