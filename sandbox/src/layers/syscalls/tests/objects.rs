//! What the filter says about objects that a build would share with others.
#![forbid(unsafe_code)]

use super::*;
use crate::policy::syscalls::Choice;

const EINVAL: Decision = Decision::Refuse(Errno::EINVAL);
const POINTER: u64 = 0x7fff_0000_1000;

fn with(choice: Choice, made: bool, name: &str, arguments: &[u64]) -> Decision {
    let policy = Syscalls::default().set(choice, made);
    let [one, other] =
        Architecture::ALL.map(|architecture| decision(policy, architecture, name, arguments));
    assert_eq!(one, other, "{name}");
    one
}

#[test]
fn of_all_commands_of_fcntl_those_alone_pass_that_are_about_the_descriptor() {
    let own = "F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW 8 F_GETOWN F_SETSIG \
        F_GETSIG 12 13 14 15 F_GETOWN_EX F_GETOWNER_UIDS";
    let own: Vec<_> = own.split_whitespace().enumerate().collect();
    let own = own.iter().filter(|(_, name)| name.starts_with("F_")).map(|(number, _)| *number);
    let more = [36, 37, 38, 1025, 1027, 1028, 1030, 1031, 1032, 1033, 1034, 1035, 1037];
    let allowed: Vec<usize> = own.chain(more).collect();
    // F_SETOWN, F_SETOWN_EX, F_SETLEASE, F_NOTIFY, F_SET_RW_HINT, F_SET_FILE_RW_HINT, F_SETDELEG
    let refused = [8, 15, 1024, 1026, 1036, 1038, 1040];
    for command in (0..5000).chain([usize::MAX, 1 << 31, 0xffff_ffff]) {
        let decision = match command {
            known if allowed.contains(&known) => Decision::Allow,
            known if refused.contains(&known) => EPERM,
            _ => EINVAL,
        };
        assert_eq!(on_both("fcntl", &[3, command as u64, 0]), decision, "{command}");
        let high = command as u64 | 1 << 40;
        assert_eq!(on_both("fcntl", &[3, high, 0]), decision, "{command} with a high bit");
    }
}

#[test]
fn the_limit_of_cores_stays_whatever_is_asked_for_and_every_other_is_set() {
    for resource in 0..16 {
        let core = matches!(resource, 4 | 10); // the other is the mark of a build's processes
        let set = if core { Decision::Pretend } else { Decision::Allow };
        let exchanged = if core { EPERM } else { Decision::Allow };
        for high in [0, 1 << 32, 1 << 63] {
            let resource = resource | high;
            assert_eq!(on_both("setrlimit", &[resource, POINTER]), set, "{resource:x}");
            for pid in [0, 77] {
                let prlimit = |new, old| on_both("prlimit64", &[pid, resource, new, old]);
                assert_eq!(prlimit(0, POINTER), Decision::Allow, "{resource:x} is only asked");
                assert_eq!(prlimit(POINTER, 0), set, "{resource:x}");
                assert_eq!(prlimit(POINTER, POINTER), exchanged, "{resource:x}");
                // Half of a pointer that is null does not make it so.
                assert_eq!(prlimit(1 << 32, 0), set, "{resource:x}");
                assert_eq!(prlimit(1 << 32, 1 << 32), exchanged, "{resource:x}");
            }
        }
    }
}

#[test]
fn huge_pages_are_not_given_by_any_of_the_calls() {
    let huge = [(0, Decision::Allow), (0x0004_0000, Decision::Refuse(Errno::ENOMEM))];
    for (flag, decision) in huge {
        // MAP_PRIVATE | MAP_ANONYMOUS, and a size of pages in the upper bits
        assert_eq!(on_both("mmap", &[0, 4096, 3, 0x22 | flag]), decision);
        assert_eq!(on_both("mmap", &[0, 4096, 3, 0x22 | flag | 21 << 26]), decision);
    }
    assert_eq!(on_both("memfd_create", &[POINTER, 0x3]), Decision::Allow);
    assert_eq!(on_both("memfd_create", &[POINTER, 0x4]), EINVAL);
    assert_eq!(on_both("memfd_create", &[POINTER, 0x4 | 21 << 26]), EINVAL);
    assert_eq!(on_both("shmget", &[0, 4096, 0o1666]), Decision::Allow);
    assert_eq!(on_both("shmget", &[0, 4096, 0o5666]), EPERM);
    assert_eq!(with(Choice::SharedObjects, false, "shmget", &[0, 4096, 0o666]), EPERM);
}

#[test]
fn contexts_for_asynchronous_input_do_not_exist() {
    for name in "io_setup io_submit io_getevents io_pgetevents io_cancel io_destroy".split(' ') {
        assert_eq!(on_both(name, &[]), ENOSYS, "{name}");
    }
}

/// A call, its arguments for the process itself, and those for others.
type Setting = (&'static str, &'static [u64], &'static [&'static [u64]]);

