//! What the system's own directories of programs lead to: `/usr/local/bin/cmake` is often a link below
//! `/opt`, directly or by way of `/etc/alternatives`.
//!
//! Nothing but the system's administrator writes there, so these links are the caller's word as PATH is;
//! what they lead to counts only where nothing but tools lies.
#![forbid(unsafe_code)]

use std::path::{Component, Path, PathBuf};

use super::directory::named;
use super::known_places::is_known_place;
use super::{Found, Homes, is_system};
use crate::paths::{self, Trust};
use crate::payload::Payload;

/// How many links of a directory are looked at.
const MOST_LINKS: usize = 4096;

/// How many directories they may bring along.
const MOST_PLACES: usize = 32;

/// What the links in `directory`, a path without links, lead to, if it is the system's.
pub(super) fn linked(
    payload: &Payload,
    directory: &Path,
    entries: &[PathBuf],
    homes: &Homes,
) -> Found {
    let mut found = Found::default();
    if !is_system(directory) {
        return found;
    }
    let trust = payload.trust(&[]);
    let mut places = Vec::new();
    for link in leading_out(directory) {
        if let Some(place) = place(&link, &trust, &mut found)
            && !places.contains(&place)
            && places.len() < MOST_PLACES
        {
            found.add(named(payload, &place, entries, homes));
            places.push(place);
        }
    }
    found
}

/// The directory in a known place of tools that the program `link` lies in, with the links on the way.
fn place(link: &Path, trust: &Trust, found: &mut Found) -> Option<PathBuf> {
    let opened = paths::open(link, trust).ok().filter(|opened| is_known_place(&opened.real))?;
    found.links.extend(opened.links);
    opened.real.parent().map(Path::to_owned)
}

/// The links right in a directory of the system's that may lead out of it.
fn leading_out(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = directory.read_dir().into_iter().flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    links.take(MOST_LINKS).map(|entry| entry.path()).filter(|link| {
        let target = link.read_link().unwrap_or_default();
        // Most are `/etc/alternatives/x`, and lead straight back.
        let next = if target.is_absolute() && !is_system(&target) {
            target.read_link().unwrap_or_else(|_| target.clone())
        } else {
            target
        };
        let next = beyond(directory, &next);
        // A directory on the way may be a link in turn, as `/usr/local/cuda` is.
        next.parent() != Some(directory) && (!is_system(&next) || paths::has_link(&next))
    })
}

/// Where `target`, of a link right in `directory`, leads by its text; `directory` has no link in it.
fn beyond(directory: &Path, target: &Path) -> PathBuf {
    let mut path = directory.to_owned();
    for part in target.components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_links_that_may_lead_out_are_followed() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        fs::create_dir(root.join("alternatives")).unwrap();
        let to = |target: &str, name: &str| symlink(target, root.join(name)).unwrap();
        to("/usr/lib/jvm/bin/java", "alternatives/java");
        to("/opt/jdk/bin/javac", "alternatives/javac");
        let alternative = |name: &str| root.join("alternatives").join(name);
        to(alternative("java").to_str().unwrap(), "java");
        to(alternative("javac").to_str().unwrap(), "javac");
        to("/opt/cmake/bin/cmake", "cmake");
        to("../../opt/gcc/bin/gcc", "gcc");
        to("python3.11", "python3");
        to("/usr/bin/true", "true");
        fs::write(root.join("file"), "").unwrap();
        let mut names: Vec<_> = leading_out(&root)
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["cmake", "gcc", "javac"]);
    }

    #[test]
    fn a_directory_that_is_not_the_systems_leads_nowhere() {
        let place = tempfile::tempdir().unwrap();
        symlink("/opt/cmake/bin/cmake", place.path().join("cmake")).unwrap();
        let payload = Payload::command(vec!["x".into()], "/w".into(), vec![]).unwrap();
        let found = linked(&payload, place.path(), &[], &Homes::default());
        assert_eq!(found, Found::default());
    }
}
