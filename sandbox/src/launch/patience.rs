//! What ends a call before its time, in each of its phases: a signal, the clock, or the death of
//! whoever called. While the build runs, [`super::supervise`] looks at the same things.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal as NixSignal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::beginning::Beginning;
use super::signals::{Signals, number};
use super::{Client, LaunchError};
use crate::ending::{Fact, Phase};
use crate::outcome::Clock;
use crate::plan::Plan;
use crate::step::{At, Fault, Step};

/// How long, once a call is over, it may go on with what would be missed: the rest of the log, and the
/// clearing away of what the build had.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// How many steps are taken before it is looked again.
const STEPS: u32 = 16;

/// What may end a call, and whether it has.
#[derive(Debug)]
pub(super) struct Patience {
    signals: Signals,
    deadline: Option<Instant>,
    /// Who called, where its death ends the call.
    caller: Option<OwnedFd>,
    /// What the client has the other end of.
    lifeline: Option<OwnedFd>,
    over: Option<(Fact, Instant)>,
    /// How far the call has come: before the gate, or behind its payload.
    phase: Phase,
    steps: u32,
}

/// What a wait ended with.
#[derive(Clone, Copy, Default)]
struct Seen {
    orphaned: bool,
    let_go: bool,
}

impl Patience {
    /// That of a call by `plan` for `client`. From here on no signal that is passed on to a payload
    /// ends this process.
    pub(super) fn begin(plan: &Plan, client: &Client<'_>) -> Result<Self, Fault> {
        let now = Beginning::now();
        let beginning = client.beginning().unwrap_or(&now);
        let time = plan.limits.as_ref().and_then(|limits| limits.wall_time);
        let lifeline = client.lifeline().map(|it| it.try_clone_to_owned()).transpose();
        Ok(Self {
            signals: Signals::block()?,
            deadline: time.and_then(|time| beginning.at().checked_add(time)),
            caller: if plan.ends_with_caller { beginning.caller()? } else { None },
            lifeline: lifeline.at(Step::Supervise)?,
            over: None,
            phase: Phase::BeforeGate,
            steps: 0,
        })
    }

    /// One that nothing but a signal ends.
    #[cfg(test)]
    pub(super) fn endless() -> Self {
        Self {
            signals: Signals::block().unwrap(),
            deadline: None,
            caller: None,
            lifeline: None,
            over: None,
            phase: Phase::BeforeGate,
            steps: 0,
        }
    }

    /// The signals, while the build runs.
    pub(super) const fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Who called, while the build runs, where its death ends the call.
    pub(super) fn caller(&self) -> Option<BorrowedFd<'_>> {
        self.caller.as_ref().map(AsFd::as_fd)
    }

    /// What the client has the other end of, while the build runs.
    pub(super) fn lifeline(&self) -> Option<BorrowedFd<'_>> {
        self.lifeline.as_ref().map(AsFd::as_fd)
    }

    /// When the time of the call is up.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What the call is over by, if it is.
    pub(super) const fn over(&self) -> Option<&Fact> {
        match &self.over {
            Some((fact, _)) => Some(fact),
            None => None,
        }
    }

    /// The payload has run, and `signals` came meanwhile.
    pub(super) fn has_run(&mut self, signals: Vec<NixSignal>) {
        self.phase = Phase::Draining;
        for signal in signals {
            self.end_by(signal);
        }
    }

    fn end_by(&mut self, signal: NixSignal) {
        if self.phase.is_ended_by(number(signal)) && !self.signals.are_ignored(signal) {
            self.end(Fact::Signal(number(signal)));
        }
    }

    fn end(&mut self, fact: Fact) {
        self.over.get_or_insert_with(|| (fact, Instant::now()));
    }

    /// Waits for one of `wanted`, until `latest`, or until the call is over. Gives whether one of them
    /// is ready.
    pub(super) fn wait(
        &mut self,
        wanted: Vec<PollFd<'_>>,
        latest: Option<Instant>,
    ) -> Result<bool, Fault> {
        let (count, mut ready) = (wanted.len(), wanted);
        ready.push(PollFd::new(&self.signals, PollFlags::IN));
        let own = [&self.caller, &self.lifeline];
        ready.extend(own.into_iter().flatten().map(|it| PollFd::new(it, PollFlags::IN)));
        // A time that is up already is nothing to wait for.
        let deadline = self.deadline.filter(|_| self.over.is_none());
        let left = deadline.into_iter().chain(latest).min();
        let left = left.map(|at| at.saturating_duration_since(Instant::now()));
        let left = left
            .map(|left| Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 60, tv_nsec: 0 }));
        match poll(&mut ready, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Fault::new(Step::Supervise, errno)),
        }
        let happened: Vec<_> = ready.iter().map(|it| !it.revents().is_empty()).collect();
        drop(ready);
        let mut rest = happened.iter().skip(count + 1).copied();
        let orphaned = self.caller.is_some() && rest.next().unwrap_or_default();
        let let_go = self.lifeline.is_some() && rest.next().unwrap_or_default();
        self.look(Seen { orphaned, let_go });
        Ok(happened.iter().take(count).any(|it| *it))
    }

    fn look(&mut self, seen: Seen) {
        while let Ok(Some(signal)) = self.signals.next() {
            self.end_by(signal);
        }
        // What has ended would be seen for ever.
        if seen.orphaned {
            self.caller = None;
            // It is as if it had sent SIGTERM.
            if !self.signals.are_ignored(NixSignal::SIGTERM) {
                self.end(Fact::CallerDied);
            }
        }
        if seen.let_go {
            self.lifeline = None;
            self.end(Fact::LetGo);
        }
        if self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.end(Fact::TimeUp(Clock::Wall));
        }
    }

    /// Whether the call is over by now; looks, and does not wait.
    pub(super) fn is_over(&mut self) -> bool {
        let now = Some(Instant::now());
        let _ = self.wait(Vec::new(), now);
        self.over.is_some()
    }

    /// An error where the call is over before the payload was started.
    pub(super) fn check(&mut self) -> Result<(), LaunchError> {
        self.is_over();
        self.over().and_then(LaunchError::interrupted_by).map_or(Ok(()), Err)
    }

    /// Whether to go on with something that has many steps.
    pub(super) fn go_on(&mut self) -> bool {
        self.steps = self.steps.wrapping_add(1);
        if self.over.is_none() && self.steps.is_multiple_of(STEPS) {
            self.is_over();
        }
        self.over.is_none()
    }

    /// Whether to go on with what would be missed, once the call is over.
    pub(super) fn is_lenient(&self) -> bool {
        self.latest().is_none_or(|latest| Instant::now() < latest)
    }

    /// Until when to wait for what would be missed; for ever while the call is not over.
    pub(super) fn latest(&self) -> Option<Instant> {
        self.over.as_ref().map(|(_, since)| *since + GRACE)
    }

    /// Until when to wait for whoever reads the log; no longer where its client has let go of it.
    pub(super) fn latest_of_the_log(&self) -> Option<Instant> {
        let (fact, since) = self.over.as_ref()?;
        Some(if *fact == Fact::LetGo { *since } else { *since + GRACE })
    }

    /// What to ask while what the build had is cleared away: once the call is over that may go on for a
    /// little.
    pub(super) fn clearing(&mut self) -> impl FnMut() -> bool + '_ {
        move || self.go_on() || self.is_lenient()
    }
}