#[test]
fn where_the_caller_can_be_named_only_the_process_itself_is_set() {
    let calls: &[Setting] = &[
        ("prlimit64", &[0, 7, POINTER, POINTER], &[&[77, 7, POINTER, 0], &[77, 7, 0, POINTER]]),
        ("sched_setaffinity", &[0, 8, POINTER], &[&[77, 8, POINTER]]),
        ("sched_setscheduler", &[0, 0, POINTER], &[&[77, 0, POINTER]]),
        ("sched_setparam", &[0, POINTER], &[&[77, POINTER]]),
        ("sched_setattr", &[0, POINTER, 0], &[&[77, POINTER, 0]]),
        // of a process, of a group, and of a user, who may be the caller
        ("setpriority", &[0, 0, 9], &[&[0, 77, 9], &[1, 77, 9], &[2, 0, 9], &[2, 1000, 9]]),
        ("setpriority", &[1, 0, 9], &[&[3, 0, 9]]),
        ("ioprio_set", &[1, 0, 0], &[&[1, 77, 0], &[2, 77, 0], &[3, 0, 0], &[3, 1000, 0]]),
        ("ioprio_set", &[2, 0, 0], &[&[0, 0, 0]]),
    ];
    for (name, own, others) in calls {
        assert_eq!(with(Choice::Others, false, name, own), Decision::Allow, "{name} {own:?}");
        for other in *others {
            assert_eq!(with(Choice::Others, false, name, other), EPERM, "{name} {other:?}");
            assert_eq!(with(Choice::Others, true, name, other), Decision::Allow, "{name}");
        }
    }
    let cores = |new, old| with(Choice::Others, false, "prlimit64", &[0, 4, new, old]);
    assert_eq!(cores(0, POINTER), Decision::Allow);
    assert_eq!((cores(POINTER, 0), cores(POINTER, POINTER)), (Decision::Pretend, EPERM));
}

#[test]
fn a_build_does_not_learn_which_files_others_read() {
    for advice in 0..8 {
        let dropped = if advice == 4 { Decision::Pretend } else { Decision::Allow };
        assert_eq!(on_both("fadvise64", &[3, 0, 0, advice]), dropped, "{advice}");
        assert_eq!(on_both("fadvise64", &[3, 0, 0, advice | 1 << 35]), dropped, "{advice}");
    }
    for advice in 0..26 {
        let pretended =
            if [20, 21].contains(&advice) { Decision::Pretend } else { Decision::Allow };
        assert_eq!(on_both("madvise", &[POINTER, 4096, advice]), pretended, "{advice}");
        assert_eq!(on_both("madvise", &[POINTER, 4096, advice | 1 << 35]), pretended, "{advice}");
    }
    for name in ["mincore", "cachestat", "process_madvise"] {
        assert_eq!(on_both(name, &[POINTER, 4096]), Decision::Refuse(Errno::ENOSYS), "{name}");
    }
    let none = Decision::Refuse(Errno::EOPNOTSUPP);
    for flags in [8, 9, 0x18, 8 | 1 << 32] {
        assert_eq!(on_both("preadv2", &[3, POINTER, 1, 0, 0, flags]), none, "{flags:x}");
    }
    assert_eq!(on_both("preadv2", &[3, POINTER, 1, 0, 0, 1 | 8 << 32]), Decision::Allow);
}

#[test]
fn the_first_process_keeps_its_limits() {
    for choice in [true, false] {
        for resource in 0..16 {
            let of_it = with(Choice::Others, choice, "prlimit64", &[1, resource, POINTER, 0]);
            assert_eq!(of_it, EPERM, "{resource}");
        }
    }
}

#[test]
fn watches_and_attributes_are_left_out_as_if_the_host_had_none() {
    let watches = "inotify_init1 inotify_add_watch inotify_rm_watch";
    let attributes = "setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr \
        removexattrat file_setattr getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr \
        flistxattr listxattrat";
    for (choice, names, answer) in [
        (Choice::Watches, watches, Errno::ENOSYS),
        (Choice::Attributes, attributes, Errno::EOPNOTSUPP),
    ] {
        for name in names.split_whitespace() {
            assert_eq!(with(choice, true, name, &[]), Decision::Allow, "{name}");
            assert_eq!(with(choice, false, name, &[]), Decision::Refuse(answer), "{name}");
        }
    }
    for request in [0x4008_6602, 0x401c_5820] {
        let flags = |made| with(Choice::Attributes, made, "ioctl", &[3, request, POINTER]);
        assert_eq!(flags(true), Decision::Allow);
        assert_eq!(flags(false), Decision::Refuse(Errno::EOPNOTSUPP));
    }
    assert_eq!(with(Choice::Attributes, false, "ioctl", &[3, 0x5412, POINTER]), EPERM);
}

#[test]
fn where_no_file_outlives_the_build_a_directory_may_hand_on_its_group() {
    for (name, at) in [("fchmod", 1), ("fchmodat", 2), ("fchmodat2", 2)] {
        let mode = |made, mode| {
            let mut arguments = [0; 3];
            arguments[at] = mode;
            with(Choice::SetGroupId, made, name, &arguments)
        };
        assert_eq!((mode(true, 0o2755), mode(false, 0o2755)), (Decision::Allow, EPERM), "{name}");
        assert_eq!((mode(true, 0o4755), mode(true, 0o6755)), (EPERM, EPERM), "{name}");
    }
    for (name, arguments) in [("openat", [0, 0, 0o101, 0o2755]), ("mknodat", [0, 0, 0o102_755, 0])]
    {
        assert_eq!(with(Choice::SetGroupId, true, name, &arguments), EPERM, "{name}: a file");
    }
}
