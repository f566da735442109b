//! Where `pyproject_hooks` comes from: the interpreter, the cache, the package index, or pip's copy.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::python::Python;
use super::{Frontend, FrontendError};
use crate::lab::outside;
use crate::lab::run_temp_dir::RunTempDir;

/// The version that is fetched where none is found, and the digest of its wheel.
const PINNED: (&str, &str) =
    ("1.3.3", "5fc53fdac9f7bd63fbcdc868fb5f90b4784d78a53a3d3388cd738b807441a20b");

/// The package's name as a directory.
const PACKAGE: &str = "pyproject_hooks";

impl Frontend {
    /// Finds it for an interpreter; fetches it into the cache at most once.
    ///
    /// # Errors
    /// When it is nowhere, with everything that was tried.
    pub fn find(python: &Python) -> Result<Self, FrontendError> {
        if let Some(dir) = &python.hooks {
            return Self::read(dir, "the interpreter");
        }
        let cache = cache();
        let cached = cache.join(format!("{PACKAGE}-{}", PINNED.0));
        if !cached.join(PACKAGE).is_dir()
            && let Err(reason) = fetch(python, &cache, &cached)
        {
            let python = python.clone();
            return match &python.vendored {
                Some(dir) => Self::read(dir, "pip's own copy"),
                None => {
                    Err(FrontendError::NoHooks { python: python.program, cache: cached, reason })
                }
            };
        }
        Self::read(&cached.join(PACKAGE), "the cache")
    }

    /// Reads a package; what is not a Python file is not needed.
    fn read(dir: &Path, origin: &'static str) -> Result<Self, FrontendError> {
        let mut files = Vec::new();
        read_below(dir, Path::new(PACKAGE), &mut files)
            .map_err(|source| FrontendError::Unreadable { path: dir.to_owned(), source })?;
        files.sort();
        let version = files
            .iter()
            .find(|(path, _)| path == &Path::new(PACKAGE).join("__init__.py"))
            .and_then(|(_, content)| version(&String::from_utf8_lossy(content)))
            .unwrap_or_else(|| "unknown".to_owned());
        Ok(Self { version, origin, files })
    }
}

/// The version that a package gives itself.
fn version(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("__version__"))?;
    Some(line.split(['"', '\'']).nth(1)?.to_owned())
}

fn read_below(dir: &Path, name: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = name.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            read_below(&entry.path(), &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "py") {
            files.push((path, fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// The cache directory of the project.
pub(crate) fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    base.or_else(home).unwrap_or_else(std::env::temp_dir).join("bulkhead")
}

/// Fetches the pinned version; half a download is never found in the cache.
fn fetch(python: &Python, cache: &Path, cached: &Path) -> Result<(), String> {
    let said = |error: io::Error| error.to_string();
    fs::create_dir_all(cache).map_err(said)?;
    let dir = RunTempDir::make(cache).map_err(said)?;
    let requirement = dir.path().join("requirements.txt");
    let (version, digest) = PINNED;
    fs::write(&requirement, format!("{PACKAGE}=={version} --hash=sha256:{digest}\n"))
        .map_err(said)?;
    let target = dir.path().join("target");
    let mut command = Command::new(&python.program);
    command
        .args(["-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--no-compile"])
        .args(["--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes"])
        .arg("--target")
        .arg(&target)
        .arg("--requirement")
        .arg(&requirement);
    let answer = outside::answer(&mut command, outside::LATE).map_err(said)?;
    if !answer.status.success() {
        let words = String::from_utf8_lossy(&answer.stderr);
        return Err(words.lines().last().unwrap_or("pip failed").trim().to_owned());
    }
    match fs::rename(&target, cached) {
        // Another run was faster; its copy has the same digest.
        Err(_) if cached.join(PACKAGE).is_dir() => Ok(()),
        other => other.map_err(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_package_itself() {
        let text = "\"\"\"x\"\"\"\n__version__ = '1.3.3'\n";
        assert_eq!(version(text).as_deref(), Some("1.3.3"));
        assert_eq!(version("x = 1"), None);
    }
}
