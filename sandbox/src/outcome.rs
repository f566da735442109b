//! How a launch ended.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use crate::harvest::Harvest;
use crate::layers::limits::slot::Usage;
use crate::words::LayerSet;

/// How a payload ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Exited(u8),
    /// A signal of this number ended it.
    Signalled(u8),
    /// It was ended because a time was up.
    TimedOut(Clock),
    /// The kernel ended it because its memory was used up.
    OutOfMemory,
    /// It failed because it could not start another process.
    TooManyProcesses,
    /// It ran, and what it handed over was refused.
    OutputRefused {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// It was never started.
    NotStarted {
        /// The step of the launch that failed; none where it was refused before.
        step: Option<&'static str>,
        /// Why.
        cause: String,
        /// The exit status that says so: 125, or 126 and 127 as shells have them.
        status: u8,
    },
}

/// What a payload can run out of time by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The time since its start.
    Wall,
    /// The processor time of one of its processes.
    Cpu,
    /// The time since its last output.
    Silence,
}

impl Clock {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Wall, Self::Cpu, Self::Silence];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "cpu",
            Self::Silence => "silence",
        }
    }
}

impl End {
    /// The end that a status of `waitpid(2)` tells of.
    #[must_use]
    pub fn from_wait_status(status: i32) -> Self {
        let signal = u8::try_from(status & 0x7f).unwrap_or_default();
        let code = u8::try_from(status >> 8 & 0xff).unwrap_or_default();
        if signal == 0 { Self::Exited(code) } else { Self::Signalled(signal) }
    }

    /// SIGXCPU ends what has used up its processor time, where that is `limited` (`getrlimit(2)`).
    #[must_use]
    pub fn or_out_of_cpu_time(self, limited: bool) -> Self {
        const SIGXCPU: u8 = 24;
        if limited && self == Self::Signalled(SIGXCPU) { Self::TimedOut(Clock::Cpu) } else { self }
    }

    /// The exit status of the program that ran the payload.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Exited(code) => *code,
            Self::Signalled(signal) => signal.saturating_add(128),
            Self::TimedOut(_) => 124,
            Self::OutOfMemory | Self::TooManyProcesses => 137,
            Self::OutputRefused { .. } => 123,
            Self::NotStarted { status, .. } => *status,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with status {code}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut(clock) => write!(f, "ended at its limit of {} time", clock.name()),
            Self::OutOfMemory => f.write_str("ended because its memory was used up"),
            Self::TooManyProcesses => f.write_str("failed at its limit of processes"),
            Self::OutputRefused { file, why } => write!(f, "ran, but {file} was refused: {why}"),
            Self::NotStarted { cause, .. } => write!(f, "was not started: {cause}"),
        }
    }
}

/// A launch that is over: how the payload ended, what it took and what it handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How the payload ended.
    pub end: End,
    /// From the start of the payload's process to its end.
    pub elapsed: Duration,
    /// The most memory that all its processes had together, in bytes, where it was counted.
    pub peak_memory: Option<u64>,
    /// The layers that were read back from the kernel before the payload ran.
    pub enforced: LayerSet,
    /// What was handed over, and what is remarkable about it.
    pub harvest: Harvest,
}

impl Outcome {
    /// The outcome of a payload that ended so after `elapsed`.
    #[must_use]
    pub fn new(end: End, elapsed: Duration) -> Self {
        Self {
            end,
            elapsed,
            peak_memory: None,
            enforced: LayerSet::EMPTY,
            harvest: Harvest::default(),
        }
    }

    /// Takes in what the control groups counted: a payload that failed, and ran into a limit, is
    /// said to have failed of it.
    pub fn account_for(&mut self, usage: Usage) {
        self.peak_memory = usage.peak_memory;
        match self.end {
            End::Exited(0) | End::TimedOut(_) => {}
            _ if usage.killed_for_memory > 0 => self.end = End::OutOfMemory,
            _ if usage.forks_refused > 0 => self.end = End::TooManyProcesses,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_of_wait_becomes_the_exit_status_of_shells() {
        assert_eq!(End::from_wait_status(0).exit_status(), 0);
        assert_eq!(End::from_wait_status(3 << 8).exit_status(), 3);
        assert_eq!(End::from_wait_status(9).exit_status(), 137);
        assert_eq!(End::from_wait_status(15 | 0x80).exit_status(), 143);
        assert_eq!(End::TimedOut(Clock::Wall).exit_status(), 124);
    }
}
