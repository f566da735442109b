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

const REQUESTS: &str = "requests of terminals and sockets, but not TIOCSTI, TIOCLINUX, TIOCSETD, \
    FIOSETOWN, SIOCSPGRP; flags of files; FICLONE, FICLONERANGE";
const REQUESTS_NO_FLAGS: &str = "requests of terminals and sockets, but not TIOCSTI, TIOCLINUX, \
    TIOCSETD, FIOSETOWN, SIOCSPGRP; flags of files are read and not set; FICLONE, FICLONERANGE";

const fn requests(values: &'static [u32]) -> Test {
    Test::OneOf { argument: 1, mask: u32::MAX, values }
}

/// `TIOCSTI` types into the terminal (CVE-2017-5226), `TIOCLINUX` pastes into a console
/// (CVE-2023-28100), `TIOCSETD` loads line disciplines; the last two are `F_SETOWN` under another
/// name.
const OTHERS_INPUT: Clause = Clause {
    all: &[requests(&[0x5412, 0x541c, 0x5423, 0x8901, 0x8902])],
    then: Refuse(Errno::EPERM),
};
/// What is left of the types of terminals (`T`) and sockets (0x89), which have their own devices and
/// network, and what every descriptor knows (`FIONREAD`, `FIOCLEX`; of type `T` too).
const TERMINALS_AND_SOCKETS: Clause = Clause {
    all: &[Test::OneOf { argument: 1, mask: 0xff00, values: &[0x5400, 0x8900] }],
    then: Allow,
};
/// What copies and compilers ask of files: `FS_IOC_GETFLAGS` (for 64 and 32 bits),
/// `FS_IOC_FSGETXATTR`, `FS_IOC_GETVERSION`, `FS_IOC_FIEMAP`, `FIGETBSZ`, `FICLONE`, `FICLONERANGE`;
/// and `RNDGETENTCNT` of the random device.
const OF_FILES: Clause = Clause {
    all: &[requests(&[
        0x8008_6601,
        0x8004_6601,
        0x801c_581f,
        0x8008_7601,
        0xc020_660b,
        0x2,
        0x4004_9409,
        0x4020_940d,
        0x8004_5200,
    ])],
    then: Allow,
};
/// `FS_IOC_SETFLAGS` (for 64 and 32 bits) and `FS_IOC_FSSETXATTR`, which the owner of a file may do
/// through a descriptor that only reads.
const FLAGS: Test = requests(&[0x4008_6602, 0x4004_6602, 0x401c_5820]);

/// `ioctl`, whose request the kernel reads as 32 bits. It is an allow list: what a file system knows
/// beside it makes snapshots, keys and directories that nobody can remove, past Landlock and through
/// a mount that is read-only. The answer is the one of a file that does not know the request.
pub const IOCTL: Check = Check {
    says: REQUESTS,
    clauses: &[
        OTHERS_INPUT,
        TERMINALS_AND_SOCKETS,
        OF_FILES,
        Clause { all: &[FLAGS], then: Allow },
    ],
    otherwise: Refuse(Errno::ENOTTY),
};

/// `ioctl` where flags of files may not be set.
pub const IOCTL_NO_FLAGS: Check = Check {
    says: REQUESTS_NO_FLAGS,
    clauses: &[
        OTHERS_INPUT,
        TERMINALS_AND_SOCKETS,
        OF_FILES,
        Clause { all: &[FLAGS], then: Refuse(Errno::EOPNOTSUPP) },
    ],
    otherwise: Refuse(Errno::ENOTTY),
};

/// `setsockopt`: `TCP_ULP` (31) turns an allowed TCP socket into one of a family that `socket`
/// refuses (smc) or loads a protocol above it (tls). `SO_ATTACH_FILTER` (26), `SO_ATTACH_BPF` (50) and
/// the two of `SO_REUSEPORT` (51, 52) take from the store of compiled filters, which is the whole
/// machine's (`net.core.bpf_jit_limit`): without it nobody can start a sandbox.
pub const SETSOCKOPT: Check = Check {
    says: "not TCP_ULP, and no filter of packets",
    clauses: &[
        Clause { all: &[LEVEL_TCP, option(&[31])], then: Refuse(Errno::ENOPROTOOPT) },
        Clause {
            all: &[LEVEL_SOCKET, option(&[26, 50, 51, 52])],
            then: Refuse(Errno::ENOPROTOOPT),
        },
    ],
    otherwise: Allow,
};

const LEVEL_SOCKET: Test = Test::OneOf { argument: 1, mask: u32::MAX, values: &[1] };
const LEVEL_TCP: Test = Test::OneOf { argument: 1, mask: u32::MAX, values: &[6] };

const fn option(values: &'static [u32]) -> Test {
    Test::OneOf { argument: 2, mask: u32::MAX, values }
}

const OWN_FILTERS: &str = "a process does not filter its own system calls";

/// `seccomp`: not `SECCOMP_SET_MODE_FILTER`. The answer is that of a kernel without it.
pub const SECCOMP: Check = Check {
    says: OWN_FILTERS,
    clauses: &[Clause {
        all: &[Test::OneOf { argument: 0, mask: u32::MAX, values: &[1] }],
        then: Refuse(Errno::EINVAL),
    }],
    otherwise: Allow,
};

/// `prctl`: not `PR_SET_SECCOMP` with `SECCOMP_MODE_FILTER`, likewise.
pub const PRCTL: Check = Check {
    says: OWN_FILTERS,
    clauses: &[Clause {
        all: &[
            Test::OneOf { argument: 0, mask: u32::MAX, values: &[22] },
            Test::OneOf { argument: 1, mask: u32::MAX, values: &[2] },
        ],
        then: Refuse(Errno::EINVAL),
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

const INTERNET_FIT: Clause = Clause { all: &[INTERNET, PLAIN_TYPE, PLAIN_PROTOCOL], then: Allow };
const INTERNET_OTHER: Clause = Clause { all: &[INTERNET], then: Refuse(Errno::EPROTONOSUPPORT) };
const LOCAL: Clause = Clause { all: &[UNIX], then: Allow };

/// `socket` and `socketpair` where the payload has a network namespace of its own.
pub const SOCKET: Check = Check {
    says: "AF_UNIX; AF_INET and AF_INET6 with ICMP, TCP and UDP",
    clauses: &[LOCAL, INTERNET_FIT, INTERNET_OTHER],
    otherwise: Refuse(Errno::EAFNOSUPPORT),
};

/// The same where it may ask for interfaces and routes as well.
pub const ROUTE_SOCKET: Check = Check {
    says: "AF_UNIX; AF_INET and AF_INET6 with ICMP, TCP and UDP; AF_NETLINK with NETLINK_ROUTE",
    clauses: &[
        LOCAL,
        INTERNET_FIT,
        INTERNET_OTHER,
        Clause { all: &[NETLINK, ROUTE], then: Allow },
        Clause { all: &[NETLINK], then: Refuse(Errno::EPROTONOSUPPORT) },
    ],
    otherwise: Refuse(Errno::EAFNOSUPPORT),
};

/// `socket` and `socketpair` where the host's network is the only one there is.
pub const LOCAL_SOCKET: Check =
    Check { says: "AF_UNIX", clauses: &[LOCAL], otherwise: Refuse(Errno::EAFNOSUPPORT) };
