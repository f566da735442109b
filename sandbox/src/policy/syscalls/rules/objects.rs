//! The rules about objects of the kernel that a build would share with others: locks and leases on
//! files, huge pages, limits and priorities of other processes.
#![forbid(unsafe_code)]

use nix::errno::Errno;
use nix::libc;

use super::{Check, Clause, Test, bits};
use crate::policy::syscalls::Decision::{Allow, Pretend, Refuse};

const fn is(argument: u8, values: &'static [u32]) -> Test {
    Test::OneOf { argument, mask: u32::MAX, values }
}

const fn has(argument: u8, bits: u32) -> Test {
    Test::AnyBit { argument, bits }
}

/// The commands of `fcntl` that are about the caller's own descriptor: duplicates, flags, locks,
/// seals, the size of a pipe, and what is only asked.
const OWN_COMMANDS: &[u32] = &[
    bits(libc::F_DUPFD),
    bits(libc::F_GETFD),
    bits(libc::F_SETFD),
    bits(libc::F_GETFL),
    bits(libc::F_SETFL),
    bits(libc::F_GETLK),
    bits(libc::F_SETLK),
    bits(libc::F_SETLKW),
    9,  // F_GETOWN
    10, // F_SETSIG
    11, // F_GETSIG
    16, // F_GETOWN_EX
    17, // F_GETOWNER_UIDS
    bits(libc::F_OFD_GETLK),
    bits(libc::F_OFD_SETLK),
    bits(libc::F_OFD_SETLKW),
    bits(libc::F_GETLEASE),
    1027, // F_DUPFD_QUERY
    1028, // F_CREATED_QUERY
    bits(libc::F_DUPFD_CLOEXEC),
    bits(libc::F_SETPIPE_SZ),
    bits(libc::F_GETPIPE_SZ),
    bits(libc::F_ADD_SEALS),
    bits(libc::F_GET_SEALS),
    1035, // F_GET_RW_HINT
    1037, // F_GET_FILE_RW_HINT
];

/// What is known and refused: signals to processes of the caller's choice, leases and delegations,
/// for which whoever writes the file has to wait, word of what others do in a directory, and hints
/// that stay with the file.
const REFUSED_COMMANDS: &[u32] = &[
    8,  // F_SETOWN
    15, // F_SETOWN_EX
    bits(libc::F_SETLEASE),
    bits(libc::F_NOTIFY),
    1036, // F_SET_RW_HINT
    1038, // F_SET_FILE_RW_HINT
    1040, // F_SETDELEG
];

/// `fcntl`. A command that nobody knows is answered as by a kernel that does not know it either.
pub const FCNTL: Check = Check {
    says: "duplicates, flags, locks, seals, sizes of pipes; not F_SETOWN, F_SETOWN_EX, \
           F_SETLEASE, F_SETDELEG, F_NOTIFY, F_SET_RW_HINT, nor what is unknown",
    clauses: &[
        Clause { all: &[is(1, OWN_COMMANDS)], then: Allow },
        Clause { all: &[is(1, REFUSED_COMMANDS)], then: Refuse(Errno::EPERM) },
    ],
    otherwise: Refuse(Errno::EINVAL),
};

/// `fadvise64`: a file that is dropped from memory is dropped for everybody, and by looking whether it
/// is there again a build would see which program its caller starts. Advice may have no effect.
pub const FADVISE: Check = Check {
    says: "POSIX_FADV_DONTNEED has no effect",
    clauses: &[Clause { all: &[is(3, &[4])], then: Pretend }],
    otherwise: Allow,
};

/// `madvise`, likewise: `MADV_COLD` and `MADV_PAGEOUT` reach the pages of a file.
pub const MADVISE: Check = Check {
    says: "MADV_COLD and MADV_PAGEOUT have no effect",
    clauses: &[Clause { all: &[is(2, &[20, 21])], then: Pretend }],
    otherwise: Allow,
};

/// `preadv2`, likewise: with `RWF_NOWAIT` it tells whether a file is in memory. The answer is that of a
/// file system that cannot.
pub const PREADV: Check = Check {
    says: "not RWF_NOWAIT",
    clauses: &[Clause { all: &[has(5, 8)], then: Refuse(Errno::EOPNOTSUPP) }],
    otherwise: Allow,
};

/// `mmap`: huge pages are few, are the whole machine's, and count against no limit of memory.
pub const MMAP: Check = Check {
    says: "not MAP_HUGETLB",
    clauses: &[Clause {
        all: &[has(3, bits(libc::MAP_HUGETLB))],
        // As where there are none.
        then: Refuse(Errno::ENOMEM),
    }],
    otherwise: Allow,
};

