//! Whom a build is launched for.
#![forbid(unsafe_code)]

use std::fmt;
use std::os::fd::BorrowedFd;

use super::Beginning;
use crate::plan::Plan;

/// Whom a build is launched for, beside the process that called.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    /// When it can be read, or has ended, nobody wants the build any more.
    lifeline: Option<BorrowedFd<'a>>,
    /// What is done once every layer was seen, before the payload is let through.
    ready: Option<&'a dyn Fn(&Plan)>,
    /// What is done once the payload is let through.
    started: Option<&'a dyn Fn(&Plan)>,
    /// What is done with a sentence for whoever called.
    said: Option<&'a dyn Fn(&str)>,
    /// When the call began; with the launch where that is not given.
    beginning: Option<&'a Beginning>,
    /// The payload is to run; in a rehearsal it is never let through.
    wanted: bool,
    /// Every process of the build is followed.
    follows: bool,
}

impl<'a> Client<'a> {
    /// Nobody but the caller.
    pub const NONE: Self = Self {
        lifeline: None,
        ready: None,
        started: None,
        said: None,
        beginning: None,
        wanted: true,
        follows: false,
    };

    /// Nobody at all: the launch goes as far as the gate, and ends there.
    pub(super) const REHEARSAL: Self = Self { wanted: false, ..Self::NONE };

    /// Somebody who is told by `started` that the payload runs, and whose end of `lifeline` ends it.
    #[must_use]
    pub const fn new(lifeline: BorrowedFd<'a>, started: &'a dyn Fn(&Plan)) -> Self {
        Self { lifeline: Some(lifeline), started: Some(started), ..Self::NONE }
    }

    /// The caller, who does `ready` when the payload is about to run.
    #[must_use]
    pub const fn told_before(ready: &'a dyn Fn(&Plan)) -> Self {
        Self { ready: Some(ready), ..Self::NONE }
    }

    /// The same, who does `started` once the payload is let through.
    #[must_use]
    pub const fn starting(self, started: &'a dyn Fn(&Plan)) -> Self {
        Self { started: Some(started), ..self }
    }

    /// The same, who is told sentences by `said`.
    #[must_use]
    pub const fn hearing(self, said: &'a dyn Fn(&str)) -> Self {
        Self { said: Some(said), ..self }
    }

    /// The same, whose call began before the launch.
    #[must_use]
    pub const fn since(self, beginning: &'a Beginning) -> Self {
        Self { beginning: Some(beginning), ..self }
    }

    /// The same, for whom every process of the build is followed if that is `wanted`.
    #[must_use]
    pub const fn following(self, wanted: bool) -> Self {
        Self { follows: wanted, ..self }
    }

    pub(super) const fn follows(&self) -> bool {
        self.follows
    }

    pub(crate) const fn beginning(&self) -> Option<&'a Beginning> {
        self.beginning
    }

    /// Says what was left out of the build's copy of its source tree, if something was.
    pub(super) fn say_left_out(&self, left_out: &[String]) {
        if let Some(said) = self.said.filter(|_| !left_out.is_empty()) {
            said(&format!("left out of the build's private copy: {}", left_out.join("; ")));
        }
    }

    pub(super) const fn lifeline(&self) -> Option<BorrowedFd<'a>> {
        self.lifeline
    }

    pub(super) const fn wants_the_payload(&self) -> bool {
        self.wanted
    }

    pub(super) fn tell_before(&self, plan: &Plan) {
        if let Some(ready) = self.ready {
            ready(plan);
        }
    }

    pub(super) fn tell(&self, plan: &Plan) {
        if let Some(started) = self.started {
            started(plan);
        }
    }
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("lifeline", &self.lifeline).finish_non_exhaustive()
    }
}
