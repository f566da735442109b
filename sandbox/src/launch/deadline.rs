//! When a payload is to be ended, and for what: time, silence, and how much it prints.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use rustix::event::Timespec;

use super::streams::Streams;
use crate::ending::Fact;
use crate::outcome::Clock;
use crate::plan::Plan;

/// How long a payload has between SIGTERM and SIGKILL when its time is up.
const GRACE: Duration = Duration::from_secs(2);

/// When the payload is to be ended, and for what.
pub(super) struct Deadline {
    wall: Option<Instant>,
    silence: Option<Duration>,
    output: Option<u64>,
}

impl Deadline {
    /// The clocks of a payload whose call is over at `wall`.
    pub(super) fn new(plan: &Plan, wall: Option<Instant>) -> Self {
        let limits = plan.limits.as_ref();
        Self {
            wall,
            silence: limits.and_then(|limits| limits.silence),
            output: limits.and_then(|limits| limits.log),
        }
    }

    /// How long until the next time is up.
    pub(super) fn left(&self, streams: &Streams) -> Option<Timespec> {
        let next = self.wall.into_iter().chain(self.silent_until(streams)).min();
        let left = next?.saturating_duration_since(Instant::now());
        Some(Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }))
    }

    /// What is up, if anything is.
    pub(super) fn is_up(&self, streams: &Streams) -> Option<Fact> {
        let now = Instant::now();
        if self.wall.is_some_and(|deadline| now >= deadline) {
            return Some(Fact::TimeUp(Clock::Wall));
        }
        if self.silent_until(streams).is_some_and(|deadline| now >= deadline) {
            return Some(Fact::TimeUp(Clock::Silence));
        }
        self.output.filter(|limit| streams.moved() > *limit).map(Fact::LogFull)
    }

    /// When it has been silent for too long. Nobody knows that of a payload that waits for whoever
    /// reads what it has printed already.
    fn silent_until(&self, streams: &Streams) -> Option<Instant> {
        self.silence.zip(streams.silent_since()).map(|(time, since)| since + time)
    }

    pub(super) fn soon(&mut self) {
        *self = Self { wall: Some(Instant::now() + GRACE), silence: None, output: None };
    }

    pub(super) fn never(&mut self) {
        *self = Self { wall: None, silence: None, output: None };
    }
}
