//! The system calls that hosts refuse to everybody, whatever a sandbox does.
//!
//! Both lists of engines were read from filters that the engines had installed: Docker 20.10 with
//! the runc of Debian 12, Podman 4.3. Later ones refuse more (`io_uring`) and less
//! (`process_vm_readv`); a test holds the first against the engine at hand.
#![forbid(unsafe_code)]

use nix::errno::Errno;
use sandbox::layers::syscalls::{Filter, assemble};
use sandbox::policy::syscalls::numbers::{self, Call};
use sandbox::policy::syscalls::rules::{Check, Clause, Test};
use sandbox::policy::syscalls::{Architecture, Decision, Rule};

mod numbered;
pub mod withheld;

/// `EPERM`: the filter knows the call.
const REFUSED: Decision = Decision::Refuse(Errno::EPERM);
/// `ENOSYS`: for the filter there is no such call.
const ABSENT: Decision = Decision::Refuse(Errno::ENOSYS);
/// `AUDIT_ARCH_I386`: what a 32-bit entry into a 64-bit kernel is called.
const I386: u32 = 0x4000_0003;

macro_rules! calls {
    ($($name:ident)*) => {
        &[$(numbers::$name),*]
    };
}

/// What a host refuses.
#[derive(Clone, Copy, Debug)]
pub struct Refusals {
    /// These fail with `EPERM`.
    pub refused: &'static [Call],
    /// And these, which the other list of the same engine lacks.
    pub besides: &'static [Call],
    /// These with `ENOSYS`.
    pub absent: &'static [Call],
    /// With these it depends.
    pub checked: &'static [(Call, Check)],
    /// What becomes of numbers that no call has had.
    pub unnamed: Decision,
    /// The first number that is too new to be known.
    pub unknown: u32,
    /// The numbers of a 32-bit entry that fail with `EPERM`.
    pub refused_32: &'static [u32],
    /// And these besides.
    pub besides_32: &'static [u32],
    /// Those that fail with `ENOSYS`.
    pub absent_32: &'static [u32],
    /// Those with which it depends.
    pub checked_32: &'static [(u32, Check)],
}

/// The flags of `clone` and `unshare` that make a namespace, other than one for users.
const NAMESPACES: u32 = 0x6e02_0000;
const NEWUSER: u32 = 0x1000_0000;

const REFUSE: &str = "refused";

const ANY_NAMESPACE: Check = Check {
    says: REFUSE,
    clauses: &[Clause {
        all: &[Test::AnyBit { argument: 0, bits: NAMESPACES | NEWUSER }],
        then: REFUSED,
    }],
    otherwise: Decision::Allow,
};

/// The modes of execution that Docker and Podman know.
const PERSONALITIES: &[Test] =
    &[Test::OneOf { argument: 0, mask: u32::MAX, values: &[0, 8, 0x2_0000, 0x2_0008, u32::MAX] }];

const PERSONALITY: Check = Check {
    says: REFUSE,
    clauses: &[Clause { all: PERSONALITIES, then: Decision::Allow }],
    otherwise: REFUSED,
};

/// Docker's default profile for root with Docker's capabilities.
#[must_use]
pub const fn docker() -> Refusals {
    Refusals {
        refused: calls! {
            SYS_syslog SYS_uselib SYS_ustat SYS_sysfs SYS_vhangup SYS_pivot_root SYS__sysctl SYS_acct
            SYS_settimeofday SYS_mount SYS_umount2 SYS_swapon SYS_swapoff SYS_reboot
            SYS_sethostname SYS_setdomainname SYS_iopl SYS_ioperm SYS_init_module
            SYS_delete_module SYS_quotactl SYS_nfsservctl SYS_getpmsg SYS_putpmsg SYS_afs_syscall
            SYS_tuxcall SYS_security SYS_lookup_dcookie SYS_clock_settime SYS_vserver SYS_mbind
            SYS_set_mempolicy SYS_get_mempolicy SYS_kexec_load SYS_add_key SYS_request_key
            SYS_keyctl SYS_migrate_pages SYS_unshare SYS_move_pages SYS_perf_event_open
            SYS_fanotify_init SYS_name_to_handle_at SYS_open_by_handle_at SYS_setns
            SYS_process_vm_readv SYS_process_vm_writev SYS_kcmp SYS_finit_module
            SYS_kexec_file_load SYS_bpf SYS_userfaultfd SYS_pkey_mprotect SYS_pkey_alloc
            SYS_pkey_free SYS_uretprobe SYS_uprobe SYS_open_tree SYS_move_mount SYS_fsopen
            SYS_fsconfig SYS_fsmount SYS_fspick SYS_pidfd_getfd SYS_process_madvise
            SYS_mount_setattr SYS_quotactl_fd
        },
        besides: &[],
        absent: calls! { SYS_clone3 },
        checked: &[(numbers::SYS_clone, ANY_NAMESPACE), (numbers::SYS_personality, PERSONALITY)],
        unnamed: REFUSED,
        unknown: 450,
        refused_32: numbered::DOCKER,
        besides_32: &[],
        absent_32: &[435],
        checked_32: &[(120, ANY_NAMESPACE), (136, PERSONALITY)],
    }
}

