//! Our own sandbox, started as a prefix in front of every hook.
#![forbid(unsafe_code)]

use sandbox::Level;

use crate::catalogue::attack::RunLimits;
use crate::lab::layout::{BULKHEAD, OUTCOME};

/// The first uid that trials lease.
const FIRST_UID: usize = 61_500;
/// How many of them a slot has for itself: limits and keyrings are counted by uid.
const UIDS: usize = 64;

/// The sandbox at `level`, in slot `slot` of the pool, with the limits of the manifest.
#[must_use]
pub fn prefix(level: Level, slot: usize, limits: &RunLimits) -> Vec<String> {
    let first = FIRST_UID + UIDS * slot;
    let uids = format!("{first}-{}", first + UIDS - 1);
    let mut prefix =
        [BULKHEAD, "hook", "--level", level.name(), "--lab", "--uids", &uids, "--outcome", OUTCOME]
            .map(str::to_owned)
            .to_vec();
    let bounds = [
        ("--memory", limits.memory.map(|size| size.to_string())),
        ("--pids", limits.pids.map(|count| count.to_string())),
        ("--timeout", limits.timeout.map(|time| time.to_string())),
    ];
    for (option, value) in bounds {
        prefix.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
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
        let prefix = prefix(Level::Full, 0, &limits);
        assert!(prefix.windows(2).any(|pair| pair == ["--pids", "64"]), "{prefix:?}");
    }

    #[test]
    fn slots_do_not_share_uids() {
        let limits = RunLimits::default();
        let uids = |slot| prefix(Level::Full, slot, &limits).get(6).cloned().unwrap_or_default();
        assert_eq!((uids(0).as_str(), uids(1).as_str()), ("61500-61563", "61564-61627"));
    }
}
