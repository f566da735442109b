//! What a command left in the private copy of its tree, which goes away with it.
//!
//! Names and sizes, bounded in number, are all that is looked at: what lies there is the build's.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;

use crate::launch::Finished;
use crate::payload::{Payload, Purpose};
use crate::plan::Plan;

/// How many entries are looked at.
const MOST_ENTRIES: usize = 4096;

/// How deep.
const DEPTH: usize = 6;

/// How many names are told.
const MOST_NAMES: usize = 3;

/// What is left by every run and missed by nobody.
const USUAL: [&str; 4] = ["__pycache__", ".pytest_cache", ".mypy_cache", ".git"];

/// The sentence about what the command left, if it left anything.
pub(super) fn told(plan: &Plan, payload: &Payload, finished: &Finished) -> Option<String> {
    let tree = plan.trees.iter().find(|tree| tree.purpose == Purpose::Source)?;
    // In the place of what is granted, the copy has an empty file or directory.
    let granted = |path: &Path| {
        let path = tree.path.join(path);
        payload.grants.iter().any(|grant| grant.path == path)
    };
    let private =
        openat(finished.scratch()?, tree.purpose.name(), DIRECTORY, Mode::empty()).ok()?;
    let own = openat(CWD, &tree.path, DIRECTORY, Mode::empty()).ok()?;
    let is_directory = |name: &OsString| {
        let status = statat(&private, name.as_os_str(), AtFlags::SYMLINK_NOFOLLOW);
        status.is_ok_and(|it| FileType::from_raw_mode(it.st_mode) == FileType::Directory)
    };
    sentence(&left(&private, &own, &granted), &is_directory)
}

/// Where results are put, which are meant more often than what is made on the way.
const RESULTS: [&str; 2] = ["dist", "wheelhouse"];

/// One sentence about what has these names; a switch for one of those that are directories.
fn sentence(names: &[OsString], is_directory: &dyn Fn(&OsString) -> bool) -> Option<String> {
    let meant = names.iter().filter(|name| is_directory(name));
    let meant = meant.min_by_key(|name| !RESULTS.iter().any(|result| *name == result));
    names.first()?;
    let known: Vec<_> =
        names.iter().take(MOST_NAMES).map(|name| name.display().to_string()).collect();
    let listed = match (known.as_slice(), names.len().saturating_sub(known.len())) {
        (known, more @ 1..) => format!("{} and {more} more", known.join(", ")),
        ([all @ .., last], _) if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        (known, _) => known.join(", "),
    };
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._+".contains(byte);
    let meant = meant.and_then(|name| name.to_str());
    let meant = meant.filter(|name| name.bytes().all(|byte| plain(&byte)));
    Some(format!(
        "{listed} in the working directory went away with its private copy; `--rw {}` keeps what is \
         made in a directory that is there before, `--in-place` everything",
        meant.unwrap_or("DIRECTORY")
    ))
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The names right in `private` below which something is that `own` has not, or has otherwise. What
/// is `granted` lies elsewhere.
fn left(private: &OwnedFd, own: &OwnedFd, granted: &dyn Fn(&Path) -> bool) -> Vec<OsString> {
    let mut found = Vec::new();
    // Outermost first, so that a large directory hides nothing that is beside it.
    let mut waiting = VecDeque::from([(PathBuf::new(), None::<OsString>, DEPTH)]);
    let mut budget = MOST_ENTRIES;
    while let Some((path, top, depth)) = waiting.pop_front() {
        if top.as_ref().is_some_and(|top| found.contains(top)) {
            continue;
        }
        for name in names(private, &path, &mut budget) {
            let top = top.clone().unwrap_or_else(|| name.clone());
            let path = path.join(&name);
            if USUAL.iter().any(|usual| name == *usual) || granted(&path) {
                continue;
            }
            match compare(private, own, &path) {
                Compared::Other if found.contains(&top) => {}
                Compared::Other => found.push(top),
                Compared::Directory if depth > 0 => waiting.push_back((path, Some(top), depth - 1)),
                Compared::Same | Compared::Directory => {}
            }
        }
    }
    found.sort();
    found
}

/// The names in a directory of the build's, as many as are left to look at.
fn names(private: &OwnedFd, path: &Path, budget: &mut usize) -> Vec<OsString> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let Ok(entries) = openat(private, path, DIRECTORY, Mode::empty()).and_then(Dir::new) else {
        return vec![];
    };
    let names = entries.flatten().map(|entry| entry.file_name().to_bytes().to_vec());
    let names = names.filter(|name| name != b"." && name != b"..").take(*budget);
    let names: Vec<_> = names.map(OsString::from_vec).collect();
    *budget = budget.saturating_sub(names.len());
    names
}

