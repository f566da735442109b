//! What of the host a caller's tools need: interpreters, environments, tool chains, programs.
//!
//! Everything is found by reading and nothing is run: an interpreter that is merely asked for its
//! prefix already runs the `.pth` files of its environment, before any isolation exists. And nothing
//! is granted because a file says so that a build requirement could have written: what is granted
//! follows from the caller's command, PATH and variables, and from where links really lead. The rules
//! are those of `docs/adr/0017-grants-follow-from-the-caller.md`.
#![forbid(unsafe_code)]

use std::path::{Component, Path, PathBuf};

mod chosen;
mod conda;
mod directory;
mod homes;
mod interpreter;
mod interpreter_error;
mod known_places;
mod lookup;
mod prefix;
mod program;
mod pyenv;
mod pythons;
mod pyvenv;
mod search;
mod system;

pub use homes::Homes;
pub use interpreter::Interpreter;
pub use interpreter_error::InterpreterError;
pub use lookup::Lookup;
pub use program::{Program, ProgramError, of_interpreter, program};
pub use pyvenv::PyvenvError;
pub use search::search;

use crate::payload::Payload;

/// A path of the host that tools need, without links on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The path.
    pub path: PathBuf,
    /// Directories right in it that are not shown.
    pub hidden: Vec<PathBuf>,
}

impl Share {
    const fn all(path: PathBuf) -> Self {
        Self { path, hidden: Vec::new() }
    }
}

/// What tools need, and what of it cannot be given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Paths to be read.
    pub shares: Vec<Share>,
    /// Links on the way to them: where each lies, and where it leads, both without links.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Directories that build requirements are installed in.
    pub environments: Vec<PathBuf>,
    /// What is left out, with the reason.
    pub withheld: Vec<Withheld>,
}

/// A path that tools name and that is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The path.
    pub path: PathBuf,
    /// Why not, as it stands behind "because".
    pub why: String,
}

impl Found {
    /// Adds what `other` has.
    fn add(&mut self, other: Self) {
        self.shares.extend(other.shares);
        self.links.extend(other.links);
        self.environments.extend(other.environments);
        self.withheld.extend(other.withheld);
    }

    /// Grants `payload` what was found, as far as it does not have it already, and notes the rest.
    pub fn grant(self, payload: &mut Payload) {
        for Share { path, hidden } in self.shares {
            payload.grant_without(path, hidden);
        }
        payload.links.extend(self.links);
        payload.suspects.extend(self.environments);
    }
}

/// Whether `path` lies below the system's directories, which every build sees.
fn is_system(path: &Path) -> bool {
    let first = path.components().nth(1).map(Component::as_os_str);
    first.is_some_and(|first| crate::policy::files::SYSTEM.iter().any(|name| first == *name))
}
