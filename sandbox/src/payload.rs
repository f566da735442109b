//! What is to be run: a command, the paths that it needs and the trees that it gets a copy of.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::paths::{Identity, PathError};

mod settle;

pub use settle::HeldPaths;

/// A command with everything around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The command and its arguments; the first names the program.
    pub argv: Vec<OsString>,
    /// The working directory, an absolute path.
    pub directory: PathBuf,
    /// The caller's environment, before any policy.
    pub environment: Vec<(OsString, OsString)>,
    /// Where the payload reads from.
    pub stdin: Stdin,
    /// Paths of the host that it may use, as they are.
    pub grants: Vec<Grant>,
    /// Directories that it finds at their own path but that are private to it.
    pub trees: Vec<PrivateTree>,
    /// Links by which it may ask for these: where each lies, and the path without links that it
    /// leads to.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Further directories that builds may have written to before this one, such as the environment
    /// that build requirements are installed in: no link in them is followed.
    pub suspects: Vec<PathBuf>,
    /// What the command begins with, besides its program.
    pub needs: Vec<PathBuf>,
}

/// Where a payload reads from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// `/dev/null`.
    #[default]
    Null,
    /// A pipe, through which the caller's standard input reaches it.
    Inherit,
}

/// A path of the host that a payload may use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// The path, absolute; the same inside as outside.
    pub path: PathBuf,
    /// Whether it may be written.
    pub writable: bool,
    /// Whether it is a directory.
    pub directory: bool,
    /// Which file it is, where that has been looked at; it is no other when it is used.
    pub identity: Option<Identity>,
    /// The caller named it.
    pub named: bool,
    /// Directories right in it that are not shown.
    pub hidden: Vec<PathBuf>,
    /// What else is right in it, where some of it is hidden.
    pub shown: Vec<PathBuf>,
}

impl Grant {
    /// The whole of `path`, which nobody has looked at yet.
    #[must_use]
    pub const fn new(path: PathBuf, writable: bool, directory: bool) -> Self {
        Self {
            path,
            writable,
            directory,
            identity: None,
            named: false,
            hidden: Vec::new(),
            shown: Vec::new(),
        }
    }
}

/// A directory that the payload finds at its own path, but with its own content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateTree {
    /// The path, absolute; the same inside as outside.
    pub path: PathBuf,
    /// What it is for.
    pub purpose: Purpose,
    /// Which directory it is, where that has been looked at; it is no other when it is used.
    pub identity: Option<Identity>,
}

/// What a private directory is for, and so what is in it at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The source tree: a full copy, thrown away afterwards.
    Source,
    /// Where the front end and the hook exchange JSON: begins with `input.json` alone.
    Control,
    /// Where artefacts are expected: begins empty.
    Output,
    /// Metadata of an earlier hook: a full copy, thrown away afterwards.
    Metadata,
}

impl Purpose {
    /// The word for it, which is also the name of its directory in the scratch file system.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Control => "control",
            Self::Output => "output",
            Self::Metadata => "metadata",
        }
    }
}

/// A command line that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// There is no command.
    #[error("no command was given; write it behind `--`")]
    Empty,
    /// The command is not to be found.
    #[error("the command `{}` is not a program in PATH", .0.display())]
    NotFound(PathBuf),
    /// A path of the payload is not absolute and normal.
    #[error("the path `{}` must be absolute and without `..`", .0.display())]
    NotNormal(PathBuf),
    /// A path of the payload's cannot be used.
    #[error("the {what} {path:?} cannot be used: {problem}{}", remedy(.problem))]
    Path {
        /// What it is.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// Why not.
        problem: PathError,
    },
    /// A path was exchanged for another while the launch was prepared.
    #[error(
        "the {what} {path:?} was exchanged while the build was prepared: {errno}; nothing was run"
    )]
    Exchanged {
        /// What it is.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// What was seen.
        errno: rustix::io::Errno,
    },
}

/// What to do about a path that is not there.
fn remedy(problem: &PathError) -> &'static str {
    match problem {
        PathError::Missing(_) => {
            "; make it first, for bulkhead makes none of the caller's directories"
        }
        _ => "",
    }
}

impl PrivateTree {
    /// The directory at `path`, which nobody has looked at yet.
    #[must_use]
    pub const fn new(path: PathBuf, purpose: Purpose) -> Self {
        Self { path, purpose, identity: None }
    }
}

impl Payload {
    /// The command `argv` in `directory`, which it gets a private copy of.
    ///
    /// # Errors
    /// The command is empty or not to be found, or `directory` is not absolute and normal.
    pub fn command(
        argv: Vec<OsString>,
        directory: PathBuf,
        environment: Vec<(OsString, OsString)>,
    ) -> Result<Self, PayloadError> {
        if argv.first().is_none_or(|program| program.is_empty()) {
            return Err(PayloadError::Empty);
        }
        if !is_normal(&directory) {
            return Err(PayloadError::NotNormal(directory));
        }
        let trees = vec![PrivateTree::new(directory.clone(), Purpose::Source)];
        let (grants, links, suspects, needs) = (vec![], vec![], vec![], vec![]);
        Ok(Self {
            argv,
            directory,
            environment,
            stdin: Stdin::Null,
            grants,
            trees,
            links,
            suspects,
            needs,
        })
    }

