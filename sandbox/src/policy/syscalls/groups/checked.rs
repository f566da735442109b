//! What depends on the arguments, or on the policy.
#![forbid(unsafe_code)]

use super::{Group, When};
use crate::policy::syscalls::rules;

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
        name: "modes",
        when: When::Arguments(&rules::MODE_SECOND),
        why: "a set-id file would outlive the sandbox with its owner's rights (CVE-2019-3843)",
        calls: calls! {
            SYS_chmod SYS_fchmod SYS_creat
        },
    },
    Group {
        name: "modes at",
        when: When::Arguments(&rules::MODE_THIRD),
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
        when: When::Arguments(&rules::IOCTL),
        why: "requests that type into terminals or aim signals",
        calls: calls! {
            SYS_ioctl
        },
    },
    Group {
        name: "control",
        when: When::Arguments(&rules::FCNTL),
        why: "locks and flags of descriptors, but no signals to others",
        calls: calls! {
            SYS_fcntl
        },
    },
    Group {
        name: "options",
        when: When::Arguments(&rules::SETSOCKOPT),
        why: "options of sockets, but no second protocol on top",
        calls: calls! {
            SYS_setsockopt
        },
    },
    Group {
        name: "sockets",
        when: When::Socket,
        why: "few families are confined by a network namespace: not AF_VSOCK, not AF_ALG (CVE-2026-31431)",
        calls: calls! {
            SYS_socket SYS_socketpair
        },
    },
    Group {
        name: "tracing",
        when: When::Tracing,
        why: "reads and writes the memory of other processes; a policy may allow it for debuggers",
        calls: calls! {
            SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev
        },
    },
];
