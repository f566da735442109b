//! One call of a hook: `PYTHON …/_in_process.py HOOK CONTROL_DIR`, and the `input.json` behind it.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use serde_json::{Map, Value};

use super::beneath::{Beneath, OpenError};
use super::hook::HookKind;
use super::json::{self, JsonError, JsonLimits};
use crate::words::UnknownWord;

const SCRIPT: &str = "_in_process.py";
const INPUT: &str = "input.json";

/// What a front end asks for when it calls a hook. All paths are absolute and free of `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCall {
    /// The interpreter as the front end named it: a path, or a word to look up in PATH.
    pub python: OsString,
    /// The script of `pyproject_hooks` that runs the hook; it may be a link into a cache.
    pub script: PathBuf,
    /// The hook.
    pub hook: HookKind,
    /// The control directory: `input.json` is in it, `output.json` is wanted in it.
    pub control: PathBuf,
    /// The source tree, which is the working directory of the call.
    pub source: PathBuf,
    /// Where the hook's product is wanted. It may lie within the source tree or hold it.
    pub output: Option<PathBuf>,
    /// Metadata of an earlier call that `build_wheel` and `build_editable` may read.
    pub metadata: Option<PathBuf>,
}

/// Why a call is not one that can be isolated; nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The command line has another shape.
    #[error(
        "not a call of pyproject_hooks: expected PYTHON …/_in_process.py HOOK CONTROL_DIR, found \
         {found} words; any other command is started with `bulkhead run`"
    )]
    NotAHookCall {
        /// How many words the command line has.
        found: usize,
    },
    /// The second word is no script of `pyproject_hooks`.
    #[error(
        "not a call of pyproject_hooks: {script:?} is not named _in_process.py; any other command \
         is started with `bulkhead run`"
    )]
    NotTheScript {
        /// The second word.
        script: PathBuf,
    },
    /// The third word is no hook.
    #[error("not a call of pyproject_hooks: {0}")]
    UnknownHook(#[from] UnknownWord),
    /// One of the paths cannot be used.
    #[error("the {what} {path:?} cannot be used: {problem}")]
    Path {
        /// What the path should be.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// What is wrong with it.
        problem: PathProblem,
    },
    /// `input.json` does not say what the hook needs.
    #[error("the input.json in the control directory {control:?} cannot be used: {problem}")]
    Input {
        /// The control directory.
        control: PathBuf,
        /// What is wrong with it.
        problem: InputProblem,
    },
    /// Two directories that must be apart are the same.
    #[error("the output directory {path:?} is also the {other}; give the front end another one")]
    Clash {
        /// The directory.
        path: PathBuf,
        /// What else it is.
        other: &'static str,
    },
}

/// What is wrong with a path of a call.
#[derive(Debug, thiserror::Error)]
pub enum PathProblem {
    /// It holds a newline or another control character, which mount tables and logs cannot carry.
    #[error("it holds a newline or another control character; use a directory without one")]
    ControlCharacter,
    /// It holds `..`, which means different things before and after a link is followed.
    #[error("it holds `..`; name it without")]
    Parent,
    /// It is not absolute and there is nothing that it could be relative to.
    #[error("it is not absolute")]
    Relative,
    /// It is not what it should be.
    #[error("{0}")]
    Open(#[from] OpenError),
}

/// What is wrong with `input.json`.
#[derive(Debug, thiserror::Error)]
pub enum InputProblem {
    /// The file cannot be read.
    #[error("{0}; pyproject_hooks writes it before it calls")]
    Open(#[from] OpenError),
    /// Its content cannot be parsed.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// A key is missing or has a value of another type.
    #[error("it has no {wanted} under the key `{key}`")]
    Key {
        /// The key.
        key: &'static str,
        /// What should be there.
        wanted: &'static str,
    },
}

impl HookCall {
    /// Reads the command line `argv` of a hook that is to run in the directory `cwd`.
    ///
    /// Nothing is run and nothing is written. The directories that it names exist when it
    /// returns; [`Self::open_output`] and [`Self::open_control`] give them as descriptors.
    ///
    /// # Errors
    /// When the command line is no call of `pyproject_hooks`, or a file or directory that it
    /// names is missing, a link, of another type, or says something else than it should.
    pub fn parse(argv: &[OsString], cwd: &Path) -> Result<Self, HookError> {
        let [python, script, hook, control] = argv else {
            return Err(HookError::NotAHookCall { found: argv.len() });
        };
        let source = absolute("source tree", Path::new("/"), cwd.as_os_str())?;
        if !cwd.is_absolute() {
            return Err(bad("source tree", cwd, PathProblem::Relative));
        }
        let script = script_file(&source, script)?;
        let hook: HookKind = hook.to_string_lossy().parse()?;
        let control = absolute("control directory", &source, control)?;
        let kwargs = kwargs(&control, &open_directory("control directory", &control)?)?;
        let output = match hook.output_key() {
            Some(key) => Some(required(&kwargs, &control, key)?),
            None => None,
        };
        let metadata = match hook.metadata_key() {
            Some(key) => optional(&kwargs, &control, key)?,
            None => None,
        };
        let call = Self {
            python: python.clone(),
            script,
            hook,
            output: output.map(|path| absolute(OUTPUT, &source, &path)).transpose()?,
            metadata: metadata.map(|path| absolute(METADATA, &source, &path)).transpose()?,
            control,
            source,
        };
        call.check()?;
        Ok(call)
    }

