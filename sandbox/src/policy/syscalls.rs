//! Which system calls a payload may make, as data that `explain` prints and the filter compiles.
//!
//! The table denies by default. A call that no group names does not exist for the payload (ENOSYS,
//! so that programs fall back to what they used before it was invented); one that is known and
//! refused is EPERM, which no program mistakes for an old kernel.
#![forbid(unsafe_code)]

mod choices;
pub mod groups;
pub mod numbers;
pub mod rules;

use nix::errno::Errno;

pub use self::choices::{Choice, Syscalls};
use self::groups::{Group, When, groups};
use self::numbers::Call;
use self::rules::Check;

/// A processor architecture that the filter knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit x86. Its x32 numbers (bit 30 set) are in no table and therefore do not exist.
    X86_64,
    /// 64-bit Arm.
    Aarch64,
}

impl Architecture {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// The one that this program was built for.
    #[must_use]
    pub const fn native() -> Option<Self> {
        if cfg!(target_arch = "x86_64") {
            Some(Self::X86_64)
        } else if cfg!(target_arch = "aarch64") {
            Some(Self::Aarch64)
        } else {
            None
        }
    }

    /// What the kernel puts into `seccomp_data.arch`: the `AUDIT_ARCH_…` constant.
    #[must_use]
    pub const fn audit(self) -> u32 {
        match self {
            Self::X86_64 => 0xc000_003e,
            Self::Aarch64 => 0xc000_00b7,
        }
    }
}

/// What happens to one system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The kernel executes it.
    Allow,
    /// It fails with this error, and the kernel never sees it.
    Refuse(Errno),
    /// It succeeds, and the kernel never sees it: for what is so already, whatever is asked for.
    Pretend,
    /// The process ends with SIGSYS: only for calls through a foreign architecture's entry, whose
    /// numbers mean something else.
    Kill,
}

impl std::fmt::Display for Decision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Allow => f.pad("allowed"),
            Self::Refuse(errno) => f.pad(&format!("{errno:?}")),
            Self::Pretend => f.pad("answered without effect"),
            Self::Kill => f.pad("killed"),
        }
    }
}

/// What the table says about one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The same whatever its arguments are.
    Always(Decision),
    /// It depends on the arguments.
    Arguments(&'static Check),
}

impl Rule {
    /// The decision for a call with these arguments.
    #[must_use]
    pub fn decide(self, arguments: &[u64; 6]) -> Decision {
        match self {
            Self::Always(decision) => decision,
            Self::Arguments(check) => check.decide(arguments),
        }
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its number on the table's architecture.
    pub number: u32,
    /// The call.
    pub call: Call,
    /// What is decided.
    pub rule: Rule,
    /// The group that it belongs to, with the reason.
    pub group: &'static Group,
}

/// The whole policy for one architecture, in the order of the numbers.
#[derive(Clone, Debug)]
pub struct Table {
    /// Which architecture's numbers these are.
    pub architecture: Architecture,
    /// The known calls; every other number is ENOSYS.
    pub entries: Vec<Entry>,
}

impl Table {
    /// What is decided about a call that no group names.
    pub const UNKNOWN: Decision = Decision::Refuse(Errno::ENOSYS);

    /// The table that `policy` asks for.
    #[must_use]
    pub fn of(policy: Syscalls, architecture: Architecture) -> Self {
        let mut entries = Vec::with_capacity(400);
        for group in groups() {
            let rule = rule(group.when, policy);
            entries.extend(group.calls.iter().filter_map(|call| {
                let number = call.number(architecture)?;
                Some(Entry { number, call: *call, rule, group })
            }));
        }
        entries.sort_unstable_by_key(|entry| entry.number);
        Self { architecture, entries }
    }

    /// What is decided about the call with this number and these arguments.
    #[must_use]
    pub fn decide(&self, number: u32, arguments: &[u64; 6]) -> Decision {
        self.entries
            .binary_search_by_key(&number, |entry| entry.number)
            .ok()
            .and_then(|at| self.entries.get(at))
            .map_or(Self::UNKNOWN, |entry| entry.rule.decide(arguments))
    }

    /// The line about the call of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.call.name == name)
    }
}

fn rule(when: When, policy: Syscalls) -> Rule {
    match when {
        When::Always(decision) => Rule::Always(decision),
        When::Arguments(check) => Rule::Arguments(check),
        When::Chosen(choice, yes, _) if policy.has(choice) => yes,
        When::Chosen(_, _, no) => no,
        When::First(choices, otherwise) => {
            let made = choices.iter().find(|(choice, _)| policy.has(*choice));
            made.map_or(otherwise, |(_, rule)| *rule)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_call_is_in_exactly_one_group() {
        for call in numbers::ESTABLISHED.iter().chain(numbers::RECENT) {
            let groups = groups().filter(|group| group.calls.contains(call)).count();
            assert_eq!(groups, 1, "{} is in {groups} groups", call.name);
        }
    }

    #[test]
    fn no_number_stands_twice() {
        for architecture in Architecture::ALL {
            let table = Table::of(Syscalls::default(), architecture);
            for pair in table.entries.windows(2) {
                assert!(pair[0].number < pair[1].number, "{:?}", pair[0].call);
            }
        }
    }

    #[test]
    fn every_group_says_why() {
        for group in groups() {
            assert!(group.why.len() > 20 && !group.calls.is_empty(), "{group:?}");
        }
    }

    #[test]
    fn what_an_unknown_number_means_is_that_the_kernel_is_too_old() {
        let table = Table::of(Syscalls::default(), Architecture::X86_64);
        assert_eq!(table.decide(0x4000_0000, &[0; 6]), Decision::Refuse(Errno::ENOSYS));
        assert_eq!(table.decide(600, &[0; 6]), Decision::Refuse(Errno::ENOSYS));
    }

    #[test]
    fn tracing_is_the_callers_choice() {
        for (tracing, then) in [(false, Decision::Refuse(Errno::EPERM)), (true, Decision::Allow)] {
            let policy = Syscalls::default().set(Choice::Tracing, tracing);
            let table = Table::of(policy, Architecture::X86_64);
            for name in ["ptrace", "process_vm_readv"] {
                assert_eq!(table.named(name).map(|entry| entry.rule), Some(Rule::Always(then)));
            }
        }
    }
}
