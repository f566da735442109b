//! Each refused call first succeeds without the filter; where this kernel lacks it, the compiled
//! program is asked instead of the kernel.

use nix::errno::Errno;

use crate::attempts::{attempt, prove, python};
use crate::payload::run;

/// CVE-2022-0185 and many others begin with a namespace of one's own.
#[test]
fn nested_namespaces_fail() {
    prove(&[
        attempt(
            "unshare user",
            "unshare",
            &[0x1000_0000],
            "call('unshare', 0x10000000)",
            Errno::EPERM,
        ),
        attempt("unshare time", "unshare", &[0x80], "call('unshare', 0x80)", Errno::EPERM),
        attempt(
            "unshare user with high bits in clone",
            "clone",
            &[0x1000_0011 | 1 << 32],
            "born(call('clone', 0x10000011 | HIGH))",
            Errno::EPERM,
        ),
        attempt(
            "clone with a uts namespace",
            "clone",
            &[0x0400_0011],
            "born(call('clone', 0x04000011))",
            Errno::EPERM,
        ),
        attempt(
            "clone3",
            "clone3",
            &[],
            "born(call('clone3', struct.pack('11Q', 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88))",
            Errno::ENOSYS,
        ),
        attempt(
            "setns",
            "setns",
            &[],
            "call('setns', os.open('/proc/self/ns/uts', 0), 0)",
            Errno::EPERM,
        ),
    ]);
}

#[test]
fn read_only_mounts_cannot_be_unmounted_or_remounted() {
    prove(&[
        attempt(
            "mount",
            "mount",
            &[],
            "os.makedirs('m', exist_ok=True); call('mount', b'none', b'm', b'tmpfs'); call('umount2', b'm', 2)",
            Errno::EPERM,
        ),
        attempt(
            "umount2",
            "umount2",
            &[],
            "libc.unshare(0x20000); call('umount2', b'/proc', 2)",
            Errno::EPERM,
        ),
        attempt("fsopen", "fsopen", &[], "call('fsopen', b'tmpfs', 0)", Errno::EPERM),
        attempt("open_tree", "open_tree", &[], "call('open_tree', -100, b'/', 1)", Errno::EPERM),
        attempt(
            "mount_setattr",
            "mount_setattr",
            &[],
            "libc.unshare(0x20000); call('mount_setattr', -100, b'/', 0, struct.pack('4Q', 0, 0, 0, 0), 32)",
            Errno::EPERM,
        ),
        attempt("chroot", "chroot", &[], "call('chroot', b'.')", Errno::EPERM),
    ]);
}

#[test]
fn the_rich_interfaces_of_the_kernel_are_shut() {
    prove(&[
        attempt(
            "bpf",
            "bpf",
            &[],
            "call('bpf', 0, struct.pack('5I', 2, 4, 4, 1, 0) + bytes(100), 120)",
            Errno::EPERM,
        ),
        attempt(
            "perf_event_open",
            "perf_event_open",
            &[],
            "call('perf_event_open', struct.pack('2I', 1, 112) + bytes(104), 0, -1, -1, 0)",
            Errno::EPERM,
        ),
        attempt(
            "io_uring",
            "io_uring_setup",
            &[],
            "call('io_uring_setup', 1, bytes(120))",
            Errno::EPERM,
        ),
        attempt("userfaultfd", "userfaultfd", &[], "call('userfaultfd', 0)", Errno::EPERM),
        attempt(
            "vmsplice",
            "vmsplice",
            &[],
            "b = ctypes.create_string_buffer(b'x'); \
             call('vmsplice', os.pipe()[1], struct.pack('2Q', ctypes.addressof(b), 1), 1, 0)",
            Errno::EPERM,
        ),
        attempt("keyctl", "keyctl", &[], "call('keyctl', 0, -4, 1)", Errno::EPERM),
        attempt(
            "add_key",
            "add_key",
            &[],
            "call('add_key', b'user', b'k', b'v', 1, -2)",
            Errno::EPERM,
        ),
        attempt("fanotify", "fanotify_init", &[], "call('fanotify_init', 0, 0)", Errno::EPERM),
        attempt("kexec", "kexec_load", &[], "call('kexec_load', 0, 0, 0, 0)", Errno::EPERM),
        attempt(
            "openat2",
            "openat2",
            &[],
            "call('openat2', -100, b'.', struct.pack('3Q', 0, 0, 0), 24)",
            Errno::ENOSYS,
        ),
    ]);
}

