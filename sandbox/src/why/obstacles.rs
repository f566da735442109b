//! What is remembered of a build that was followed: what its processes met, and which of them failed.
#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;

use crate::plain::plural;

/// How many things are remembered; of more, those that were met last.
pub(super) const MOST: usize = 4096;
/// How many processes that failed are remembered.
const MOST_FAILED: usize = 1024;
/// How many processes are remembered to have met one thing.
const MOST_MEETINGS: usize = 4;

/// One thing that was met.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// A path that was not there.
    Missing(PathBuf),
    /// The same, to be executed: itself or its interpreter was not there.
    NotExecuted(PathBuf),
    /// A path that may not be used.
    Closed(PathBuf),
    /// A path that may not be written, with the errno.
    NotWritten(PathBuf, i32),
    /// A path that was to be written, in a directory that was not there.
    Gone(PathBuf),
    /// A call that the filter refused, with the errno.
    Refused(&'static str, i32),
    /// An address of a network that was not reached, with the errno.
    NotReached(String, i32),
    /// A socket in the file system that was not reached.
    NoSocket(PathBuf),
    /// The address of a host was looked up.
    Lookup,
    /// A limit.
    Limit(Shortage),
    /// A path that cannot be given to another owner.
    Owner(PathBuf),
    /// A path that cannot be moved or linked to, for it is on another file system.
    Across(PathBuf),
}

/// What a call has found to be used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Shortage {
    Memory,
    Processes,
    OpenFiles,
    FileSize,
    Space,
}

/// How often one thing was met, by whom, and when for the last time.
#[derive(Clone, Debug, Default)]
pub(super) struct Met {
    pub(super) times: u64,
    /// The last who met it: process and moment.
    pub(super) by: VecDeque<(u64, u64)>,
    /// The name of the last of them.
    pub(super) name: String,
}

impl Met {
    pub(super) fn last(&self) -> u64 {
        self.by.back().map_or(0, |(_, moment)| *moment)
    }
}

/// A process that ended by a status other than 0, or by a signal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    pub(super) process: u64,
    pub(super) parent: u64,
}

/// Everything that is remembered of a build.
#[derive(Debug, Default)]
pub struct Trace {
    pub(super) met: HashMap<Obstacle, Met>,
    /// In the order in which they ended.
    pub(super) failed: VecDeque<Failed>,
    /// What was met and is not remembered.
    pub(super) forgotten: u64,
    /// Processes that were started so that nobody follows them.
    pub(super) out_of_sight: u64,
}

impl Trace {
    /// A process and the moment `by` which something was met; `name` gives the process's name.
    pub(super) fn meet(
        &mut self,
        obstacle: Obstacle,
        by: (u64, u64),
        name: impl FnOnce() -> String,
    ) {
        let met = self.met.entry(obstacle).or_default();
        met.times += 1;
        match met.by.back_mut() {
            Some(last) if last.0 == by.0 => *last = by,
            _ => {
                met.name = name();
                met.by.push_back(by);
                if met.by.len() > MOST_MEETINGS {
                    met.by.pop_front();
                }
            }
        }
        if self.met.len() >= 2 * MOST {
            self.forget();
        }
    }

    /// Forgets the older half of what was met.
    fn forget(&mut self) {
        let mut moments: Vec<_> = self.met.values().map(Met::last).collect();
        moments.sort_unstable_by(|a, b| b.cmp(a));
        let oldest = moments.get(MOST).copied().unwrap_or_default();
        let before = self.met.len();
        self.met.retain(|_, met| met.last() > oldest);
        let gone = before.saturating_sub(self.met.len());
        self.forgotten += u64::try_from(gone).unwrap_or_default();
    }

    /// A process has failed.
    pub(super) fn fail(&mut self, failed: Failed) {
        self.failed.push_back(failed);
        if self.failed.len() > MOST_FAILED {
            self.failed.pop_front();
        }
    }

    /// What is to be known of how complete it is, one sentence each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let forgotten = format!(
            "of what the build met, {} that it met early {} not told",
            plural(self.forgotten, "thing"),
            if self.forgotten == 1 { "is" } else { "are" }
        );
        let out_of_sight = format!(
            "{} of its processes were started so that nobody can follow them (CLONE_UNTRACED)",
            self.out_of_sight
        );
        let notes = [(self.forgotten, forgotten), (self.out_of_sight, out_of_sight)];
        notes.into_iter().filter(|(count, _)| *count > 0).map(|(_, note)| note).collect()
    }
}

/// The first process of a build.
pub(super) const ROOT: u64 = 1;
