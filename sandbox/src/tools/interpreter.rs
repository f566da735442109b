//! Which parts of the host an interpreter needs, found by reading links and `pyvenv.cfg`.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use super::chosen::{By, Chosen};
use super::interpreter_error::InterpreterError;
use super::known_places::{is_known_place, store};
use super::lookup::Lookup;
use super::pythons::is_executable;
use super::pyvenv::{self, Settings};
use super::{Found, Homes, Withheld, conda, is_system, prefix};
use crate::paths::{self, Trust};
use crate::payload::Payload;

/// What was found out about an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The executable as it is started: absolute and without `..`.
    pub executable: PathBuf,
    /// What the interpreter will call `sys.prefix`.
    pub prefix: PathBuf,
    /// What it will call `sys.base_prefix`, without links; equal to `prefix` outside a virtual
    /// environment.
    pub base_prefix: PathBuf,
    /// What it needs.
    pub found: Found,
}

/// What an interpreter is looked at for.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// From where a relative path is taken.
    pub directory: &'a Path,
    /// The entries of PATH.
    pub search: &'a [PathBuf],
    /// Where no grant reaches.
    pub homes: &'a Homes,
    /// What the build sees anyway: there an environment may have its base whatever its links say.
    pub granted: &'a [PathBuf],
    /// The prefixes of conda's that the caller has activated.
    pub activated: &'a [PathBuf],
    /// What the caller has chosen.
    pub(super) chosen: &'a Chosen,
    /// Only a stranger names the interpreter.
    pub(super) by_stranger: bool,
}

impl Surroundings<'_> {
    /// Whether the build sees `path` anyway.
    fn shows(&self, path: &Path) -> bool {
        is_system(path) || self.granted.iter().any(|granted| path.starts_with(granted))
    }

    /// Whether `prefix` is granted to an executable that `by` has chosen.
    fn confirm(&self, by: By, executable: &Path, prefix: &Path) -> Result<(), InterpreterError> {
        let named = self.shows(prefix) || self.activated.iter().any(|known| known == prefix);
        if by != By::Stranger || named || self.chosen.confirms(prefix) {
            return Ok(());
        }
        let (executable, prefix) = (executable.to_owned(), prefix.to_owned());
        Err(InterpreterError::Stranger { executable, prefix })
    }
}

/// The interpreter `python` that the caller of `payload` names, and what it needs; nothing is granted.
///
/// # Errors
/// Those of [`interpreter`].
pub(super) fn looked_at(
    payload: &Payload,
    python: &Path,
    lookup: &Lookup,
) -> Result<Interpreter, InterpreterError> {
    looked_at_for(payload, python, lookup, false)
}

/// The same, where it is only a stranger who names it if `by_stranger`.
pub(super) fn looked_at_for(
    payload: &Payload,
    python: &Path,
    lookup: &Lookup,
    by_stranger: bool,
) -> Result<Interpreter, InterpreterError> {
    let trees = payload.trees.iter().map(|tree| &tree.path);
    let trees = trees.filter(|path| path.parent().is_some());
    let granted: Vec<_> =
        payload.grants.iter().map(|grant| &grant.path).chain(trees).cloned().collect();
    let around = Surroundings {
        directory: &payload.directory,
        search: &lookup.entries,
        homes: &lookup.homes,
        granted: &granted,
        activated: &conda::activated(payload),
        chosen: lookup.chosen(payload),
        by_stranger,
    };
    interpreter(python, around)
}

/// Finds the interpreter `python` and what it needs, without running it.
///
/// A relative path is taken from the working directory; a bare word is looked up in PATH, of which
/// relative and empty entries are skipped, for they would let the source tree choose.
///
/// # Errors
/// When there is no such executable file, or its prefixes cannot be found out, or what its environment
/// says of them is not borne out by where its links lead, or only a stranger leads there.
pub fn interpreter(
    python: &Path,
    around: Surroundings<'_>,
) -> Result<Interpreter, InterpreterError> {
    let executable = locate(python, around)?;
    let chain = paths::hops(&executable)?;
    let opened = paths::open(&executable, &Trust::All)?;
    check_executable(&opened.real)?;
    let directory = opened.real.parent().unwrap_or(Path::new("/")).to_owned();
    let environment = environment(&chain)?;
    let base = prefix::of_executables(&directory);
    let by = if around.by_stranger {
        By::Stranger
    } else {
        around.chosen.by(&executable, &chain, base.as_deref(), environment.is_some())
    };
    let mut found = Found { links: opened.links, ..Found::default() };
    let Some((prefix, settings)) = environment else {
        let base = base.ok_or(InterpreterError::NoPrefix(directory))?;
        around.confirm(by, &executable, &base)?;
        found.add(of_base(&base, &opened.real, by == By::Caller, around));
        let prefix = named_prefix(&executable, &base);
        return Ok(Interpreter { executable, prefix, base_prefix: base, found });
    };
    let solid = prefix.canonicalize().unwrap_or_else(|_| prefix.clone());
    if solid != prefix {
        found.links.push((prefix.clone(), solid.clone()));
    }
    around.confirm(by, &executable, &solid)?;
    found.add(prefix::environment(&solid, around.homes));
    let home = &settings.home;
    let real_home = paths::open(home, &Trust::All).ok();
    let seen = |path: &Path| around.shows(path);
    let confirmed = real_home.as_ref().filter(|home| leads_to(&chain, &home.real));
    let Some(confirmed) = confirmed else {
        // A copied executable leads nowhere. What can be seen anyway may be named by anybody.
        let own = opened.real.starts_with(&solid) || seen(&opened.real);
        let base = real_home.filter(|home| own && seen(&home.real));
        let Some(base) = base.and_then(|home| prefix::of_executables(&home.real)) else {
            let (home, real) = (home.clone(), opened.real);
            return Err(InterpreterError::Home { prefix, home, real });
        };
        return Ok(Interpreter { executable, prefix, base_prefix: base, found });
    };
    let base = base.ok_or(InterpreterError::NoPrefix(directory))?;
    if base != solid && pyvenv::is_environment(&base) && !seen(&base) {
        return Err(InterpreterError::Foreign { prefix, other: base });
    }
    around.confirm(by, &executable, &base)?;
    found.links.extend(confirmed.links.iter().cloned());
    let own = of_base(&base, &opened.real, false, around);
    if settings.with_packages && !around.chosen.names(&base) && !seen(&base) {
        found.withheld.extend(own.shares.iter().flat_map(|share| &share.hidden).map(|packages| {
            let why = format!(
                "only the pyvenv.cfg in {} asks for it, which a build requirement could have written",
                prefix.display()
            );
            Withheld { path: packages.clone(), why }
        }));
    }
    found.add(own);
    Ok(Interpreter { executable, prefix, base_prefix: base, found })
}