enum Compared {
    Same,
    Other,
    Directory,
}

fn compare(private: &OwnedFd, own: &OwnedFd, path: &Path) -> Compared {
    let look = |place: &OwnedFd| -> Result<Stat, Errno> {
        statat(place.as_fd(), path, AtFlags::SYMLINK_NOFOLLOW)
    };
    let kind = |status: &Stat| FileType::from_raw_mode(status.st_mode);
    let Ok(there) = look(private) else { return Compared::Same };
    match (kind(&there), look(own)) {
        // What an overlay has in the place of a file that is gone.
        (FileType::CharacterDevice, _) => Compared::Same,
        (FileType::Directory, Ok(here)) if kind(&here) == FileType::Directory => {
            Compared::Directory
        }
        (found, Ok(here)) => {
            let facts = |status: &Stat| (status.st_size, status.st_mtime, status.st_mtime_nsec);
            let same = found == kind(&here) && facts(&there) == facts(&here);
            if same { Compared::Same } else { Compared::Other }
        }
        (_, Err(_)) => Compared::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn found(before: &[&str], after: &[&str]) -> Vec<OsString> {
        let place = tempfile::tempdir().unwrap();
        let open = |name: &str, files: &[&str]| {
            let root = place.path().join(name);
            for file in files {
                fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
                let made = fs::File::create(root.join(file)).unwrap();
                made.set_modified(std::time::UNIX_EPOCH).unwrap();
            }
            openat(CWD, &root, DIRECTORY, Mode::empty()).unwrap()
        };
        let (own, private) = (open("own", before), open("private", after));
        left(&private, &own, &|path| path == Path::new("kept") || path == Path::new("src/kept"))
    }

    #[test]
    fn what_is_new_is_found_wherever_it_is() {
        assert!(found(&["a", "src/b"], &["a", "src/b"]).is_empty());
        assert!(found(&["a", "src/b"], &["a"]).is_empty(), "what is gone is not left");
        assert_eq!(
            found(&["a", "src/b"], &["a", "dist/x.whl", "src/b", "src/c/d"]),
            ["dist", "src"]
        );
        let usual = ["a", "__pycache__/x", "src/__pycache__/y", ".git/index", "kept/x", "src/kept"];
        assert!(found(&["a", "src/b"], &usual).is_empty());
    }

    #[test]
    fn a_large_directory_hides_nothing_beside_it() {
        let many: Vec<_> = (0..MOST_ENTRIES).map(|number| format!("big/{number}")).collect();
        let before: Vec<_> = many.iter().map(String::as_str).collect();
        let after: Vec<_> = before.iter().copied().chain(["zz/new"]).collect();
        assert_eq!(found(&before, &after), ["zz"]);
    }

    #[test]
    fn the_sentence_names_a_few_and_what_keeps_them() {
        let names = |all: &[&str]| all.iter().map(OsString::from).collect::<Vec<_>>();
        let sentence = |all: &[OsString]| sentence(all, &|name| name != "file");
        assert_eq!(sentence(&[]), None);
        let one = sentence(&names(&["dist"])).unwrap();
        assert!(one.starts_with("dist in ") && one.contains("`--rw dist`"), "{one}");
        let one = sentence(&names(&["build", "dist", "pkg.egg-info"])).unwrap();
        assert!(one.contains("`--rw dist`"), "{one}");
        let one = sentence(&names(&["file"])).unwrap();
        assert!(one.contains("`--rw DIRECTORY`"), "a file cannot be granted before: {one}");
        let two = sentence(&names(&["--x", "lib"])).unwrap();
        assert!(two.starts_with("--x and lib in ") && two.contains("`--rw DIRECTORY`"), "{two}");
        let many = sentence(&names(&["a", "b", "c", "d", "e"])).unwrap();
        assert!(many.starts_with("a, b, c and 2 more in "), "{many}");
    }
}
