//! The program that the caller starts, and what it needs.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::directory::named;
use super::interpreter::{Interpreter, looked_at, looked_at_for};
use super::interpreter_error::InterpreterError;
use super::lookup::Lookup;
use super::pythons::{is_executable, is_named_python};
use super::{Found, Share, Withheld, is_system, pyvenv};
use crate::paths::{self, Opened, PathError, Trust};
use crate::payload::{Payload, PayloadError};

/// How much of a script is read for its first line (`execve(2)` reads 255 bytes).
const FIRST_LINE: u64 = 255;

/// A program to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its path: absolute and without `..`.
    pub path: PathBuf,
    /// What of it cannot be given.
    pub withheld: Vec<Withheld>,
}

/// Why a program cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not there, or cannot be used.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// It is an interpreter that cannot be granted.
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
}

/// Finds the program of `payload`, in PATH or where the caller says, and grants what it needs: the file
/// itself, and what the directory in which it lies brings along, as if PATH named it.
///
/// # Errors
/// There is no such program, the way to it is a link that a stranger may have made, or it is the
/// interpreter of an environment that is not what it says.
pub fn program(payload: &mut Payload, lookup: &Lookup) -> Result<Program, ProgramError> {
    let named_path = payload.program()?;
    let failed =
        |problem| PayloadError::Path { what: "program", path: named_path.clone(), problem };
    let path = without_dots(&named_path).map_err(failed)?;
    let mut withheld = Vec::new();
    let mut grant = |payload: &mut Payload, found: Found| {
        withheld.extend(found.withheld.iter().cloned());
        found.grant(payload);
    };
    if let Some(directory) = path.parent() {
        let found = named(payload, directory, lookup);
        grant(payload, found);
    }
    if is_named_python(&path) {
        match looked_at(payload, &path, lookup) {
            Ok(interpreter) => grant(payload, interpreter.found),
            Err(
                problem @ (InterpreterError::Home { .. }
                | InterpreterError::Foreign { .. }
                | InterpreterError::Stranger { .. }
                | InterpreterError::Pyvenv { .. }),
            ) => return Err(problem.into()),
            // It is called like one.
            Err(_) => {}
        }
    }
    // By now an environment is known as a place in which links are a stranger's.
    match paths::open(&path, &payload.trust(&[])) {
        Ok(opened) => {
            let found = of_file(payload, &path, opened, lookup);
            grant(payload, found);
        }
        // What an environment's Python leads to is granted by its own rule, or not at all.
        Err(PathError::Link { .. }) if is_named_python(&path) => {}
        Err(problem @ PathError::Link { .. }) => return Err(failed(problem).into()),
        // What is not there the start itself says, as shells do.
        Err(_) => {}
    }
    Ok(Program { path, withheld })
}

/// What the file needs that `path` leads to: itself, what its own directory brings along, and for a
/// script its interpreter.
fn of_file(payload: &Payload, path: &Path, opened: Opened, lookup: &Lookup) -> Found {
    let real = opened.real;
    let mut found = Found { links: opened.links, ..Found::default() };
    let in_tree = payload.trees.iter().any(|tree| real.starts_with(&tree.path));
    if in_tree || is_system(&real) || !is_executable(&real) {
        return found;
    }
    if let Some(directory) = real.parent().filter(|own| path.parent() != Some(own)) {
        found.add(named(payload, directory, lookup));
    }
    // A script of an environment's may have been written by a build requirement.
    let own = !is_in_environment(payload, &real);
    let interpreter = shebang(&real).filter(|path| own && is_named_python(path));
    if let Some(path) = interpreter {
        let by_stranger = is_strangers(payload, &real);
        match looked_at_for(payload, &path, lookup, by_stranger) {
            Ok(interpreter) => found.add(interpreter.found),
            Err(InterpreterError::Stranger { prefix, .. }) => {
                let executable = real.clone();
                let problem = InterpreterError::Stranger { executable, prefix };
                found.withheld.push(problem.withheld(path));
            }
            Err(problem) => found.withheld.push(problem.withheld(path)),
        }
    }
    found.shares.push(Share::all(real));
    found
}

/// Finds the interpreter `python` of a hook, and grants what it needs.
///
/// # Errors
/// Those of `interpreter`.
pub fn of_interpreter(
    payload: &mut Payload,
    python: &Path,
    lookup: &Lookup,
) -> Result<Interpreter, InterpreterError> {
    let found = looked_at(payload, python, lookup)?;
    found.found.clone().grant(payload);
    Ok(found)
}

/// The path without `.` and `..`, which are followed as the kernel follows them; the name of the file
/// itself stays, for programs look at the name by which they are started.
fn without_dots(path: &Path) -> Result<PathBuf, PathError> {
    let upwards = path.components().any(|component| component == Component::ParentDir);
    match (path.parent(), path.file_name(), upwards) {
        (Some(parent), Some(name), true) => match paths::open(parent, &Trust::All) {
            Ok(opened) => Ok(opened.real.join(name)),
            Err(PathError::Missing(_)) => Ok(path.to_owned()),
            Err(problem) => Err(problem),
        },
        _ => Ok(path.components().collect()),
    }
}

/// Whether `path` lies in an environment that build requirements are installed in.
fn is_in_environment(payload: &Payload, path: &Path) -> bool {
    payload.suspects.iter().any(|place| path.starts_with(place))
        || path.parent().and_then(Path::parent).is_some_and(pyvenv::is_environment)
}

/// Whether anybody but root and the caller may have written the file at `path`, which has no links.
fn is_strangers(payload: &Payload, path: &Path) -> bool {
    let directory = paths::stranger(path, &payload.trust(&[]));
    let own = path.metadata().is_ok_and(|file| {
        let known = [0, rustix::process::geteuid().as_raw()].contains(&file.uid());
        known && file.mode() & 0o002 == 0
    });
    directory != Ok(None) || !own
}

/// The interpreter that the first line of a script names.
fn shebang(path: &Path) -> Option<PathBuf> {
    let mut line = Vec::new();
    std::fs::File::open(path).ok()?.take(FIRST_LINE).read_to_end(&mut line).ok()?;
    let line = line.split(|byte| *byte == b'\n').next()?.strip_prefix(b"#!")?.trim_ascii();
    let word = line.split(u8::is_ascii_whitespace).next()?;
    let path = PathBuf::from(OsStr::from_bytes(word));
    path.is_absolute().then_some(path)
}
