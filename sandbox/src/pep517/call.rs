//! One call of a hook: `PYTHON …/_in_process.py HOOK CONTROL_DIR`, and the `input.json` behind it.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde_json::{Map, Value};

use super::hook::HookKind;
use super::json::{self, JsonError, JsonLimits};
use crate::paths::{self, Beneath, OpenError, Opened, PathError, Trust, spoken};
use crate::payload::{PrivateTree, Purpose};
use crate::plain::plural;
use crate::words::UnknownWord;

const SCRIPT: &str = "_in_process.py";
const INPUT: &str = "input.json";

/// What a front end asks for when it calls a hook. All paths are absolute and free of `..`; its
/// directories are open from here on, so that nothing that happens later leads them elsewhere.
#[derive(Debug)]
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
    places: Places,
}

/// The directories of a call, open.
#[derive(Debug)]
struct Places {
    control: Opened,
    output: Option<Opened>,
    metadata: Option<Opened>,
}

/// Why a call is not one that can be isolated; nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The build has put another directory in its place.
    #[error(
        "the {what} {path:?} is not the one that was there when the call began: the build, which may \
         write around it, has put another in its place"
    )]
    Exchanged {
        /// Which one.
        what: &'static str,
        /// Its name.
        path: PathBuf,
    },
    /// The command line has another shape.
    #[error(
        "not a call of pyproject_hooks: expected PYTHON …/_in_process.py HOOK CONTROL_DIR, found \
         {}; any other command is started with `bulkhead run`",
        plural(.found, "word")
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
    /// It does not lead there, or somebody else may have made it lead there.
    #[error("{0}")]
    Walk(#[from] PathError),
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
    /// Reads the command line `argv` of a hook that is to run in the directory `cwd`; `suspects` are
    /// directories that builds may have written to before, beside those of the call.
    ///
    /// Nothing is run and nothing is written. The directories that it names are open when it returns;
    /// no link below the source tree or another of them has been followed: a source tree that ships
    /// `dist -> /somewhere` would choose where a front end's wheels go.
    ///
    /// # Errors
    /// When the command line is no call of `pyproject_hooks`, or a file or directory that it
    /// names is missing, behind such a link, of another type, or says something else than it should.
    pub fn parse(argv: &[OsString], cwd: &Path, suspects: &[PathBuf]) -> Result<Self, HookError> {
        let [python, script, hook, control] = argv else {
            return Err(HookError::NotAHookCall { found: argv.len() });
        };
        let source = absolute("source tree", Path::new("/"), cwd.as_os_str())?;
        if !cwd.is_absolute() {
            return Err(bad("source tree", cwd, PathProblem::Relative));
        }
        let script = script_file(&source, script)?;
        let hook: HookKind = hook.to_string_lossy().parse()?;
        let control = absolute(CONTROL, &source, control)?;
        let mut strange: Vec<_> = suspects.iter().chain([&source]).cloned().collect();
        let opened = open_directory(CONTROL, &control, &strange)?;
        let kwargs = kwargs(&control, &opened)?;
        let output = match hook.output_key() {
            Some(key) => Some(absolute(OUTPUT, &source, &required(&kwargs, &control, key)?)?),
            None => None,
        };
        let metadata = match hook.metadata_key() {
            Some(key) => optional(&kwargs, &control, key)?,
            None => None,
        };
        let metadata = metadata.map(|path| absolute(METADATA, &source, &path)).transpose()?;
        strange.extend([&control].into_iter().chain(&output).chain(&metadata).cloned());
        let open = |what, path: &Option<PathBuf>| {
            path.as_ref().map(|path| open_directory(what, path, &strange)).transpose()
        };
        let places = Places {
            control: open_directory(CONTROL, &control, &strange)?,
            output: open(OUTPUT, &output)?,
            metadata: open(METADATA, &metadata)?,
        };
        let python = python.clone();
        let call = Self { python, script, hook, control, source, output, metadata, places };
        call.check()?;
        Ok(call)
    }

    /// The output directory, if the hook has one: the one that was there when the call was read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open_output(&self) -> Result<Option<OwnedFd>, HookError> {
        let opened = self.places.output.as_ref();
        opened.map(|opened| listed(OUTPUT, &opened.real, &opened.file)).transpose()
    }

    /// The control directory: the one that was there when the call was read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open_control(&self) -> Result<OwnedFd, HookError> {
        listed(CONTROL, &self.places.control.real, &self.places.control.file)
    }

    /// Looks whether the front end, by the names that it has for them, still comes to the directories
    /// that were there when the call was read. A build that may write around one can put another in
    /// its place (`rename(2)`), and in that a file that nobody has looked into.
    ///
    /// # Errors
    /// [`HookError::Exchanged`].
    pub fn is_in_place(&self) -> Result<(), HookError> {
        let Places { control, output, .. } = &self.places;
        let output = output.as_ref().zip(self.output.as_ref());
        let named =
            [Some((CONTROL, control, &self.control)), output.map(|(it, path)| (OUTPUT, it, path))];
        for (what, opened, path) in named.into_iter().flatten() {
            paths::leads_to(path, opened.identity)
                .map_err(|_errno| HookError::Exchanged { what, path: path.clone() })?;
        }
        Ok(())
    }

    /// The private directories of the call, besides its source tree, by paths without links.
    pub fn trees(&self) -> impl Iterator<Item = PrivateTree> {
        let Places { control, output, metadata } = &self.places;
        let trees = [
            (Some(control), Purpose::Control),
            (output.as_ref(), Purpose::Output),
            (metadata.as_ref(), Purpose::Metadata),
        ];
        trees.into_iter().filter_map(|(opened, purpose)| {
            let opened = opened?;
            let identity = Some(opened.identity);
            Some(PrivateTree { path: opened.real.clone(), purpose, identity })
        })
    }

    /// The names that the front end has for these directories, and their paths without links.
    pub fn names(&self) -> impl Iterator<Item = (PathBuf, PathBuf)> {
        let Places { control, output, metadata } = &self.places;
        let opened = [Some(control), output.as_ref(), metadata.as_ref()];
        let named = [Some(&self.control), self.output.as_ref(), self.metadata.as_ref()];
        named
            .into_iter()
            .zip(opened)
            .filter_map(|(named, opened)| Some((named?.clone(), opened?.real.clone())))
    }

    /// Checks what the paths stand for.
    fn check(&self) -> Result<(), HookError> {
        let Some(output) = &self.places.output else { return Ok(()) };
        let others = [
            (Path::new("/"), "root directory"),
            (self.source.as_path(), "source tree"),
            (self.places.control.real.as_path(), "control directory"),
        ];
        match others.iter().find(|(other, _)| output.real == *other) {
            Some((_, other)) => Err(HookError::Clash { path: output.real.clone(), other }),
            None => Ok(()),
        }
    }
}

