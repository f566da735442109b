//! What depends on the arguments, or on the policy.
#![forbid(unsafe_code)]

use nix::errno::Errno;

use super::{Group, When};
use crate::policy::syscalls::Choice;
use crate::policy::syscalls::Decision::{Allow, Refuse};
use crate::policy::syscalls::Rule::{self, Always, Arguments};
use crate::policy::syscalls::rules::{self, objects};

const REFUSED: Rule = Always(Refuse(Errno::EPERM));

pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "opening",
        when: When::Arguments(&rules::OPEN),
        why: "a file can be made with a set-id mode at once (CVE-2019-3843)",
        calls: calls! {
            SYS_open
        },
    },
    Group {
        name: "opening at",
        when: When::Arguments(&rules::OPENAT),
        why: "a file can be made with a set-id mode at once (CVE-2019-3843)",
        calls: calls! {
            SYS_openat
        },
    },
    Group {
        name: "creating",
        when: When::Arguments(&rules::MODE_SECOND),
        why: "a set-id file would outlive the sandbox with its owner's rights (CVE-2019-3843)",
        calls: calls! {
            SYS_creat
        },
    },
    Group {
        name: "modes",
        when: When::Chosen(
            Choice::SetGroupId,
            Arguments(&rules::PASSING_MODE_SECOND),
            Arguments(&rules::MODE_SECOND),
        ),
        why: "a set-id file would outlive the sandbox with its owner's rights (CVE-2019-3843)",
        calls: calls! {
            SYS_chmod SYS_fchmod
        },
    },
    Group {
        name: "modes at",
        when: When::Chosen(
            Choice::SetGroupId,
            Arguments(&rules::PASSING_MODE_THIRD),
            Arguments(&rules::MODE_THIRD),
        ),
        why: "a set-id file would outlive the sandbox; `fchmodat2` does it too",
        calls: calls! {
            SYS_fchmodat SYS_fchmodat2
        },
    },
    Group {
        name: "nodes",
        when: When::Arguments(&rules::MKNOD),
        why: "FIFOs are ordinary, devices and set-id modes are not",
        calls: calls! {
            SYS_mknod
        },
    },
    Group {
        name: "nodes at",
        when: When::Arguments(&rules::MKNODAT),
        why: "FIFOs are ordinary, devices and set-id modes are not",
        calls: calls! {
            SYS_mknodat
        },
    },
    Group {
        name: "clone",
        when: When::Arguments(&rules::CLONE),
        why: "threads and processes, but no namespace: inside one every capability comes back",
        calls: calls! {
            SYS_clone
        },
    },
    Group {
        name: "unshare",
        when: When::Arguments(&rules::UNSHARE),
        why: "no namespace: inside one every capability comes back",
        calls: calls! {
            SYS_unshare
        },
    },
    Group {
        name: "devices",
        when: When::Chosen(
            Choice::Attributes,
            Arguments(&rules::IOCTL),
            Arguments(&rules::IOCTL_NO_FLAGS),
        ),
        why: "what builds ask of terminals, sockets and files; all else makes keys, snapshots and signals",
        calls: calls! {
            SYS_ioctl
        },
    },
    Group {
        name: "control",
        when: When::Arguments(&objects::FCNTL),
        why: "locks and flags of descriptors, but no signals to others, and nothing that others wait for",
        calls: calls! {
            SYS_fcntl
        },
    },
    Group {
        name: "options",
        when: When::Arguments(&rules::SETSOCKOPT),
        why: "options of sockets, but no second protocol on top, and nothing from a store that all share",
        calls: calls! {
            SYS_setsockopt
        },
    },
    Group {
        name: "sockets",
        when: When::First(
            &[
                (Choice::Interfaces, Arguments(&rules::ROUTE_SOCKET)),
                (Choice::Internet, Arguments(&rules::SOCKET)),
            ],
            Arguments(&rules::LOCAL_SOCKET),
        ),
        why: "few families are confined by a network namespace (not AF_VSOCK, not AF_ALG, \
              CVE-2026-31431), and what waits in AF_NETLINK is memory that no limit counts",
        calls: calls! {
            SYS_socket SYS_socketpair
        },
    },
    Group {
        name: "own filters",
        when: When::Chosen(Choice::Filters, Always(Allow), Arguments(&rules::SECCOMP)),
        why: "filters take from a store that is the whole machine's, and may write its log",
        calls: calls! {
            SYS_seccomp
        },
    },
    Group {
        name: "settings of a process",
        when: When::Chosen(Choice::Filters, Always(Allow), Arguments(&rules::PRCTL)),
        why: "a process changes what is its own; a filter may be set this way too",
        calls: calls! {
            SYS_prctl
        },
    },
    Group {
        name: "tracing",
        when: When::Chosen(Choice::Tracing, Always(Allow), REFUSED),
        why: "reads and writes the memory of other processes; a policy may allow it for debuggers",
        calls: calls! {
            SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev
        },
    },
    Group {
        name: "ipc",
        when: When::Chosen(Choice::SharedObjects, Always(Allow), REFUSED),
        why: "System V objects and message queues: harmless in an ipc namespace, else everybody's",
        calls: calls! {
            SYS_shmat SYS_shmctl SYS_shmdt SYS_semget SYS_semop SYS_semctl SYS_semtimedop
            SYS_msgget SYS_msgsnd SYS_msgrcv SYS_msgctl SYS_mq_open SYS_mq_unlink
            SYS_mq_timedsend SYS_mq_timedreceive SYS_mq_notify SYS_mq_getsetattr
        },
    },
    Group {
        name: "shared memory",
        when: When::Chosen(Choice::SharedObjects, Arguments(&objects::SHMGET), REFUSED),
        why: "as the others, but no huge pages, which are the whole machine's",
        calls: calls! {
            SYS_shmget
        },
    },
    Group {
        name: "mappings",
        when: When::Arguments(&objects::MMAP),
        why: "a process maps memory, but no huge pages, which are the whole machine's",
        calls: calls! {
            SYS_mmap
        },
    },
    Group {
        name: "files in memory",
        when: When::Arguments(&objects::MEMFD_CREATE),
        why: "files without a name, but not of huge pages, which are the whole machine's",
        calls: calls! {
            SYS_memfd_create
        },
    },
    Group {
        name: "advice about files",
        when: When::Arguments(&objects::FADVISE),
        why: "how a file will be read; who drops it and looks again learns who has read it in between",
        calls: calls! {
            SYS_fadvise64
        },
    },
    Group {
        name: "advice about memory",
        when: When::Arguments(&objects::MADVISE),
        why: "how memory will be used; pages of a file that are dropped are dropped for everybody",
        calls: calls! {
            SYS_madvise
        },
    },
    Group {
        name: "reading with flags",
        when: When::Arguments(&objects::PREADV),
        why: "a file is read; whether others have read it before is not told",
        calls: calls! {
            SYS_preadv2
        },
    },
    Group {
        name: "watches",
        when: When::Chosen(Choice::Watches, Always(Allow), Always(Refuse(Errno::ENOSYS))),
        why: "word of what happens to files, where they are the build's own; programs fall back to looking again",
        calls: calls! {
            SYS_inotify_init SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch
        },
    },
    Group {
        name: "attributes",
        when: When::Chosen(Choice::Attributes, Always(Allow), Always(Refuse(Errno::EOPNOTSUPP))),
        why: "extended attributes and flags of files; those that carry privilege need a capability",
        calls: calls! {
            SYS_setxattr SYS_lsetxattr SYS_fsetxattr SYS_setxattrat SYS_removexattr
            SYS_lremovexattr SYS_fremovexattr SYS_removexattrat SYS_file_setattr
        },
    },
    Group {
        name: "attributes read",
        when: When::Chosen(Choice::Attributes, Always(Allow), Always(Refuse(Errno::EOPNOTSUPP))),
        why: "extended attributes are read like the content of a file, but Landlock does not know them",
        calls: calls! {
            SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_getxattrat SYS_listxattr SYS_llistxattr
            SYS_flistxattr SYS_listxattrat
        },
    },
    Group {
        name: "limits",
        when: When::Arguments(&objects::SETRLIMIT),
        why: "a process lowers its limits; with another limit of cores the kernel would start a program outside",
        calls: calls! {
            SYS_setrlimit
        },
    },
    Group {
        name: "limits by number",
        when: When::Chosen(
            Choice::Others,
            Arguments(&objects::PRLIMIT),
            Arguments(&objects::PRLIMIT_OWN),
        ),
        why: "as `setrlimit`, and of other processes where those are the build's own",
        calls: calls! {
            SYS_prlimit64
        },
    },
    Group {
        name: "scheduling",
        when: When::Chosen(Choice::Others, Always(Allow), Arguments(&objects::SCHEDULE_OWN)),
        why: "how processes share the processors, others where those are the build's own",
        calls: calls! {
            SYS_sched_setparam SYS_sched_setscheduler SYS_sched_setaffinity SYS_sched_setattr
        },
    },
    Group {
        name: "priorities",
        when: When::Chosen(Choice::Others, Always(Allow), Arguments(&objects::PRIORITY_OWN)),
        why: "how processes share the processors, others where those are the build's own",
        calls: calls! {
            SYS_setpriority
        },
    },
    Group {
        name: "priorities of input",
        when: When::Chosen(Choice::Others, Always(Allow), Arguments(&objects::IOPRIO_OWN)),
        why: "how processes share the disks, others where those are the build's own",
        calls: calls! {
            SYS_ioprio_set
        },
    },
];
