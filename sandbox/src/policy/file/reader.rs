//! From single values of TOML to values, with every mistake on the way.
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Mistake;
use crate::payload::is_normal;
use crate::words::UnknownWord;

/// Reads single values, and collects what is wrong with them.
pub(super) struct Reader<'m> {
    mistakes: &'m mut Vec<Mistake>,
}

/// A value with its place.
pub(super) type Value<'i> = Spanned<DeValue<'i>>;

impl<'m> Reader<'m> {
    /// One who adds to `mistakes`.
    pub(super) const fn new(mistakes: &'m mut Vec<Mistake>) -> Self {
        Self { mistakes }
    }

    /// Notes a mistake.
    pub(super) fn note(&mut self, mistake: Mistake) {
        self.mistakes.push(mistake);
    }

    /// Notes a key that is not among `known`.
    pub(super) fn unknown(&mut self, key: &Spanned<impl AsRef<str>>, known: &[&str]) {
        let word = UnknownWord::new("key", key.get_ref().as_ref(), known);
        let help = match &word.nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => format!("known here: {}", known.join(" ")),
        };
        let message = format!("`{}` is no key of this section", word.word);
        self.note(Mistake::new(key.span(), message).help(help));
    }

    fn wrong(&mut self, value: &Value<'_>, wanted: &str) {
        let found = value.get_ref().type_str();
        self.note(Mistake::new(value.span(), format!("expected {wanted}, found {found}")));
    }

    /// A table.
    pub(super) fn table<'a, 'i>(&mut self, value: &'a Value<'i>) -> Option<&'a DeTable<'i>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(value, "a table");
        }
        table
    }

    /// `true` or `false`.
    pub(super) fn switch(&mut self, value: &Value<'_>) -> Option<bool> {
        let switch = value.get_ref().as_bool();
        if switch.is_none() {
            self.wrong(value, "true or false");
        }
        switch
    }

    /// A text.
    pub(super) fn text<'a>(&mut self, value: &'a Value<'_>) -> Option<&'a str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.wrong(value, "a text in quotes");
        }
        text
    }

    /// A text that `T` can be read from.
    pub(super) fn word<T: FromStr<Err: Display>>(&mut self, value: &Value<'_>) -> Option<T> {
        let text = self.text(value)?;
        self.parsed(text, value.span(), str::parse)
    }

    /// A number, or a text, of which `parse` makes what is wanted.
    pub(super) fn amount<T, E: Display>(
        &mut self,
        value: &Value<'_>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let number = value.get_ref().as_integer().filter(|number| number.radix() == 10);
        let text = match number {
            Some(number) => number.as_str(),
            None => self.text(value)?,
        };
        self.parsed(text, value.span(), parse)
    }

    fn parsed<T, E: Display>(
        &mut self,
        text: &str,
        span: Range<usize>,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let parsed = parse(text);
        parsed.map_err(|error| self.note(Mistake::new(span, error.to_string()))).ok()
    }

    /// A list, each of whose elements `read` reads; those that it cannot are left out.
    pub(super) fn list<T>(
        &mut self,
        value: &Value<'_>,
        mut read: impl FnMut(&mut Self, &Value<'_>) -> Option<T>,
    ) -> Vec<T> {
        let Some(elements) = value.get_ref().as_array() else {
            self.wrong(value, "a list in brackets");
            return vec![];
        };
        elements.iter().filter_map(|element| read(self, element)).collect()
    }

    /// A path, absolute and without `..`.
    pub(super) fn path(&mut self, value: &Value<'_>) -> Option<PathBuf> {
        let text = self.text(value)?;
        let path = PathBuf::from(text);
        let plain = is_normal(&path) && !text.contains(char::is_control);
        if !plain {
            let message = format!("{text:?} is no path that can be granted");
            let help = "write an absolute path, without `..` and control characters";
            self.note(Mistake::new(value.span(), message).help(help));
        }
        plain.then_some(path)
    }
}
