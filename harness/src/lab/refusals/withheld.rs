//! What a lab withholds from everybody, a real root too, because it reaches the machine itself, and
//! what of it is lent to an attack that says in its manifest that it needs it.
//!
//! This is the one table of such exceptions. What is in no row cannot be borrowed.
#![forbid(unsafe_code)]

use nix::errno::Errno;
use rustix::thread::CapabilitySet;
use sandbox::layers::syscalls::{Filter, assemble};
use sandbox::policy::syscalls::numbers::{self, Call};
use sandbox::policy::syscalls::rules::{Check, Clause, Test};
use sandbox::policy::syscalls::{Architecture, Decision, Rule};

use super::{I386, REFUSED, numbered, runs};
use crate::catalogue::attack::Lent;
use crate::catalogue::spelling::Spelt as _;

/// One thing that is withheld.
#[derive(Clone, Copy, Debug)]
pub struct Withheld {
    /// Under which word it is lent; without one nobody gets it.
    pub lent: Option<Lent>,
    /// The calls that fail with `EPERM`.
    pub calls: &'static [Call],
    /// Their numbers at the 32-bit entry of x86.
    pub calls_32: &'static [u32],
    /// The commands of ioctl(2) that do, each given by its type and number.
    pub commands: Option<&'static Check>,
    /// The capabilities that nobody has.
    pub capabilities: CapabilitySet,
}

/// `NS_MNT_GET_NEXT` and `NS_MNT_GET_PREV` (`ioctl_nsfs(2)`), whatever size they come with.
const OTHER_MOUNTS: Check = Check {
    says: "those to other mount namespaces are refused",
    clauses: &[Clause {
        all: &[Test::OneOf { argument: 1, mask: 0xffff, values: &[0xb70b, 0xb70c] }],
        then: REFUSED,
    }],
    otherwise: Decision::Allow,
};
/// The families of sockets that no network namespace holds: ISDN, the hypervisor's (`vsock(7)`) and
/// Qualcomm's. As a kernel answers that has none of them.
const EVERYWHERE: Check = Check {
    says: "those of families that no network namespace holds are refused",
    clauses: &[Clause {
        all: &[Test::OneOf { argument: 0, mask: u32::MAX, values: &[34, 40, 42] }],
        then: NO_FAMILY,
    }],
    otherwise: Decision::Allow,
};
/// `EAFNOSUPPORT`: the kernel knows no such family.
const NO_FAMILY: Decision = Decision::Refuse(Errno::EAFNOSUPPORT);
/// `ENOSYS`: there is no such call.
const NO_CALL: Decision = Decision::Refuse(Errno::ENOSYS);
/// The numbers of socket(2) and socketpair(2) at the 32-bit entry of x86.
const SOCKET_32: [u32; 2] = [359, 360];
/// That of socketcall(2), whose arguments no filter sees; programs that get `ENOSYS` use the other two.
const SOCKETCALL_32: u32 = 102;
/// The number of ioctl(2) at the 32-bit entry of x86.
const IOCTL_32: u32 = 54;

/// Everything that is withheld.
pub const TABLE: [Withheld; 6] = [
    // A handle names an inode of a file system wherever it lies, and any namespace of the machine.
    Withheld {
        lent: Some(Lent::Handles),
        calls: &[numbers::SYS_open_by_handle_at],
        calls_32: &[342],
        commands: None,
        capabilities: CapabilitySet::DAC_READ_SEARCH,
    },
    Withheld {
        lent: Some(Lent::Bpf),
        calls: &[numbers::SYS_bpf],
        calls_32: &[357],
        commands: None,
        capabilities: CapabilitySet::empty(),
    },
    Withheld {
        lent: Some(Lent::Perf),
        calls: &[numbers::SYS_perf_event_open],
        calls_32: &[336],
        commands: None,
        capabilities: CapabilitySet::empty(),
    },
    // The front end and the lab's first process must not be traced: what they say is evidence. To whom
    // this is lent, the front end is open as well, as one outside of a lab is to its user's processes.
    Withheld {
        lent: Some(Lent::Tracing),
        calls: &[],
        calls_32: &[],
        commands: None,
        capabilities: CapabilitySet::SYS_PTRACE,
    },
    // From one mount namespace the kernel leads to the next, the host's among them, whoever may
    // administer them all. Newer kernels refuse that in every process namespace but the first.
    Withheld {
        lent: None,
        calls: &[],
        calls_32: &[],
        commands: Some(&OTHER_MOUNTS),
        capabilities: CapabilitySet::empty(),
    },
    // Real-time priorities, leases on files of others, flags that no removal undoes.
    Withheld {
        lent: None,
        calls: &[],
        calls_32: &[],
        commands: None,
        capabilities: CapabilitySet::SYS_NICE
            .union(CapabilitySet::LEASE)
            .union(CapabilitySet::LINUX_IMMUTABLE),
    },
];

/// The filter that every lab has, whatever its host: sockets that would reach the machine itself, or those
/// around it. None where the numbers of this processor are not known.
#[must_use]
pub fn sockets() -> Option<Filter> {
    let architecture = Architecture::native()?;
    let named = runs(|number| {
        let number = number & !numbered::X32;
        let is = |call: &Call| call.number(architecture) == Some(number);
        if is(&numbers::SYS_socket) || is(&numbers::SYS_socketpair) {
            return Rule::Arguments(&EVERYWHERE);
        }
        Rule::Always(Decision::Allow)
    });
    let mut entries = vec![(architecture.audit(), named)];
    if architecture == Architecture::X86_64 {
        let by_number = runs(|number| match number {
            SOCKETCALL_32 => Rule::Always(NO_CALL),
            _ if SOCKET_32.contains(&number) => Rule::Arguments(&EVERYWHERE),
            _ => Rule::Always(Decision::Allow),
        });
        entries.push((I386, by_number));
    }
    Some(assemble(&entries))
}

