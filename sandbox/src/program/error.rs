//! Why the program did not run anything, or did not hand anything over, and its exit status then.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use crate::ending::{Fact, NotRun, Phase, decide};
use crate::launch::{LaunchError, OWNED};
use crate::outcome::End;
use crate::paths::{PathError, Stranger};
use crate::payload::PayloadError;
use crate::pep517::HookError;
use crate::plan::Refusal;
use crate::tools::{InterpreterError, ProgramError};

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
    /// The launch that failed, where it was one.
    const fn of_launch(&self) -> Option<&LaunchError> {
        match self {
            Self::Launch(error) | Self::Unreachable { error, .. } | Self::Unshown { error } => {
                Some(error)
            }
            _ => None,
        }
    }

    /// What of it the exit status tells.
    fn not_run(&self) -> NotRun {
        match (self, self.of_launch()) {
            (Self::Payload(PayloadError::NotFound(_)), _) => NotRun::NotFound,
            (_, Some(error)) => error.not_run(),
            (_, None) => NotRun::Refused,
        }
    }

    /// The status that the program exits with, as documented.
    pub(super) fn exit_status(&self) -> u8 {
        self.not_run().exit_status()
    }

    /// The end of a payload that was not started because of this.
    pub(super) fn end(&self) -> End {
        let step = self.of_launch().map(|error| error.step().text());
        let fact = Fact::NotRun { step, cause: self.to_string(), why: self.not_run() };
        decide(&[(Phase::BeforeGate, fact)])
    }

    /// What happened to a build that ran and has no outcome because of this.
    pub(super) fn unwritten(&self) -> Option<Fact> {
        let (path, why, exchanged) = match self {
            Self::OutcomeExchanged { path } => {
                (path, "it was exchanged by the build".to_owned(), true)
            }
            Self::Outcome { path, source } => (path, source.to_string(), false),
            _ => return None,
        };
        Some(Fact::Unwritten { file: path.display().to_string(), why, exchanged })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_that_was_interrupted_is_told_as_what_interrupted_it() {
        let (signal, end) = (Fact::Signal(15), End::Signalled(15));
        let failure = Failure::from(LaunchError::Interrupted { end });
        assert_eq!(failure.end(), decide(&[(Phase::BeforeGate, signal)]));
        assert_eq!(failure.exit_status(), 143);
        let end = End::from_wait_status(9);
        let failure = Failure::from(LaunchError::Silent { end });
        assert_eq!(failure.end(), decide(&[(Phase::BeforeGate, Fact::SandboxEnded(9))]));
    }
}
