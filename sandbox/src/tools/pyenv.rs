//! pyenv, whose shims choose among many installations and environments.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::interpreter::looked_at;
use super::lookup::Lookup;
use super::{Found, Withheld, prefix};
use crate::paths::{self, Beneath};
use crate::payload::Payload;
use crate::policy::files::PYENV_ROOT;

/// The variable by which the caller chooses, and the file in pyenv's directory.
const CHOICES: [&str; 2] = ["PYENV_VERSION", "version"];

/// The file by which a directory chooses, which in a source tree is a stranger's.
const OF_THE_TREE: &str = ".python-version";

/// How large these files may be.
const MOST_BYTES: u64 = 4096;

/// The parts of pyenv itself.
const PARTS: [&str; 8] =
    ["bin", "shims", "libexec", "plugins", "pyenv.d", "completions", "src", "version"];

/// The directory of pyenv, if `real` is one of its two for programs.
pub(super) fn root(payload: &Payload, real: &Path) -> Option<PathBuf> {
    let own = payload.place_in("HOME").map(|home| home.join(".pyenv"));
    let root = payload.place_in(PYENV_ROOT).or(own)?.canonicalize().ok()?;
    let programs = ["shims", "bin"].map(|name| root.join(name));
    (programs.iter().any(|path| path == real) && root.join("libexec").is_dir()).then_some(root)
}

/// What is granted of pyenv in `root`: itself, and what the caller has chosen, each as the interpreter
/// that it is. What the source tree chooses is told.
pub(super) fn parts(payload: &Payload, root: &Path, lookup: &Lookup) -> Found {
    let mut found = prefix::parts(root, PARTS.into_iter(), &lookup.homes);
    let versions = root.join("versions");
    let [variable, file] = CHOICES;
    let file = || read(root, file);
    let chosen = payload.variable(variable).and_then(OsStr::to_str).map(str::to_owned);
    let chosen = installed(&versions, &chosen.unwrap_or_else(file));
    for version in &chosen {
        match looked_at(payload, &version.join("bin/python"), lookup) {
            Ok(interpreter) => found.add(interpreter.found),
            Err(problem) => found.withheld.push(problem.withheld(version.clone())),
        }
    }
    let asked = read(&payload.directory, OF_THE_TREE);
    let asked = installed(&versions, &asked).into_iter().filter(|path| !chosen.contains(path));
    found.withheld.extend(asked.map(|path| Withheld {
        path,
        why: format!("only {OF_THE_TREE} of the source tree chooses it; set {variable} for it"),
    }));
    found
}

/// The text of a small regular file; nothing where it is none.
fn read(directory: &Path, name: &str) -> String {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let Ok(directory) = paths::reopen(directory, None, flags) else { return String::new() };
    let bytes = Beneath::new(directory).read(OsStr::new(name), MOST_BYTES).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Those of `names` that are installed. `3.12` is the newest `3.12.x`, as pyenv takes it.
fn installed(versions: &Path, names: &str) -> Vec<PathBuf> {
    let words = names.split(|c: char| c == ':' || c.is_whitespace());
    let plain =
        words.filter(|word| !word.is_empty() && !word.starts_with('.') && !word.contains('/'));
    plain
        .filter_map(|name| {
            let exact = versions.join(name);
            if exact.is_dir() {
                return Some(exact);
            }
            let begin = format!("{name}.");
            let entries = versions.read_dir().ok()?.flatten();
            let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
            let number = |name: &String| name.strip_prefix(&begin)?.parse::<u32>().ok();
            let newest = names.filter_map(|name| Some((number(&name)?, name))).max()?;
            Some(versions.join(newest.1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_by_its_name_or_the_beginning_of_it() {
        let place = tempfile::tempdir().unwrap();
        for name in ["3.12.9", "3.12.10", "3.11.2", "own", "3.12-dev"] {
            std::fs::create_dir(place.path().join(name)).unwrap();
        }
        let found = |names: &str| {
            let paths = installed(place.path(), names).into_iter();
            paths.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        let expect = |names: &str, expected: &[&str]| {
            let found: Vec<String> = found(names);
            assert_eq!(found, expected, "{names}");
        };
        expect("3.11.2", &["3.11.2"]);
        expect("3.12", &["3.12.10"]);
        expect("3.11.2:own\n", &["3.11.2", "own"]);
        expect("system", &[]);
        expect("../versions/own .. 3", &[]);
    }
}
