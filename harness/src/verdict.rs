//! What one cell of the matrix is worth: one pure function over everything that was observed.
#![forbid(unsafe_code)]

mod case;
mod preconditions;
mod stale;

use std::collections::BTreeSet;
use std::fmt;

use crate::catalogue::attack::Expected;
use crate::gaps::Gap;
use crate::oracle::Observation;
use crate::schedule::{Cell, Trial};
use case::Case;

pub use preconditions::{rule, rule_alone};
pub use stale::stale;

/// How the reason begins of what shows nothing because an honest build does not build.
pub const UNUSABLE: &str = "honest builds do not build at this level";
/// How the reason begins of an honest build that ended without an artefact.
pub const NOT_BUILT: &str = "the honest build did not build";

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Seen {
    /// The attack was tried, was seen to work elsewhere, and did not get through.
    Blocked,
    /// It got through.
    Escaped,
    /// The honest build built.
    Built,
    /// Nothing was run.
    NotRun,
    /// Nothing can be said.
    Error,
}

/// What was seen, held against what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// As expected.
    Ok,
    /// It got through where it should have been stopped.
    UnexpectedEscape,
    /// It got through, and that is on record.
    KnownGap,
    /// It was stopped where nothing should have stopped it.
    UnexpectedBlock,
    /// The trial proves nothing.
    Vacuous,
    /// This machine, or the target on it, cannot run the trial.
    Unsupported,
    /// Two attempts differ.
    Unstable,
    /// Something broke.
    Error,
}

impl Seen {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::Blocked, Self::Escaped, Self::Built, Self::NotRun, Self::Error];

    /// The word, as it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Escaped => "escaped",
            Self::Built => "built",
            Self::NotRun => "not-run",
            Self::Error => "error",
        }
    }
}

impl Verdict {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::UnexpectedEscape,
        Self::KnownGap,
        Self::UnexpectedBlock,
        Self::Vacuous,
        Self::Unsupported,
        Self::Unstable,
        Self::Error,
    ];

    /// The word, as it stands in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::UnexpectedEscape => "unexpected-escape",
            Self::KnownGap => "known-gap",
            Self::UnexpectedBlock => "unexpected-block",
            Self::Vacuous => "vacuous",
            Self::Unsupported => "unsupported",
            Self::Unstable => "unstable",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What other trials of the same run say about this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preconditions {
    /// The same attack at its control level.
    pub control: Control,
    /// The honest builds at the same level.
    pub honest: Honest,
}

/// What the same attack did where it must get through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// This trial is the control.
    Itself,
    /// It got through.
    Escaped,
    /// It did not, or was not seen to: why.
    Silent(String),
    /// This machine cannot run it there: why.
    Unsupported(String),
}

/// What honest builds did at the same level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Honest {
    /// All that could be tried built, and at least one did.
    Built,
    /// These did not.
    Broken(Vec<String>),
    /// None was tried.
    Untried,
}

/// What is put on record for a cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What was seen.
    pub seen: Seen,
    /// What was expected.
    pub expected: Expected,
    /// The two held against each other.
    pub verdict: Verdict,
    /// The oracles that fired, sorted.
    pub saw: Vec<String>,
    /// The marks that arrived, in order.
    pub marks: Vec<String>,
    /// Why, for everything that is not simply as expected.
    pub reason: Option<String>,
}

/// A cell with everything that was observed, and the ruling on it.
#[derive(Clone, Debug)]
pub struct Settled {
    /// The cell.
    pub cell: Cell,
    /// The attempts, in order; none for a cell that is not to be run.
    pub attempts: Vec<Observation>,
    /// The ruling on all of them.
    pub ruling: Ruling,
}

impl Ruling {
    /// The ruling on a cell that is outside the levels of its attack.
    #[must_use]
    pub const fn outside() -> Self {
        Self {
            seen: Seen::NotRun,
            expected: Expected::NotRun,
            verdict: Verdict::Ok,
            saw: Vec::new(),
            marks: Vec::new(),
            reason: None,
        }
    }
}

impl Verdict {
    /// Rules on one attempt at one trial.
    ///
    /// A cell is `blocked` only if the attack got through at its control level in this run,
    /// every mark arrived, every oracle passed its self-test, none fired, the trial came to an end of its own,
    /// and an honest build builds here. Whatever is missing makes it worthless, not better.
    #[must_use]
    pub fn reach(
        trial: &Trial,
        expected: Expected,
        preconditions: &Preconditions,
        observed: &Observation,
        gap: Option<&Gap>,
    ) -> Ruling {
        let case = Case { trial, expected, preconditions, observed, gap };
        let (seen, verdict, reason) = match expected {
            Expected::NotRun => return Ruling::outside(),
            Expected::Built => case.honest(),
            Expected::Blocked => case.to_be_stopped(),
            Expected::Escaped => case.to_get_through(),
        };
        let saw: BTreeSet<_> =
            observed.findings.iter().map(|finding| finding.oracle.clone()).collect();
        Ruling {
            seen,
            expected,
            verdict,
            saw: saw.into_iter().collect(),
            marks: observed.run.marks.clone(),
            reason,
        }
    }

    /// Rules on a cell from several attempts, none of which can better another: an escape
    /// where the attack should be stopped stays one, and attempts that differ are `unstable`.
    #[must_use]
    pub fn settle(attempts: &[Ruling]) -> Option<Ruling> {
        let first = attempts.first()?;
        let escape =
            |ruling: &&Ruling| matches!(ruling.verdict, Self::UnexpectedEscape | Self::KnownGap);
        if let Some(escape) = attempts.iter().filter(escape).min_by_key(|ruling| ruling.verdict) {
            return Some(escape.clone());
        }
        let Some(other) = attempts.iter().find(|ruling| ruling.verdict != first.verdict) else {
            return Some(first.clone());
        };
        let told =
            |ruling: &Ruling| ruling.reason.clone().unwrap_or_else(|| ruling.seen.to_string());
        let reason = format!("attempts differ: {}; then {}", told(first), told(other));
        Some(Ruling {
            seen: Seen::Error,
            verdict: Self::Unstable,
            reason: Some(reason),
            ..first.clone()
        })
    }
}

#[cfg(test)]
mod tests;