/// `memfd_create`, likewise.
pub const MEMFD_CREATE: Check = Check {
    says: "not MFD_HUGETLB",
    clauses: &[Clause {
        all: &[has(1, libc::MFD_HUGETLB)],
        // As on a kernel before it had the flag.
        then: Refuse(Errno::EINVAL),
    }],
    otherwise: Allow,
};

/// `shmget`, likewise.
pub const SHMGET: Check = Check {
    says: "not SHM_HUGETLB",
    clauses: &[Clause {
        all: &[has(2, bits(libc::SHM_HUGETLB))],
        // As for a user without the right to them.
        then: Refuse(Errno::EPERM),
    }],
    otherwise: Allow,
};

/// `RLIMIT_CORE`, and `RLIMIT_LOCKS`, which is the mark of the build's processes; the same on both
/// architectures.
const STAYS: &[u32] = &[libc::RLIMIT_CORE, libc::RLIMIT_LOCKS];

/// `setrlimit`. The limit of cores is 1, which alone keeps the kernel from starting the program that
/// a core pattern names: it does so with a limit of 0 (`core(5)`). Programs that see to their secrets
/// set 0 and take an error for an alarm, so they are told that it is done: no core is written. By the
/// limit of locks, which the kernel does not use, a build's processes are known.
pub const SETRLIMIT: Check = Check {
    says: "limits other than those of cores and of locks, which stay",
    clauses: &[Clause { all: &[is(0, STAYS)], then: Pretend }],
    otherwise: Allow,
};

const KEPT_ASKED: Clause = Clause { all: &[is(1, STAYS), Test::Null { argument: 2 }], then: Allow };
/// Who wants to know what was before would get nothing to read.
const KEPT_SET: Clause = Clause { all: &[is(1, STAYS), Test::Null { argument: 3 }], then: Pretend };
const KEPT_EXCHANGED: Clause = Clause { all: &[is(1, STAYS)], then: Refuse(Errno::EPERM) };

/// The first argument names the first process, which watches over the build and ends with it.
const OF_THE_FIRST: Clause = Clause { all: &[is(0, &[1])], then: Refuse(Errno::EPERM) };

/// `prlimit64`, the same for a process that it names.
pub const PRLIMIT: Check = Check {
    says: "limits other than those of cores and of locks, which stay, of processes but the first",
    clauses: &[OF_THE_FIRST, KEPT_ASKED, KEPT_SET, KEPT_EXCHANGED],
    otherwise: Allow,
};

/// The first argument names the caller itself. A filter does not know the caller's number, so that
/// only 0 does.
const ITSELF: Test = is(0, &[0]);

/// `prlimit64` where processes of the caller's can be named.
pub const PRLIMIT_OWN: Check = Check {
    says: "limits of the process itself, named 0, other than those of cores and of locks, which stay",
    clauses: &[
        Clause { all: &[ITSELF, is(1, STAYS), Test::Null { argument: 2 }], then: Allow },
        Clause { all: &[ITSELF, is(1, STAYS), Test::Null { argument: 3 }], then: Pretend },
        KEPT_EXCHANGED,
        Clause { all: &[ITSELF], then: Allow },
    ],
    otherwise: Refuse(Errno::EPERM),
};

/// `sched_setaffinity` and its like where processes of the caller's can be named.
pub const SCHEDULE_OWN: Check = Check {
    says: "of the thread itself, named 0",
    clauses: &[Clause { all: &[ITSELF], then: Allow }],
    otherwise: Refuse(Errno::EPERM),
};

/// The second argument names the caller itself, or its group.
const BY_ZERO: Test = is(1, &[0]);

/// `setpriority` there: of a process (0) or of its group (1), never of all that a user has (2).
pub const PRIORITY_OWN: Check = Check {
    says: "of the process itself or its group, named 0",
    clauses: &[Clause { all: &[is(0, &[0, 1]), BY_ZERO], then: Allow }],
    otherwise: Refuse(Errno::EPERM),
};

/// `ioprio_set` there, whose words for the same are 1 and 2.
pub const IOPRIO_OWN: Check = Check {
    says: "of the process itself or its group, named 0",
    clauses: &[Clause { all: &[is(0, &[1, 2]), BY_ZERO], then: Allow }],
    otherwise: Refuse(Errno::EPERM),
};
