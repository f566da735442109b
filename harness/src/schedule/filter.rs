//! Expressions that select attacks: `secrets/ & severity(>=high) - id(secrets/netrc-read)`.
#![forbid(unsafe_code)]

mod known;
mod parse;

use std::fmt;
use std::str::FromStr;

use sandbox::{Guarantee, Layer, UnknownWord};

use crate::catalogue::attack::{Attack, Purpose, Severity};
use crate::catalogue::{BENIGN, Catalogue};
pub use known::{Known, Shown, View};
pub use parse::{FilterError, Misread};

/// An expression, as it was written and as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
    root: Term,
}

impl Filter {
    /// What finds one entry alone.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        let word = Word { text: id.to_owned(), column: 1 };
        Self { text: format!("id({id})"), root: Term::Id(word) }
    }

    /// Whether the entry is selected, as seen from `view`.
    #[must_use]
    pub fn finds(&self, attack: &Attack, view: &View<'_>) -> bool {
        self.root.finds(attack, view)
    }

    /// Whether everything that it names is there.
    ///
    /// # Errors
    /// The first name that is not, with its place and the nearest one that is.
    pub fn check(&self, catalogue: &Catalogue, known: &Known) -> Result<(), Misread> {
        let unknown = self.root.words().into_iter().find_map(|(term, word)| {
            let source = term.unknown(word, catalogue, known)?;
            Some(FilterError::Word { column: word.column, source })
        });
        match unknown {
            Some(mistake) => Err(Misread { text: self.text.clone(), mistake }),
            None => Ok(()),
        }
    }

    /// The targets that it names.
    #[must_use]
    pub fn targets(&self) -> Vec<&str> {
        self.named(|term| matches!(term, Term::Target(_)))
    }

    /// The bases from which it counts changes.
    #[must_use]
    pub fn bases(&self) -> Vec<&str> {
        self.named(|term| matches!(term, Term::Changed(_)))
    }

    /// Whether it asks what the committed reports say.
    #[must_use]
    pub fn asks_for_verdicts(&self) -> bool {
        !self.named(|term| matches!(term, Term::Verdict(_) | Term::Target(_))).is_empty()
    }

    fn named(&self, wanted: fn(&Term) -> bool) -> Vec<&str> {
        let words = self.root.words().into_iter();
        words.filter(|(term, _)| wanted(term)).map(|(_, word)| word.text.as_str()).collect()
    }
}

impl FromStr for Filter {
    type Err = Misread;

