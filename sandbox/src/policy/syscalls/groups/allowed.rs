//! What every payload may call: ordinary work, generously.
#![forbid(unsafe_code)]

use super::{Group, When};
use crate::policy::syscalls::Decision::Allow;

pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "content",
        when: When::Always(Allow),
        why: "bytes in and out of descriptors that are open already",
        calls: calls! {
            SYS_read SYS_write SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_preadv
            SYS_pwritev SYS_pwritev2 SYS_lseek SYS_sendfile SYS_splice SYS_tee
            SYS_copy_file_range SYS_truncate SYS_ftruncate SYS_fallocate
            SYS_readahead SYS_fsync SYS_fdatasync SYS_sync SYS_syncfs SYS_sync_file_range
        },
    },
    Group {
        name: "descriptors",
        when: When::Always(Allow),
        why: "a process arranges its own table of descriptors",
        calls: calls! {
            SYS_close SYS_close_range SYS_dup SYS_dup2 SYS_dup3 SYS_flock SYS_pipe SYS_pipe2
        },
    },
    Group {
        name: "names",
        when: When::Always(Allow),
        why: "names and attributes of files; which files there are is for mounts and landlock to say",
        calls: calls! {
            SYS_stat SYS_fstat SYS_lstat SYS_newfstatat SYS_statx SYS_statfs SYS_fstatfs
            SYS_access SYS_faccessat SYS_faccessat2 SYS_readlink SYS_readlinkat SYS_getdents
            SYS_getdents64 SYS_getcwd SYS_chdir SYS_fchdir SYS_rename SYS_renameat SYS_renameat2
            SYS_mkdir SYS_mkdirat SYS_rmdir SYS_link SYS_linkat SYS_unlink SYS_unlinkat
            SYS_symlink SYS_symlinkat SYS_chown SYS_fchown SYS_lchown SYS_fchownat SYS_utime
            SYS_utimes SYS_futimesat SYS_utimensat SYS_umask SYS_name_to_handle_at
            SYS_file_getattr
        },
    },
    Group {
        name: "memory",
        when: When::Always(Allow),
        why: "a process arranges its own memory and says on which node it prefers it",
        calls: calls! {
            SYS_munmap SYS_mprotect SYS_mremap SYS_brk SYS_mlock SYS_mlock2 SYS_mlockall SYS_munlock SYS_munlockall SYS_msync
            SYS_remap_file_pages SYS_pkey_mprotect SYS_pkey_alloc SYS_pkey_free
            SYS_membarrier SYS_mseal SYS_map_shadow_stack SYS_mbind SYS_set_mempolicy
            SYS_get_mempolicy SYS_set_mempolicy_home_node
        },
    },
    Group {
        name: "processes",
        when: When::Always(Allow),
        why: "processes and threads are started, waited for and asked about themselves",
        calls: calls! {
            SYS_fork SYS_vfork SYS_execve SYS_execveat SYS_exit SYS_exit_group SYS_wait4
            SYS_waitid SYS_getpid SYS_getppid SYS_gettid SYS_set_tid_address SYS_getpgrp
            SYS_getpgid SYS_setpgid SYS_getsid SYS_setsid SYS_personality SYS_arch_prctl
            SYS_getcpu SYS_getrusage SYS_times SYS_sysinfo SYS_uname SYS_rseq SYS_restart_syscall
            SYS_uretprobe SYS_uprobe SYS_pidfd_open
        },
    },
    Group {
        name: "shares",
        when: When::Always(Allow),
        why: "how much of the machine a process may have is asked",
        calls: calls! {
            SYS_sched_yield SYS_sched_getparam SYS_sched_getscheduler SYS_sched_get_priority_max
            SYS_sched_get_priority_min SYS_sched_rr_get_interval SYS_sched_getaffinity
            SYS_sched_getattr SYS_getpriority SYS_ioprio_get SYS_getrlimit
        },
    },
    Group {
        name: "identities",
        when: When::Always(Allow),
        why: "without a capability and with one mapped user these can only be asked, not changed",
        calls: calls! {
            SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_setuid SYS_setgid SYS_setreuid
            SYS_setregid SYS_getresuid SYS_setresuid SYS_getresgid SYS_setresgid SYS_setfsuid
            SYS_setfsgid SYS_getgroups SYS_setgroups SYS_capget SYS_capset
        },
    },
    Group {
        name: "signals",
        when: When::Always(Allow),
        why: "signals reach the processes of the sandbox alone: pid namespace and landlock see to that",
        calls: calls! {
            SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_rt_sigpending
            SYS_rt_sigtimedwait SYS_rt_sigsuspend SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo
            SYS_sigaltstack SYS_kill SYS_tkill SYS_tgkill SYS_pidfd_send_signal SYS_signalfd
            SYS_signalfd4 SYS_pause
        },
    },
    Group {
        name: "time",
        when: When::Always(Allow),
        why: "clocks are read, timers set",
        calls: calls! {
            SYS_gettimeofday SYS_time SYS_clock_gettime SYS_clock_getres SYS_nanosleep
            SYS_clock_nanosleep SYS_alarm SYS_getitimer SYS_setitimer SYS_timer_create
            SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete
            SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_getrandom
        },
    },
    Group {
        name: "waiting",
        when: When::Always(Allow),
        why: "threads wait for one another and for descriptors",
        calls: calls! {
            SYS_futex SYS_futex_waitv SYS_futex_wake SYS_futex_wait SYS_futex_requeue
            SYS_set_robust_list SYS_get_robust_list SYS_poll SYS_ppoll SYS_select SYS_pselect6
            SYS_epoll_create SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_wait SYS_epoll_pwait
            SYS_epoll_pwait2 SYS_eventfd SYS_eventfd2
        },
    },
    Group {
        name: "connections",
        when: When::Always(Allow),
        why: "sockets of the families that `socket` lets through",
        calls: calls! {
            SYS_bind SYS_connect SYS_listen SYS_accept SYS_accept4 SYS_getsockname SYS_getpeername
            SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg SYS_shutdown
            SYS_getsockopt
        },
    },
    Group {
        name: "confinement",
        when: When::Always(Allow),
        why: "a payload may confine itself further; a rule on top only takes away",
        calls: calls! {
            SYS_landlock_create_ruleset SYS_landlock_add_rule
            SYS_landlock_restrict_self
        },
    },
];
