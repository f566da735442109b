//! What is not refused, but belongs into the outcome.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;

/// How many notes of one kind are kept; a crowd of one kind must not hide another.
pub(crate) const MOST_OF_A_KIND: usize = 200;

/// Something remarkable about an artefact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What it is.
    pub kind: NoteKind,
    /// The file it is about.
    pub member: String,
}

/// The kinds of notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// Left in the output directory and not handed over.
    LeftBehind,
    /// Runs at every start of the interpreter into whose environment it gets installed.
    StartUp,
    /// Would replace a part of the virtual environment that it gets installed into.
    Environment,
    /// An archive within the archive; it was not looked into.
    Nested,
    /// Machine code in a wheel that claims to run on every platform.
    Native,
    /// Another member has the same name but for case, width or trailing dots.
    Twin,
    /// A symbolic or hard link within an sdist; it stays within.
    Link,
}

impl NoteKind {
    /// Whether strict callers refuse an artefact for it.
    #[must_use]
    pub const fn is_refused_when_strict(self) -> bool {
        matches!(self, Self::StartUp | Self::Environment | Self::Twin)
    }

    /// The word itself, as it stands in outcomes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeftBehind => "left-behind",
            Self::StartUp => "start-up",
            Self::Environment => "environment",
            Self::Nested => "nested",
            Self::Native => "native",
            Self::Twin => "twin",
            Self::Link => "link",
        }
    }

    /// What it means, as a clause that follows the member's name.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::LeftBehind => "was left in the output directory and not handed over",
            Self::StartUp => "runs at every start of the interpreter once it is installed",
            Self::Environment => "replaces a part of the environment that it is installed into",
            Self::Nested => "is an archive within the archive and was not looked into",
            Self::Native => "is machine code in a wheel for any platform",
            Self::Twin => "has the name of another member but for case, width or trailing dots",
            Self::Link => "is a link that stays within the archive",
        }
    }
}

/// Notes that are being taken.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    notes: Vec<Note>,
    counts: BTreeMap<NoteKind, usize>,
}

impl Notes {
    /// Takes a note about `member`, unless there are enough of its kind.
    pub(crate) fn add(&mut self, kind: NoteKind, member: &str) {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        if *count <= MOST_OF_A_KIND {
            self.notes.push(Note { kind, member: member.to_owned() });
        }
    }
}

impl From<Notes> for Vec<Note> {
    fn from(notes: Notes) -> Self {
        notes.notes
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.member, self.kind.meaning())
    }
}
