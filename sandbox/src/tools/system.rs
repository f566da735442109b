//! What the system's own directories of programs lead to: `/usr/local/bin/cmake` is often a link below
//! `/opt`, directly or by way of `/etc/alternatives`.
//!
//! Nothing but the system's administrator writes there, so these links are the caller's word as PATH is;
//! what they lead to counts only where nothing but tools lies.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, DirEntry, FileType, OFlags, readlinkat_raw, statat};

use super::directory::named;
use super::known_places::{are_used, is_known_place};
use super::lookup::Lookup;
use super::{Found, is_system};
use crate::paths::{self, Trust};
use crate::payload::Payload;

/// How many links of a directory are looked at.
const MOST_LINKS: usize = 4096;

/// How many directories they may bring along.
const MOST_PLACES: usize = 32;

/// How long what a link says may be, in bytes (`PATH_MAX`, `limits.h(0p)`).
const LONGEST: usize = 4096;

/// What the links in `directory`, a path without links, lead to, if it is the system's.
pub(super) fn linked(payload: &Payload, directory: &Path, lookup: &Lookup) -> Found {
    let mut found = Found::default();
    if !is_system(directory) || !are_used() {
        return found;
    }
    let trust = payload.trust(&[]);
    let mut places = Vec::new();
    for link in leading_out(directory) {
        if let Some(place) = place(&link, &trust, &mut found)
            && !places.contains(&place)
            && places.len() < MOST_PLACES
        {
            found.add(named(payload, &place, lookup));
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
fn leading_out(directory: &Path) -> Vec<PathBuf> {
    let opened = paths::reopen(directory, None, OFlags::RDONLY | OFlags::DIRECTORY);
    let Ok(opened) = opened else { return vec![] };
    let Ok(entries) = Dir::read_from(&opened) else { return vec![] };
    let mut texts = Texts::in_directory(directory);
    let links = entries.flatten().filter(|entry| is_link(opened.as_fd(), entry));
    let names = links.take(MOST_LINKS).filter_map(|link| {
        let name = OsStr::from_bytes(link.file_name().to_bytes());
        texts.may_lead_to_tools(opened.as_fd(), name).then(|| directory.join(name))
    });
    names.collect()
}

fn is_link(directory: BorrowedFd<'_>, entry: &DirEntry) -> bool {
    match entry.file_type() {
        // Some file systems do not tell it here.
        FileType::Unknown => statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|it| FileType::from_raw_mode(it.st_mode) == FileType::Symlink),
        kind => kind == FileType::Symlink,
    }
}

/// What the links in a directory say.
struct Texts<'a> {
    directory: &'a Path,
    merged: Merged,
    /// Directories that links lead to, with whether there is a link on the way to each.
    behind_links: HashMap<PathBuf, bool>,
}

impl<'a> Texts<'a> {
    fn in_directory(directory: &'a Path) -> Self {
        Self { directory, merged: Merged::look(), behind_links: HashMap::new() }
    }

    /// Whether the link `name` in the directory, which is open as `opened`, may lead to a place of
    /// tools. One that leads to another name in the directory is no further than that is.
    fn may_lead_to_tools(&mut self, opened: BorrowedFd<'_>, name: &OsStr) -> bool {
        /// Most lead by way of `/etc/alternatives`.
        const LINKS: usize = 8;
        let mut bytes = [0; LONGEST];
        let mut around = self.directory.to_owned();
        let mut text = said(opened, name, &mut bytes);
        for _ in 0..LINKS {
            let Some(target) = text else { return false };
            let is_name = !target.contains(&b'/') && target != b"." && target != b"..";
            if is_name && around == self.directory {
                return false;
            }
            let place = self.merged.of(beyond(&around, Path::new(OsStr::from_bytes(target))));
            let Some(parent) = place.parent().map(Path::to_owned) else { return false };
            if parent == self.directory {
                return false;
            }
            text = said(CWD, place.as_os_str(), &mut bytes);
            if text.is_none() {
                // A directory on the way may be a link in turn, as `/usr/local/cuda` is.
                return is_known_place(&place) || self.is_behind_link(parent);
            }
            around = parent;
        }
        true
    }

    fn is_behind_link(&mut self, directory: PathBuf) -> bool {
        if let Some(known) = self.behind_links.get(&directory) {
            return *known;
        }
        let found = paths::has_link(&directory);
        self.behind_links.insert(directory, found);
        found
    }
}

/// What the link `name` in `directory` says; `None` where it is none.
fn said<'a>(
    directory: BorrowedFd<'_>,
    name: &OsStr,
    bytes: &'a mut [u8; LONGEST],
) -> Option<&'a [u8]> {
    let length = readlinkat_raw(directory, name, bytes.as_mut_slice()).ok()?;
    bytes.get(..length)
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
        let bytes = path.as_os_str().as_bytes();
        let moved = self.0.iter().find_map(|(name, target)| {
            let rest = bytes.strip_prefix(name.as_os_str().as_bytes())?;
            let rest = if rest.is_empty() { rest } else { rest.strip_prefix(b"/")? };
            Some(target.join(OsStr::from_bytes(rest)))
        });
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
            .into_iter()
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
        let found = linked(&payload, place.path(), &Lookup::of(&payload));
        assert_eq!(found, Found::default());
    }
}
