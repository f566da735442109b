//! What differs from a revision, as git tells it: committed since, staged, edited, or new.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::outside;
use crate::redact;

/// Why nobody knows what has changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangesError {
    /// There is no git.
    #[error("git cannot be started, so nobody knows what has changed; install it")]
    NoGit {
        /// Why.
        source: io::Error,
    },
    /// Git refuses to look.
    #[error("what has changed in {} cannot be found out: {said}", .dir.display())]
    Refused {
        /// Where it was to look.
        dir: PathBuf,
        /// What it said.
        said: String,
    },
    /// There is nothing here that could have changed.
    #[error(
        "no folder of attacks lies here, and those that the harness carries do not change; name one \
         with --catalogue"
    )]
    NoFolder,
    /// Nothing is known of the base, or the history that leads to it is not here.
    #[error(
        "`{base}` is no revision from which this checkout comes: {said}; a shallow clone has to \
         fetch its history first (`git fetch --unshallow`, or `fetch-depth: 0`)"
    )]
    Base {
        /// The base.
        base: String,
        /// What git said.
        said: String,
    },
}

/// A folder, and the commit from which its changes are counted.
pub(super) struct Changes {
    dir: PathBuf,
    from: String,
}

impl Changes {
    /// Those since `base`, or since this checkout left its line.
    pub(super) fn since(base: &str, dir: &Path) -> Result<Self, ChangesError> {
        let unknown = |said| ChangesError::Base { base: base.to_owned(), said };
        // A base that begins with a hyphen would be an option of git's.
        let found = match asked(dir, &["merge-base", "--end-of-options", base, "HEAD"])? {
            Ok(found) => found,
            Err(said) if said.is_empty() => {
                return Err(unknown("the two have no commit in common".to_owned()));
            }
            Err(said) => return Err(unknown(said)),
        };
        let from = String::from_utf8_lossy(&found).trim().to_owned();
        Ok(Self { dir: dir.to_owned(), from })
    }

    /// The files of the folder that differ, named from it, sorted.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, ChangesError> {
        // Two names of one file are two changes, and nothing of the checkout's is started.
        let differ = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--relative"];
        let differ: Vec<_> = differ.into_iter().chain([self.from.as_str(), "--"]).collect();
        let new = ["ls-files", "--others", "--exclude-standard", "-z"];
        let mut files = self.names(&differ)?;
        files.extend(self.names(&new)?);
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// What a file of the folder said then; nothing if it was not there.
    pub(super) fn before(&self, file: &Path) -> Result<Option<Vec<u8>>, ChangesError> {
        let mut name = format!("{}:./", self.from).into_bytes();
        name.extend_from_slice(file.as_os_str().as_bytes());
        Ok(asked(&self.dir, &[OsStr::new("show"), OsStr::from_bytes(&name)])?.ok())
    }

    fn names(&self, args: &[&str]) -> Result<Vec<PathBuf>, ChangesError> {
        let dir = self.dir.clone();
        let found = asked(&self.dir, args)?.map_err(|said| ChangesError::Refused { dir, said })?;
        let names = found.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        Ok(names.map(|name| PathBuf::from(OsStr::from_bytes(name))).collect())
    }
}

/// A commit, as git tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Commit {
    /// Its whole name.
    pub(super) name: String,
    /// The day on which it was made: `2026-11-30`.
    pub(super) day: String,
    /// Its first line.
    pub(super) subject: String,
}

impl Commit {
    /// Its name as people write it.
    pub(super) fn short(&self) -> &str {
        self.name.get(..10).unwrap_or(&self.name)
    }

    /// What a file of the folder said in it; nothing if it was not there.
    pub(super) fn file(&self, dir: &Path, file: &Path) -> Result<Option<Vec<u8>>, ChangesError> {
        Changes { dir: dir.to_owned(), from: self.name.clone() }.before(file)
    }
}

/// The commits that changed a file of the folder, the newest first.
pub(super) fn commits(dir: &Path, file: &Path) -> Result<Vec<Commit>, ChangesError> {
    let format =
        ["log", "--no-show-signature", "-z", "--format=%H%x1f%cs%x1f%s", "--"].map(OsStr::new);
    let args: Vec<_> = format.into_iter().chain([file.as_os_str()]).collect();
    let refused = |said| ChangesError::Refused { dir: dir.to_owned(), said };
    let told = asked(dir, &args)?.map_err(refused)?;
    let lines = told.split(|byte| *byte == 0).filter(|line| !line.is_empty());
    let commit = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.splitn(3, '\u{1f}').map(str::to_owned);
        Some(Commit { name: words.next()?, day: words.next()?, subject: words.next()? })
    };
    Ok(lines.filter_map(commit).collect())
}

/// Whether this clone knows only the newest commits.
pub(super) fn is_shallow(dir: &Path) -> Result<bool, ChangesError> {
    let told = asked(dir, &["rev-parse", "--is-shallow-repository"])?;
    Ok(told.is_ok_and(|told| told.starts_with(b"true")))
}

/// What git answers in `dir`, or what it complains of.
fn asked<A: AsRef<OsStr>>(dir: &Path, args: &[A]) -> Result<Result<Vec<u8>, String>, ChangesError> {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(dir)
        // A file monitor is a program that a checkout's own settings name.
        .args(["-c", "core.fsmonitor=false", "--no-optional-locks"])
        .args(args)
        .env("LC_ALL", "C");
    let output = outside::answer(&mut command, outside::SOON)
        .map_err(|source| ChangesError::NoGit { source })?;
    if output.status.success() {
        return Ok(Ok(output.stdout));
    }
    Ok(Err(redact::one_line(&redact::plain(&output.stderr))))
}
