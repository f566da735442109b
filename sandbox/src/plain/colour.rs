//! Whether this program's own text has colours.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};

use anstream::ColorChoice;
use clap::ValueEnum;

/// When text has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set; everywhere if `CLICOLOR_FORCE` is
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

impl Colour {
    /// What the last `--color` of a command line says, before anybody has read the rest of it: help and
    /// mistakes have colours too. What it cannot say is left to whoever reads all of it.
    #[must_use]
    pub fn asked(words: impl IntoIterator<Item = OsString>) -> Self {
        let mut found = Self::Auto;
        let mut words = words.into_iter().skip(1);
        while let Some(word) = words.next().filter(|word| word != "--") {
            let value = match word.to_str() {
                Some("--color") => words.next(),
                Some(text) => text.strip_prefix("--color=").map(Into::into),
                None => None,
            };
            let value = value.as_deref().and_then(OsStr::to_str);
            found = value.and_then(|text| Self::from_str(text, false).ok()).unwrap_or(found);
        }
        found
    }

    /// Makes it hold for all that this process writes from now on.
    pub fn choose(self) {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        choice.write_global();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts_and_nothing_behind_the_dashes() {
        let asked = |line: &str| Colour::asked(line.split(' ').map(OsString::from));
        assert_eq!(asked("p run"), Colour::Auto);
        assert_eq!(asked("p run --color always"), Colour::Always);
        assert_eq!(asked("p --color=always run --color never"), Colour::Never);
        assert_eq!(asked("p run -- --color always"), Colour::Auto);
        assert_eq!(asked("p --color red"), Colour::Auto);
    }
}