/// What of it an attack has borrowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Borrowed(Vec<Lent>);

impl Borrowed {
    /// What these words of a manifest stand for.
    #[must_use]
    pub fn by(words: &[String]) -> Self {
        Self(words.iter().filter_map(|word| Lent::read(word).ok()).collect())
    }

    fn withheld(&self) -> impl Iterator<Item = &'static Withheld> {
        TABLE.iter().filter(|one| one.lent.is_none_or(|lent| !self.0.contains(&lent)))
    }

    /// The capabilities that nobody has.
    #[must_use]
    pub fn capabilities(&self) -> CapabilitySet {
        self.withheld().fold(CapabilitySet::empty(), |all, one| all | one.capabilities)
    }

    /// What becomes of ioctl(2).
    fn commands(&self) -> Rule {
        let check = self.withheld().find_map(|one| one.commands);
        check.map_or(Rule::Always(Decision::Allow), Rule::Arguments)
    }

    /// The filter of system calls; none where the numbers of this processor are not known.
    #[must_use]
    pub fn filter(&self) -> Option<Filter> {
        let architecture = Architecture::native()?;
        let rule = |refused: bool| Rule::Always(if refused { REFUSED } else { Decision::Allow });
        let named = runs(|number| {
            // The numbers of x32 are those of x86-64 with this bit.
            let number = number & !numbered::X32;
            let is = |call: &Call| call.number(architecture) == Some(number);
            if is(&numbers::SYS_ioctl) {
                return self.commands();
            }
            rule(self.withheld().any(|one| one.calls.iter().any(is)))
        });
        let mut entries = vec![(architecture.audit(), named)];
        if architecture == Architecture::X86_64 {
            let by_number = runs(|number| match number {
                IOCTL_32 => self.commands(),
                _ => rule(self.withheld().any(|one| one.calls_32.contains(&number))),
            });
            entries.push((I386, by_number));
        }
        Some(assemble(&entries))
    }
}

#[cfg(test)]
mod tests {
    use sandbox::layers::syscalls::interpreter;

    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn each_call_is_refused_to_everybody_but_its_borrower_at_each_entry() {
        const ENTRIES: [(u32, u32); 2] = [(0xc000_003e, 0), (0xc000_003e, numbered::X32)];
        for one in TABLE.iter().filter(|one| !one.calls.is_empty()) {
            let word = one.lent.unwrap().spelt().to_owned();
            for (borrowed, then) in
                [(Borrowed::default(), REFUSED), (Borrowed::by(&[word]), Decision::Allow)]
            {
                let program = borrowed.filter().unwrap().program;
                let decided =
                    |entry, number| interpreter::run(&program, number, entry, &[0; 6]).unwrap();
                for call in one.calls {
                    let number = call.number(Architecture::X86_64).unwrap();
                    for (entry, bit) in ENTRIES {
                        assert_eq!(decided(entry, number | bit), then, "{}", call.name);
                    }
                }
                for number in one.calls_32 {
                    assert_eq!(decided(I386, *number), then, "{number}");
                }
                assert_eq!(decided(0xc000_003e, 0), Decision::Allow);
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn nobody_is_led_to_another_mount_namespace() {
        let program = Borrowed::default().filter().unwrap().program;
        for (entry, number) in [(0xc000_003e, 16), (0xc000_003e, 16 | numbered::X32), (I386, 54)] {
            let decided = |command: u64| {
                interpreter::run(&program, number, entry, &[3, command, 0, 0, 0, 0]).unwrap()
            };
            for command in [0x8010_b70b, 0x8010_b70c, 0x8040_b70b, 0xffff_ffff_8010_b70c] {
                assert_eq!(decided(command), REFUSED, "{command:x}");
            }
            for command in [0x8010_b70a, 0xb701, 0x5401, 0] {
                assert_eq!(decided(command), Decision::Allow, "{command:x}");
            }
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn no_socket_of_a_family_that_is_everywhere_is_made_at_any_entry() {
        const SOCKET: u32 = 41;
        let program = sockets().unwrap().program;
        let entries = [
            (0xc000_003e, SOCKET),
            (0xc000_003e, 53),
            (0xc000_003e, SOCKET | numbered::X32),
            (I386, 359),
            (I386, 360),
        ];
        for (entry, number) in entries {
            let decided = |family: u64| {
                interpreter::run(&program, number, entry, &[family, 1, 0, 0, 0, 0]).unwrap()
            };
            for family in [34, 40, 42, 0xffff_ffff_0000_0028] {
                assert_eq!(decided(family), NO_FAMILY, "{family} by {number}");
            }
            for family in [1, 2, 10, 16, 17, 38] {
                assert_eq!(decided(family), Decision::Allow, "{family} by {number}");
            }
        }
        assert_eq!(interpreter::run(&program, 102, I386, &[1; 6]).unwrap(), NO_CALL);
        assert_eq!(interpreter::run(&program, 102, 0xc000_003e, &[1; 6]).unwrap(), Decision::Allow);
    }

    #[test]
    fn what_has_no_word_is_lent_to_nobody() {
        let all = TABLE.iter().filter_map(|one| one.lent).map(|lent| lent.spelt().to_owned());
        let borrowed = Borrowed::by(&all.collect::<Vec<_>>());
        assert!(borrowed.capabilities().contains(CapabilitySet::SYS_NICE));
        assert!(!borrowed.capabilities().contains(CapabilitySet::DAC_READ_SEARCH));
        assert!(Borrowed::default().capabilities().contains(CapabilitySet::DAC_READ_SEARCH));
    }
}
