//! Where the time of a run went: by the parts of its trials, and the trials that took longest.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::time::Duration;

use super::failure::plural;
use crate::target::spent::{Phase, Spent};
use crate::verdict::Settled;

/// So many of the slowest trials are named.
const SLOWEST: usize = 10;

/// A table over all attempts, which ran in so many slots at the same time.
pub(super) fn table(settled: &[Settled], slots: usize) -> String {
    let attempts = || settled.iter().flat_map(|one| one.attempts.iter().map(move |it| (one, it)));
    let mut whole = Spent::default();
    for (_, attempt) in attempts() {
        whole.add(&attempt.run.spent);
    }
    let count = attempts().count();
    let mut text = format!(
        "Where the time went, of {} in {}, added up:\n",
        plural(count, "attempt"),
        plural(slots, "slot")
    );
    for phase in Phase::ALL {
        let spent = whole.on(phase);
        let _ = writeln!(
            text,
            "  {:32} {:>8.1} s {:>4.0} %  {:>7.1} ms each",
            phase.name(),
            spent.as_secs_f64(),
            100.0 * share(spent, whole.total()),
            1000.0 * spent.as_secs_f64()
                / f64::from(u32::try_from(count.max(1)).unwrap_or(u32::MAX)),
        );
    }
    let mut slowest: Vec<_> = attempts().collect();
    slowest.sort_by_key(|(_, attempt)| std::cmp::Reverse(attempt.run.spent.total()));
    for (one, attempt) in slowest.into_iter().take(SLOWEST) {
        let trial = &one.cell.trial;
        let spent = attempt.run.spent;
        let most = Phase::ALL.into_iter().max_by_key(|phase| spent.on(*phase));
        let _ = writeln!(
            text,
            "  {:>6.2} s  {} at {} of {} on {}, most of it {}",
            spent.total().as_secs_f64(),
            trial.attack.id,
            trial.level,
            trial.target,
            trial.host,
            most.map_or("", Phase::name),
        );
    }
    text
}

/// Which part of `whole` that is, between 0 and 1.
fn share(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nothing_nothing_is_a_share() {
        let text = table(&[], 4);
        assert!(text.starts_with("Where the time went, of 0 attempts in 4 slots"), "{text}");
        assert_eq!(text.matches("   0 %").count(), Phase::ALL.len(), "{text}");
    }
}