/// What of the installation `base` the executable `real` needs.
fn of_base(base: &Path, real: &Path, with_packages: bool, around: Surroundings<'_>) -> Found {
    if is_system(base) {
        return Found::default();
    }
    if around.activated.iter().any(|prefix| prefix == base) {
        return conda::prefix(base, around.homes);
    }
    let name = real.file_name().unwrap_or_default();
    let mut found = prefix::installation(base, name, with_packages, around.homes);
    if let Some(store) = store(base) {
        found.shares.push(super::Share::all(store));
    }
    if conda::looks_like_one(base) && !is_known_place(base) {
        let why = "it looks like one of conda's that is not activated, so only what Python itself \
                   needs of it is there"
            .to_owned();
        found.withheld.push(Withheld { path: base.to_owned(), why });
    }
    found
}

fn locate(python: &Path, around: Surroundings<'_>) -> Result<PathBuf, InterpreterError> {
    let word = python.as_os_str().as_bytes();
    let path = if word.contains(&b'/') {
        around.directory.join(python)
    } else {
        around
            .search
            .iter()
            .filter(|entry| entry.is_absolute() && !word.is_empty())
            .map(|entry| entry.join(python))
            .find(|candidate| is_executable(candidate))
            .ok_or_else(|| InterpreterError::NotFound(python.to_owned()))?
    };
    if path.as_os_str().as_bytes().iter().any(u8::is_ascii_control) || !path.is_absolute() {
        return Err(InterpreterError::NotPlain(path));
    }
    plain(&path)
}

/// The path without `.` and `..`, which are followed as the kernel follows them; the name of the file
/// itself stays.
fn plain(path: &Path) -> Result<PathBuf, InterpreterError> {
    let upwards = path.components().any(|component| component == Component::ParentDir);
    let (Some(parent), Some(name), true) = (path.parent(), path.file_name(), upwards) else {
        return Ok(path.components().collect());
    };
    Ok(paths::open(parent, &Trust::All)?.real.join(name))
}

fn check_executable(path: &Path) -> Result<(), InterpreterError> {
    if !is_executable(path) {
        return Err(InterpreterError::NotExecutable(path.to_owned()));
    }
    // An interpreter that may be run but not read is no script, for a script must be read to run.
    let mut start = [0; 2];
    match File::open(path).and_then(|mut file| file.read_exact(&mut start)) {
        Ok(()) if start == *b"#!" => Err(InterpreterError::Script(path.to_owned())),
        _ => Ok(()),
    }
}

/// Whether one of the paths by which an executable is reached lies in the directory `home`, a path
/// without links.
fn leads_to(chain: &[PathBuf], home: &Path) -> bool {
    let directories = chain.iter().skip(1).filter_map(|path| path.parent());
    directories.filter_map(|path| path.canonicalize().ok()).any(|path| path == home)
}

/// The virtual environment that the executable stands in, with what its configuration says: where
/// An interpreter looks for one, beside the executable and above it, under each of its names in turn.
fn environment(chain: &[PathBuf]) -> Result<Option<(PathBuf, Settings)>, InterpreterError> {
    for directory in chain.iter().filter_map(|path| path.parent()) {
        for prefix in [Some(directory), directory.parent()].into_iter().flatten() {
            let failed = |source| InterpreterError::Pyvenv { prefix: prefix.to_owned(), source };
            if let Some(settings) = pyvenv::settings(prefix).map_err(failed)? {
                return Ok(Some((prefix.to_owned(), settings)));
            }
        }
    }
    Ok(None)
}

/// What the interpreter will call the prefix `base`: by the name that its executable was started by.
fn named_prefix(executable: &Path, base: &Path) -> PathBuf {
    let above = executable.parent().and_then(Path::parent);
    let named = above.filter(|path| path.canonicalize().is_ok_and(|solid| solid == base));
    named.unwrap_or(base).to_owned()
}

#[cfg(test)]
#[path = "interpreter_tests.rs"]
mod tests;
