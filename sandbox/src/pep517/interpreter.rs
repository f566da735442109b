//! Which parts of the host an interpreter needs, found by reading links and `pyvenv.cfg`.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

use super::links::{self, LinkError};
use super::pyvenv::{self, PyvenvError};

/// What of a prefix an interpreter reads. Nothing else of it is granted: a prefix may be somebody's
/// home.
const PARTS: [&str; 6] = ["bin", "lib", "lib64", "include", "share", pyvenv::NAME];

/// A virtual environment made from one made from one …: nobody does, but a circle can be written.
const MOST_NESTED: usize = 4;

/// What was found out about an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The path of the executable, then the path after each link followed; the last is the file.
    pub executable_chain: Vec<PathBuf>,
    /// What the interpreter will call `sys.prefix`.
    pub prefix: PathBuf,
    /// What it will call `sys.base_prefix`; equal to `prefix` outside a virtual environment.
    pub base_prefix: PathBuf,
    /// What to let it read: existing parts of its prefixes outside `/usr`, under every name by
    /// which the interpreter may ask for them.
    pub grants: Vec<PathBuf>,
    /// Parts of a prefix that are links out of it and are therefore not granted.
    pub withheld: Vec<PathBuf>,
}

/// Why an interpreter cannot be granted.
#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    /// No absolute directory of PATH holds an executable of that name.
    #[error("no directory of PATH holds an executable file named {0:?}; give its absolute path")]
    NotFound(PathBuf),
    /// The path is not plain.
    #[error("the interpreter's path {0:?} holds `..` or a control character; give it without")]
    NotPlain(PathBuf),
    /// The path leads nowhere.
    #[error("the interpreter cannot be found: {0}")]
    Links(#[from] LinkError),
    /// What is there cannot be executed.
    #[error("{0:?} is no executable file; give the path of a Python interpreter")]
    NotExecutable(PathBuf),
    /// It is a script, such as the shims that pyenv puts into PATH.
    #[error(
        "{0:?} is a script that looks for an interpreter; give the path that \
         `python -c 'import sys; print(sys.executable)'` prints"
    )]
    Script(PathBuf),
    /// The virtual environment's configuration cannot be used.
    #[error("the pyvenv.cfg in {prefix:?} cannot be used: {source}; make the environment anew")]
    Pyvenv {
        /// The directory of the virtual environment.
        prefix: PathBuf,
        /// What is wrong.
        source: PyvenvError,
    },
    /// Virtual environments refer to each other.
    #[error("more than {MOST_NESTED} virtual environments build on each other, the last in {0:?}")]
    Nested(PathBuf),
    /// There is no standard library where one must be.
    #[error(
        "{0:?} does not belong to a Python installation: no lib/python3.*/os.py in it or in its \
         parent; give the path of an installed interpreter"
    )]
    NoPrefix(PathBuf),
}

/// Finds the interpreter `python` and what it needs, without running it.
///
/// A relative path is taken from `cwd`; a bare word is looked up in `search`, the entries of PATH,
/// of which relative and empty ones are skipped, for they would let the source tree choose.
///
/// # Errors
/// When there is no such executable file, or its prefixes cannot be found out.
pub fn interpreter(
    python: &Path,
    cwd: &Path,
    search: &[PathBuf],
) -> Result<Interpreter, InterpreterError> {
    let executable = locate(python, cwd, search)?;
    let executable_chain = links::hops(&executable)?;
    let file = executable_chain.last().unwrap_or(&executable);
    check_executable(file)?;
    let own = directories(&executable_chain);
    let (mut environments, bases) = environments(own.clone())?;
    let installed: Vec<_> = bases.iter().filter_map(|directory| installation(directory)).collect();
    let nearest = || bases.first().cloned().unwrap_or_else(|| file.clone());
    let base_prefix = installed.first().cloned().ok_or_else(|| {
        // The base of an environment need not be where its executable is.
        InterpreterError::NoPrefix(nearest())
    })?;
    let prefix = environments.first().unwrap_or(&base_prefix).clone();
    environments.extend(installed);
    environments.extend(own.iter().filter_map(|directory| installation(directory)));
    let (grants, withheld) = parts(&environments);
    Ok(Interpreter { executable_chain, prefix, base_prefix, grants, withheld })
}