/// CVE-2014-3519: a handle leads past every directory.
#[test]
fn other_processes_and_hidden_files_are_out_of_reach() {
    prove(&[
        attempt(
            "open_by_handle_at",
            "open_by_handle_at",
            &[],
            "h = ctypes.create_string_buffer(struct.pack('I', 128) + bytes(132)); \
             m = ctypes.create_string_buffer(4); \
             call('name_to_handle_at', -100, b'.', h, m, 0); \
             call('open_by_handle_at', os.open('.', 0), h, 0)",
            Errno::EPERM,
        ),
        attempt(
            "process_vm_readv",
            "process_vm_readv",
            &[],
            "b = ctypes.create_string_buffer(8); \
             v = struct.pack('2Q', ctypes.addressof(b), 8); \
             call('process_vm_readv', os.getpid(), v, 1, v, 1, 0)",
            Errno::EPERM,
        ),
        attempt(
            "pidfd_getfd",
            "pidfd_getfd",
            &[],
            "call('pidfd_getfd', os.pidfd_open(os.getpid()), 0, 0)",
            Errno::EPERM,
        ),
        attempt(
            "kcmp",
            "kcmp",
            &[],
            "call('kcmp', os.getpid(), os.getpid(), 2, 0, 0)",
            Errno::EPERM,
        ),
        attempt("ptrace", "ptrace", &[], "call('ptrace', 0, 0, 0, 0)", Errno::EPERM),
    ]);
}

/// CVE-2019-3843: a set-id file outlives the user that it was leased to.
#[test]
fn no_set_id_file_can_be_made_by_any_of_the_calls() {
    prove(&[
        attempt(
            "chmod",
            "chmod",
            &[0, 0o4755],
            "call('chmod', file().encode(), 0o4755)",
            Errno::EPERM,
        ),
        attempt(
            "fchmod",
            "fchmod",
            &[0, 0o2755],
            "call('fchmod', os.open(file(), 0), 0o2755)",
            Errno::EPERM,
        ),
        attempt(
            "fchmodat",
            "fchmodat",
            &[0, 0, 0o6755],
            "call('fchmodat', -100, file().encode(), 0o6755)",
            Errno::EPERM,
        ),
        attempt(
            "fchmodat2 with high bits",
            "fchmodat2",
            &[0, 0, 0o4755 | 1 << 32],
            "call('fchmodat2', -100, file().encode(), 0o4755 | HIGH, 0)",
            Errno::EPERM,
        ),
        attempt("creat", "creat", &[0, 0o4755], "call('creat', fresh(), 0o4755)", Errno::EPERM),
        attempt(
            "open",
            "open",
            &[0, 0o101, 0o4755],
            "call('open', fresh(), 0o101, 0o4755)",
            Errno::EPERM,
        ),
        attempt(
            "openat",
            "openat",
            &[0, 0, 0o101, 0o4755],
            "call('openat', -100, fresh(), 0o101, 0o4755)",
            Errno::EPERM,
        ),
        attempt(
            "openat without a name",
            "openat",
            &[0, 0, 0o20_200_002, 0o4755],
            "call('openat', -100, b'.', os.O_TMPFILE | os.O_RDWR, 0o4755)",
            Errno::EPERM,
        ),
        attempt(
            "mknod",
            "mknod",
            &[0, 0o104_755],
            "call('mknod', fresh(), 0o104755, 0)",
            Errno::EPERM,
        ),
        attempt(
            "mknodat of a device",
            "mknodat",
            &[0, 0, 0o020_666],
            "call('mknodat', -100, fresh(), 0o020666, 0x103)",
            Errno::EPERM,
        ),
    ]);
}

/// CVE-2017-5226 and CVE-2019-10063 on a real terminal. No console here has TIOCLINUX: for that
/// the compiled program is asked.
#[test]
fn nothing_is_typed_into_a_terminal_also_with_high_bits_set() {
    prove(&[
        attempt(
            "TIOCSTI",
            "ioctl",
            &[0, 0x5412],
            "call('ioctl', pty.openpty()[1], 0x5412, b'x')",
            Errno::EPERM,
        ),
        attempt(
            "TIOCSTI with high bits",
            "ioctl",
            &[0, 0x5412 | 1 << 32],
            "call('ioctl', pty.openpty()[1], 0x5412 | HIGH, b'x')",
            Errno::EPERM,
        ),
        attempt(
            "TIOCLINUX",
            "ioctl",
            &[0, 0x541c | 1 << 63],
            "call('ioctl', pty.openpty()[1], 0x541c | HIGH << 31, b'\\x03')",
            Errno::EPERM,
        ),
        attempt(
            "TIOCSETD",
            "ioctl",
            &[0, 0x5423],
            "call('ioctl', pty.openpty()[1], 0x5423, struct.pack('i', 0))",
            Errno::EPERM,
        ),
        attempt(
            "F_SETOWN",
            "fcntl",
            &[0, 8],
            "call('fcntl', os.pipe()[0], 8, os.getppid())",
            Errno::EPERM,
        ),
        attempt(
            "F_SETOWN_EX",
            "fcntl",
            &[0, 15],
            "call('fcntl', os.pipe()[0], 15, struct.pack('2i', 1, os.getppid()))",
            Errno::EPERM,
        ),
        attempt(
            "FIOSETOWN",
            "ioctl",
            &[0, 0x8901],
            "call('ioctl', socket.socketpair()[0].detach(), 0x8901, struct.pack('i', os.getppid()))",
            Errno::EPERM,
        ),
    ]);
}