/// Docker's default profile for whoever has no capability, which is that of other engines' too: what
/// it would let somebody do with one of Docker's, nobody may.
#[must_use]
pub const fn pod() -> Refusals {
    Refusals { besides: calls! { SYS_chroot }, besides_32: &[61], ..docker() }
}

/// Podman's default profile for root with Podman's capabilities. Namespaces and mounts are left to
/// the kernel, so that containers can be started in containers.
#[must_use]
pub const fn podman() -> Refusals {
    const NO_SUCH_PERSONALITY: Check = Check { otherwise: ABSENT, ..PERSONALITY };
    const NO_AUDIT: Check = Check {
        says: REFUSE,
        clauses: &[Clause {
            all: &[
                Test::OneOf { argument: 0, mask: u32::MAX, values: &[16] },
                Test::OneOf { argument: 2, mask: u32::MAX, values: &[9] },
            ],
            then: Decision::Refuse(Errno::EINVAL),
        }],
        otherwise: Decision::Allow,
    };
    Refusals {
        refused: calls! {
            SYS_uselib SYS_ustat SYS_sysfs SYS_vhangup SYS_acct SYS_settimeofday SYS_swapon
            SYS_swapoff SYS_sethostname SYS_setdomainname SYS_iopl SYS_ioperm SYS_init_module
            SYS_delete_module SYS_quotactl SYS_nfsservctl SYS_lookup_dcookie SYS_clock_settime
            SYS_kexec_load SYS_migrate_pages SYS_vmsplice SYS_move_pages SYS_perf_event_open
            SYS_fanotify_init SYS_open_by_handle_at SYS_kcmp SYS_finit_module SYS_kexec_file_load
            SYS_bpf SYS_userfaultfd SYS_io_pgetevents SYS_process_madvise
        },
        besides: &[],
        absent: calls! {
            SYS__sysctl SYS_getpmsg SYS_putpmsg SYS_afs_syscall SYS_tuxcall SYS_security SYS_vserver
            SYS_add_key SYS_request_key SYS_uretprobe SYS_uprobe SYS_io_uring_setup
            SYS_io_uring_enter SYS_io_uring_register SYS_quotactl_fd SYS_futex_waitv
        },
        checked: &[
            (numbers::SYS_personality, NO_SUCH_PERSONALITY),
            (numbers::SYS_socket, NO_AUDIT),
        ],
        unnamed: ABSENT,
        unknown: 449,
        refused_32: numbered::PODMAN,
        besides_32: &[],
        absent_32: numbered::PODMAN_ABSENT,
        checked_32: &[(136, NO_SUCH_PERSONALITY), (359, NO_AUDIT)],
    }
}

