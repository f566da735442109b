//! The rules that look at arguments: flags, modes, requests and socket families.
//!
//! Only the low 32 bits are compared. Every argument looked at is a 32-bit value to the kernel,
//! which drops the upper half; a filter that compares all 64 bits can be walked around by setting
//! one of them (CVE-2019-10063). The exception is a pointer, which is null if all of it is.
#![forbid(unsafe_code)]

use nix::errno::Errno;
use nix::libc;

use super::Decision::{self, Allow, Refuse};

pub mod objects;

/// What is asked of one argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// At least one of these bits is set.
    AnyBit {
        /// Which argument, from 0.
        argument: u8,
        /// The bits.
        bits: u32,
    },
    /// Masked, it equals one of these values.
    OneOf {
        /// Which argument, from 0.
        argument: u8,
        /// The bits that count.
        mask: u32,
        /// The values; never none.
        values: &'static [u32],
    },
    /// It is a null pointer, in both halves.
    Null {
        /// Which argument, from 0.
        argument: u8,
    },
}

impl Test {
    fn holds(self, arguments: &[u64; 6]) -> bool {
        match self {
            Self::AnyBit { argument, bits } => low(arguments, argument) & bits != 0,
            Self::OneOf { argument, mask, values } => {
                values.contains(&(low(arguments, argument) & mask))
            }
            Self::Null { argument } => arguments.get(usize::from(argument)) == Some(&0),
        }
    }
}

/// A decision for the calls that pass all of its tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clause {
    /// What must hold.
    pub all: &'static [Test],
    /// What is decided then.
    pub then: Decision,
}

/// Clauses tried in order, the first that holds decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// The rule in words, for `explain`.
    pub says: &'static str,
    /// The clauses.
    pub clauses: &'static [Clause],
    /// What is decided if none holds.
    pub otherwise: Decision,
}

