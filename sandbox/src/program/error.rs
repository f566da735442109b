//! Why the program did not run anything, or did not hand anything over, and its exit status then.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use rustix::io::Errno;

use crate::launch::LaunchError;
use crate::outcome::End;
use crate::payload::PayloadError;
use crate::pep517::{HookError, InterpreterError};
use crate::plan::Refusal;
use crate::step::Step;

/// The exit status when nothing was run.
pub(super) const NOTHING_RUN: u8 = 125;

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
        "{error}; where namespaces are refused the leased uid has to find its own way, and {0} is \
         closed to it: open it with `chmod o+x {0}`, or install the program elsewhere",
        .directory.display()
    )]
    Unreachable { error: LaunchError, directory: PathBuf },
    #[error(transparent)]
    Identity(#[from] crate::identity::IdentityError),
    #[error("the policy file {} cannot be read: {source}", .path.display())]
    PolicyUnreadable { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Policy(#[from] crate::policy::file::Mistakes),
    #[error("the working directory cannot be found: {0}")]
    Directory(std::io::Error),
    #[error("could not write the outcome to {}: {source}", .path.display())]
    Outcome { path: PathBuf, source: std::io::Error },
    #[error("this command is for programs that use the library; use `bulkhead run`: {0}")]
    Socket(std::io::Error),
    #[error(transparent)]
    Request(#[from] crate::wire::NoRequest),
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// The status that the program exits with, as documented.
    pub(super) fn exit_status(&self) -> u8 {
        match self {
            Self::Payload(PayloadError::NotFound(_)) => 127,
            Self::Unreachable { .. } => 126,
            Self::Launch(LaunchError::Step { fault, .. }) if fault.step == Step::Exec => {
                match fault.errno {
                    Errno::NOENT => 127,
                    Errno::ACCESS | Errno::NOEXEC | Errno::ISDIR => 126,
                    _ => NOTHING_RUN,
                }
            }
            _ => NOTHING_RUN,
        }
    }

    /// The end of a payload that was not started because of this.
    pub(super) fn end(&self) -> End {
        let step = match self {
            Self::Launch(error) | Self::Unreachable { error, .. } => Some(error.step().text()),
            _ => None,
        };
        End::NotStarted { step, cause: self.to_string(), status: self.exit_status() }
    }
}
