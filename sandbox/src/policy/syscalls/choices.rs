//! What the fixed table leaves open: what a policy, or the plan that is made of it, chooses.
#![forbid(unsafe_code)]

/// One choice over the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// `ptrace` and the reading of other processes' memory are allowed: some builds run their tests
    /// under a debugger, and `LeakSanitizer` stops the threads of its own process by it.
    Tracing,
    /// Internet sockets may be made. They are harmless in a network namespace of one's own; the
    /// contained plan has none and refuses them.
    Internet,
    /// System V objects and message queues may be made. Without an ipc namespace they are
    /// everybody's and outlive the build, so that the contained plan refuses them.
    SharedObjects,
    /// Files may be watched (`inotify(7)`). A build sees the host's own files, and would learn what
    /// others do with them; some builds run tests that watch.
    Watches,
    /// Limits, priorities and processors of other processes may be set by their number. Who has
    /// the caller's uid and sees its processes could set theirs.
    Others,
    /// Extended attributes and flags of files may be set. No rule of Landlock is about them, so
    /// that without mounts they could be set of whatever belongs to the build's user.
    Attributes,
    /// A mode may be given the set-group-id bit. It is harmless where no file outlives the build;
    /// on a directory it says which group new files have.
    SetGroupId,
    /// The kernel may be asked for interfaces and routes (`NETLINK_ROUTE`). Answers that nobody reads
    /// are memory that no limit counts; few builds ask.
    Interfaces,
    /// A process may filter its own system calls (`seccomp(2)`). Filters take from a store that is the
    /// whole machine's, and may write its log; few builds have them.
    Filters,
}

impl Choice {
    /// Every choice.
    pub const ALL: [Self; 9] = [
        Self::Tracing,
        Self::Internet,
        Self::SharedObjects,
        Self::Watches,
        Self::Others,
        Self::Attributes,
        Self::SetGroupId,
        Self::Interfaces,
        Self::Filters,
    ];
    /// Those that are not made unless somebody makes them.
    const LEFT_OUT: [Self; 5] =
        [Self::Tracing, Self::Watches, Self::SetGroupId, Self::Interfaces, Self::Filters];

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

/// The choices that are made: a set of [`Choice`]. Without a word from a policy or a plan, everything
/// that no build is harmed by: no tracing, watches, set-group-id bits, interfaces or filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syscalls(u16);

impl Default for Syscalls {
    fn default() -> Self {
        let without = |made: Self, choice: &Choice| made.set(*choice, false);
        Choice::LEFT_OUT.iter().fold(Self::EVERYTHING, without)
    }
}

impl Syscalls {
    /// Nothing that can be left out.
    pub const NOTHING: Self = Self(0);
    /// All that can be chosen.
    pub const EVERYTHING: Self = Self((1 << Choice::ALL.len()) - 1);

    /// Whether `choice` is made.
    #[must_use]
    pub const fn has(self, choice: Choice) -> bool {
        self.0 & choice.bit() != 0
    }

    /// The same, with `choice` made or not.
    #[must_use]
    pub const fn set(self, choice: Choice, made: bool) -> Self {
        Self(if made { self.0 | choice.bit() } else { self.0 & !choice.bit() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_is_its_own() {
        for choice in Choice::ALL {
            let alone = Syscalls::NOTHING.set(choice, true);
            assert_eq!(Choice::ALL.into_iter().filter(|other| alone.has(*other)).count(), 1);
            assert!(alone.has(choice) && Syscalls::EVERYTHING.has(choice));
            assert_eq!(alone.set(choice, false), Syscalls::NOTHING);
            assert_eq!(Syscalls::default().has(choice), !Choice::LEFT_OUT.contains(&choice));
        }
    }
}
