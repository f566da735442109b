use nix::errno::Errno;
use proptest::prelude::*;

use super::*;
use crate::policy::syscalls::{Choice, rules};

mod objects;

const EPERM: Decision = Decision::Refuse(Errno::EPERM);
const ENOSYS: Decision = Decision::Refuse(Errno::ENOSYS);
const SHUT: Syscalls = Syscalls::NOTHING;
const OPEN: Syscalls = Syscalls::EVERYTHING;

/// What the compiled filter decides, after it has agreed with the table.
fn decision(
    policy: Syscalls,
    architecture: Architecture,
    name: &str,
    arguments: &[u64],
) -> Decision {
    let table = Table::of(policy, architecture);
    let number = table.named(name).map_or(u32::MAX, |entry| entry.number);
    let mut six = [0; 6];
    six[..arguments.len()].copy_from_slice(arguments);
    let compiled = interpreter::run(&compile(&table).program, number, architecture.audit(), &six);
    assert_eq!(compiled, Ok(table.decide(number, &six)), "{name} {six:x?}");
    compiled.unwrap()
}

fn on_both(name: &str, arguments: &[u64]) -> Decision {
    let [one, other] = Architecture::ALL
        .map(|architecture| decision(Syscalls::default(), architecture, name, arguments));
    assert_eq!(one, other, "{name}");
    one
}

fn architectures() -> impl Strategy<Value = Architecture> {
    prop_oneof![Just(Architecture::X86_64), Just(Architecture::Aarch64)]
}

/// Arguments near what the rules compare with, as well as any others.
fn argument() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..300_u64,
        (0..64_u32).prop_map(|bit| 1 << bit),
        prop::sample::select(vec![0x5412, 0x541c, 0x8901, 0o6755, 0o100, 0o20_200_000, 0o060_644]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_and_the_table_agree_on_every_number(
        architecture in architectures(),
        choices in prop::array::uniform9(any::<bool>()),
        arguments in prop::collection::vec(prop::array::uniform6(argument()), 8),
    ) {
        let made = Choice::ALL.into_iter().zip(choices);
        let policy = made.fold(SHUT, |policy, (choice, made)| policy.set(choice, made));
        let table = Table::of(policy, architecture);
        let program = compile(&table).program;
        let odd = [0x4000_0000, 0x4000_0001, 0x4000_0209, 0x8000_0000, u32::MAX];
        for number in (0..=600).chain(odd) {
            for arguments in &arguments {
                prop_assert_eq!(
                    interpreter::run(&program, number, architecture.audit(), arguments),
                    Ok(table.decide(number, arguments)),
                    "{} {:x?}", number, arguments
                );
            }
        }
    }

    #[test]
    fn the_upper_halves_of_the_arguments_change_nothing(
        architecture in architectures(),
        arguments in prop::array::uniform6(argument()),
        upper in prop::array::uniform6(any::<u32>()),
    ) {
        let filter = resolve(Syscalls::default(), architecture);
        let mut high = arguments;
        for (argument, upper) in high.iter_mut().zip(upper) {
            *argument ^= u64::from(upper) << 32;
        }
        // A pointer is null by both halves: see `the_limit_of_cores_stays_whatever_is_asked_for`.
        let pointers = Table::of(Syscalls::default(), architecture).named("prlimit64").unwrap().number;
        for number in (0..=600).filter(|number| *number != pointers) {
            let run = |arguments| {
                interpreter::run(&filter.program, number, architecture.audit(), arguments)
            };
            prop_assert_eq!(run(&arguments), run(&high), "{}", number);
        }
    }

    #[test]
    fn a_call_through_a_foreign_entry_ends_the_process(number: u32, foreign: u32) {
        for architecture in Architecture::ALL {
            prop_assume!(foreign != architecture.audit());
            let filter = resolve(OPEN, architecture);
            for foreign in [foreign, 0x4000_0003, 0x4000_0028] {
                prop_assert_eq!(
                    interpreter::run(&filter.program, number, foreign, &[0; 6]),
                    Ok(Decision::Kill)
                );
            }
        }
    }
}