    /// The value of the caller's variable `name`.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsStr> {
        let found = self.environment.iter().find(|(known, _)| known.as_os_str() == name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// The entries of the caller's PATH that are absolute.
    pub fn search_path(&self) -> impl Iterator<Item = PathBuf> {
        let path = self.variable("PATH").unwrap_or_else(|| OsStr::new("/usr/bin:/bin"));
        std::env::split_paths(path)
            .filter(|entry| entry.is_absolute())
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The program's absolute path, found in PATH as `execvp(3)` finds it.
    ///
    /// # Errors
    /// There is no such program.
    pub fn program(&self) -> Result<PathBuf, PayloadError> {
        let name = Path::new(self.argv.first().ok_or(PayloadError::Empty)?);
        if name.as_os_str().as_bytes().contains(&b'/') {
            return Ok(self.directory.join(name));
        }
        self.search_path()
            .map(|directory| directory.join(name))
            .find(|candidate| is_executable(candidate))
            .ok_or_else(|| PayloadError::NotFound(name.to_owned()))
    }

    /// The normal path that the caller's variable `name` holds.
    #[must_use]
    pub fn place_in(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from).filter(|path| is_normal(path))
    }

    /// Grants `path` to be read, where it exists and nothing covers it: no grant, and none of the
    /// payload's own trees.
    pub fn grant(&mut self, path: PathBuf) {
        self.grant_without(path, vec![]);
    }

    /// The same without the directories `hidden` in it.
    pub fn grant_without(&mut self, path: PathBuf, hidden: Vec<PathBuf>) {
        let in_tree = self.trees.iter().any(|tree| path.starts_with(&tree.path));
        let covers = |grant: &Grant| {
            path.starts_with(&grant.path)
                && !grant.hidden.iter().any(|hidden| path.starts_with(hidden) || grant.path == path)
        };
        if in_tree || self.grants.iter().any(covers) {
            return;
        }
        let Ok(meta) = path.metadata() else { return };
        let same = self.grants.iter_mut().find(|grant| grant.path == path && !grant.writable);
        if let Some(same) = same {
            same.hidden.retain(|known| hidden.contains(known));
            return;
        }
        // What is granted in full takes in what was granted in part.
        self.grants.retain(|grant| grant.writable || grant.named || !grant.path.starts_with(&path));
        let shown = if hidden.is_empty() { vec![] } else { children(&path, &hidden) };
        let directory = meta.is_dir();
        self.grants.push(Grant { hidden, shown, ..Grant::new(path, false, directory) });
    }

    /// Grants `path`, an absolute one, because the caller named it. What is there is looked at by
    /// [`Self::settle`].
    ///
    /// # Errors
    /// The path is not absolute.
    pub fn grant_named(&mut self, path: PathBuf, writable: bool) -> Result<(), PayloadError> {
        if path.is_relative() {
            return Err(PayloadError::NotNormal(path));
        }
        self.grants.push(Grant { named: true, ..Grant::new(path, writable, true) });
        Ok(())
    }
}

/// Whether a path is absolute and has no `.` or `..` in it.
#[must_use]
pub fn is_normal(path: &Path) -> bool {
    path.is_absolute()
        && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

/// What lies in the directory `path`, but for `hidden`, sorted.
fn children(path: &Path, hidden: &[PathBuf]) -> Vec<PathBuf> {
    let entries = path.read_dir().into_iter().flatten().flatten();
    let mut children: Vec<_> = entries.map(|entry| entry.path()).collect();
    children.retain(|child| !hidden.contains(child));
    children.sort();
    children
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_needs_a_name_and_a_normal_directory() {
        let command = |argv: &[&str], directory: &str| {
            let argv = argv.iter().map(OsString::from).collect();
            Payload::command(argv, PathBuf::from(directory), vec![])
        };
        assert_eq!(command(&[], "/w"), Err(PayloadError::Empty));
        assert_eq!(command(&[""], "/w"), Err(PayloadError::Empty));
        assert!(matches!(command(&["x"], "/w/../e"), Err(PayloadError::NotNormal(_))));
        assert!(command(&["x"], "/w").is_ok());
    }

    #[test]
    fn a_grant_of_all_takes_in_one_of_a_part_but_not_the_other_way_round() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("lib/site-packages")).unwrap();
        std::fs::create_dir_all(root.join("lib/json")).unwrap();
        let hidden = vec![root.join("lib/site-packages")];
        let payload = || Payload::command(vec!["x".into()], "/w".into(), vec![]).unwrap();
        let paths = |payload: &Payload| {
            let grants = payload.grants.iter();
            grants.map(|grant| (grant.path.clone(), grant.hidden.clone())).collect::<Vec<_>>()
        };
        let mut first = payload();
        first.grant_without(root.join("lib"), hidden.clone());
        assert_eq!(first.grants[0].shown, [root.join("lib/json")]);
        first.grant_without(root.join("lib/json"), vec![]);
        assert_eq!(paths(&first), [(root.join("lib"), hidden.clone())]);
        first.grant_without(root.join("lib/site-packages"), vec![]);
        assert_eq!(first.grants.len(), 2, "what is hidden may be granted by itself");
        let mut first = payload();
        first.grant_without(root.join("lib"), hidden.clone());
        first.grant_without(root.join("lib"), vec![]);
        assert_eq!(paths(&first), [(root.join("lib"), vec![])], "all of it wins");
        let mut first = payload();
        first.grant_without(root.join("lib"), hidden.clone());
        first.grant_without(root.clone(), vec![]);
        assert_eq!(paths(&first), [(root.clone(), vec![])]);
        first.grant_without(root.join("lib"), hidden);
        assert_eq!(paths(&first), [(root, vec![])]);
    }
}
