//! Our own sandbox, started as a prefix in front of every hook.
#![forbid(unsafe_code)]

use sandbox::{Layer, LayerSet, Level};

use crate::catalogue::attack::RunLimits;
use crate::lab::layout::{BULKHEAD, OUTCOME};

/// The first uid that trials lease.
const FIRST_UID: usize = 61_500;
/// How many of them a slot has for itself: limits and keyrings are counted by uid.
const UIDS: usize = 64;

/// The sandbox at `level` without some of its layers, in slot `slot` of the pool, with the limits
/// of the manifest.
#[must_use]
pub fn prefix(level: Level, without: LayerSet, slot: usize, limits: &RunLimits) -> Vec<String> {
    let first = FIRST_UID + UIDS * slot;
    let uids = format!("{first}-{}", first + UIDS - 1);
    let mut prefix =
        [BULKHEAD, "hook", "--level", level.name(), "--lab", "--uids", &uids, "--outcome", OUTCOME]
            .map(str::to_owned)
            .to_vec();
    // A limit cannot be asked of a sandbox that has no limits.
    let limited = level.layers().has(Layer::Limits) && !without.has(Layer::Limits);
    let bounds = [
        ("--memory", limits.memory.map(|size| size.to_string())),
        ("--pids", limits.pids.map(|count| count.to_string())),
        ("--timeout", limits.timeout.map(|time| time.to_string())),
    ];
    for (option, value) in bounds.into_iter().filter(|_| limited || without.is_empty()) {
        prefix.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
    }
    for layer in without.iter() {
        prefix.extend(["--without", layer.name()].map(str::to_owned));
    }
    prefix.push("--".to_owned());
    prefix
}

#[cfg(test)]
mod tests {
    use sandbox::policy::limits::amounts::Count;

    use super::*;

    #[test]
    fn the_limits_of_the_manifest_are_told_to_the_sandbox() {
        let limits = RunLimits { pids: Some(Count(64)), ..RunLimits::default() };
        let prefix = prefix(Level::Full, LayerSet::EMPTY, 0, &limits);
        assert!(prefix.windows(2).any(|pair| pair == ["--pids", "64"]), "{prefix:?}");
    }

    #[test]
    fn slots_do_not_share_uids() {
        let limits = RunLimits::default();
        let uids = |slot| prefix(Level::Full, LayerSet::EMPTY, slot, &limits).get(6).cloned();
        assert_eq!(
            [uids(0), uids(1)],
            ["61500-61563", "61564-61627"].map(|uids| Some(uids.to_owned()))
        );
    }

    #[test]
    fn every_layer_is_switched_off_by_its_own_option() {
        let words = prefix(Level::Full, LayerSet::ALL, 0, &RunLimits::default());
        assert_eq!(words.iter().filter(|word| *word == "--without").count(), 17);
        assert_eq!(words.last().map(String::as_str), Some("--"));
    }
}
