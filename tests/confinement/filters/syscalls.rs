//! What the filter leaves alone, and what goes around the numbers.

use nix::errno::Errno;

use crate::attempts::{attempt, results};
use crate::payload::run;

#[test]
fn what_a_build_does_every_day_works_behind_the_filter() {
    let every_day = [
        ("a file is made and its mode set", "os.chmod(file(), 0o1755); os.mkfifo(fresh())"),
        ("a stray mode without a creating flag", "call('openat', -100, b'.', 0, 0o4755)"),
        (
            "a thread",
            "import threading; t = threading.Thread(target=id, args=(0,)); t.start(); t.join()",
        ),
        ("a program", "import subprocess; subprocess.check_call(['true'])"),
        (
            "loopback",
            "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())",
        ),
        ("IPv6", "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)"),
        ("a pair of sockets", "socket.socketpair()"),
        // SIOCGIFINDEX.
        ("an interface", "fcntl.ioctl(socket.socket(), 0x8933, struct.pack('16si20x', b'lo', 0))"),
        ("a lock", "fcntl.flock(os.open(file(), 2), 2); fcntl.lockf(os.open(file(), 2), 2)"),
        ("memory by name", "os.memfd_create('m'); from multiprocessing import shared_memory"),
        ("a semaphore", "import multiprocessing; multiprocessing.Lock().acquire()"),
        ("a terminal", "pty.openpty(); fcntl.ioctl(pty.openpty()[1], 0x5401, bytes(60))"),
        ("a layout without chance", "call('personality', 0x0040000)"),
        ("an attribute", "os.setxattr(file(), 'user.a', b'b')"),
        (
            "a copy by the kernel",
            "os.copy_file_range(os.open('attempts.py', 0), os.open(file(), 2), 9)",
        ),
        (
            "a signal to itself",
            "signal.pidfd_send_signal(os.pidfd_open(os.getpid()), 0); os.kill(os.getpid(), 0)",
        ),
    ];
    let attempts: Vec<_> = every_day
        .iter()
        .map(|(what, python)| attempt(what, "read", &[], python, Errno::UnknownErrno))
        .collect();
    let directory = tempfile::tempdir().expect("a directory");
    for layer in ["none", "syscalls"] {
        for (what, result) in results(layer, &attempts, directory.path()) {
            assert_eq!(result, 0, "{what} behind {layer}: {:?}", Errno::from_raw(result));
        }
    }
}

#[test]
fn without_a_network_of_its_own_a_payload_has_local_sockets_alone() {
    let attempts = [
        attempt("local", "socket", &[], "socket.socketpair()", Errno::UnknownErrno),
        attempt("internet", "socket", &[], "socket.socket()", Errno::EAFNOSUPPORT),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    let free = results("syscalls", &attempts, directory.path());
    let contained = results("syscalls, contained", &attempts, directory.path());
    assert_eq!(free.values().collect::<Vec<_>>(), [&0, &0]);
    assert_eq!(contained["local"], 0);
    assert_eq!(contained["internet"], Errno::EAFNOSUPPORT as i32);
}

/// The entry for 32-bit programs takes other numbers: 39 is `mkdir` there and `getpid` here.
#[test]
#[cfg(target_arch = "x86_64")]
fn the_entry_for_32_bit_programs_ends_the_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let source = "int main(void) { int r; static const char p[] = \"made\"; \
        char *low = (char *)0x10000000; \
        if (mmap(low, 4096, 3, 0x32, -1, 0) != low) return 2; \
        strcpy(low, p); \
        asm volatile(\"int $0x80\" : \"=a\"(r) : \"a\"(39), \"b\"(low), \"c\"(0755) : \"memory\"); \
        return r != 0; }";
    let source = format!("#include <string.h>\n#include <sys/mman.h>\n{source}");
    std::fs::write(directory.path().join("a.c"), source).expect("written");
    let compiled = run("none", &["gcc", "-o", "a", "a.c"], directory.path());
    assert!(compiled.status.success(), "{compiled:?}");
    let confined = run("syscalls", &["./a"], directory.path());
    assert_eq!(confined.status.code(), Some(128 + 31), "SIGSYS: {confined:?}");
    assert!(!directory.path().join("made").exists());
    let free = run("none", &["./a"], directory.path());
    if free.status.success() {
        assert!(directory.path().join("made").exists());
    } else {
        println!("not on this kernel: int 0x80 ({free:?})");
    }
}

#[test]
fn without_no_new_privs_the_filter_is_not_installed_for_an_ordinary_user() {
    let directory = tempfile::tempdir().expect("a directory");
    let ran = run("syscalls without no_new_privs", &["true"], directory.path());
    // Root may: it has CAP_SYS_ADMIN. An ordinary user gets EACCES, and nothing runs.
    let privileged = rustix::process::geteuid().is_root();
    assert_eq!(ran.status.success(), privileged, "{ran:?}");
}
