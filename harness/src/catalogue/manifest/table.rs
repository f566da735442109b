//! A table of a manifest, read key by key, so that every mistake in it is found in one pass.
#![forbid(unsafe_code)]

use std::str::FromStr;

use sandbox::policy::limits::amounts::BadAmount;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::catalogue::diagnostic::{Code, Findings};
use crate::catalogue::spelling::{self, Spelt};

/// A value, and the byte offset at which it stands.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    /// The value.
    pub(crate) value: T,
    /// Where.
    pub(crate) offset: usize,
}

/// A table whose keys have to be asked for; what nobody asked for is an unknown key.
pub(crate) struct Table<'t> {
    name: String,
    offset: usize,
    entries: &'t DeTable<'t>,
    asked: Vec<&'static str>,
}

impl<'t> Table<'t> {
    /// The table `entries`, called `name` in messages.
    pub(crate) fn new(name: &str, offset: usize, entries: &'t DeTable<'t>) -> Self {
        Self { name: name.to_owned(), offset, entries, asked: Vec::new() }
    }

    /// Where the table begins.
    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    /// The value of `key`, whatever its type.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.push(key);
        self.entries.get(key)
    }

    /// The value of `key`, which must be there.
    pub(crate) fn demanded<T>(
        &self,
        key: &'static str,
        value: Option<T>,
        found: &mut Findings,
    ) -> Option<T> {
        if self.entries.get(key).is_none() {
            let message = format!("{} has no `{key}`", self.name);
            found.report(self.offset, Code::MissingKey, message, format!("add `{key} = …`"));
        }
        value
    }

    /// The text at `key`.
    pub(crate) fn text(&mut self, key: &'static str, found: &mut Findings) -> Option<At<&'t str>> {
        let value = self.value(key)?;
        text_of(value, &format!("`{key}`"), found)
    }

    /// The text at `key`, which must be there and not be blank.
    pub(crate) fn line(&mut self, key: &'static str, found: &mut Findings) -> Option<String> {
        let value = self.text(key, found);
        let text = self.demanded(key, value, found)?;
        if text.value.trim().is_empty() {
            let message = format!("`{key}` is empty");
            found.report(text.offset, Code::BadValue, message, "say it in a sentence".to_owned());
        }
        Some(text.value.trim().to_owned())
    }

    /// The texts in the array at `key`; none when the key is absent.
    pub(crate) fn texts(&mut self, key: &'static str, found: &mut Findings) -> Vec<At<&'t str>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            wrong_type(value, &format!("`{key}`"), "an array of strings", found);
            return Vec::new();
        };
        items
            .iter()
            .filter_map(|item| text_of(item, &format!("an entry of `{key}`"), found))
            .collect()
    }

    /// The word of a vocabulary at `key`.
    pub(crate) fn word<W: Spelt>(&mut self, key: &'static str, found: &mut Findings) -> Option<W> {
        let text = self.text(key, found)?;
        word_of(&text, found)
    }

    /// The words of a vocabulary in the array at `key`, each once.
    pub(crate) fn words<W: Spelt>(
        &mut self,
        key: &'static str,
        found: &mut Findings,
    ) -> Vec<At<W>> {
        let texts = self.texts(key, found);
        each_once(&texts, &format!("`{key}`"), found);
        texts
            .into_iter()
            .filter_map(|text| word_of(&text, found).map(|value| At { value, offset: text.offset }))
            .collect()
    }

    /// Whether `key` is `true`; absent means not.
    pub(crate) fn flag(&mut self, key: &'static str, found: &mut Findings) -> bool {
        let Some(value) = self.value(key) else { return false };
        let DeValue::Boolean(flag) = value.get_ref() else {
            wrong_type(value, &format!("`{key}`"), "true or false", found);
            return false;
        };
        *flag
    }

    /// The amount at `key`, a text with a unit or a whole number, as it is written.
    pub(crate) fn amount_text(
        &mut self,
        key: &'static str,
        found: &mut Findings,
    ) -> Option<At<String>> {
        let value = self.value(key)?;
        let text = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::String(text) => text.to_string(),
            _ => {
                wrong_type(value, &format!("`{key}`"), "an amount, as 64 or \"256M\"", found);
                return None;
            }
        };
        Some(At { value: text, offset: value.span().start })
    }

    /// The table at `key`.
    pub(crate) fn table(&mut self, key: &'static str, found: &mut Findings) -> Option<Table<'t>> {
        let value = self.value(key)?;
        table_of(value, &format!("`{key}`"), found)
    }

    /// The tables in the array at `key`.
    pub(crate) fn tables(&mut self, key: &'static str, found: &mut Findings) -> Vec<Table<'t>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            wrong_type(value, &format!("`{key}`"), &format!("`[[{key}]]` tables"), found);
            return Vec::new();
        };
        items.iter().filter_map(|item| table_of(item, &format!("`[[{key}]]`"), found)).collect()
    }

    /// All entries, for a table whose keys are free.
    pub(crate) fn free(&self) -> impl Iterator<Item = (At<&'t str>, &'t Spanned<DeValue<'t>>)> {
        self.entries.iter().map(|(key, value)| {
            (At { value: key.get_ref().as_ref(), offset: key.span().start }, value)
        })
    }

    /// Reports every key that nobody asked for.
    pub(crate) fn close(self, found: &mut Findings) {
        for (key, _) in self.entries {
            let word: &str = key.get_ref();
            if self.asked.contains(&word) {
                continue;
            }
            let help = spelling::nearest(word, &self.asked).map_or_else(
                || format!("remove it; the keys here are {}", self.asked.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("unknown key `{word}` in {}", self.name);
            found.report(key.span().start, Code::UnknownKey, message, help);
        }
    }
}

/// The text that `value` is.
pub(crate) fn text_of<'t>(
    value: &'t Spanned<DeValue<'t>>,
    what: &str,
    found: &mut Findings,
) -> Option<At<&'t str>> {
    let Some(text) = value.get_ref().as_str() else {
        wrong_type(value, what, "a string", found);
        return None;
    };
    Some(At { value: text, offset: value.span().start })
}

