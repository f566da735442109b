//! One mistake in a manifest or in the tree beside it: where it stands, why it is one, what to do.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::{Path, PathBuf};

/// The kinds of mistake. A code, once given out, keeps its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A file or folder cannot be read.
    Unreadable,
    /// The file is not TOML.
    Syntax,
    /// `schema` is missing or of another version.
    Schema,
    /// A key that the format does not have.
    UnknownKey,
    /// A key that the format demands.
    MissingKey,
    /// A value of the wrong type.
    WrongType,
    /// A value of the right type that means nothing.
    BadValue,
    /// The same id, mark or level twice.
    Duplicate,
    /// `id` is not the path.
    IdNotPath,
    /// Two folders of attacks have an entry of the same id.
    IdReused,
    /// A folder that is no guarantee.
    UnknownFolder,
    /// A folder without a manifest.
    NoManifest,
    /// A layer that the sandbox does not have.
    UnknownLayer,
    /// `stopped_by` is empty.
    StoppedByNothing,
    /// An attack without marks.
    NoMarks,
    /// An attack that nobody watches.
    NoOracle,
    /// An oracle, `inherit`, `interrupt` or back end that names what is not there.
    OnNothing,
    /// A plant that nobody looks at.
    PlantUnused,
    /// The control level is expected to stop the attack.
    ControlBlocked,
    /// A mark of which only the manifest or only the back end knows.
    MarkApart,
    /// The build system is missing, or not the in-tree one.
    BuildSystem,
    /// The build has requirements.
    BuildRequires,
    /// A link that leaves the tree, or a file that is neither file nor link nor folder.
    LeavesTree,
    /// A host name or address in the back end.
    Address,
    /// A fixed path below `/tmp` in the back end.
    FixedTmp,
    /// Text that has the form of a real credential.
    SecretShaped,
    /// A file that is no Python.
    Python,
}

impl Code {
    /// Every code, in the order of the numbers.
    pub const ALL: [Self; 27] = [
        Self::Unreadable,
        Self::Syntax,
        Self::Schema,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::BadValue,
        Self::Duplicate,
        Self::IdNotPath,
        Self::IdReused,
        Self::UnknownFolder,
        Self::NoManifest,
        Self::UnknownLayer,
        Self::StoppedByNothing,
        Self::NoMarks,
        Self::NoOracle,
        Self::OnNothing,
        Self::PlantUnused,
        Self::ControlBlocked,
        Self::MarkApart,
        Self::BuildSystem,
        Self::BuildRequires,
        Self::LeavesTree,
        Self::Address,
        Self::FixedTmp,
        Self::SecretShaped,
        Self::Python,
    ];

    /// The number as it is printed.
    #[must_use]
    pub const fn number(self) -> &'static str {
        match self {
            Self::Unreadable => "E0001",
            Self::Syntax => "E0002",
            Self::Schema => "E0003",
            Self::UnknownKey => "E0101",
            Self::MissingKey => "E0102",
            Self::WrongType => "E0103",
            Self::BadValue => "E0104",
            Self::Duplicate => "E0105",
            Self::IdNotPath => "E0201",
            Self::IdReused => "E0202",
            Self::UnknownFolder => "E0203",
            Self::NoManifest => "E0204",
            Self::UnknownLayer => "E0301",
            Self::StoppedByNothing => "E0302",
            Self::NoMarks => "E0303",
            Self::NoOracle => "E0304",
            Self::OnNothing => "E0305",
            Self::PlantUnused => "E0306",
            Self::ControlBlocked => "E0307",
            Self::MarkApart => "E0308",
            Self::BuildSystem => "E0401",
            Self::BuildRequires => "E0402",
            Self::LeavesTree => "E0403",
            Self::Address => "E0404",
            Self::FixedTmp => "E0405",
            Self::SecretShaped => "E0406",
            Self::Python => "E0407",
        }
    }
}

impl Code {
    /// What it means, one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Unreadable => "A file or folder cannot be read.",
            Self::Syntax => "The file is not TOML.",
            Self::Schema => "`schema` is missing or of another version.",
            Self::UnknownKey => "A key that the format does not have.",
            Self::MissingKey => "A key that the format demands.",
            Self::WrongType => "A value of the wrong type.",
            Self::BadValue => "A value of the right type that means nothing.",
            Self::Duplicate => "The same id, mark or level twice.",
            Self::IdNotPath => "`id` is not the path.",
            Self::IdReused => "Two folders of attacks have an entry of the same id.",
            Self::UnknownFolder => "A folder that is no guarantee.",
            Self::NoManifest => "A folder without a manifest.",
            Self::UnknownLayer => "A layer that the sandbox does not have.",
            Self::StoppedByNothing => "`stopped_by` is empty.",
            Self::NoMarks => "An attack without marks.",
            Self::NoOracle => "An attack that nobody watches.",
            Self::OnNothing => {
                "An oracle, `inherit`, `interrupt` or back end that names what is not there."
            }
            Self::PlantUnused => "A plant that nobody looks at.",
            Self::ControlBlocked => "The control level is expected to stop the attack.",
            Self::MarkApart => "A mark of which only the manifest or only the back end knows.",
            Self::BuildSystem => "The build system is missing, or not the in-tree one.",
            Self::BuildRequires => "The build has requirements.",
            Self::LeavesTree => {
                "A link that leaves the tree, or a file that is neither file nor link nor folder."
            }
            Self::Address => "A host name or address in the back end.",
            Self::FixedTmp => "A fixed path below `/tmp` in the back end.",
            Self::Python => "A file that is no Python.",
            Self::SecretShaped => "Text that has the form of a real credential.",
        }
    }
}

