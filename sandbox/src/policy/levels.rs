//! The four presets that a caller chooses from by name.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

use crate::words::{Layer, LayerSet, UnknownWord, spoken};

/// How much isolation a build gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// None at all: the control of an experiment, refused outside the harness's lab.
    None,
    /// What Fromager has today: no network, and the caller seems to be root.
    Network,
    /// The design of Fromager's pull request 1077, made to work.
    Proposal,
    /// Everything; the default.
    Full,
}

impl Level {
    /// Every level, from the weakest to the strongest.
    pub const ALL: [Self; 4] = [Self::None, Self::Network, Self::Proposal, Self::Full];

    /// The word itself, as it stands on the command line and in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Network => "network",
            Self::Proposal => "proposal",
            Self::Full => "full",
        }
    }

    /// The layers that the level switches on.
    #[must_use]
    pub const fn layers(self) -> LayerSet {
        use Layer::{Hostname, Identity, Ipc, Network, Pid, Userns};
        match self {
            Self::None => LayerSet::EMPTY,
            Self::Network => LayerSet::of(&[Userns, Network, Hostname]),
            Self::Proposal => LayerSet::of(&[Userns, Identity, Network, Pid, Ipc, Hostname]),
            Self::Full => LayerSet::ALL,
        }
    }
}

spoken!(Level, "level");
