//! What is done with a build that is over: its outputs looked into, what it had cleared away.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::io::Errno;

use super::{Finished, Inspection, LaunchError};
use crate::ending::{self, Fact, Phase};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::scratch::Scratch;
use crate::step::{At, Fault, Step};

impl Finished {
    /// The build's private file system: `source`, `control`, `output`.
    #[must_use]
    pub fn scratch(&self) -> Option<BorrowedFd<'_>> {
        self.scratch.as_ref().map(Scratch::root)
    }

    /// Starts an inspector for what the build of `plan` left.
    ///
    /// # Errors
    /// It could not be started, or is not confined as it should be.
    pub fn inspector(&mut self, plan: &Plan) -> Result<Inspection<'_>, LaunchError> {
        let Self { scratch, user, slot, patience, .. } = self;
        let scratch = scratch.as_ref().map(Scratch::root);
        Inspection::start(plan, user.outside(), slot.as_ref(), scratch, patience)
    }

    /// Whether to go on with something that has many steps.
    pub fn goes_on(&mut self) -> bool {
        self.patience.go_on()
    }

    /// Whether the call is over by now, by something beside its build.
    pub fn is_over(&mut self) -> bool {
        self.patience.is_over()
    }

    /// The same, noted as what has ended `phase` before it was done.
    pub fn is_over_in(&mut self, phase: Phase) -> bool {
        self.patience.is_over();
        let fact = self.patience.over().cloned();
        let over = fact.is_some();
        if let Some(fact) = fact {
            self.note(phase, fact);
        }
        over
    }

    /// Notes what happened in a phase of the call, and what comes of it for its end.
    pub fn note(&mut self, phase: Phase, fact: Fact) {
        self.history.push((phase, fact));
        self.outcome.end = ending::decide(&self.history);
    }

    /// Everything that happened to the call by now and bears on its end.
    #[must_use]
    pub fn history(&self) -> &[(Phase, Fact)] {
        &self.history
    }

    /// Clears away what the build had but its user. A call that is over meanwhile ends with what ended
    /// it, whatever the command has ended with, and leaves the rest to others.
    ///
    /// # Errors
    /// Something could not be removed, or not in time; the next start or `bulkhead gc` tries again.
    pub fn clear_away(&mut self) -> Result<(), LaunchError> {
        let scratch = self.scratch.take();
        let path = scratch.as_ref().and_then(Scratch::path).map(Path::to_owned);
        let mut go_on = self.patience.clearing();
        // Twice, for what a moment was in the way of may not be in the next.
        let removed = scratch.map_or(Ok(()), |scratch| match scratch.remove(&mut go_on) {
            Err(left) if left.errno != Errno::CANCELED => scratch.remove(&mut go_on),
            removed => removed,
        });
        drop(go_on);
        let left = removed.err();
        self.is_left |= left.is_some();
        if left.as_ref().is_some_and(|left| left.errno == Errno::CANCELED)
            && let Some(path) = path
        {
            if let Some(fact) = self.patience.over().cloned() {
                self.note(Phase::ClearingAway, fact);
            }
            return Err(LaunchError::Left(path));
        }
        let grouped = self.slot.take().map_or(Ok(()), |slot| match slot.remove() {
            // Without the layers that end it, something of the build may live on in there.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(()),
            other => other,
        });
        if let Some(left) = left {
            let fault = Fault::new(Step::RemoveScratch, left.errno);
            return Err(LaunchError::Step { fault, path: Some(left.path) });
        }
        Ok(grouped.at(Step::RemoveControlGroup)?)
    }

    /// Clears away what the build had, and gives the outcome.
    ///
    /// # Errors
    /// Something could not be removed; the next start or `bulkhead gc` tries again.
    pub fn clear(mut self) -> Result<Outcome, LaunchError> {
        self.clear_away()?;
        // Its record names what is left.
        if !self.is_left {
            self.user.release()?;
        }
        Ok(self.outcome)
    }
}
