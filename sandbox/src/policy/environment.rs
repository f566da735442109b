//! Which variables of the caller reach a build.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::str::FromStr;

pub mod jobserver;
mod names;
mod secrets;

use names::{Listed, listed};
use secrets::{holds_secret, marks_secret};

/// Variables that the sandbox sets, because a build has no network to ask.
pub const OFFLINE: &[(&str, &str)] = &[
    ("CARGO_NET_OFFLINE", "true"),
    ("GOPROXY", "off"),
    ("HF_HUB_OFFLINE", "1"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("PIP_NO_INDEX", "1"),
    ("UV_OFFLINE", "1"),
    ("npm_config_offline", "true"),
];

/// What the caller asks for beyond the allow list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EnvironmentPolicy {
    /// Further names or patterns to keep; compared with their case.
    pub keep: Vec<Pattern>,
    /// Names or patterns to delete; compared without their case; these win over what is kept.
    pub delete: Vec<Pattern>,
    /// Variables that the caller sets; these win over everything.
    pub set: Vec<(OsString, OsString)>,
}

/// A variable's name, or the beginning of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    stem: String,
    open: bool,
}

/// A text that names no variable, and begins the name of none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a variable's name nor the beginning of one")]
pub struct NoPattern(String);

impl FromStr for Pattern {
    type Err = NoPattern;

    /// The pattern that `text` spells: a name, or a prefix with a trailing `*`. What else there may be
    /// in it would match nothing.
    fn from_str(text: &str) -> Result<Self, NoPattern> {
        let (stem, open) = text.strip_suffix('*').map_or((text, false), |stem| (stem, true));
        if !is_name(stem) {
            return Err(NoPattern(text.to_owned()));
        }
        Ok(Self { stem: stem.to_owned(), open })
    }
}

impl Pattern {
    /// Whether the pattern is the beginning of names rather than one name.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.open
    }

    /// Whether `name` matches, with its case.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if self.open { name.starts_with(&self.stem) } else { name == self.stem }
    }

    /// Whether `name` matches, whatever the case.
    #[must_use]
    pub fn matches_any_case(&self, name: &str) -> bool {
        let (name, stem) = (name.as_bytes(), self.stem.as_bytes());
        let begins = name.get(..stem.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(stem));
        begins && (self.open || name.len() == stem.len())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.stem, if self.open { "*" } else { "" })
    }
}

/// Why a variable of the caller reaches the build, or does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It is on the allow list.
    Listed,
    /// The caller named it.
    Named,
    /// The caller named it, and it looks like a secret.
    NamedSecret,
    /// It is on no list.
    Unlisted,
    /// The caller deleted it.
    Deleted,
    /// Its name has a word that marks a secret.
    SecretName,
    /// Its value has the form of a secret, or of an address with a user in it.
    SecretValue,
    /// Its name is no name of a variable, or an exported shell function.
    BadName,
}

impl Ruling {
    /// Whether the variable passes.
    #[must_use]
    pub const fn passes(self) -> bool {
        matches!(self, Self::Listed | Self::Named | Self::NamedSecret)
    }

    /// Whether the value may be a secret, and is printed nowhere.
    #[must_use]
    pub const fn may_be_secret(self) -> bool {
        matches!(self, Self::NamedSecret | Self::SecretName | Self::SecretValue)
    }

    /// The rule in words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Listed => "on the allow list",
            Self::Named => "named by the caller",
            Self::NamedSecret => "named by the caller, although it may be a secret",
            Self::Unlisted => "on no list",
            Self::Deleted => "deleted by the caller",
            Self::SecretName => "its name marks a secret",
            Self::SecretValue => "its value may be a secret",
            Self::BadName => "its name is no variable's",
        }
    }
}

impl EnvironmentPolicy {
    /// Whether the caller's variable `name` with `value` reaches the build, and why.
    #[must_use]
    pub fn rule(&self, name: &OsStr, value: &OsStr) -> Ruling {
        let Some(name) = name.to_str().filter(|name| is_portable(name)) else {
            return Ruling::BadName;
        };
        if self.delete.iter().any(|pattern| pattern.matches_any_case(name)) {
            return Ruling::Deleted;
        }
        let listed = listed(name);
        let suspect = suspect((name, listed), value);
        let named = |open: bool| {
            self.keep.iter().any(|pattern| pattern.is_open() == open && pattern.matches(name))
        };
        if named(false) {
            return if suspect.is_some() { Ruling::NamedSecret } else { Ruling::Named };
        }
        let ruling = match listed {
            _ if named(true) => Ruling::Named,
            Some(_) => Ruling::Listed,
            // Why it does not pass matters to who is told of it: no package asks for a secret.
            None => return suspect.unwrap_or(Ruling::Unlisted),
        };
        suspect.unwrap_or(ruling)
    }
}

/// By what the variable `name` with `value` may be a secret. A name that is listed as a whole is known.
fn suspect((name, listed): (&str, Option<Listed>), value: &OsStr) -> Option<Ruling> {
    if listed != Some(Listed::Exactly) && marks_secret(name) {
        return Some(Ruling::SecretName);
    }
    holds_secret(&String::from_utf8_lossy(value.as_bytes())).then_some(Ruling::SecretValue)
}

/// Whether the variable `name` with `value` may be a secret, by its name or its value.
#[must_use]
pub fn looks_secret(name: &OsStr, value: &OsStr) -> bool {
    let name = name.to_string_lossy();
    suspect((&name, listed(&name)), value).is_some()
}

/// Whether the name of a variable marks a secret by one of its words.
#[must_use]
pub fn may_be_secret(name: &str) -> bool {
    marks_secret(name)
}

/// A name that every shell can set: letters, digits and `_`, not beginning with a digit (POSIX,
/// Base Definitions 8.1). Exported shell functions (`BASH_FUNC_x%%`) are none.
fn is_portable(name: &str) -> bool {
    is_name(name) && !name.starts_with("BASH_FUNC_")
}

/// Whether `text` has the form of a variable's name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
#[path = "environment/tests.rs"]
mod tests;
