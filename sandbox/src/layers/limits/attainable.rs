//! Demands cut down to what a host can set, for a caller who takes what there is.
#![forbid(unsafe_code)]

use super::resolve;
use crate::host::limit_support::LimitSupport;
use crate::policy::limits::{Demand, Limit, Limits};

/// The demands of `policy` that `support` can meet; the others fall back to the default. Pure.
#[must_use]
pub fn attainable(policy: &Limits, support: &LimitSupport) -> Limits {
    let mut cut = *policy;
    for limit in Limit::ALL {
        // If this demand alone cannot be met, it falls.
        let mut alone = Limits::default();
        alone.set(limit, policy.get(limit));
        if resolve(&alone, support).is_err() {
            cut.set(limit, Demand::Default);
        }
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fakes;
    use crate::policy::limits::amounts::{Bytes, Count};

    #[test]
    fn only_the_demand_that_cannot_be_met_falls() {
        let demands = Limits {
            memory: Demand::Exactly(Bytes(1 << 30)),
            open_files: Demand::Exactly(Count(100)),
            ..Limits::default()
        };
        let cut = attainable(&demands, &fakes::user().limits);
        assert_eq!(cut, Limits { memory: Demand::Default, ..demands });
        assert_eq!(attainable(&demands, &fakes::root().limits), demands);
    }
}
