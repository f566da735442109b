//! How fast a machine is at the moment. All times of manifests, and all times in which something has
//! to happen in a lab, are stretched by it, so that a slow machine gives the report of a fast one.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What an honest build may take, beside as many others as run at the same time, on a machine for
/// which the times of manifests are meant.
const ORDINARY: Duration = Duration::from_secs(1);
/// No machine is so fast that it gets less time than a manifest says, in percent.
const FASTEST: u32 = 100;
/// And none so slow that it gets more than this, in percent: then trials are cut off, and say so.
const SLOWEST: u32 = 3_000;

/// By how much times are stretched, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pace(u32);

impl Default for Pace {
    fn default() -> Self {
        Self(FASTEST)
    }
}

impl Pace {
    /// The pace of a machine on which an honest build takes this long.
    #[must_use]
    pub fn of(build: Duration) -> Self {
        let percent = build.as_millis() * 100 / ORDINARY.as_millis().max(1);
        Self(u32::try_from(percent).unwrap_or(SLOWEST).clamp(FASTEST, SLOWEST))
    }

    /// How long it is waited here for what takes at most `time` elsewhere.
    #[must_use]
    pub fn stretched(self, time: Duration) -> Duration {
        time.saturating_mul(self.0) / FASTEST
    }

    /// How long what took `time` here would have taken elsewhere.
    #[must_use]
    pub fn shrunk(self, time: Duration) -> Duration {
        time.saturating_mul(FASTEST) / self.0
    }

    /// So many times as slow.
    #[must_use]
    pub fn times(self, factor: u32) -> Self {
        Self(self.0.saturating_mul(factor).min(SLOWEST))
    }

    /// The same as a factor.
    #[must_use]
    pub fn factor(self) -> f64 {
        f64::from(self.0) / f64::from(FASTEST)
    }
}

/// The slowest pace that was seen during a run.
#[derive(Debug, Default)]
pub struct Slowest(AtomicU32);

impl Slowest {
    /// The slowest so far.
    #[must_use]
    pub fn pace(&self) -> Pace {
        Pace(self.0.load(Ordering::Relaxed)).max(Pace::default())
    }

    /// Another one was seen.
    pub fn note(&self, pace: Pace) {
        self.0.fetch_max(pace.0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_fast_machine(100, 10_000)]
    #[case::an_ordinary_one(1_000, 10_000)]
    #[case::one_three_times_as_slow(3_000, 30_000)]
    #[case::one_that_hardly_moves(600_000, 300_000)]
    fn ten_seconds_are_stretched(#[case] build: u64, #[case] stretched: u64) {
        let pace = Pace::of(Duration::from_millis(build));
        assert_eq!(pace.stretched(Duration::from_secs(10)), Duration::from_millis(stretched));
        let back = pace.shrunk(pace.stretched(Duration::from_secs(10)));
        assert_eq!(back, Duration::from_secs(10));
    }

    #[test]
    fn no_pace_is_slower_than_the_slowest() {
        let ten = Duration::from_secs(10);
        assert_eq!(Pace::default().times(4).stretched(ten), Duration::from_secs(40));
        assert_eq!(Pace::default().times(u32::MAX).stretched(ten), Duration::from_mins(5));
    }

    #[test]
    fn a_run_goes_on_at_its_slowest_pace() {
        let slowest = Slowest::default();
        assert_eq!(slowest.pace(), Pace::default());
        slowest.note(Pace::of(Duration::from_secs(4)));
        slowest.note(Pace::of(Duration::from_secs(2)));
        assert_eq!(slowest.pace(), Pace::of(Duration::from_secs(4)));
    }
}