fn locate(python: &Path, cwd: &Path, search: &[PathBuf]) -> Result<PathBuf, InterpreterError> {
    let word = python.as_os_str().as_bytes();
    let path = if word.contains(&b'/') {
        cwd.join(python)
    } else {
        search
            .iter()
            .filter(|entry| entry.is_absolute() && !word.is_empty())
            .map(|entry| entry.join(python))
            .find(|candidate| is_executable(candidate))
            .ok_or_else(|| InterpreterError::NotFound(python.to_owned()))?
    };
    let parent = path.components().any(|component| component == Component::ParentDir);
    let control = path.as_os_str().as_bytes().iter().any(u8::is_ascii_control);
    if parent || control || !path.is_absolute() {
        return Err(InterpreterError::NotPlain(path));
    }
    Ok(path.components().collect())
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
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

/// The directories of the executable under all its names, without those that hold `..`.
fn directories(chain: &[PathBuf]) -> Vec<PathBuf> {
    let plain = |path: &&Path| !path.components().any(|part| part == Component::ParentDir);
    let mut directories: Vec<PathBuf> = Vec::new();
    for directory in chain.iter().filter_map(|path| path.parent()).filter(plain) {
        if !directories.iter().any(|known| known == directory) {
            directories.push(directory.to_owned());
        }
    }
    directories
}

/// The virtual environments that an interpreter in one of `directories` stands in, from the
/// outermost inwards, and the directories of the interpreter that the last one is based on.
fn environments(
    mut directories: Vec<PathBuf>,
) -> Result<(Vec<PathBuf>, Vec<PathBuf>), InterpreterError> {
    let mut found: Vec<PathBuf> = Vec::new();
    while let Some((prefix, home)) = environment(&directories)? {
        if found.len() == MOST_NESTED {
            return Err(InterpreterError::Nested(prefix));
        }
        found.push(prefix);
        directories = links::hops(&home)?;
        directories.retain(|path| !path.components().any(|part| part == Component::ParentDir));
    }
    Ok((found, directories))
}

/// The first of `directories` that has a `pyvenv.cfg` in it or above it, with its `home`.
fn environment(directories: &[PathBuf]) -> Result<Option<(PathBuf, PathBuf)>, InterpreterError> {
    for directory in directories {
        for prefix in [Some(directory.as_path()), directory.parent()].into_iter().flatten() {
            let failed = |source| InterpreterError::Pyvenv { prefix: prefix.to_owned(), source };
            if let Some(home) = pyvenv::home(prefix).map_err(failed)? {
                return Ok(Some((prefix.to_owned(), home)));
            }
        }
    }
    Ok(None)
}

/// The prefix of the installation whose executables are in `directory`.
///
/// A standard library must be in it. Without this check a rewritten `home` could name any
/// directory, and have its `bin`, `lib` and `share` granted.
fn installation(directory: &Path) -> Option<PathBuf> {
    [directory.parent(), Some(directory)]
        .into_iter()
        .flatten()
        .find(|prefix| *prefix != Path::new("/") && has_standard_library(prefix))
        .map(Path::to_owned)
}

fn has_standard_library(prefix: &Path) -> bool {
    ["lib", "lib64"].iter().any(|lib| {
        let entries = prefix.join(lib).read_dir().into_iter().flatten().flatten();
        entries.take(100_000).any(|entry| {
            let name = entry.file_name();
            let python =
                [&b"python3"[..], b"pypy3"].iter().any(|it| name.as_bytes().starts_with(it));
            python && entry.path().join("os.py").is_file()
        })
    })
}

/// The existing parts of `prefixes`, and those that are links out of their prefix.
fn parts(prefixes: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut grants, mut withheld) = (Vec::new(), Vec::new());
    for prefix in prefixes {
        let Ok(solid) = prefix.canonicalize() else { continue };
        // `/usr` is part of every sandbox, with `/usr/local` in it.
        if solid.starts_with("/usr") || solid == Path::new("/") {
            continue;
        }
        for path in PARTS.iter().map(|part| prefix.join(part)) {
            let Ok(target) = path.canonicalize() else { continue };
            let list = if target.starts_with(&solid) { &mut grants } else { &mut withheld };
            if !list.contains(&path) {
                list.push(path);
            }
        }
    }
    (grants, withheld)
}

#[cfg(test)]
#[path = "interpreter_tests.rs"]
mod tests;
