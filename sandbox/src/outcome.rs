//! How a launch ended, as values; [`crate::ending`] decides which.
#![forbid(unsafe_code)]

use std::time::Duration;

use crate::harvest::Harvest;
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
    /// Whether a command ended by itself, and well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Exited(0)
    }

    /// Whether a command ended by itself, and not well.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::Exited(1..) | Self::Signalled(_))
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
}