    fn from_str(text: &str) -> Result<Self, Misread> {
        match parse::parse(text) {
            Ok(root) => Ok(Self { text: text.to_owned(), root }),
            Err(mistake) => Err(Misread { text: text.to_owned(), mistake }),
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A name in an expression, and where it stands, in characters from one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    text: String,
    column: usize,
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    /// `secrets/`
    Folder(Word),
    /// `id(secrets/*)`, or the id alone.
    Id(Word),
    /// `severity(>=high)`
    Severity(Comparison, Severity),
    /// `layer(mounts)`
    Layer(Layer),
    /// `tag(CWE-522)`, or the tag alone.
    Tag(Word),
    /// `target(bubblewrap)`
    Target(Word),
    /// `verdict(known-gap)`
    Verdict(Word),
    /// `changed(main)`
    Changed(Word),
    /// `a & b`
    Both(Box<Self>, Box<Self>),
    /// `a | b`
    Either(Box<Self>, Box<Self>),
    /// `!a`
    Not(Box<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    Equal,
    AtLeast,
    More,
}

impl Term {
    fn finds(&self, attack: &Attack, view: &View<'_>) -> bool {
        let id = attack.id.0.as_str();
        match self {
            Self::Folder(folder) => id.starts_with(&folder.text),
            Self::Id(pattern) => matches(&pattern.text, id),
            Self::Severity(comparison, wanted) => match attack.purpose {
                Purpose::Attack { severity, .. } => comparison.holds(severity, *wanted),
                Purpose::Benign => false,
            },
            Self::Layer(layer) => attack.stopped_by().has(*layer),
            Self::Tag(tag) => tags(attack).any(|known| known == tag.text),
            Self::Target(target) => view.is_of(&target.text, id),
            Self::Verdict(verdict) => view.has_shown(&verdict.text, id),
            Self::Changed(base) => view.known.has_changed(&base.text, id),
            Self::Both(one, two) => one.finds(attack, view) && two.finds(attack, view),
            Self::Either(one, two) => one.finds(attack, view) || two.finds(attack, view),
            Self::Not(term) => !term.finds(attack, view),
        }
    }

    /// Every name in it, with the part that it belongs to, as they were written.
    fn words(&self) -> Vec<(&Self, &Word)> {
        match self {
            Self::Folder(word)
            | Self::Id(word)
            | Self::Tag(word)
            | Self::Target(word)
            | Self::Verdict(word)
            | Self::Changed(word) => vec![(self, word)],
            Self::Severity(..) | Self::Layer(_) => Vec::new(),
            Self::Both(one, two) | Self::Either(one, two) => [one.words(), two.words()].concat(),
            Self::Not(term) => term.words(),
        }
    }

    /// What is wrong with a name, if nobody has it.
    fn unknown(&self, word: &Word, catalogue: &Catalogue, known: &Known) -> Option<UnknownWord> {
        let text = word.text.as_str();
        match self {
            Self::Folder(_) => {
                let name = text.trim_end_matches('/');
                let folders = Guarantee::ALL.map(Guarantee::name);
                let folders: Vec<_> = folders.into_iter().chain([BENIGN]).collect();
                missing("guarantee", name, &folders)
            }
            Self::Id(_) if !text.contains('*') && catalogue.get(text).is_none() => {
                Some(unknown_attack(catalogue, text))
            }
            Self::Tag(_) => {
                let mut all: Vec<_> = catalogue.entries().flat_map(|attack| tags(attack)).collect();
                all.sort_unstable();
                all.dedup();
                let known = format!("{}, which `harness show ID` names", all.len());
                missing("tag", text, &all).map(|word| UnknownWord { known, ..word })
            }
            Self::Target(_) => {
                let targets: Vec<_> = known.targets.iter().map(String::as_str).collect();
                missing("target", text, &targets)
            }
            Self::Verdict(_) => missing("verdict", text, &known.words),
            _ => None,
        }
    }
}

fn missing(kind: &'static str, word: &str, known: &[&str]) -> Option<UnknownWord> {
    (!known.contains(&word)).then(|| UnknownWord::new(kind, word, known))
}

/// The error for an id that the catalogue does not have.
#[must_use]
pub fn unknown_attack(catalogue: &Catalogue, id: &str) -> UnknownWord {
    let known: Vec<_> = catalogue.entries().map(|attack| attack.id.0.as_str()).collect();
    let nearest = catalogue.nearest(id).map(str::to_owned);
    // Hundreds of names would hide the sentence.
    let known_words = format!("{}, which `harness list` shows", known.len());
    let word = UnknownWord::new("attack", id, &known);
    UnknownWord { nearest: nearest.or(word.nearest), known: known_words, ..word }
}

impl Comparison {
    fn holds(self, severity: Severity, wanted: Severity) -> bool {
        match self {
            Self::Less => severity < wanted,
            Self::AtMost => severity <= wanted,
            Self::Equal => severity == wanted,
            Self::AtLeast => severity >= wanted,
            Self::More => severity > wanted,
        }
    }
}

fn tags(attack: &Attack) -> impl Iterator<Item = &str> {
    let tags = attack.techniques.iter().chain(&attack.weaknesses).chain(&attack.rows);
    tags.map(String::as_str)
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts = rest.split('*');
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests;
