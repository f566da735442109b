//! Every type that is written to a file, and nothing else.
#![forbid(unsafe_code)]

pub mod ablation;

use std::collections::BTreeMap;

use sandbox::Level;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::catalogue::attack::Expected;
use crate::verdict::{NOT_BUILT, Seen, UNUSABLE, Verdict};

/// The name of this form of a report.
pub const REPORT: &str = "harness.report/1";

/// The name of this form of the record of a run.
pub const RECORD: &str = "harness.run/1";

/// What one target did on one host: deterministic, committed, compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`REPORT`].
    pub schema: String,
    /// The lab profile.
    pub host: String,
    /// The sandbox on trial.
    pub target: String,
    /// The version of a sandbox that is not ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Every entry of the catalogue that was tried, by its id.
    pub results: BTreeMap<String, Entry>,
}

/// What became of one entry of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The digest of its folder.
    pub fixture: String,
    /// The cells, from the weakest level to the strongest.
    #[serde(flatten)]
    pub cells: BTreeMap<At, Cell>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What was seen.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub outcome: Seen,
    /// What was expected.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub expected: Expected,
    /// The two held against each other.
    #[serde(serialize_with = "write", deserialize_with = "read")]
    pub verdict: Verdict,
    /// The oracles that fired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub saw: Vec<String>,
    /// The marks that arrived in a trial that was blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// Why it is not simply as expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Cell {
    /// Whether it shows nothing because an honest build does not build in the sandbox: of a sandbox that is
    /// not ours that is worth knowing.
    #[must_use]
    pub fn is_of_unusable(&self) -> bool {
        let begins = |start| self.reason.as_ref().is_some_and(|reason| reason.starts_with(start));
        match self.verdict {
            Verdict::Vacuous => begins(UNUSABLE),
            Verdict::Error => self.expected == Expected::Built && begins(NOT_BUILT),
            _ => false,
        }
    }
}

/// A level as the key of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub Level);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer).map(Self)
    }
}

/// Everything volatile about a run. Nothing in it is compared, and what comes from a payload is
/// hearsay.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// [`RECORD`].
    pub schema: String,
    /// When the run began, in seconds since the epoch.
    pub began: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u128,
    /// How many trials ran at the same time.
    pub slots: usize,
    /// The machine: kernel, settings that matter, versions.
    pub machine: BTreeMap<String, String>,
    /// Every trial.
    pub trials: Vec<TrialRecord>,
}

/// One trial of a run.
#[derive(Clone, Debug, Serialize)]
pub struct TrialRecord {
    /// The entry.
    pub attack: String,
    /// The target.
    pub target: String,
    /// The lab profile.
    pub host: String,
    /// The level.
    pub level: &'static str,
    /// The verdict on all attempts.
    pub verdict: &'static str,
    /// Why it is not simply as expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attempts, in order.
    pub attempts: Vec<AttemptRecord>,
}

/// One attempt at a trial.
#[derive(Clone, Debug, Serialize)]
pub struct AttemptRecord {
    /// How long it took, in milliseconds.
    pub took_ms: u128,
    /// The marks that arrived.
    pub marks: Vec<String>,
    /// How the hooks ended.
    pub hooks: Vec<String>,
    /// What the oracles saw.
    pub findings: Vec<String>,
    /// It was cut off at its deadline.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub timed_out: bool,
    /// The artefact that the last hook named is there.
    pub built: bool,
    /// Why nothing was run, or what broke.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// What the payload said of itself; never evidence.
    pub hearsay: Vec<String>,
    /// The end of what a build printed that did not do as expected; never evidence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub log: String,
}

/// An entry of the catalogue as `list --json` and `show --json` print it.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Name and path.
    pub id: String,
    /// One line.
    pub title: String,
    /// One paragraph.
    pub summary: String,
    /// How bad it is; an honest build has none.
    pub severity: Option<&'static str>,
    /// The layers any of which must stop it.
    pub stopped_by: Vec<&'static str>,
    /// The hooks that are called.
    pub hooks: Vec<&'static str>,
    /// When the trial is cut off, in milliseconds.
    pub timeout_ms: u128,
    /// The marks that must arrive.
    pub marks: Vec<String>,
    /// What the machine must have.
    pub needs: Vec<&'static str>,
    /// What the lab puts in place.
    pub plants: Vec<Named>,
    /// Who looks.
    pub oracles: Vec<Named>,
    /// What is expected of a sandbox that enforces all that a level has.
    pub expected: BTreeMap<At, &'static str>,
    /// Techniques, weaknesses and rows of the project's list.
    pub tags: Vec<String>,
    /// The digest of the folder.
    pub fixture: String,
}

/// A plant or an oracle.
#[derive(Clone, Debug, Serialize)]
pub struct Named {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: &'static str,
}

/// A type whose values are written as words.
trait Word: Copy + 'static {
    /// What one of the words is called in a message.
    const KIND: &'static str;
    /// Every value.
    const ALL: &'static [Self];

    /// The word.
    fn word(self) -> &'static str;
}

macro_rules! word {
    ($type:ty, $kind:literal, $all:expr) => {
        impl Word for $type {
            const KIND: &'static str = $kind;
            const ALL: &'static [Self] = &$all;

            fn word(self) -> &'static str {
                self.name()
            }
        }
    };
}

word!(Level, "level", Level::ALL);
word!(Seen, "outcome", Seen::ALL);
word!(Verdict, "verdict", Verdict::ALL);
word!(
    Expected,
    "expectation",
    [Expected::Blocked, Expected::Escaped, Expected::Built, Expected::NotRun]
);

fn write<W: Word, S: Serializer>(value: &W, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(value.word())
}

fn read<'de, W: Word, D: Deserializer<'de>>(deserializer: D) -> Result<W, D::Error> {
    let text = String::deserialize(deserializer)?;
    W::ALL
        .iter()
        .copied()
        .find(|value| value.word() == text)
        .ok_or_else(|| D::Error::custom(format_args!("unknown {} `{text}`", W::KIND)))
}
