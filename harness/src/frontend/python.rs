//! The Python interpreter of a run: asked once, outside, what it is and where its parts lie.
#![forbid(unsafe_code)]

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::FrontendError;
use crate::lab::layout::{Interpreter, PYTHON};
use crate::lab::outside;
use crate::lab::profile::Profile;

/// What an interpreter says of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Python {
    /// The program, never a wrapper or a virtual environment's link.
    pub program: PathBuf,
    /// Where its parts lie.
    pub prefix: PathBuf,
    /// Its own site directory.
    pub site: PathBuf,
    /// Its version, as `3.11.7`.
    pub version: String,
    /// It comes with the headers that extensions need.
    pub headers: bool,
    /// The files of its site directories that it reads whenever it starts (`site`, `.pth`).
    pub start_up: Vec<PathBuf>,
    /// `pyproject_hooks`, where it can be imported.
    pub hooks: Option<PathBuf>,
    /// The copy that pip carries.
    pub vendored: Option<PathBuf>,
}

/// The interpreter for labs.
#[derive(Clone, Debug)]
pub struct Staged {
    /// As the lab sees it.
    pub interpreter: Interpreter,
    /// The prefix to be staged; `None` when the lab has it anyway, below `/usr`.
    pub prefix: Option<PathBuf>,
    /// The program with its library path moved along, where it has one: path in the lab, content.
    pub moved: Option<(PathBuf, Vec<u8>)>,
    /// What it would read at each start, which no lab shows: it is this machine's own, and takes time.
    pub start_up: Vec<PathBuf>,
}

/// Asks nothing but the standard library; `-I` keeps the caller's environment out of it.
const QUESTION: &str = r#"
import importlib.util, json, os, site, sys, sysconfig
def find(name):
    try:
        spec = importlib.util.find_spec(name)
    except ImportError:
        return None
    return spec and spec.origin and os.path.dirname(spec.origin)
def start_up():
    for folder in map(os.path.realpath, site.getsitepackages()):
        try:
            names = os.listdir(folder)
        except OSError:
            names = []
        for path in (os.path.join(folder, name) for name in names):
            # One whose name is no text could not be told.
            if path.endswith(".pth") and path.isprintable():
                yield path
base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix, "installed_base": sys.base_prefix}
print(json.dumps({
    "program": os.path.realpath(getattr(sys, "_base_executable", "") or sys.executable),
    "prefix": os.path.realpath(sys.base_prefix),
    "site": sysconfig.get_path("purelib", vars=base),
    "version": ".".join(map(str, sys.version_info[:3])),
    "headers": os.path.exists(os.path.join(sysconfig.get_path("include", vars=base), "Python.h")),
    "start_up": sorted(start_up()),
    "hooks": find("pyproject_hooks"),
    "vendored": find("pip._vendor.pyproject_hooks"),
}))
"#;

/// The oldest that is supported.
const OLDEST: (u32, u32) = (3, 9);

impl Python {
    /// Asks `program`, by default the `python3` that PATH names.
    ///
    /// # Errors
    /// When there is none, or it is too old.
    pub fn ask(program: Option<&Path>) -> Result<Self, FrontendError> {
        let program = program.unwrap_or(Path::new("python3"));
        let refused = |reason: String| FrontendError::Python {
            program: program.display().to_string(),
            reason,
        };
        let mut command = Command::new(program);
        command.args(["-I", "-c", QUESTION]);
        let answer = outside::answer(&mut command, outside::SOON)
            .map_err(|error| refused(error.to_string()))?;
        if !answer.status.success() {
            let said = String::from_utf8_lossy(&answer.stderr);
            let last: String = said.lines().last().unwrap_or_default().chars().take(160).collect();
            return Err(refused(format!("it fails: {last}")));
        }
        let python: Self = serde_json::from_slice(&answer.stdout)
            .map_err(|error| refused(format!("its answer is not understood: {error}")))?;
        if python.numbers() < OLDEST {
            return Err(refused(format!("it is version {}, 3.9 is needed", python.version)));
        }
        Ok(python)
    }

