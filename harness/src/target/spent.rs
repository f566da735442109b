//! Where the time of a trial went.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

/// A part of a trial, in the order in which they follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The lab is made: namespaces, files, plants, victims.
    Lab,
    /// The oracles are tested.
    SelfTests,
    /// What is there is listed, before the front end starts.
    ListBefore,
    /// The front end does something else than wait for a hook: its interpreter starts, it ends.
    FrontEnd,
    /// A hook runs, in its sandbox.
    Hooks,
    /// What outlives the front end is given time to end.
    Settling,
    /// What can be seen only while the lab lives is looked at, and the lab is ended.
    Closing,
    /// What is left is listed and judged, and the host is compared.
    Judging,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Lab,
        Self::SelfTests,
        Self::ListBefore,
        Self::FrontEnd,
        Self::Hooks,
        Self::Settling,
        Self::Closing,
        Self::Judging,
    ];

    /// How it is called in a table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lab => "making the lab",
            Self::SelfTests => "self-tests of the oracles",
            Self::ListBefore => "listing what is there",
            Self::FrontEnd => "the front end itself",
            Self::Hooks => "hooks, in their sandbox",
            Self::Settling => "waiting for what outlives them",
            Self::Closing => "ending the lab",
            Self::Judging => "listing and judging what is left",
        }
    }
}

/// How long each part took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent([Duration; Phase::ALL.len()]);

impl Spent {
    /// How long that part took, in sum.
    #[must_use]
    pub fn on(&self, phase: Phase) -> Duration {
        self.0.get(phase as usize).copied().unwrap_or_default()
    }

    /// All parts together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// Adds the time of another trial, or of a part of this one.
    pub fn add(&mut self, other: &Self) {
        for (own, more) in self.0.iter_mut().zip(other.0) {
            *own += more;
        }
    }
}

/// A clock that says at the end of each part how long it took.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    since: Instant,
    spent: Spent,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self::start()
    }
}

impl Stopwatch {
    /// One that begins now.
    #[must_use]
    pub fn start() -> Self {
        Self { since: Instant::now(), spent: Spent::default() }
    }

    /// What went by since the last call was spent on `phase`.
    pub fn lap(&mut self, phase: Phase) {
        let now = Instant::now();
        if let Some(spent) = self.spent.0.get_mut(phase as usize) {
            *spent += now.duration_since(self.since);
        }
        self.since = now;
    }

    /// What went by since the last call was told apart by `other`.
    pub fn lap_of(&mut self, other: &Spent) {
        self.spent.add(other);
        self.since = Instant::now();
    }

    /// What was spent until the last call.
    #[must_use]
    pub const fn spent(&self) -> Spent {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_moment_is_counted_once_and_for_its_own_part() {
        let begin = Instant::now();
        let mut whole = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(3));
        whole.lap(Phase::Lab);
        let mut part = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(2));
        part.lap(Phase::Hooks);
        part.lap(Phase::FrontEnd);
        whole.lap_of(&part.spent());
        whole.lap(Phase::Judging);
        let spent = whole.spent();
        assert!(spent.on(Phase::Lab) >= Duration::from_millis(3));
        assert!(spent.on(Phase::Hooks) >= Duration::from_millis(2));
        assert_eq!(spent.on(Phase::Settling), Duration::ZERO);
        assert_eq!(spent.total(), Phase::ALL.iter().map(|phase| spent.on(*phase)).sum());
        assert!(spent.total() <= begin.elapsed());
        for (index, phase) in Phase::ALL.iter().enumerate() {
            assert_eq!(*phase as usize, index, "{}", phase.name());
        }
    }
}
