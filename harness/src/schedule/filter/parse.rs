//! Reads an expression: `|` and `+` bind weakest, then `&` and `-`, then `!`.
#![forbid(unsafe_code)]

use sandbox::UnknownWord;

use super::{Comparison, Term, Word};
use crate::catalogue::spelling::Spelt;

const FUNCTIONS: [&str; 7] = ["id", "severity", "layer", "tag", "target", "verdict", "changed"];

/// What is compared with when `changed()` names nothing: what is committed.
const HEAD: &str = "HEAD";

/// An expression that cannot be read or means nothing, with a sign under the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{mistake}\n    {text}\n    {}^", blanks(.mistake.column()))]
pub struct Misread {
    /// The expression.
    pub text: String,
    /// What is wrong.
    pub mistake: FilterError,
}

fn blanks(column: usize) -> String {
    " ".repeat(column.saturating_sub(1))
}

/// An expression that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Something else should stand there.
    #[error("column {column}: expected {wanted}")]
    Expected {
        /// Where, in characters from one.
        column: usize,
        /// What should.
        wanted: &'static str,
    },
    /// A parenthesis without its other half.
    #[error("column {column}: the `(` is never closed")]
    Open {
        /// Where it stands.
        column: usize,
    },
    /// A word that means nothing.
    #[error("column {column}: {source}")]
    Word {
        /// Where it stands.
        column: usize,
        /// Which.
        source: UnknownWord,
    },
    /// A function that needs something in its parentheses.
    #[error("column {column}: `{name}` needs a name in its parentheses")]
    Empty {
        /// Where it stands.
        column: usize,
        /// Which.
        name: String,
    },
}

impl FilterError {
    const fn column(&self) -> usize {
        match self {
            Self::Expected { column, .. }
            | Self::Open { column }
            | Self::Word { column, .. }
            | Self::Empty { column, .. } => *column,
        }
    }
}

/// The meaning of an expression.
pub(super) fn parse(text: &str) -> Result<Term, FilterError> {
    let mut reader = Reader { text, at: 0 };
    let term = reader.union()?;
    match reader.peek() {
        None => Ok(term),
        Some(_) => Err(reader.expected("`&`, `-`, `|` or the end")),
    }
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Reader<'t> {
    fn union(&mut self) -> Result<Term, FilterError> {
        let mut term = self.intersection()?;
        while self.accept('|') || self.accept('+') {
            term = Term::Either(Box::new(term), Box::new(self.intersection()?));
        }
        Ok(term)
    }

    fn intersection(&mut self) -> Result<Term, FilterError> {
        let mut term = self.single()?;
        loop {
            if self.accept('&') {
                term = Term::Both(Box::new(term), Box::new(self.single()?));
            } else if self.accept('-') {
                let not = Term::Not(Box::new(self.single()?));
                term = Term::Both(Box::new(term), Box::new(not));
            } else {
                return Ok(term);
            }
        }
    }

    fn single(&mut self) -> Result<Term, FilterError> {
        if self.accept('!') {
            return Ok(Term::Not(Box::new(self.single()?)));
        }
        if self.accept('(') {
            let term = self.union()?;
            return if self.accept(')') { Ok(term) } else { Err(self.expected("`)`")) };
        }
        self.peek();
        let start = self.at;
        let word = self.word();
        if word.is_empty() {
            return Err(self.expected("a folder, an id, a tag, a function or `(`"));
        }
        if self.rest().starts_with('(') {
            return self.function(word, start);
        }
        let slash = word.find('/').map(|slash| slash + 1 == word.len());
        let word = Word { text: word.to_owned(), column: self.column(start) };
        Ok(match slash {
            Some(true) => Term::Folder(word),
            Some(false) => Term::Id(word),
            None => Term::Tag(word),
        })
    }

    fn function(&mut self, name: &str, start: usize) -> Result<Term, FilterError> {
        let open = self.at;
        let Some(close) = self.rest().find(')') else {
            return Err(FilterError::Open { column: self.column(open) });
        };
        let argument = self.text.get(open + 1..open + close).unwrap_or_default();
        let value = argument.trim();
        self.at = open + close + 1;
        let place = open + 1 + (argument.len() - argument.trim_start().len());
        let word = |source| FilterError::Word { column: self.column(place), source };
        if value.is_empty() && FUNCTIONS.contains(&name) && name != "changed" {
            return Err(FilterError::Empty { column: self.column(start), name: name.to_owned() });
        }
        let named = || Word { text: value.to_owned(), column: self.column(place) };
        match name {
            "id" => Ok(Term::Id(named())),
            "tag" => Ok(Term::Tag(named())),
            "target" => Ok(Term::Target(named())),
            "verdict" => Ok(Term::Verdict(named())),
            "changed" if value.is_empty() => {
                Ok(Term::Changed(Word { text: HEAD.to_owned(), ..named() }))
            }
            "changed" => Ok(Term::Changed(named())),
            "layer" => Spelt::read(value).map(Term::Layer).map_err(word),
            "severity" => {
                let (comparison, value) = comparison(value);
                Spelt::read(value).map(|value| Term::Severity(comparison, value)).map_err(word)
            }
            other => Err(FilterError::Word {
                column: self.column(start),
                source: UnknownWord::new("function", other, &FUNCTIONS),
            }),
        }
    }

    /// The word that begins here: a hyphen within it belongs to it, so a difference needs a
    /// blank before its sign.
    fn word(&mut self) -> &'t str {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "/_.-*".contains(c);
        let rest = self.rest();
        let end = rest.find(|c: char| !is_part(c)).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        if word.starts_with('-') {
            return "";
        }
        self.at += end;
        word
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn column(&self, at: usize) -> usize {
        self.text.get(..at).map_or(0, |before| before.chars().count()) + 1
    }

    fn expected(&self, wanted: &'static str) -> FilterError {
        FilterError::Expected { column: self.column(self.at), wanted }
    }
}

fn comparison(text: &str) -> (Comparison, &str) {
    let signs = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::More),
        ("=", Comparison::Equal),
    ];
    let found = signs.into_iter().find_map(|(sign, comparison)| {
        text.strip_prefix(sign).map(|rest| (comparison, rest.trim_start()))
    });
    found.unwrap_or((Comparison::Equal, text))
}
