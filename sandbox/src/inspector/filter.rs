//! The system calls of an inspector: what an allocator, a hash and one socket need.
#![forbid(unsafe_code)]

use std::io;

use nix::errno::Errno;

use crate::layers::syscalls::{Filter, apply as install, assemble};
use crate::policy::syscalls::numbers::{self, Call};
use crate::policy::syscalls::rules::{Check, Clause, Test};
use crate::policy::syscalls::{Architecture, Decision, Rule};

/// Nothing that names a path, makes a descriptor, reaches another process or changes what this one
/// is.
pub(super) const ALLOWED: [Call; 27] = [
    // Its socket, and the files that come over it.
    numbers::SYS_read,
    numbers::SYS_pread64,
    numbers::SYS_write,
    numbers::SYS_recvmsg,
    numbers::SYS_lseek,
    numbers::SYS_close,
    numbers::SYS_fstat,
    // Memory; see `CHECKED` for `mmap` and `mprotect`.
    numbers::SYS_brk,
    numbers::SYS_munmap,
    numbers::SYS_mremap,
    numbers::SYS_madvise,
    // Locks of the run-time library, time, and the keys of hash tables.
    numbers::SYS_futex,
    numbers::SYS_clock_gettime,
    numbers::SYS_gettimeofday,
    numbers::SYS_getrandom,
    numbers::SYS_sched_yield,
    numbers::SYS_restart_syscall,
    // What a signal, a defect and the end need.
    numbers::SYS_rt_sigreturn,
    numbers::SYS_rt_sigprocmask,
    numbers::SYS_rt_sigaction,
    numbers::SYS_sigaltstack,
    numbers::SYS_getpid,
    numbers::SYS_gettid,
    numbers::SYS_getppid,
    numbers::SYS_getuid,
    numbers::SYS_exit,
    numbers::SYS_exit_group,
];

/// Memory is never executable: `PROT_EXEC` is in the third argument.
const CHECKED: [Call; 2] = [numbers::SYS_mmap, numbers::SYS_mprotect];
const NO_CODE: Check = Check {
    says: "no memory that can be executed",
    clauses: &[Clause { all: &[Test::AnyBit { argument: 2, bits: 4 }], then: REFUSED }],
    otherwise: Decision::Allow,
};

/// What is decided about every other call.
const REFUSED: Decision = Decision::Refuse(Errno::EPERM);

/// Puts the filter in front of every later call.
///
/// # Errors
/// Those of `seccomp(2)`; ENOSYS on an architecture whose calls are not known.
pub(super) fn apply() -> io::Result<()> {
    let native = Architecture::native().ok_or(io::ErrorKind::Unsupported)?;
    install(&compile(native))
}

fn compile(architecture: Architecture) -> Filter {
    let number = |call: &Call| call.number(architecture);
    let always = ALLOWED.iter().filter_map(number).map(|at| (at, Rule::Always(Decision::Allow)));
    let checked = CHECKED.iter().filter_map(number).map(|at| (at, Rule::Arguments(&NO_CODE)));
    let mut known: Vec<_> = always.chain(checked).collect();
    known.sort_unstable_by_key(|(number, _)| *number);
    let mut runs = vec![];
    let mut next = 0;
    for (number, rule) in known {
        if number > next || runs.is_empty() {
            runs.push((next, Rule::Always(REFUSED)));
        }
        if number == 0 {
            runs.clear();
        }
        runs.push((number, rule));
        next = number + 1;
    }
    runs.push((next, Rule::Always(REFUSED)));
    assemble(&[(architecture.audit(), runs)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::syscalls::interpreter;
    use crate::policy::syscalls::{Syscalls, Table};

    #[test]
    fn a_few_dozen_calls_are_allowed_and_every_other_one_is_refused() {
        for architecture in Architecture::ALL {
            let filter = compile(architecture);
            let decide = |number: u32, arguments: [u64; 6]| {
                interpreter::run(&filter.program, number, architecture.audit(), &arguments).unwrap()
            };
            let table = Table::of(Syscalls::default(), architecture);
            for entry in &table.entries {
                let known = ALLOWED.contains(&entry.call) || CHECKED.contains(&entry.call);
                let expected = if known { Decision::Allow } else { REFUSED };
                assert_eq!(decide(entry.number, [0; 6]), expected, "{}", entry.call.name);
            }
            assert_eq!(decide(5000, [0; 6]), REFUSED);
            for call in CHECKED.iter().filter_map(|call| call.number(architecture)) {
                assert_eq!(decide(call, [0, 0, 5, 0, 0, 0]), REFUSED);
                assert_eq!(decide(call, [0, 0, 3, 0, 0, 0]), Decision::Allow);
            }
        }
    }
}
