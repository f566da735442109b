//! Why an interpreter cannot be granted.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use super::Withheld;
use super::pyvenv::PyvenvError;
use crate::paths::{LinkError, PathError};

/// Why an interpreter cannot be granted.
#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    /// No absolute directory of PATH holds an executable of that name.
    #[error("no directory of PATH holds an executable file named {0:?}; give its absolute path")]
    NotFound(PathBuf),
    /// The path is not plain.
    #[error("the interpreter's path {0:?} holds a control character; give it without")]
    NotPlain(PathBuf),
    /// The path leads nowhere.
    #[error("the interpreter cannot be found: {0}")]
    Links(#[from] LinkError),
    /// A directory on the way to it cannot be followed.
    #[error("the interpreter cannot be found: {0}")]
    Path(#[from] PathError),
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
    /// The configuration names another installation than the interpreter's own links lead to.
    #[error(
        "the pyvenv.cfg in {prefix:?} says that its Python is in {home:?}, and its executable leads to \
         {real:?}; a build requirement could have written the one or the other, so neither is believed: \
         make the environment anew, or if that is right add `--ro` for what {home:?} lies in"
    )]
    Home {
        /// The directory of the virtual environment.
        prefix: PathBuf,
        /// What its configuration says.
        home: PathBuf,
        /// Where its executable leads.
        real: PathBuf,
    },
    /// The executable of an environment leads into another one.
    #[error(
        "the executable of the environment {prefix:?} leads into another environment, {other:?}, which \
         is not granted for it; make the environment from an installed Python, or add `--ro` for the \
         other one"
    )]
    Foreign {
        /// The environment.
        prefix: PathBuf,
        /// The other one.
        other: PathBuf,
    },
    /// Somebody else has chosen it, and the caller's words do not lead there.
    #[error(
        "a source tree, a build or another user may have made the link or written the line that leads from \
         {executable:?} to {prefix:?}, and nothing else leads there; put its directory into PATH, or add \
         `--ro` for it"
    )]
    Stranger {
        /// The executable.
        executable: PathBuf,
        /// The installation or the environment.
        prefix: PathBuf,
    },
    /// There is no standard library where one must be.
    #[error(
        "{0:?} does not belong to a Python installation: no lib/python3.*/os.py in it or in its \
         parent; give the path of an installed interpreter"
    )]
    NoPrefix(PathBuf),
}

impl InterpreterError {
    /// What is left out for it, where `path` was looked at.
    pub(super) fn withheld(self, path: PathBuf) -> Withheld {
        match self {
            Self::Stranger { executable, prefix } => {
                let why = format!(
                    "nothing but {} leads there, which a source tree, a build or another user may have \
                     written",
                    executable.display()
                );
                Withheld { path: prefix, why }
            }
            problem => Withheld { path, why: problem.to_string() },
        }
    }
}
