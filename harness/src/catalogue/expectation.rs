//! What a correct sandbox shows: derived from the layers that it enforces, never filled in by hand.
#![forbid(unsafe_code)]

use std::fmt;

use sandbox::{LayerSet, Level};

use super::attack::{Attack, ControlAt, Expected, Purpose};
use super::spelling::Spelt;

impl Attack {
    /// Whether it is an honest build.
    #[must_use]
    pub fn is_benign(&self) -> bool {
        self.purpose == Purpose::Benign
    }

    /// The layers any of which must stop it; none for an honest build.
    #[must_use]
    pub const fn stopped_by(&self) -> LayerSet {
        match self.purpose {
            Purpose::Attack { stopped_by, .. } => stopped_by,
            Purpose::Benign => LayerSet::EMPTY,
        }
    }

    /// Where it must escape, or all else proves nothing.
    #[must_use]
    pub fn control(&self) -> ControlAt<'_> {
        match &self.run.control {
            Some(target) => ControlAt::Target(target),
            None => ControlAt::Level(self.run.levels.first().copied().unwrap_or(Level::None)),
        }
    }

    /// Whether it is tried at `level` at all.
    #[must_use]
    pub fn runs_at(&self, level: Level) -> bool {
        self.run.levels.is_empty() || self.run.levels.contains(&level)
    }

    /// Whether the hole is opened by the isolation of its control itself, and is not there where
    /// another sandbox, or none, is used.
    #[must_use]
    pub fn is_made_by_isolation(&self) -> bool {
        match self.control() {
            ControlAt::Target(_) => true,
            ControlAt::Level(level) => level != Level::None && self.expect.contains_key(&level),
        }
    }

    /// What is expected at `level` of a sandbox that enforces `enforced` there and is not the
    /// control itself.
    #[must_use]
    pub fn expected(&self, level: Level, enforced: LayerSet) -> Expected {
        if !self.runs_at(level) {
            return Expected::NotRun;
        }
        if let Some(exception) = self.expect.get(&level) {
            return exception.outcome;
        }
        match self.purpose {
            Purpose::Benign => Expected::Built,
            // What only another design opens must not be there at all.
            Purpose::Attack { .. } if self.run.control.is_some() => Expected::Blocked,
            Purpose::Attack { stopped_by, .. } if stopped_by.and(enforced).is_empty() => {
                Expected::Escaped
            }
            Purpose::Attack { .. } => Expected::Blocked,
        }
    }
}

impl Expected {
    /// The word, as it stands in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRun => "not-run",
            other => other.spelt(),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