/// `docs/diagnostics.md`: every code and its meaning.
#[must_use]
pub fn document() -> String {
    let rows = Code::ALL.map(|code| format!("| {code} | {} |\n", code.meaning()));
    format!(
        "# What `harness check` complains about\n\n\
         <!-- Generated by `harness check --codes`. Do not edit. -->\n\n\
         Every mistake of every manifest is reported in one pass, with file, line, column and what \
         to do. A code,\nonce given out, keeps its meaning.\n\n\
         | code | meaning |\n|---|---|\n{}",
        rows.concat()
    )
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.number())
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file in which it stands.
    pub file: PathBuf,
    /// Counted from one; zero when the file as a whole is meant.
    pub line: usize,
    /// In characters, counted from one.
    pub column: usize,
    /// Its kind.
    pub code: Code,
    /// What is wrong, one clause.
    pub message: String,
    /// What to do, one clause.
    pub help: String,
    /// The line in which it stands, and how many characters of it are meant.
    pub excerpt: Option<(String, usize)>,
}

impl Diagnostic {
    /// A mistake of the file, or folder, as a whole.
    #[must_use]
    pub fn of_file(file: &Path, code: Code, message: String, help: &str) -> Self {
        let help = help.to_owned();
        Self { file: file.to_owned(), line: 0, column: 0, code, message, help, excerpt: None }
    }

    /// The same mistake with its file named as seen from `base`, where it lies below it.
    #[must_use]
    pub fn seen_from(mut self, base: &Path) -> Self {
        if let Ok(short) = self.file.strip_prefix(base) {
            self.file = short.to_owned();
        }
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, code, message, help, excerpt } = self;
        write!(f, "{}", file.display())?;
        if *line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        writeln!(f, ": error[{code}]: {message}")?;
        let margin = line.to_string().len().max(2);
        if let Some((text, width)) = excerpt {
            let (indent, carets) = (" ".repeat(column.saturating_sub(1)), "^".repeat(*width));
            writeln!(f, "{:margin$} |", "")?;
            writeln!(f, "{line:>margin$} | {text}")?;
            writeln!(f, "{:margin$} | {indent}{carets}", "")?;
        }
        write!(f, "{:margin$} = help: {help}", "")
    }
}

/// Where the mistakes of one file are gathered.
#[derive(Debug)]
pub struct Findings<'t> {
    file: &'t Path,
    text: &'t str,
    found: Vec<Diagnostic>,
}

impl<'t> Findings<'t> {
    /// No mistake yet, in `text`, which stands in `file`.
    #[must_use]
    pub const fn of(file: &'t Path, text: &'t str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    /// Adds one at a byte offset of the text.
    pub fn report(&mut self, offset: usize, code: Code, message: String, help: String) {
        let (line, column) = place(self.text, offset);
        self.found.push(Diagnostic {
            file: self.file.to_owned(),
            line,
            column,
            code,
            message,
            help,
            excerpt: Some(excerpt(self.text, offset)),
        });
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// All of them.
    #[must_use]
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.found
    }
}

/// The line around a byte offset as it can be shown, and how many of its characters are meant: a
/// string with its quotes, an array or table header with its brackets, or a word.
fn excerpt(text: &str, offset: usize) -> (String, usize) {
    const LONGEST: usize = 160;
    let (before, rest) = text.split_at_checked(offset).unwrap_or((text, ""));
    let before = before.rsplit('\n').next().unwrap_or_default();
    let rest = rest.split('\n').next().unwrap_or_default();
    let end = match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => rest.get(1..).and_then(|inner| inner.find(quote)),
        Some('[') => rest.rfind(']').and_then(|end| end.checked_sub(1)),
        _ => None,
    };
    let is_part = |c: char| c.is_alphanumeric() || "_-./:".contains(c);
    let bytes = match end {
        Some(inner) => inner + 2,
        None => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
    };
    let width = rest.get(..bytes).map_or(1, |meant| meant.chars().count()).max(1);
    // A control character would be obeyed by the terminal, and a tab would shift the mark.
    let harmless = |c: char| if c.is_control() { ' ' } else { c };
    let line = before.chars().chain(rest.chars()).take(LONGEST).map(harmless).collect();
    let room = LONGEST.saturating_sub(before.chars().count()).max(1);
    (line, width.min(room))
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |rest| rest.chars().count()) + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_share_a_number_and_the_list_is_in_order() {
        let numbers: Vec<_> = Code::ALL.into_iter().map(Code::number).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    }

    #[test]
    fn the_mark_stands_under_what_is_meant() {
        let shown = |text: &str, offset| {
            let (line, width) = excerpt(text, offset);
            let (_, column) = place(text, offset);
            line.chars().skip(column - 1).take(width).collect::<String>()
        };
        assert_eq!(shown("a\nb = \"x y\" # c", 6), "\"x y\"");
        assert_eq!(shown("b = ['x', 'y'] # c", 4), "['x', 'y']");
        assert_eq!(shown("titel = 1", 0), "titel");
        assert_eq!(shown("ü = \u{1b}x", 5), " ");
        assert_eq!(excerpt("a", 9), ("a".to_owned(), 1));
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        assert_eq!(place("a\nbü c", 0), (1, 1));
        assert_eq!(place("a\nbü c", 6), (2, 4));
        assert_eq!(place("a", 99), (1, 2));
    }
}
