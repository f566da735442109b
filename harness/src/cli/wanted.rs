//! `-t TARGET[@LEVEL]` and `--host`, as they are written.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::str::FromStr;

use sandbox::UnknownWord;

use crate::lab::profile::Profile;

/// Our own sandbox, which is there in every workspace.
pub(super) const OWN: &str = "own";

/// The lab profile.
pub(super) const HOST: &str = "root";

/// A target, and one of its levels or all of them, as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) target: String,
    pub(super) level: Option<String>,
}

impl FromStr for Wanted {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (target, level) = match text.split_once('@') {
            Some((target, level)) => (target, Some(level.to_owned())),
            None => (text, None),
        };
        Ok(Self { target: target.to_owned(), level })
    }
}

impl Wanted {
    /// All of the target.
    pub(super) fn whole(target: &str) -> Self {
        Self { target: target.to_owned(), level: None }
    }

    /// Whether all of the target is wanted.
    pub(super) const fn is_whole(&self) -> bool {
        self.level.is_none()
    }
}

/// A lab profile by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host(pub(super) &'static str);

impl FromStr for Host {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = Profile::ALL.map(|(_, name)| name);
        let name = known.iter().find(|name| **name == text);
        name.map(|name| Self(name)).ok_or_else(|| UnknownWord::new("host", text, &known))
    }
}
