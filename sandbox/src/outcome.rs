//! How a launch ended.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use crate::layers::limits::slot::Usage;

/// How a payload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exited with this status.
    Exited(u8),
    /// A signal of this number ended it.
    Signalled(u8),
    /// It was ended because its wall-clock time was up.
    TimedOut,
    /// The kernel ended it because its memory was used up.
    OutOfMemory,
    /// It failed because it could not start another process.
    TooManyProcesses,
}

impl End {
    /// The end that a status of `waitpid(2)` tells of.
    #[must_use]
    pub fn from_wait_status(status: i32) -> Self {
        let signal = u8::try_from(status & 0x7f).unwrap_or_default();
        let code = u8::try_from(status >> 8 & 0xff).unwrap_or_default();
        if signal == 0 { Self::Exited(code) } else { Self::Signalled(signal) }
    }

    /// The exit status of the program that ran the payload.
    #[must_use]
    pub const fn exit_status(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signalled(signal) => signal.saturating_add(128),
            Self::TimedOut => 124,
            Self::OutOfMemory | Self::TooManyProcesses => 137,
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with status {code}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut => f.write_str("ended at its time limit"),
            Self::OutOfMemory => f.write_str("ended because its memory was used up"),
            Self::TooManyProcesses => f.write_str("failed at its limit of processes"),
        }
    }
}

/// A finished launch: how the payload ended and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How the payload ended.
    pub end: End,
    /// From the start of the payload's process to its end.
    pub elapsed: Duration,
    /// The most memory that all its processes had together, in bytes, where it was counted.
    pub peak_memory: Option<u64>,
}

impl Outcome {
    /// Takes in what the control groups counted: a payload that failed, and ran into a limit, is
    /// said to have failed of it.
    pub fn account_for(&mut self, usage: Usage) {
        self.peak_memory = usage.peak_memory;
        match self.end {
            End::Exited(0) | End::TimedOut => {}
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
        assert_eq!(End::TimedOut.exit_status(), 124);
    }
}
