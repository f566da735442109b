//! Why the program did not run anything, or did not hand anything over, and its exit status then.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use rustix::io::Errno;

use crate::launch::{LaunchError, OWNED};
use crate::outcome::End;
use crate::paths::{PathError, Stranger};
use crate::payload::PayloadError;
use crate::pep517::HookError;
use crate::plan::Refusal;
use crate::step::Step;
use crate::tools::{InterpreterError, ProgramError};

/// The exit status when nothing was run.
pub(super) const NOTHING_RUN: u8 = 125;

/// The lowest of the statuses that say what became of a command: an output was refused.
pub(super) const OUTPUT_REFUSED: u8 = 123;

/// Everything that can keep the program from doing what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Payload(#[from] PayloadError),
    #[error(transparent)]
    Hook(#[from] HookError),
    #[error(transparent)]
    Interpreter(#[from] InterpreterError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(
        "{error}; the build's user has to find its own way there, and {0} is closed to it: open it \
         with `chmod {mode} {0}`, or use a place that everybody may enter",
        .path.display()
    )]
    Unreachable { error: LaunchError, path: PathBuf, mode: &'static str },
    #[error("{error}; {OWNED}")]
    Unshown { error: LaunchError },
    #[error(transparent)]
    Identity(#[from] crate::identity::IdentityError),
    #[error("the policy file {} cannot be read: {source}", .path.display())]
    PolicyUnreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Policy(#[from] crate::policy::file::Mistakes),
    #[error("the working directory cannot be found: {0}")]
    Directory(std::io::Error),
    #[error("the manual pages cannot be written to {}: {source}", .directory.display())]
    Manual { directory: PathBuf, source: std::io::Error },
    #[error("standard output cannot be written: {0}")]
    Unprinted(std::io::Error),
    #[error("could not write the outcome to {}: {source}", .path.display())]
    Outcome { path: PathBuf, source: std::io::Error },
    #[error(
        "the outcome was not written: {path:?} is not the file that was there when the build began, for \
         the build, which may write around it, has put another in its place; it says nothing"
    )]
    OutcomeExchanged { path: PathBuf },
    #[error("the {what} {path:?} cannot be used: {problem}{}", other(.what))]
    Place { what: &'static str, path: PathBuf, problem: PathError },
    #[error(
        "the {what} {path:?} cannot be used: what lies there is exchanged easily, for {stranger}; name \
         a directory that only you and root can write to"
    )]
    Strange { what: &'static str, path: PathBuf, stranger: Stranger },
    #[error("the outcome cannot be written to {path:?}: {why}; remove it, or name another file")]
    NotPlain { path: PathBuf, why: &'static str },
    #[error("this command is for programs that use the library; use `bulkhead run`: {0}")]
    Socket(std::io::Error),
    #[error(transparent)]
    Request(#[from] crate::wire::NoRequest),
    #[error("{0}")]
    Usage(String),
}

/// With which option another place than `what` is named.
fn other(what: &str) -> &'static str {
    match what {
        "runtime directory" => "; name another with `--runtime`",
        "scratch directory" => "; name another with `--scratch`",
        _ => "",
    }
}

impl From<ProgramError> for Failure {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Payload(error) => error.into(),
            ProgramError::Interpreter(error) => error.into(),
        }
    }
}

impl Failure {
    /// The status that the program exits with, as documented.
    pub(super) fn exit_status(&self) -> u8 {
        match self {
            Self::Payload(PayloadError::NotFound(_)) => 127,
            Self::Launch(error) | Self::Unreachable { error, .. } | Self::Unshown { error } => {
                of_launch(error)
            }
            _ => NOTHING_RUN,
        }
    }

    /// The end of a payload that was not started because of this.
    pub(super) fn end(&self) -> End {
        let step = match self {
            Self::Launch(error) | Self::Unreachable { error, .. } | Self::Unshown { error } => {
                Some(error.step().text())
            }
            _ => None,
        };
        End::NotStarted { step, cause: self.to_string(), status: self.exit_status() }
    }

    /// The end of a build that ran and has put another file where its outcome was to be: whatever it
    /// ended with, who reads that file may be told anything.
    pub(super) fn of_exchanged(&self) -> Option<End> {
        let Self::OutcomeExchanged { path } = self else { return None };
        let file = path.display().to_string();
        Some(End::OutputRefused { file, why: "it was exchanged by the build".to_owned() })
    }

    /// The end of a build that has run well and whose outcome was asked for and cannot be written: a
    /// program that waits for it must not take the status for the whole answer.
    pub(super) fn of_unwritten(&self) -> Option<End> {
        let Self::Outcome { path, .. } = self else { return None };
        let file = path.display().to_string();
        Some(End::OutputRefused { file, why: "it could not be written".to_owned() })
    }
}

fn of_launch(error: &LaunchError) -> u8 {
    match error {
        LaunchError::Interrupted { end } => end.exit_status(),
        LaunchError::Step { fault, .. } if fault.step == Step::Exec => match fault.errno {
            Errno::NOENT => 127,
            Errno::ACCESS | Errno::NOEXEC | Errno::ISDIR => 126,
            _ => NOTHING_RUN,
        },
        _ => NOTHING_RUN,
    }
}
