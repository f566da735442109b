//! What is to be run: a command, the paths that it needs and the trees that it gets a copy of.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::policy::files::{CARGO_PROGRAMS, RUSTUP_HOME, RUSTUP_PARTS, TOOL_ROOTS};

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
}

/// Where a payload reads from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdin {
    /// `/dev/null`.
    #[default]
    Null,
    /// The caller's own standard input.
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
}

/// A directory that the payload finds at its own path, but with its own content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateTree {
    /// The path, absolute; the same inside as outside.
    pub path: PathBuf,
    /// What it is for.
    pub purpose: Purpose,
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
    /// A granted path cannot be looked at.
    #[error("the granted path `{}` cannot be used: {cause}", .path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        cause: std::io::ErrorKind,
    },
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
        let trees = vec![PrivateTree { path: directory.clone(), purpose: Purpose::Source }];
        Ok(Self { argv, directory, environment, stdin: Stdin::Null, grants: vec![], trees })
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

    /// Grants the tool chains that PATH names and that lie in a known place.
    pub fn grant_tools(&mut self) {
        let home = self.directory_in("HOME");
        for entry in self.search_path().collect::<Vec<_>>() {
            if let Some(root) = tool_root(&entry).filter(|root| root.is_dir()) {
                self.grant(root);
            }
            if let Some(home) = home.as_ref().filter(|home| home.join(CARGO_PROGRAMS) == entry) {
                self.grant(entry);
                self.grant_rust(home);
            }
        }
    }

    /// Grants the tool chains of rustup, and says where they are: the programs in cargo's directory
    /// only start rustup, which looks for them below HOME, and the build has another one.
    fn grant_rust(&mut self, home: &Path) {
        let named = self.directory_in(RUSTUP_HOME);
        let rustup = named.clone().unwrap_or_else(|| home.join(".rustup"));
        for part in RUSTUP_PARTS {
            self.grant(rustup.join(part));
        }
        if named.is_none() && rustup.is_dir() {
            self.environment.push((RUSTUP_HOME.into(), rustup.into()));
        }
    }

    /// The normal path that the caller's variable `name` holds.
    fn directory_in(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from).filter(|path| is_normal(path))
    }

    /// Grants `path` to be read, where it exists and no grant covers it.
    pub fn grant(&mut self, path: PathBuf) {
        let covered = self.grants.iter().any(|grant| path.starts_with(&grant.path));
        if let (false, Ok(meta)) = (covered, path.metadata()) {
            self.grants.push(Grant { path, writable: false, directory: meta.is_dir() });
        }
    }

    /// Grants `path` because the caller named it.
    ///
    /// # Errors
    /// The path is not absolute and normal, or does not exist.
    pub fn grant_named(&mut self, path: PathBuf, writable: bool) -> Result<(), PayloadError> {
        if !is_normal(&path) {
            return Err(PayloadError::NotNormal(path));
        }
        let directory = match path.metadata() {
            Ok(meta) => meta.is_dir(),
            Err(source) => return Err(PayloadError::Unreadable { path, cause: source.kind() }),
        };
        self.grants.push(Grant { path, writable, directory });
        Ok(())
    }
}

/// Whether a path is absolute and has no `.` or `..` in it.
#[must_use]
pub fn is_normal(path: &Path) -> bool {
    path.is_absolute()
        && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

/// The directory that is granted for a PATH entry below a known root of tool chains: for
/// `/opt/rust/bin` it is `/opt/rust/bin`'s own tool chain, `/opt/rust`.
fn tool_root(entry: &Path) -> Option<PathBuf> {
    if !is_normal(entry) || entry.starts_with("/usr") {
        return None;
    }
    let root =
        TOOL_ROOTS.iter().find(|root| entry.starts_with(root) && entry != Path::new(root))?;
    let first = entry.strip_prefix(root).ok()?.components().next()?;
    Some(Path::new(root).join(first))
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
    fn the_tool_chains_of_rustup_are_found_from_another_home() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        std::fs::create_dir_all(home.join(".cargo/bin")).unwrap();
        std::fs::create_dir_all(home.join(".rustup/toolchains")).unwrap();
        std::fs::write(home.join(".cargo/credentials.toml"), "").unwrap();
        let environment = vec![
            ("HOME".into(), home.into()),
            ("PATH".into(), home.join(".cargo/bin").into_os_string()),
        ];
        let directory = PathBuf::from("/w");
        let mut payload = Payload::command(vec!["x".into()], directory, environment).unwrap();
        payload.grant_tools();
        let granted: Vec<_> = payload.grants.iter().map(|grant| grant.path.clone()).collect();
        assert_eq!(granted, [home.join(".cargo/bin"), home.join(".rustup/toolchains")]);
        assert_eq!(payload.variable("RUSTUP_HOME"), Some(home.join(".rustup").as_os_str()));
    }

    #[test]
    fn a_tool_chain_is_granted_whole_but_never_the_root_of_all() {
        assert_eq!(tool_root(Path::new("/opt/rust/bin")), Some(PathBuf::from("/opt/rust")));
        assert_eq!(tool_root(Path::new("/opt")), None);
        assert_eq!(tool_root(Path::new("/usr/local/bin")), None);
        assert_eq!(tool_root(Path::new("/opt/../etc")), None);
        assert_eq!(tool_root(Path::new("/home/x/bin")), None);
    }
}