impl Check {
    /// The decision for a call with these arguments.
    #[must_use]
    pub fn decide(&self, arguments: &[u64; 6]) -> Decision {
        self.clauses
            .iter()
            .find(|clause| clause.all.iter().all(|test| test.holds(arguments)))
            .map_or(self.otherwise, |clause| clause.then)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the upper half is what must not count")]
fn low(arguments: &[u64; 6], index: u8) -> u32 {
    arguments.get(usize::from(index)).map_or(0, |argument| *argument as u32)
}

/// Set-user-id and set-group-id.
const SET_ID: u32 = 0o6000;
/// Set-user-id alone.
const SET_USER_ID: u32 = 0o4000;
/// The two flags with which `open` reads its third argument. `__O_TMPFILE` is the bit proper;
/// `O_TMPFILE` also contains `O_DIRECTORY`, which alone creates nothing.
const CREATES: u32 = 0o100 | 0o20_000_000;

const NO_SET_ID: &str = "no set-user-id or set-group-id bit in the mode";
const NO_SET_USER_ID: &str = "no set-user-id bit in the mode";

const fn set_id_at(argument: u8) -> Test {
    Test::AnyBit { argument, bits: SET_ID }
}

const fn set_user_id_at(argument: u8) -> Test {
    Test::AnyBit { argument, bits: SET_USER_ID }
}

/// `chmod`, `fchmod` and `creat`: the mode is the second argument.
pub const MODE_SECOND: Check = Check {
    says: NO_SET_ID,
    clauses: &[Clause { all: &[set_id_at(1)], then: Refuse(Errno::EPERM) }],
    otherwise: Allow,
};

/// `fchmodat` and `fchmodat2`: the mode is the third argument.
pub const MODE_THIRD: Check = Check {
    says: NO_SET_ID,
    clauses: &[Clause { all: &[set_id_at(2)], then: Refuse(Errno::EPERM) }],
    otherwise: Allow,
};

/// `chmod` and `fchmod` where no file outlives the build. A filter does not see whether the mode is
/// that of a file or of a directory, to which the bit gives the group of what is made in it.
pub const PASSING_MODE_SECOND: Check = Check {
    says: NO_SET_USER_ID,
    clauses: &[Clause { all: &[set_user_id_at(1)], then: Refuse(Errno::EPERM) }],
    otherwise: Allow,
};

/// `fchmodat` and `fchmodat2`, likewise.
pub const PASSING_MODE_THIRD: Check = Check {
    says: NO_SET_USER_ID,
    clauses: &[Clause { all: &[set_user_id_at(2)], then: Refuse(Errno::EPERM) }],
    otherwise: Allow,
};

/// `open`: without a creating flag the mode is whatever the register held.
pub const OPEN: Check = Check {
    says: NO_SET_ID,
    clauses: &[Clause {
        all: &[Test::AnyBit { argument: 1, bits: CREATES }, set_id_at(2)],
        then: Refuse(Errno::EPERM),
    }],
    otherwise: Allow,
};

/// `openat`, likewise.
pub const OPENAT: Check = Check {
    says: NO_SET_ID,
    clauses: &[Clause {
        all: &[Test::AnyBit { argument: 2, bits: CREATES }, set_id_at(3)],
        then: Refuse(Errno::EPERM),
    }],
    otherwise: Allow,
};

const NODES: &str = "FIFOs, sockets and files, no device and no set-id bit";
const DEVICES: &[u32] = &[libc::S_IFCHR, libc::S_IFBLK];

const fn device_at(argument: u8) -> Test {
    Test::OneOf { argument, mask: libc::S_IFMT, values: DEVICES }
}

/// `mknod`.
pub const MKNOD: Check = Check {
    says: NODES,
    clauses: &[
        Clause { all: &[set_id_at(1)], then: Refuse(Errno::EPERM) },
        Clause { all: &[device_at(1)], then: Refuse(Errno::EPERM) },
    ],
    otherwise: Allow,
};

/// `mknodat`.
pub const MKNODAT: Check = Check {
    says: NODES,
    clauses: &[
        Clause { all: &[set_id_at(2)], then: Refuse(Errno::EPERM) },
        Clause { all: &[device_at(2)], then: Refuse(Errno::EPERM) },
    ],
    otherwise: Allow,
};

/// Every namespace that `clone` can make. `CLONE_NEWTIME` is no flag of `clone`: its bit lies in
/// the number of the signal.
const NAMESPACES: u32 = bits(libc::CLONE_NEWNS)
    | bits(libc::CLONE_NEWCGROUP)
    | bits(libc::CLONE_NEWUTS)
    | bits(libc::CLONE_NEWIPC)
    | bits(libc::CLONE_NEWUSER)
    | bits(libc::CLONE_NEWPID)
    | bits(libc::CLONE_NEWNET);

/// What a process may stop sharing with its threads; everything else of `unshare` is a namespace,
/// today or in a later kernel.
const PRIVATE: u32 = bits(libc::CLONE_FS)
    | bits(libc::CLONE_FILES)
    | bits(libc::CLONE_SYSVSEM)
    | bits(libc::CLONE_VM)
    | bits(libc::CLONE_SIGHAND)
    | bits(libc::CLONE_THREAD);

const fn bits(flag: libc::c_int) -> u32 {
    flag.cast_unsigned()
}

/// `clone`; its flags are the first argument on both architectures.
pub const CLONE: Check = Check {
    says: "no new namespace",
    clauses: &[Clause {
        all: &[Test::AnyBit { argument: 0, bits: NAMESPACES }],
        then: Refuse(Errno::EPERM),
    }],
    otherwise: Allow,
};

/// `unshare`.
pub const UNSHARE: Check = Check {
    says: "no new namespace",
    clauses: &[Clause {
        all: &[Test::AnyBit { argument: 0, bits: !PRIVATE }],
        then: Refuse(Errno::EPERM),
    }],
    otherwise: Allow,
};

/// `ioctl`, whose request the kernel reads as 32 bits. `TIOCSTI` types into the terminal
/// (CVE-2017-5226), `TIOCLINUX` pastes into a console (CVE-2023-28100), `TIOCSETD` loads line
/// disciplines; the last two are `F_SETOWN` under another name.
pub const IOCTL: Check = Check {
    says: "not TIOCSTI, TIOCLINUX, TIOCSETD, FIOSETOWN, SIOCSPGRP",
    clauses: &[OTHERS_INPUT],
    otherwise: Allow,
};

const OTHERS_INPUT: Clause = Clause {
    all: &[Test::OneOf {
        argument: 1,
        mask: u32::MAX,
        values: &[0x5412, 0x541c, 0x5423, 0x8901, 0x8902],
    }],
    then: Refuse(Errno::EPERM),
};

/// `ioctl` where flags of files may not be set either: `FS_IOC_SETFLAGS` and `FS_IOC_FSSETXATTR`,
/// which the owner of a file may do through a descriptor that only reads.
pub const IOCTL_NO_FLAGS: Check = Check {
    says: "not TIOCSTI, TIOCLINUX, TIOCSETD, FIOSETOWN, SIOCSPGRP, FS_IOC_SETFLAGS, \
           FS_IOC_FSSETXATTR",
    clauses: &[
        OTHERS_INPUT,
        Clause {
            all: &[Test::OneOf {
                argument: 1,
                mask: u32::MAX,
                values: &[0x4008_6602, 0x4004_6602, 0x401c_5820],
            }],
            then: Refuse(Errno::EOPNOTSUPP),
        },
    ],
    otherwise: Allow,
};

/// `setsockopt`: `TCP_ULP` (31) turns an allowed TCP socket into one of a family that `socket`
/// refuses (smc) or loads a protocol above it (tls).
pub const SETSOCKOPT: Check = Check {
    says: "not TCP_ULP",
    clauses: &[Clause {
        all: &[
            Test::OneOf { argument: 1, mask: u32::MAX, values: &[6] },
            Test::OneOf { argument: 2, mask: u32::MAX, values: &[31] },
        ],
        then: Refuse(Errno::ENOPROTOOPT),
    }],
    otherwise: Allow,
};

const UNIX: Test = Test::OneOf { argument: 0, mask: u32::MAX, values: &[bits(libc::AF_UNIX)] };
const INTERNET: Test = Test::OneOf {
    argument: 0,
    mask: u32::MAX,
    values: &[bits(libc::AF_INET), bits(libc::AF_INET6)],
};
const NETLINK: Test =
    Test::OneOf { argument: 0, mask: u32::MAX, values: &[bits(libc::AF_NETLINK)] };
/// Stream, datagram and raw. Not `SOCK_PACKET` (10), with which `AF_INET` is silently taken for
/// `AF_PACKET`, nor the sequenced packets of SCTP and DCCP. The upper bits are flags.
const PLAIN_TYPE: Test = Test::OneOf { argument: 1, mask: 0xf, values: &[1, 2, 3] };
/// Whatever fits the type, ICMP, TCP, UDP, `ICMPv6` and UDP-Lite: so neither MPTCP (262) nor SCTP
/// (132), nor DCCP, L2TP, SMC and the others that would load a module.
const PLAIN_PROTOCOL: Test =
    Test::OneOf { argument: 2, mask: u32::MAX, values: &[0, 1, 6, 17, 58, 136] };
const ROUTE: Test = Test::OneOf { argument: 2, mask: u32::MAX, values: &[0] };

/// `socket` and `socketpair` where the payload has a network namespace of its own.
pub const SOCKET: Check = Check {
    says: "AF_UNIX; AF_INET and AF_INET6 with ICMP, TCP and UDP; AF_NETLINK with NETLINK_ROUTE",
    clauses: &[
        Clause { all: &[UNIX], then: Allow },
        Clause { all: &[INTERNET, PLAIN_TYPE, PLAIN_PROTOCOL], then: Allow },
        Clause { all: &[INTERNET], then: Refuse(Errno::EPROTONOSUPPORT) },
        Clause { all: &[NETLINK, ROUTE], then: Allow },
        Clause { all: &[NETLINK], then: Refuse(Errno::EPROTONOSUPPORT) },
    ],
    otherwise: Refuse(Errno::EAFNOSUPPORT),
};

/// `socket` and `socketpair` where the host's network is the only one there is.
pub const LOCAL_SOCKET: Check = Check {
    says: "AF_UNIX",
    clauses: &[Clause { all: &[UNIX], then: Allow }],
    otherwise: Refuse(Errno::EAFNOSUPPORT),
};