/// CVE-2026-31431: the page cache is shared, and `AF_ALG` writes to it. `AF_VSOCK` knows no network
/// namespace.
#[test]
fn sockets_of_other_families_and_protocols_fail() {
    prove(&[
        attempt("ALG", "socket", &[38, 5, 0], "call('socket', 38, 5, 0)", Errno::EAFNOSUPPORT),
        attempt("VSOCK", "socket", &[40, 1, 0], "call('socket', 40, 1, 0)", Errno::EAFNOSUPPORT),
        attempt("PACKET", "socket", &[17, 3, 0], "call('socket', 17, 3, 0)", Errno::EAFNOSUPPORT),
        attempt("XDP", "socket", &[44, 3, 0], "call('socket', 44, 3, 0)", Errno::EAFNOSUPPORT),
        attempt(
            "MPTCP",
            "socket",
            &[2, 1, 262],
            "call('socket', 2, 1, 262)",
            Errno::EPROTONOSUPPORT,
        ),
        attempt(
            "SCTP",
            "socket",
            &[2, 1, 132],
            "call('socket', 2, 1, 132)",
            Errno::EPROTONOSUPPORT,
        ),
        attempt(
            "PACKET by its type",
            "socket",
            &[2, 10, 0x300],
            "call('socket', 2, 10, 0x300)",
            Errno::EPROTONOSUPPORT,
        ),
        attempt(
            "netlink events with high bits",
            "socket",
            &[16 | 1 << 32, 3, 15],
            "call('socket', 16 | HIGH, 3, 15)",
            Errno::EAFNOSUPPORT,
        ),
        attempt(
            "generic netlink",
            "socket",
            &[16, 3, 16],
            "call('socket', 16, 3, 16)",
            Errno::EAFNOSUPPORT,
        ),
        attempt(
            "interfaces and routes",
            "socket",
            &[16, 3, 0],
            "call('socket', 16, 3, 0)",
            Errno::EAFNOSUPPORT,
        ),
    ]);
}

/// Who writes the file outside would have to wait (`fcntl(2)`), learn nothing of it, or be watched.
#[test]
fn nothing_is_held_or_watched_that_others_use() {
    prove(&[
        attempt(
            "F_SETLEASE",
            "fcntl",
            &[0, 1024],
            "call('fcntl', os.open(file(), 0), 1024, 0)",
            Errno::EPERM,
        ),
        attempt(
            "F_SETLEASE with high bits",
            "fcntl",
            &[0, 1024 | 1 << 32],
            "call('fcntl', os.open(file(), 0), 1024 | HIGH, 0)",
            Errno::EPERM,
        ),
        attempt(
            "F_NOTIFY",
            "fcntl",
            &[0, 1026],
            "call('fcntl', os.open('.', 0), 1026, 1)",
            Errno::EPERM,
        ),
        attempt(
            "F_SET_RW_HINT",
            "fcntl",
            &[0, 1036],
            "call('fcntl', os.open(file(), 0), 1036, struct.pack('Q', 2))",
            Errno::EPERM,
        ),
    ]);
}

/// Of these the whole machine has one small store.
#[test]
fn what_the_machine_has_little_of_is_not_given() {
    prove(&[
        attempt(
            "io_setup",
            "io_setup",
            &[],
            "call('io_setup', 1, ctypes.create_string_buffer(8))",
            Errno::ENOSYS,
        ),
        attempt(
            "memfd_create with huge pages",
            "memfd_create",
            &[0, 4],
            "call('memfd_create', b'm', 4)",
            Errno::EINVAL,
        ),
        attempt(
            "mmap of huge pages, of which none need be there",
            "mmap",
            &[0, 0, 0, 0x4_4022],
            "call('mmap', 0, 2 << 20, 3, 0x44022, -1, 0)",
            Errno::ENOMEM,
        ),
    ]);
}

/// A core pattern that names a program has it started with a limit of 0, and not with one of 1
/// (`core(5)`). So the limit stays as it is, and who sets it to 0 is told that no core is written.
#[test]
fn the_limit_of_cores_cannot_be_changed_and_every_other_can() {
    let limits = "import resource as r; \
        before = r.getrlimit(r.RLIMIT_CORE); \
        r.setrlimit(r.RLIMIT_CORE, (0, before[1])); \
        r.setrlimit(r.RLIMIT_NOFILE, (64, r.getrlimit(r.RLIMIT_NOFILE)[1])); \
        assert r.getrlimit(r.RLIMIT_NOFILE)[0] == 64; ";
    let changed = format!("{limits} print(before != r.getrlimit(r.RLIMIT_CORE))");
    let raw = "import ctypes, resource as r; l = ctypes.CDLL(None); \
        set = lambda f: f(r.RLIMIT_CORE, (ctypes.c_ulong * 2)(0, 0)); \
        print(set(l.setrlimit), r.getrlimit(r.RLIMIT_CORE))";
    let directory = tempfile::tempdir().expect("a directory");
    let (python, _) = python();
    let run = |layer, code: &str| {
        let ran = run(layer, &[&python, "-c", code], directory.path());
        assert!(ran.status.success(), "{ran:?}");
        ran.stdout
    };
    assert_eq!(run("limits core + none", &changed), "True\n");
    assert_eq!(run("limits core + syscalls", &changed), "False\n");
    assert_eq!(run("limits core + syscalls", raw), "0 (1, 1)\n");
}
