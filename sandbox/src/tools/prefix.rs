//! What of a prefix is granted: never all of it because it is one.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::pythons::is_named_python;
use super::{Found, Homes, Share, Withheld, pyvenv};

/// The parts of a virtual environment: in it are an interpreter and what build requirements install.
/// `share` is where wheels put settings for build systems.
const ENVIRONMENT: [&str; 5] = ["bin", "lib", "lib64", "include", "share"];

/// The parts of a tool chain's prefix that holds a home as well.
const TOOLS: [&str; 12] = [
    "bin", "sbin", "lib", "lib32", "lib64", "libexec", "include", "share", "etc", "ssl", "targets",
    "nvvm",
];

/// Directories of a Python's `lib` that are no library of Python's and that it needs.
const BESIDE: [&str; 7] = ["pkgconfig", "tcl", "tk", "itcl", "thread", "tdbc", "sqlite"];

/// How many shared libraries of a prefix are granted one by one.
const MOST_LIBRARIES: usize = 128;

/// How many entries of a directory are looked at.
const MOST_ENTRIES: usize = 100_000;

/// Names of the directory that installers put packages into.
const PACKAGES: [&str; 2] = ["site-packages", "dist-packages"];

/// The parts of the virtual environment `prefix`.
pub(super) fn environment(prefix: &Path, homes: &Homes) -> Found {
    let mut found = if homes.is_personal(prefix) {
        // Whoever could write a file there has made it look like one.
        installation(prefix, OsStr::new(""), true, homes)
    } else {
        parts(prefix, ENVIRONMENT.iter().copied(), homes)
    };
    found.add(contained(prefix, std::iter::once(prefix.join(pyvenv::NAME))));
    found.environments.push(prefix.to_owned());
    found
}

/// The whole tool chain `root`, or where a home lies in it the usual parts of it.
pub(super) fn tool_chain(root: &Path, homes: &Homes) -> Found {
    if homes.are_within(root) {
        return parts(root, TOOLS.into_iter(), homes);
    }
    Found { shares: vec![Share::all(root.to_owned())], ..Found::default() }
}

/// Of the installation `prefix` of the Python whose executable is called `name`: the programs, the
/// headers, the standard library, and the shared libraries. Its own packages are shown if
/// `with_packages`, and so are the programs that are none of Python's own.
pub(super) fn installation(
    prefix: &Path,
    name: &OsStr,
    with_packages: bool,
    homes: &Homes,
) -> Found {
    let mut found = parts(prefix, ["include", "lib-python", "lib_pypy"].into_iter(), homes);
    found.add(programs(prefix, name, with_packages, homes));
    for lib in ["lib", "lib64"].map(|lib| prefix.join(lib)) {
        // A link to the other one.
        if lib.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
            found.add(parts(prefix, lib.file_name().and_then(OsStr::to_str).into_iter(), homes));
            continue;
        }
        let mut libraries = Vec::new();
        for entry in entries(&lib) {
            let path = lib.join(&entry);
            if is_standard_library(&path, &entry, name) {
                let hidden = if with_packages { vec![] } else { packages(&path) };
                found.shares.push(Share { path, hidden });
            } else if BESIDE.iter().any(|known| entry.as_bytes().starts_with(known.as_bytes())) {
                found.add(parts(&lib, entry.to_str().into_iter(), homes));
            } else if is_shared_library(&entry) {
                libraries.push(path);
            }
        }
        if libraries.len() > MOST_LIBRARIES {
            let why = format!("it has {} shared libraries", libraries.len());
            found.withheld.push(Withheld { path: lib, why });
        } else {
            found.add(contained(prefix, libraries.into_iter()));
        }
    }
    found
}

/// What both of two ways to look at a place grant: `inner` at one that lies in that of `outer`.
pub(super) fn both(inner: Found, outer: Found) -> Found {
    let covers = |shares: &[Share], path: &Path| {
        shares.iter().any(|share| {
            path.starts_with(&share.path) && !share.hidden.iter().any(|it| path.starts_with(it))
        })
    };
    let mut found = Found { environments: outer.environments, ..inner };
    let (inner, outer) = (std::mem::take(&mut found.shares), outer.shares);
    let smaller = outer.iter().filter(|share| covers(&inner, &share.path)).cloned();
    let smaller: Vec<_> = smaller.collect();
    found.shares.extend(inner.into_iter().filter(|share| covers(&outer, &share.path)));
    found
        .shares
        .extend(smaller.into_iter().filter(|it| !found.shares.contains(it)).collect::<Vec<_>>());
    found
}

