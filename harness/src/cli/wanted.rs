//! `-t TARGET[@LEVEL]`: which sandbox, and which levels of it.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::str::FromStr;

use sandbox::{Level, UnknownWord};

use crate::schedule::{Contender, Sandbox};

/// The sandboxes that can be put on trial.
const TARGETS: [&str; 1] = ["own"];

/// The lab profile.
pub(super) const HOST: &str = "root";

/// A target, and one of its levels or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    target: String,
    level: Option<Level>,
}

impl FromStr for Wanted {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let (target, level) = match text.split_once('@') {
            Some((target, level)) => (target, Some(level.parse()?)),
            None => (text, None),
        };
        if TARGETS.contains(&target) {
            Ok(Self { target: target.to_owned(), level })
        } else {
            Err(UnknownWord::new("target", target, &TARGETS))
        }
    }
}

/// The contenders that are wanted; all levels of `own` when nothing is said.
pub(super) fn contenders(wanted: &[Wanted]) -> Vec<Contender> {
    let levels: BTreeSet<_> = wanted
        .iter()
        .flat_map(|one| one.level.map_or_else(|| Level::ALL.to_vec(), |level| vec![level]))
        .collect();
    let levels = if levels.is_empty() { Level::ALL.into_iter().collect() } else { levels };
    let name = wanted.first().map_or("own", |one| one.target.as_str()).to_owned();
    vec![Contender {
        name,
        host: HOST.to_owned(),
        levels,
        layers: Level::layers,
        sandbox: Sandbox::OWN,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(wanted: &[&str]) -> Vec<Level> {
        let wanted: Vec<_> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        contenders(&wanted).remove(0).levels.into_iter().collect()
    }

    #[test]
    fn levels_are_gathered_and_all_of_them_is_the_default() {
        assert_eq!(levels(&["own@full", "own@network", "own@full"]), [Level::Network, Level::Full]);
        assert_eq!(levels(&["own"]), Level::ALL);
        assert_eq!(levels(&[]), Level::ALL);
    }

    #[test]
    fn an_unknown_target_or_level_is_answered_with_the_nearest() {
        let error = "owm@full".parse::<Wanted>().unwrap_err();
        assert_eq!(error.to_string(), "unknown target `owm`, did you mean `own`?; known: own");
        assert!("own@ful".parse::<Wanted>().unwrap_err().to_string().contains("`full`"));
    }
}
