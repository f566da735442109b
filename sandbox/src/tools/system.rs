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

/// The links right in a directory of the system's that may lead to tools. There are hundreds, and few
/// do: it is told by what they say, as far as that goes, and only those that are left are followed.
fn leading_out(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = directory.read_dir().into_iter().flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    let merged = Merged::look();
    let links = links.take(MOST_LINKS).map(|entry| entry.path());
    links.filter(move |link| may_lead_to_tools(directory, link, &merged))
}

/// Whether `link`, which lies right in `directory`, may lead to a place of tools. One that leads to
/// another name in `directory` is no further than that is.
fn may_lead_to_tools(directory: &Path, link: &Path, merged: &Merged) -> bool {
    /// Most lead by way of `/etc/alternatives`.
    const LINKS: usize = 8;
    let mut place = link.to_owned();
    for _ in 0..LINKS {
        let Ok(target) = place.read_link() else { break };
        let Some(around) = place.parent() else { break };
        place = merged.of(beyond(around, &target));
        if place.parent() == Some(directory) {
            return false;
        }
    }
    // A directory on the way may be a link in turn, as `/usr/local/cuda` is.
    is_known_place(&place) || paths::has_link(&place)
}

/// The directories right in the root that are links to those below `/usr`.
struct Merged(Vec<(PathBuf, PathBuf)>);

impl Merged {
    fn look() -> Self {
        let names = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
        let found = names.iter().filter_map(|name| {
            let target = Path::new(name).read_link().ok()?;
            Some((PathBuf::from(name), beyond(Path::new("/"), &target)))
        });
        Self(found.collect())
    }

    /// The same path without such a link in the beginning.
    fn of(&self, path: PathBuf) -> PathBuf {
        let moved = self
            .0
            .iter()
            .find_map(|(name, target)| Some(target.join(path.strip_prefix(name).ok()?)));
        moved.unwrap_or(path)
    }
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
    fn only_links_that_may_lead_to_tools_are_followed() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        fs::create_dir(root.join("alternatives")).unwrap();
        fs::create_dir_all(root.join("lib/real")).unwrap();
        fs::write(root.join("lib/real/tool"), "").unwrap();
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
        to("lib/real/tool", "tool");
        // By way of a directory that is a link, which its text does not tell.
        to("real", "lib/version");
        to("lib/version/tool", "versioned");
        to("nowhere/else", "dangling");
        to("circle", "circle2");
        to("circle2", "circle");
        fs::write(root.join("file"), "").unwrap();
        let mut names: Vec<_> = leading_out(&root)
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, ["cmake", "gcc", "javac", "versioned"]);
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