#[test]
fn the_kernel_would_accept_the_program() {
    for architecture in Architecture::ALL {
        for policy in [SHUT, Syscalls::default(), OPEN] {
            let program = resolve(policy, architecture).program;
            assert!(program.len() < 700, "{} instructions", program.len());
            for (at, instruction) in program.iter().enumerate() {
                let furthest = usize::from(instruction.jt.max(instruction.jf));
                assert!(at + 1 + furthest < program.len() || furthest == 0);
            }
        }
    }
}

#[test]
fn every_number_is_decided_within_a_few_comparisons() {
    let program = resolve(Syscalls::default(), Architecture::X86_64).program;
    let constant = |instruction: &&Instruction| instruction.code == AT_LEAST;
    let ranges = program.iter().filter(constant).count() + 1;
    assert!(ranges < 256, "{ranges} ranges: the tree is deeper than eight");
}

#[test]
fn the_numbers_of_x32_do_not_exist() {
    let filter = resolve(Syscalls::default(), Architecture::X86_64);
    for number in 0x4000_0000..0x4000_0300 {
        let audit = Architecture::X86_64.audit();
        assert_eq!(interpreter::run(&filter.program, number, audit, &[0; 6]), Ok(ENOSYS));
    }
}

#[test]
fn what_ordinary_builds_call_is_allowed() {
    let ordinary = "read write openat close fstat newfstatat statx mmap mprotect munmap mremap brk \
        madvise rseq membarrier futex futex_waitv set_robust_list sched_getaffinity execve wait4 \
        exit_group memfd_create copy_file_range signalfd4 timerfd_create eventfd2 \
        epoll_pwait2 faccessat2 getrandom prlimit64 flock setxattr shmget semop msgsnd mq_open \
        landlock_restrict_self seccomp prctl kill tgkill pidfd_send_signal pidfd_open personality \
        close_range renameat2 linkat symlinkat mkdirat unlinkat utimensat fchownat pipe2 dup3 \
        sched_setaffinity clock_nanosleep fcntl clone sendmsg bind umask mseal \
        get_mempolicy mbind setsockopt mknodat fchmodat";
    assert_eq!(on_both("ioctl", &[1, 0x5413]), Decision::Allow, "TIOCGWINSZ");
    for name in ordinary.split_whitespace() {
        assert_eq!(on_both(name, &[]), Decision::Allow, "{name}");
    }
}

#[test]
fn what_no_build_needs_is_refused() {
    let refused = "mount umount2 pivot_root chroot move_mount open_tree fsopen fsconfig fsmount \
        fspick mount_setattr setns bpf perf_event_open io_uring_setup io_uring_enter \
        io_uring_register userfaultfd keyctl add_key request_key open_by_handle_at \
        process_vm_readv process_vm_writev pidfd_getfd kcmp ptrace vmsplice init_module \
        finit_module delete_module kexec_load kexec_file_load quotactl_fd open_tree_attr";
    for name in refused.split_whitespace() {
        assert_eq!(on_both(name, &[]), EPERM, "{name}");
    }
}

#[test]
fn flags_behind_a_pointer_mean_that_the_call_does_not_exist() {
    for name in ["clone3", "openat2", "statmount", "listmount", "a call of the future"] {
        assert_eq!(on_both(name, &[]), ENOSYS, "{name}");
    }
}