/// The programs in the installation `prefix` of the Python whose executable is called `name`: all, or
/// those of Python itself with the libraries that `PyPy` has beside it.
fn programs(prefix: &Path, name: &OsStr, all: bool, homes: &Homes) -> Found {
    let bin = prefix.join("bin");
    if all || bin.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
        return parts(prefix, std::iter::once("bin"), homes);
    }
    let own = |entry: &OsStr| {
        entry == name || is_named_python(Path::new(entry)) || is_shared_library(entry)
    };
    let paths = entries(&bin).into_iter().filter(|entry| own(entry));
    let paths: Vec<_> = paths.take(MOST_LIBRARIES).map(|entry| bin.join(entry)).collect();
    let directory = |path: &PathBuf| path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    contained(prefix, paths.into_iter().filter(|path| !directory(path)))
}

/// The prefix of the installation whose executables are in `directory`.
pub(super) fn of_executables(directory: &Path) -> Option<PathBuf> {
    [directory.parent(), Some(directory)]
        .into_iter()
        .flatten()
        .find(|path| *path != Path::new("/") && has_standard_library(path))
        .map(Path::to_owned)
}

/// Whether there is a standard library in `prefix`.
fn has_standard_library(prefix: &Path) -> bool {
    ["lib", "lib64"].iter().any(|lib| {
        let lib = prefix.join(lib);
        entries(&lib)
            .iter()
            .any(|entry| is_python(entry) && lib.join(entry).join("os.py").is_file())
    }) || prefix.join("lib-python/3/os.py").is_file()
}

/// The named parts of `prefix` that are there and hold no home.
pub(super) fn parts<'a>(
    prefix: &Path,
    names: impl Iterator<Item = &'a str>,
    homes: &Homes,
) -> Found {
    let paths = names.map(|name| prefix.join(name));
    let paths = paths.filter(|path| !homes.are_within(path));
    contained(prefix, paths)
}

/// Of `paths` in `prefix` those that are there: as they are, or, where one is a link to another place
/// in the prefix, as a link. One that leads out of the prefix is withheld: whoever wrote it does not
/// decide what is granted.
fn contained(prefix: &Path, paths: impl Iterator<Item = PathBuf>) -> Found {
    let mut found = Found::default();
    for path in paths {
        let Ok(meta) = path.symlink_metadata() else { continue };
        if !meta.is_symlink() {
            found.shares.push(Share::all(path));
            continue;
        }
        match path.canonicalize() {
            Ok(target) if target.starts_with(prefix) => found.links.push((path, target)),
            Ok(target) if super::is_system(&target) => found.links.push((path, target)),
            Ok(target) => {
                let why = format!("it is a link out of its prefix, to {}", target.display());
                found.withheld.push(Withheld { path, why });
            }
            Err(_) => {}
        }
    }
    found
}

/// The directories of packages in the standard library `library`.
fn packages(library: &Path) -> Vec<PathBuf> {
    let paths = PACKAGES.iter().map(|name| library.join(name));
    paths.filter(|path| path.symlink_metadata().is_ok_and(|meta| meta.is_dir())).collect()
}

/// Whether `path`, called `entry`, is the standard library of the Python that is called `name`:
/// `python3.12` has one of its own, `python3` has whichever there is.
fn is_standard_library(path: &Path, entry: &OsStr, name: &OsStr) -> bool {
    let versioned = name.as_bytes().contains(&b'.');
    let own = !versioned || entry.as_bytes().starts_with(name.as_bytes());
    // In an environment the library has nothing but packages.
    is_python(entry) && own && (name.is_empty() || path.join("os.py").is_file())
}

fn is_python(entry: &OsStr) -> bool {
    [&b"python3"[..], b"pypy3"].iter().any(|begin| entry.as_bytes().starts_with(begin))
}

fn is_shared_library(entry: &OsStr) -> bool {
    let name = entry.to_string_lossy();
    name.starts_with("lib") && (name.ends_with(".so") || name.contains(".so."))
}

fn entries(directory: &Path) -> Vec<std::ffi::OsString> {
    let entries = directory.read_dir().into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.take(MOST_ENTRIES).map(|entry| entry.file_name()).collect();
    names.sort();
    names
}
