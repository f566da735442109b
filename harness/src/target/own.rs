//! Our own sandbox, started as a prefix in front of every hook.
#![forbid(unsafe_code)]

use sandbox::Level;

use crate::lab::layout::{BULKHEAD, OUTCOME};

/// The first uid that trials lease.
const FIRST_UID: usize = 61_500;
/// How many of them a slot has for itself: limits and keyrings are counted by uid.
const UIDS: usize = 64;

/// The sandbox at `level`, in slot `slot` of the pool.
#[must_use]
pub fn prefix(level: Level, slot: usize) -> Vec<String> {
    let first = FIRST_UID + UIDS * slot;
    let uids = format!("{first}-{}", first + UIDS - 1);
    [
        BULKHEAD,
        "hook",
        "--level",
        level.name(),
        "--lab",
        "--uids",
        &uids,
        "--outcome",
        OUTCOME,
        "--",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_do_not_share_uids() {
        let uids = |slot| prefix(Level::Full, slot).get(6).cloned().unwrap_or_default();
        assert_eq!((uids(0).as_str(), uids(1).as_str()), ("61500-61563", "61564-61627"));
    }
}