#[test]
fn no_call_of_the_chmod_family_sets_an_id() {
    for set_id in [0o4755, 0o2755, 0o6000, 0o4755 | 1 << 40] {
        for (name, at) in [("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2), ("mknodat", 2)] {
            let mut arguments = [0; 6];
            arguments[at] = set_id;
            assert_eq!(on_both(name, &arguments), EPERM, "{name} {set_id:o}");
            arguments[at] = 0o1777;
            assert_eq!(on_both(name, &arguments), Decision::Allow, "{name}");
        }
        for name in ["chmod", "creat", "mknod"] {
            let x86 = |mode| decision(SHUT, Architecture::X86_64, name, &[0, mode]);
            assert_eq!(x86(set_id), EPERM, "{name}");
            assert_eq!(x86(0o777), Decision::Allow, "{name}");
        }
    }
}

#[test]
fn the_mode_of_open_counts_only_where_a_file_may_be_made() {
    let openat = |flags, mode| on_both("openat", &[0, 0, flags, mode]);
    let open = |flags, mode| decision(SHUT, Architecture::X86_64, "open", &[0, flags, mode]);
    for (flags, decision) in [
        (0, Decision::Allow),
        (0o200_000, Decision::Allow), // O_DIRECTORY alone
        (0o101, EPERM),               // O_CREAT | O_WRONLY
        (0o20_200_002, EPERM),        // O_TMPFILE | O_RDWR
        (0o101 | 1 << 33, EPERM),
    ] {
        assert_eq!(openat(flags, 0o4755), decision, "{flags:o}");
        assert_eq!(open(flags, 0o4755), decision, "{flags:o}");
        assert_eq!(openat(flags, 0o755), Decision::Allow, "{flags:o}");
    }
}

#[test]
fn fifos_are_ordinary_and_devices_are_not() {
    for (kind, decision) in
        [(0o010_000, Decision::Allow), (0o100_000, Decision::Allow), (0o140_000, Decision::Allow)]
            .into_iter()
            .chain([(0o020_000, EPERM), (0o060_000, EPERM)])
    {
        assert_eq!(on_both("mknodat", &[0, 0, kind | 0o644]), decision, "{kind:o}");
    }
}

#[test]
fn clone_makes_threads_and_no_namespace() {
    let threads = 0x003d_0f00;
    assert_eq!(on_both("clone", &[threads]), Decision::Allow);
    assert_eq!(on_both("clone", &[0x4111]), Decision::Allow, "vfork");
    for bit in [17, 25, 26, 27, 28, 29, 30] {
        assert_eq!(on_both("clone", &[1 << bit | 0x11]), EPERM, "{bit}");
        assert_eq!(on_both("unshare", &[1 << bit]), EPERM, "{bit}");
    }
    assert_eq!(on_both("unshare", &[0x80]), EPERM, "CLONE_NEWTIME");
    assert_eq!(on_both("unshare", &[0x600]), Decision::Allow, "CLONE_FS | CLONE_FILES");
}

#[test]
fn no_request_types_into_a_terminal_or_aims_a_signal() {
    for request in [0x5412, 0x541c, 0x5423, 0x8901, 0x8902, 0x5412 | 1 << 32, 0xdead << 48 | 0x541c]
    {
        assert_eq!(on_both("ioctl", &[0, request, 0]), EPERM, "{request:x}");
    }
    assert_eq!(on_both("ioctl", &[0, 0x5401, 0]), Decision::Allow, "TCGETS");
}

#[test]
fn no_file_system_or_device_does_more_than_builds_ask_of_it() {
    const UNKNOWN: Decision = Decision::Refuse(Errno::ENOTTY);
    // Every number of every type, as each direction with each size would have it: whether a file
    // system of tomorrow knows it or not.
    let sizes = [0_u64, 1, 4, 8, 16, 24, 28, 32, 40, 64, 80, 128, 176, 4096];
    let mut allowed = Vec::new();
    for (kind, number) in (0..=0xff).flat_map(|kind| (0..=0xff).map(move |it| (kind, it))) {
        for request in
            (0..4_u64).flat_map(|way| sizes.map(|size| way << 30 | size << 16 | kind << 8 | number))
        {
            // What is compiled agrees with the rule: see `the_tree_and_the_table_agree_…` above.
            let asked = rules::IOCTL.decide(&[3, request, 0, 0, 0, 0]);
            if asked != UNKNOWN && !matches!(kind, 0x54 | 0x89) {
                allowed.push(request);
            }
        }
    }
    let files = [
        0x2,
        0x8004_5200,
        0x8004_6601,
        0x8008_6601,
        0x4004_6602,
        0x4008_6602,
        0xc020_660b,
        0x801c_581f,
        0x401c_5820,
        0x8008_7601,
        0x4004_9409,
        0x4020_940d,
    ];
    allowed.sort_unstable();
    let mut files = files.to_vec();
    files.sort_unstable();
    assert_eq!(allowed, files);
    for (request, name) in [
        (0x5000_940e_u64, "BTRFS_IOC_SUBVOL_CREATE"),
        (0x5000_9401, "BTRFS_IOC_SNAP_CREATE"),
        (0xc050_6617, "FS_IOC_ADD_ENCRYPTION_KEY"),
        (0x800c_6613, "FS_IOC_SET_ENCRYPTION_POLICY"),
        (0x4080_6685, "FS_IOC_ENABLE_VERITY"),
        (0xc018_9436, "FIDEDUPERANGE"),
        (0xc004_5877, "FIFREEZE"),
    ] {
        for choices in [SHUT, Syscalls::default(), OPEN] {
            let asked = decision(choices, Architecture::X86_64, "ioctl", &[3, request]);
            assert_eq!(asked, UNKNOWN, "{name}");
        }
    }
}

#[test]
fn nothing_is_taken_from_the_store_of_filters_that_is_the_whole_machines() {
    const NONE: Decision = Decision::Refuse(Errno::ENOPROTOOPT);
    for option in [26, 50, 51, 52] {
        assert_eq!(on_both("setsockopt", &[3, 1, option]), NONE, "{option}");
        assert_eq!(on_both("setsockopt", &[3, 1 | 7 << 32, option | 1 << 40]), NONE, "{option}");
    }
    for option in [2, 4, 7, 8, 9, 13, 20, 21] {
        assert_eq!(on_both("setsockopt", &[3, 1, option]), Decision::Allow, "{option}");
    }
    assert_eq!(on_both("setsockopt", &[3, 41, 26]), Decision::Allow, "IPV6_V6ONLY");
    let none = Decision::Refuse(Errno::EINVAL);
    assert_eq!((on_both("seccomp", &[1, 0]), on_both("prctl", &[22, 2])), (none, none));
    let allowed = (Decision::Allow, Decision::Allow);
    assert_eq!((on_both("seccomp", &[2, 0]), on_both("prctl", &[38, 1])), allowed);
    let made = Syscalls::default().set(Choice::Filters, true);
    let with = |name, arguments: &[u64]| decision(made, Architecture::X86_64, name, arguments);
    assert_eq!((with("seccomp", &[1, 0]), with("prctl", &[22, 2])), allowed);
}

#[test]
fn sockets_are_local_or_internet_and_nothing_else() {
    const FAMILY: Decision = Decision::Refuse(Errno::EAFNOSUPPORT);
    const PROTOCOL: Decision = Decision::Refuse(Errno::EPROTONOSUPPORT);
    let cloexec = 0o2_000_000;
    for (family, kind, protocol, decision) in [
        (1, 1 | cloexec, 0, Decision::Allow),
        (1, 5, 0, Decision::Allow),
        (2, 1, 0, Decision::Allow),
        (2, 1 | cloexec, 6, Decision::Allow),
        (10, 2, 17, Decision::Allow),
        (10, 2, 58, Decision::Allow),
        (16, 3, 0, FAMILY),       // NETLINK_ROUTE
        (16, 3, 15, FAMILY),      // NETLINK_KOBJECT_UEVENT
        (2, 1, 262, PROTOCOL),    // MPTCP
        (2, 1, 132, PROTOCOL),    // SCTP
        (10, 5, 0, PROTOCOL),     // SCTP by its type
        (2, 10, 0x300, PROTOCOL), // SOCK_PACKET
        (2, 1, 0x106 | 1 << 32, PROTOCOL),
        (38, 5, 0, FAMILY), // ALG
        (40, 1, 0, FAMILY), // VSOCK
        (17, 3, 0, FAMILY), // PACKET
        (44, 3, 0, FAMILY), // XDP
        (0, 0, 0, FAMILY),
        (0x26 | 1 << 32, 5, 0, FAMILY),
    ] {
        for name in ["socket", "socketpair"] {
            assert_eq!(on_both(name, &[family, kind, protocol]), decision, "{family} {protocol}");
            let shut = Architecture::ALL
                .map(|architecture| decision_of(architecture, name, &[family, kind, protocol]));
            let local = if family == 1 { Decision::Allow } else { FAMILY };
            assert_eq!(shut, [local; 2], "{family}");
        }
    }
}

#[test]
fn interfaces_are_told_where_a_policy_says_so() {
    let made = Syscalls::default().set(Choice::Interfaces, true);
    let asked = |protocol| decision(made, Architecture::X86_64, "socket", &[16, 3, protocol]);
    let other = Decision::Refuse(Errno::EPROTONOSUPPORT);
    assert_eq!((asked(0), asked(15)), (Decision::Allow, other));
    assert_eq!(decision(made, Architecture::X86_64, "socket", &[2, 1, 0]), Decision::Allow);
}

fn decision_of(architecture: Architecture, name: &str, arguments: &[u64]) -> Decision {
    decision(SHUT, architecture, name, arguments)
}
