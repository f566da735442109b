//! `-t TARGET[@LEVEL]`: which sandbox, and which levels of it.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::str::FromStr;

use sandbox::{Level, UnknownWord};

use crate::lab::profile::Profile;
use crate::schedule::{Contender, Sandbox};
use crate::target::own;

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

/// A lab profile by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host(&'static str);

impl FromStr for Host {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let known = Profile::ALL.map(|(_, name)| name);
        let name = known.iter().find(|name| **name == text);
        name.map(|name| Self(name)).ok_or_else(|| UnknownWord::new("host", text, &known))
    }
}

/// The contenders that are wanted, on every host that is; all levels of `own` on the host `root`
/// when nothing is said.
pub(super) fn contenders(wanted: &[Wanted], hosts: &[Host]) -> Vec<Contender> {
    let levels: BTreeSet<_> = wanted
        .iter()
        .flat_map(|one| one.level.map_or_else(|| Level::ALL.to_vec(), |level| vec![level]))
        .collect();
    let levels = if levels.is_empty() { Level::ALL.into_iter().collect() } else { levels };
    let name = wanted.first().map_or("own", |one| one.target.as_str()).to_owned();
    let mut hosts: Vec<_> = hosts.iter().map(|host| host.0).collect();
    hosts.sort_unstable();
    hosts.dedup();
    if hosts.is_empty() {
        hosts.push(HOST);
    }
    let contender = |host: &str| Contender {
        name: name.clone(),
        host: host.to_owned(),
        levels: levels.clone(),
        layers: own::layers(host),
        sandbox: Sandbox::OWN,
    };
    hosts.into_iter().map(contender).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(wanted: &[&str]) -> Vec<Level> {
        let wanted: Vec<_> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        contenders(&wanted, &[]).remove(0).levels.into_iter().collect()
    }

    #[test]
    fn levels_are_gathered_and_all_of_them_is_the_default() {
        assert_eq!(levels(&["own@full", "own@network", "own@full"]), [Level::Network, Level::Full]);
        assert_eq!(levels(&["own"]), Level::ALL);
        assert_eq!(levels(&[]), Level::ALL);
    }

    #[test]
    fn every_host_is_a_contest_of_its_own() {
        let hosts: Vec<_> = ["user", "root", "user"].map(|text| text.parse().unwrap()).to_vec();
        let contenders = contenders(&[], &hosts);
        assert_eq!(contenders.len(), 2);
        assert_eq!(contenders[1].host, "user");
        assert!("usr".parse::<Host>().unwrap_err().to_string().contains("`user`"));
    }

    #[test]
    fn an_unknown_target_or_level_is_answered_with_the_nearest() {
        let error = "owm@full".parse::<Wanted>().unwrap_err();
        assert_eq!(error.to_string(), "unknown target `owm`, did you mean `own`?; known: own");
        assert!("own@ful".parse::<Wanted>().unwrap_err().to_string().contains("`full`"));
    }
}