/// What needs a capability in whatever namespace, as far as a call or its arguments show it. To an
/// ordinary user most of it is refused anyway; in a user namespace of his own it would not be.
#[must_use]
pub const fn ubuntu() -> Refusals {
    const OTHER_NAMESPACE: Check = Check {
        says: REFUSE,
        clauses: &[
            // The kernel asks with the rights that the caller had before: both come into being.
            Clause { all: &[Test::AnyBit { argument: 0, bits: NEWUSER }], then: Decision::Allow },
            Clause { all: &[Test::AnyBit { argument: 0, bits: NAMESPACES }], then: REFUSED },
        ],
        otherwise: Decision::Allow,
    };
    const CLONED_TREE: Check = Check {
        says: REFUSE,
        clauses: &[Clause { all: &[Test::AnyBit { argument: 2, bits: 1 }], then: REFUSED }],
        otherwise: Decision::Allow,
    };
    const RAW: Check = Check {
        says: REFUSE,
        clauses: &[
            Clause {
                all: &[Test::OneOf { argument: 0, mask: u32::MAX, values: &[17] }],
                then: REFUSED,
            },
            Clause {
                all: &[
                    Test::OneOf { argument: 0, mask: u32::MAX, values: &[2, 10] },
                    Test::OneOf { argument: 1, mask: 0xf, values: &[3] },
                ],
                then: REFUSED,
            },
        ],
        otherwise: Decision::Allow,
    };
    Refusals {
        refused: calls! {
            SYS_mount SYS_umount2 SYS_pivot_root SYS_move_mount SYS_fsopen SYS_fspick SYS_fsmount
            SYS_mount_setattr SYS_open_tree_attr SYS_setns SYS_sethostname SYS_setdomainname
            SYS_chroot
        },
        besides: &[],
        absent: &[],
        checked: &[
            (numbers::SYS_clone, OTHER_NAMESPACE),
            (numbers::SYS_unshare, OTHER_NAMESPACE),
            (numbers::SYS_open_tree, CLONED_TREE),
            (numbers::SYS_socket, RAW),
        ],
        unnamed: Decision::Allow,
        unknown: u32::MAX,
        refused_32: numbered::UBUNTU,
        besides_32: &[],
        absent_32: &[],
        checked_32: &[
            (120, OTHER_NAMESPACE),
            (310, OTHER_NAMESPACE),
            (359, RAW),
            (428, CLONED_TREE),
        ],
    }
}

impl Refusals {
    /// The filter on this processor; none where its numbers are not known.
    #[must_use]
    pub fn compiled(self) -> Option<Filter> {
        let architecture = Architecture::native()?;
        let mut entries =
            vec![(architecture.audit(), runs(|number| self.rule(architecture, number)))];
        if architecture == Architecture::X86_64 {
            entries.push((I386, runs(|number| self.rule_32(number))));
        }
        Some(assemble(&entries))
    }

    fn rule(&self, architecture: Architecture, number: u32) -> Rule {
        // The numbers of x32 are those of x86-64 with this bit.
        let number = number & !numbered::X32;
        let is = |call: &Call| call.number(architecture) == Some(number);
        if let Some((_, check)) = self.checked.iter().find(|(call, _)| is(call)) {
            return Rule::Arguments(check);
        }
        let known = || numbers::ESTABLISHED.iter().chain(numbers::RECENT).any(is);
        Rule::Always(match number {
            _ if self.refused.iter().chain(self.besides).any(is) => REFUSED,
            _ if number >= self.unknown || self.absent.iter().any(is) => ABSENT,
            _ if known() => Decision::Allow,
            _ => self.unnamed,
        })
    }

    fn rule_32(&self, number: u32) -> Rule {
        if let Some((_, check)) = self.checked_32.iter().find(|(known, _)| *known == number) {
            return Rule::Arguments(check);
        }
        Rule::Always(match number {
            _ if self.refused_32.contains(&number) => REFUSED,
            _ if self.besides_32.contains(&number) => REFUSED,
            _ if number >= self.unknown || self.absent_32.contains(&number) => ABSENT,
            _ => Decision::Allow,
        })
    }
}

/// The numbers as runs with one rule each.
fn runs(rule: impl Fn(u32) -> Rule) -> Vec<(u32, Rule)> {
    let numbers = (0..=numbered::END).chain(numbered::X32..=numbered::X32 + numbered::END);
    let mut runs: Vec<(u32, Rule)> = Vec::new();
    for number in numbers {
        let rule = rule(number);
        if runs.last().is_none_or(|(_, last)| *last != rule) {
            runs.push((number, rule));
        }
    }
    runs
}

#[cfg(test)]
mod tests;
