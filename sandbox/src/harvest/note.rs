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
    /// A program, or an entry point that becomes one, that is run in the place of another.
    Program,
    /// An archive within the archive; it was not looked into.
    Nested,
    /// Machine code in a wheel that claims to run on every platform.
    Native,
    /// Another member has a name that is the same on other file systems, such as those without case.
    Twin,
    /// A version that PEP 440 does not know; installers of today pass over it.
    Legacy,
    /// A member that comes twice with different contents, of which readers take the last.
    Twice,
    /// A symbolic or hard link within an sdist; it stays within.
    Link,
    /// An sdist in which files belong to the user that the build has inside; without the sandbox they
    /// belong to the caller.
    Owner,
    /// A group of entry points that setuptools or keyring load wherever they run.
    Plugin,
}

impl NoteKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::LeftBehind,
        Self::StartUp,
        Self::Environment,
        Self::Program,
        Self::Nested,
        Self::Native,
        Self::Twin,
        Self::Legacy,
        Self::Twice,
        Self::Link,
        Self::Owner,
        Self::Plugin,
    ];

    /// Whether strict callers refuse an artefact for it.
    #[must_use]
    pub const fn is_refused_when_strict(self) -> bool {
        matches!(self, Self::StartUp | Self::Environment | Self::Program | Self::Plugin)
    }

    /// The word itself, as it stands in outcomes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeftBehind => "left-behind",
            Self::StartUp => "start-up",
            Self::Environment => "environment",
            Self::Program => "program",
            Self::Nested => "nested",
            Self::Native => "native",
            Self::Twin => "twin",
            Self::Legacy => "legacy",
            Self::Twice => "twice",
            Self::Link => "link",
            Self::Owner => "owner",
            Self::Plugin => "plugin",
        }
    }

    /// What it means, as a clause that follows the member's name.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::LeftBehind => "was left in the output directory and not handed over",
            Self::StartUp => "runs at every start of the interpreter once it is installed",
            Self::Environment => "replaces a part of the environment that it is installed into",
            Self::Program => "is run in the place of another program once it is installed",
            Self::Nested => "is an archive within the archive and was not looked into",
            Self::Native => "is machine code in a wheel for any platform",
            Self::Twin => "has a name that is another member's on other file systems",
            Self::Legacy => "has a version that PEP 440 does not know",
            Self::Twice => "comes twice, and readers take the last",
            Self::Link => "is a link that stays within the archive",
            Self::Plugin => "is loaded by a tool that nobody asked to, once it is installed",
            Self::Owner => "says that it belongs to the build's own user, not to the caller",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_on_the_list_and_has_a_name_of_its_own() {
        for (at, kind) in NoteKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at, "{}", kind.name());
            assert_eq!(NoteKind::ALL.iter().filter(|it| it.name() == kind.name()).count(), 1);
        }
        // The last one, so that one more is noticed here.
        assert_eq!(NoteKind::ALL.len(), NoteKind::Plugin as usize + 1);
    }
}
