//! When a call began, and who called: known from its first moment on.
#![forbid(unsafe_code)]

use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::process::{PidfdFlags, getppid, pidfd_open};

use crate::step::{At, Fault, Step};

/// The beginning of a call.
#[derive(Debug)]
pub struct Beginning {
    at: Instant,
    caller: Result<Option<OwnedFd>, Fault>,
}

impl Beginning {
    /// One that is now.
    #[must_use]
    pub fn now() -> Self {
        Self { at: Instant::now(), caller: caller() }
    }

    /// When it was.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// The process that called, by which its death is seen; none where that is whoever adopts orphans.
    pub(super) fn caller(&self) -> Result<Option<OwnedFd>, Fault> {
        let caller = self.caller.as_ref().map_err(|fault| *fault)?;
        caller.as_ref().map(|it| it.try_clone().at(Step::Supervise)).transpose()
    }
}

/// A descriptor for the process that called, unless it is dead already or whoever adopts orphans.
///
/// By descriptor, for `PR_SET_PDEATHSIG` means a thread, and a front end may start hooks in one that
/// ends.
fn caller() -> Result<Option<OwnedFd>, Fault> {
    let parent = getppid().filter(|parent| !parent.is_init());
    let Some(parent) = parent else { return Ok(None) };
    let descriptor = pidfd_open(parent, PidfdFlags::empty()).at(Step::Supervise)?;
    Ok(Some(descriptor).filter(|_| getppid() == Some(parent)))
}
