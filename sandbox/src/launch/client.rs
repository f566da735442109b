//! Whom a build is launched for.
#![forbid(unsafe_code)]

use std::fmt;
use std::os::fd::BorrowedFd;

/// Whom a build is launched for, beside the process that called.
#[derive(Clone, Copy, Default)]
pub struct Client<'a> {
    /// When it can be read, or has ended, nobody wants the build any more.
    lifeline: Option<BorrowedFd<'a>>,
    /// What is done once the payload is let through.
    started: Option<&'a dyn Fn()>,
}

impl<'a> Client<'a> {
    /// Nobody but the caller.
    pub const NONE: Self = Self { lifeline: None, started: None };

    /// Somebody who is told by `started` that the payload runs, and whose end of `lifeline` ends it.
    #[must_use]
    pub const fn new(lifeline: BorrowedFd<'a>, started: &'a dyn Fn()) -> Self {
        Self { lifeline: Some(lifeline), started: Some(started) }
    }

    pub(super) const fn lifeline(&self) -> Option<BorrowedFd<'a>> {
        self.lifeline
    }

    pub(super) fn tell(&self) {
        if let Some(started) = self.started {
            started();
        }
    }
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("lifeline", &self.lifeline).finish_non_exhaustive()
    }
}