    /// Opens the output directory, if the hook has one, without following a link to it.
    ///
    /// Below the source tree no component may be a link: a source tree that ships
    /// `dist -> /somewhere` would choose where a front end's wheels go.
    ///
    /// # Errors
    /// When it is missing, a link or not a directory.
    pub fn open_output(&self) -> Result<Option<OwnedFd>, HookError> {
        let Some(path) = &self.output else { return Ok(None) };
        let Ok(inner) = path.strip_prefix(&self.source) else {
            return open_directory(OUTPUT, path).map(Some);
        };
        let source = Beneath::new(open_directory("source tree", &self.source)?);
        let opened = source.descend(inner).map_err(|cause| bad(OUTPUT, path, cause.into()))?;
        Ok(Some(opened.into_descriptor()))
    }

    /// Opens the control directory without following a link to it.
    ///
    /// # Errors
    /// When it is missing, a link or not a directory.
    pub fn open_control(&self) -> Result<OwnedFd, HookError> {
        open_directory("control directory", &self.control)
    }

    /// Checks what the paths stand for.
    fn check(&self) -> Result<(), HookError> {
        if let Some(path) = &self.output {
            let others = [
                (Path::new("/"), "root directory"),
                (&self.source, "source tree"),
                (&self.control, "control directory"),
            ];
            if let Some((_, other)) = others.iter().find(|(other, _)| path == other) {
                return Err(HookError::Clash { path: path.clone(), other });
            }
        }
        if let Some(path) = &self.metadata {
            open_directory(METADATA, path)?;
        }
        self.open_output()?;
        Ok(())
    }
}

const OUTPUT: &str = "output directory";
const METADATA: &str = "metadata directory";

fn bad(what: &'static str, path: &Path, problem: PathProblem) -> HookError {
    HookError::Path { what, path: path.to_owned(), problem }
}

/// The script may be a link (an installer may link packages into its cache), but not a directory.
fn script_file(source: &Path, word: &OsStr) -> Result<PathBuf, HookError> {
    let script = absolute("hook script", source, word)?;
    if script.file_name() != Some(OsStr::new(SCRIPT)) {
        return Err(HookError::NotTheScript { script });
    }
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => OpenError::Missing,
        _ => OpenError::Io(cause),
    };
    match std::fs::metadata(&script) {
        Ok(metadata) if metadata.is_file() => Ok(script),
        Ok(_) => {
            let cause = OpenError::WrongType { found: "no file", wanted: "a regular file" };
            Err(bad("hook script", &script, cause.into()))
        }
        Err(cause) => Err(bad("hook script", &script, failed(cause).into())),
    }
}

/// The absolute form of a path that a front end gave, without looking at the file system.
fn absolute(what: &'static str, base: &Path, path: &OsStr) -> Result<PathBuf, HookError> {
    let joined = base.join(path);
    if path.is_empty() {
        return Err(bad(what, Path::new(""), OpenError::Missing.into()));
    }
    if joined.as_os_str().as_bytes().iter().any(u8::is_ascii_control) {
        return Err(bad(what, &joined, PathProblem::ControlCharacter));
    }
    if joined.components().any(|component| component == Component::ParentDir) {
        return Err(bad(what, &joined, PathProblem::Parent));
    }
    Ok(joined.components().collect())
}

/// open(2) with `O_NOFOLLOW`: the last component must be the directory itself.
fn open_directory(what: &'static str, path: &Path) -> Result<OwnedFd, HookError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|errno| {
        // With O_DIRECTORY a link is ENOTDIR like every other thing that is no directory.
        let link = path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        bad(what, path, if link { OpenError::Link } else { errno.into() }.into())
    })
}

fn kwargs(control: &Path, directory: &OwnedFd) -> Result<Map<String, Value>, HookError> {
    let read = || -> Result<Map<String, Value>, InputProblem> {
        let limits = JsonLimits::HOOK;
        let bytes = Beneath::new(directory).read(OsStr::new(INPUT), limits.bytes)?;
        match json::object(&bytes, limits)?.remove("kwargs") {
            Some(Value::Object(kwargs)) => Ok(kwargs),
            _ => Err(InputProblem::Key { key: "kwargs", wanted: "object" }),
        }
    };
    read().map_err(|problem| HookError::Input { control: control.to_owned(), problem })
}

fn optional(
    kwargs: &Map<String, Value>,
    control: &Path,
    key: &'static str,
) -> Result<Option<OsString>, HookError> {
    match kwargs.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(path)) => Ok(Some(path.into())),
        Some(_) => Err(HookError::Input {
            control: control.to_owned(),
            problem: InputProblem::Key { key, wanted: "path of a directory" },
        }),
    }
}

fn required(
    kwargs: &Map<String, Value>,
    control: &Path,
    key: &'static str,
) -> Result<OsString, HookError> {
    optional(kwargs, control, key)?.ok_or_else(|| HookError::Input {
        control: control.to_owned(),
        problem: InputProblem::Key { key, wanted: "path of a directory" },
    })
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
