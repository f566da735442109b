//! Our own sandbox, started as a prefix in front of every hook.
#![forbid(unsafe_code)]

use sandbox::{LayerSet, Level};

use crate::lab::layout::{BULKHEAD, OUTCOME};

/// The first uid that trials lease.
const FIRST_UID: usize = 61_500;
/// How many of them a slot has for itself: limits and keyrings are counted by uid.
const UIDS: usize = 64;

/// The sandbox at `level` without some of its layers, in slot `slot` of the pool.
#[must_use]
pub fn prefix(level: Level, without: LayerSet, slot: usize) -> Vec<String> {
    let first = FIRST_UID + UIDS * slot;
    let uids = format!("{first}-{}", first + UIDS - 1);
    let start = [BULKHEAD, "hook", "--level", level.name(), "--lab", "--uids", &uids];
    let off = without.iter().flat_map(|layer| ["--without", layer.name()]);
    let end = ["--outcome", OUTCOME, "--"];
    start.into_iter().chain(off).chain(end).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_share_uids() {
        let uids =
            |slot| prefix(Level::Full, LayerSet::EMPTY, slot).get(6).cloned().unwrap_or_default();
        assert_eq!((uids(0).as_str(), uids(1).as_str()), ("61500-61563", "61564-61627"));
    }

    #[test]
    fn every_layer_is_switched_off_by_its_own_option() {
        let words = prefix(Level::Full, LayerSet::ALL, 0);
        assert_eq!(words.iter().filter(|word| *word == "--without").count(), 17);
        assert_eq!(words.last().map(String::as_str), Some("--"));
    }
}