/// The amount that `text` is, as the sandbox reads it.
pub(crate) fn amount<A: FromStr<Err = BadAmount>>(
    text: &At<String>,
    found: &mut Findings,
) -> Option<A> {
    match text.value.parse() {
        Ok(amount) => Some(amount),
        Err(error) => {
            let help = "write 64, \"256M\" or \"5s\"".to_owned();
            found.report(text.offset, Code::BadValue, error.to_string(), help);
            None
        }
    }
}

/// Reports every text that stands in `texts` a second time.
pub(crate) fn each_once(texts: &[At<&str>], what: &str, found: &mut Findings) {
    for (index, text) in texts.iter().enumerate() {
        if texts.iter().take(index).any(|earlier| earlier.value == text.value) {
            let message = format!("`{}` stands twice in {what}", text.value);
            let help = "remove one of the two, or give it another name".to_owned();
            found.report(text.offset, Code::Duplicate, message, help);
        }
    }
}

/// Reports that `value` is not `wanted`.
pub(crate) fn wrong_type(
    value: &Spanned<DeValue<'_>>,
    what: &str,
    wanted: &str,
    found: &mut Findings,
) {
    let is = value.get_ref().type_str();
    let message = format!("{what} is of type {is}");
    found.report(value.span().start, Code::WrongType, message, format!("write {wanted}"));
}

fn word_of<W: Spelt>(text: &At<&str>, found: &mut Findings) -> Option<W> {
    match W::read(text.value) {
        Ok(word) => Some(word),
        Err(unknown) => {
            let help = unknown.nearest.map_or_else(
                || format!("known: {}", unknown.known),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("unknown {} `{}`", W::KIND, text.value);
            found.report(text.offset, W::CODE, message, help);
            None
        }
    }
}

fn table_of<'t>(
    value: &'t Spanned<DeValue<'t>>,
    name: &str,
    found: &mut Findings,
) -> Option<Table<'t>> {
    let Some(entries) = value.get_ref().as_table() else {
        wrong_type(value, name, "a table", found);
        return None;
    };
    Some(Table::new(name, value.span().start, entries))
}
