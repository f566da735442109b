//! What no payload may call: EPERM for what is known and refused, ENOSYS where programs fall back.
#![forbid(unsafe_code)]

use nix::errno::Errno;

use super::{Group, When};
use crate::policy::syscalls::Decision::Refuse;

pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "unreadable",
        when: When::Always(Refuse(Errno::ENOSYS)),
        why: "flags or modes lie behind a pointer, where no filter can read them: libraries fall back to `clone` and `openat`",
        calls: calls! {
            SYS_clone3 SYS_openat2
        },
    },
    Group {
        name: "asynchronous input",
        when: When::Always(Refuse(Errno::ENOSYS)),
        why: "contexts come out of one small store of the whole machine; programs use threads instead",
        calls: calls! {
            SYS_io_setup SYS_io_destroy SYS_io_getevents SYS_io_pgetevents SYS_io_submit
            SYS_io_cancel
        },
    },
    Group {
        name: "residency",
        when: When::Always(Refuse(Errno::ENOSYS)),
        why: "which pages of a file are in memory, and advice about memory by process: the first tells what others read, and whoever asks does without",
        calls: calls! {
            SYS_mincore SYS_cachestat SYS_process_madvise
        },
    },
    Group {
        name: "inspection",
        when: When::Always(Refuse(Errno::ENOSYS)),
        why: "newer ways to look at mounts and security modules; every user of them still knows the older",
        calls: calls! {
            SYS_statmount SYS_listmount SYS_lsm_get_self_attr SYS_lsm_list_modules
        },
    },
    Group {
        name: "obsolete",
        when: When::Always(Refuse(Errno::ENOSYS)),
        why: "gone from the kernel, never there, or needed by emulators alone",
        calls: calls! {
            SYS_uselib SYS_ustat SYS_sysfs SYS_modify_ldt SYS__sysctl SYS_nfsservctl SYS_getpmsg
            SYS_putpmsg SYS_afs_syscall SYS_tuxcall SYS_security SYS_vserver SYS_set_thread_area
            SYS_get_thread_area SYS_epoll_ctl_old SYS_epoll_wait_old SYS_lookup_dcookie
            SYS_memfd_secret
        },
    },
    Group {
        name: "mounts",
        when: When::Always(Refuse(Errno::EPERM)),
        why: "the view of the files is fixed before the payload starts",
        calls: calls! {
            SYS_mount SYS_umount2 SYS_pivot_root SYS_chroot SYS_move_mount SYS_open_tree
            SYS_open_tree_attr SYS_fsopen SYS_fsconfig SYS_fsmount SYS_fspick SYS_mount_setattr
            SYS_setns
        },
    },
    Group {
        name: "other processes",
        when: When::Always(Refuse(Errno::EPERM)),
        why: "takes descriptors, pages or secrets from other processes, or compares kernel addresses",
        calls: calls! {
            SYS_pidfd_getfd SYS_kcmp SYS_process_mrelease SYS_move_pages SYS_migrate_pages
        },
    },
    Group {
        name: "keys",
        when: When::Always(Refuse(Errno::EPERM)),
        why: "keyrings are shared by kernel uid, not by namespace",
        calls: calls! {
            SYS_add_key SYS_request_key SYS_keyctl
        },
    },
    Group {
        name: "handles",
        when: When::Always(Refuse(Errno::EPERM)),
        why: "opens a file by number, past every directory",
        calls: calls! {
            SYS_open_by_handle_at
        },
    },
    Group {
        name: "programs in the kernel",
        when: When::Always(Refuse(Errno::EPERM)),
        why: "large, powerful and often broken: a rich source of ways out",
        calls: calls! {
            SYS_bpf SYS_perf_event_open SYS_userfaultfd SYS_io_uring_setup SYS_io_uring_enter
            SYS_io_uring_register SYS_fanotify_init SYS_fanotify_mark SYS_vmsplice
        },
    },
    Group {
        name: "the machine",
        when: When::Always(Refuse(Errno::EPERM)),
        why: "belongs to the administrator of the host",
        calls: calls! {
            SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load SYS_kexec_file_load
            SYS_reboot SYS_swapon SYS_swapoff SYS_acct SYS_quotactl SYS_quotactl_fd
            SYS_settimeofday SYS_clock_settime SYS_clock_adjtime SYS_adjtimex SYS_sethostname
            SYS_setdomainname SYS_iopl SYS_ioperm SYS_syslog SYS_vhangup SYS_lsm_set_self_attr
        },
    },
];