    /// What a script prints that is run outside of any lab and given `input` to read.
    ///
    /// # Errors
    /// When it cannot be started, or ends with an error.
    pub fn answer(&self, script: &str, input: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut given = tempfile::tempfile()?;
        given.write_all(input)?;
        given.rewind()?;
        let said = Command::new(&self.program)
            .args(["-I", "-S", "-B", "-c", script])
            .env_clear()
            .stdin(given)
            .output()?;
        if said.status.success() {
            return Ok(said.stdout);
        }
        let last = String::from_utf8_lossy(&said.stderr).lines().last().map(str::to_owned);
        Err(std::io::Error::other(last.unwrap_or_default()))
    }

    /// Runs a script outside of any lab, with nothing but a directory; what it complains of.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn alone(&self, dir: &Path, script: &str) -> std::io::Result<String> {
        let mut command = Command::new(&self.program);
        command.args(["-I", "-S", "-B", "-c", script]).current_dir(dir);
        command.env_clear().env("HOME", dir).env("TMPDIR", dir);
        let said = outside::answer(&mut command, outside::SOON)?;
        Ok(String::from_utf8_lossy(&said.stderr).into_owned())
    }

    fn numbers(&self) -> (u32, u32) {
        let mut numbers = self.version.split('.').filter_map(|number| number.parse().ok());
        (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
    }

    /// How labs will see it.
    ///
    /// # Errors
    /// When the program cannot be read.
    pub fn staged(&self) -> Result<Staged, FrontendError> {
        let moved = |path: &Path| match path.strip_prefix(&self.prefix) {
            Ok(rest) => Path::new(PYTHON).join(rest),
            Err(_) => path.to_owned(),
        };
        if self.prefix == Path::new("/usr") {
            let interpreter = Interpreter {
                program: self.program.clone(),
                site: self.site.clone(),
                home: Profile::Root.home(),
            };
            let start_up = self.start_up.clone();
            return Ok(Staged { interpreter, prefix: None, moved: None, start_up });
        }
        let program = std::fs::read(&self.program)
            .map_err(|source| FrontendError::Unreadable { path: self.program.clone(), source })?;
        let interpreter = Interpreter {
            program: moved(&self.program),
            site: moved(&self.site),
            home: Profile::Root.home(),
        };
        let start_up = self.start_up.iter().map(|path| moved(path)).collect();
        let moved = relocated(&program, &self.prefix.join("lib"), &Path::new(PYTHON).join("lib"))
            .map(|content| (interpreter.program.clone(), content));
        Ok(Staged { interpreter, prefix: Some(self.prefix.clone()), moved, start_up })
    }
}

/// A program whose library path `old` (an ELF `RPATH`) names `new`; `None` when it has none.
///
/// An interpreter with a shared library finds it under the absolute path of its prefix, which the
/// lab hides when it lies in a home. Trailing slashes fill up the length: they mean nothing.
fn relocated(program: &[u8], old: &Path, new: &Path) -> Option<Vec<u8>> {
    let (old, new) = (old.to_str()?.as_bytes(), new.to_str()?.as_bytes());
    let mut filled = new.to_vec();
    filled.resize(old.len().max(new.len()), b'/');
    if filled.len() != old.len() {
        return None;
    }
    let is_end = |byte: Option<&u8>| matches!(byte, Some(0 | b':'));
    let mut moved = program.to_vec();
    let mut found = false;
    for at in 1..program.len().saturating_sub(old.len()) {
        let here = program.get(at..).unwrap_or_default();
        let starts = is_end(program.get(at - 1));
        if starts && here.starts_with(old) && is_end(here.get(old.len())) {
            moved.get_mut(at..at + old.len())?.copy_from_slice(&filled);
            found = true;
        }
    }
    found.then_some(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_path_is_moved_without_changing_the_length() {
        let old = Path::new("/root/.pyenv/versions/3.11.7/lib");
        let new = Path::new("/opt/lab/python/lib");
        let program = b"\0/root/.pyenv/versions/3.11.7/lib\0/root/.pyenv/versions/3.11.7/lib2\0";
        let moved = relocated(program, old, new).unwrap();
        assert_eq!(moved.len(), program.len());
        assert!(moved.starts_with(b"\0/opt/lab/python/lib/////////////\0"));
        assert!(moved.ends_with(b"/3.11.7/lib2\0"));
    }

    #[test]
    fn a_program_without_library_path_is_left_alone() {
        assert_eq!(relocated(b"\0/usr/lib\0", Path::new("/a/lib"), Path::new("/b/lib")), None);
    }
}
