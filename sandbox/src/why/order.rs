//! Which of the things that were met come first: those that the process that failed met last.
//!
//! A build is a tree of processes, of which many fail without harm: configuration tries. The way of the
//! failure leads from the first process to the child of it that failed last, and so on. What processes
//! on this way met stands before what others met, and of that what was met last stands first.
#![forbid(unsafe_code)]

use std::cmp::Reverse;
use std::collections::HashSet;

use super::obstacles::{Failed, Met, ROOT, Trace};

/// How deep the way of a failure is followed.
const DEEPEST: usize = 64;

/// How likely something is the cause; the least is the likeliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    /// The sandbox itself ended the build for it.
    Ended,
    /// A process on the way of the failure met it.
    OnTheWay,
    /// Nobody met it, and the package asks for it.
    Asked,
    /// As on the way, but programs are used to it.
    Usual,
    /// Another process that failed met it.
    Beside,
    /// Who met it went on.
    Survived,
}

/// A place in the order.
pub(super) type Rank = (Tier, Reverse<u64>);

/// What is known of the processes that failed.
#[derive(Debug)]
pub(super) struct Order {
    way: HashSet<u64>,
    failed: HashSet<u64>,
}

impl Order {
    pub(super) fn of(trace: &Trace) -> Self {
        let failed: HashSet<_> = trace.failed.iter().map(|failed| failed.process).collect();
        let mut way = HashSet::new();
        let mut next = Some(ROOT).filter(|root| failed.contains(root));
        while let Some(process) = next.filter(|_| way.len() < DEEPEST) {
            way.insert(process);
            let children = trace.failed.iter().rev().filter(|it: &&Failed| it.parent == process);
            next = children.map(|failed| failed.process).find(|child| !way.contains(child));
        }
        Self { way, failed }
    }

    /// The place of what was `met`, which programs are `used` to or not.
    pub(super) fn rank(&self, met: &Met, used: bool) -> Rank {
        let last = |known: &HashSet<u64>| {
            met.by.iter().filter(|(process, _)| known.contains(process)).map(|(_, at)| *at).max()
        };
        if let Some(moment) = last(&self.way) {
            return (if used { Tier::Usual } else { Tier::OnTheWay }, Reverse(moment));
        }
        match last(&self.failed).filter(|_| !used) {
            Some(moment) => (Tier::Beside, Reverse(moment)),
            None => (Tier::Survived, Reverse(met.last())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(by: &[(u64, u64)]) -> Met {
        Met { times: 1, by: by.iter().copied().collect(), name: "x".into() }
    }

    #[test]
    fn the_way_leads_to_the_child_that_failed_last() {
        let failed = [(7, 3), (4, 2), (5, 4), (3, 2), (6, 1), (2, 1), (1, 0)];
        let failed = failed.map(|(process, parent)| Failed { process, parent });
        let order = Order::of(&Trace { failed: failed.into(), ..Trace::default() });
        assert_eq!(order.way, HashSet::from([1, 2, 3, 7]));
        let on = order.rank(&met(&[(7, 5)]), false);
        let later = order.rank(&met(&[(3, 9), (99, 10)]), false);
        let beside = order.rank(&met(&[(6, 20)]), false);
        let survived = order.rank(&met(&[(50, 30)]), false);
        let used = order.rank(&met(&[(7, 40)]), true);
        let mut sorted = [survived, beside, on, used, later];
        sorted.sort();
        assert_eq!(sorted, [later, on, used, beside, survived]);
    }

    #[test]
    fn where_nothing_failed_there_is_no_way() {
        let order = Order::of(&Trace::default());
        assert_eq!(order.rank(&met(&[(1, 3)]), false), (Tier::Survived, Reverse(3)));
        // A process that is its own parent leads nowhere.
        let failed = [Failed { process: ROOT, parent: ROOT }].into();
        assert_eq!(Order::of(&Trace { failed, ..Trace::default() }).way, HashSet::from([ROOT]));
    }
}