const CONTROL: &str = "control directory";
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

/// Opens a directory that no stranger has led elsewhere; `strange` are directories in which one may
/// have made links.
fn open_directory(
    what: &'static str,
    path: &Path,
    strange: &[PathBuf],
) -> Result<Opened, HookError> {
    let trust = Trust::of_caller(strange);
    let opened = paths::open(path, &trust).map_err(|problem| bad(what, path, problem.into()))?;
    if opened.is_directory() {
        return Ok(opened);
    }
    let cause = OpenError::WrongType { found: spoken(opened.kind), wanted: "a directory" };
    Err(bad(what, path, cause.into()))
}

/// The open directory once more, to be listed and written to.
fn listed(what: &'static str, path: &Path, directory: &OwnedFd) -> Result<OwnedFd, HookError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, ".", flags, Mode::empty())
        .map_err(|errno| bad(what, path, OpenError::from(errno).into()))
}

fn kwargs(control: &Path, opened: &Opened) -> Result<Map<String, Value>, HookError> {
    let directory = listed(CONTROL, control, &opened.file)?;
    let read = || -> Result<Map<String, Value>, InputProblem> {
        let limits = JsonLimits::HOOK;
        let bytes = Beneath::new(&directory).read(OsStr::new(INPUT), limits.bytes)?;
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
