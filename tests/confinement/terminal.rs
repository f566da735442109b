//! A build that is started from a terminal cannot type into it.

use std::process::{Command, Output};

use crate::machine::{built, directory, is_root};

/// Starts the words behind it in a session of their own with a terminal, as a shell would, and prints
/// what has been typed into that terminal by the time they have ended.
const OPERATOR: &str = r"
import fcntl, os, pty, select, sys, termios, tty
leader, terminal = pty.openpty()
tty.setraw(terminal)
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for number in (0, 1, 2):
        os.dup2(terminal, number)
    os.closerange(3, 100)
    os.execv(sys.argv[1], sys.argv[1:])
# What it prints is to be read, or it waits.
said = b''
while True:
    ready, _, _ = select.select([leader], [], [], 0.1)
    if ready:
        said += os.read(leader, 4096)
    if os.waitpid(child, os.WNOHANG)[0]:
        break
while select.select([leader], [], [], 0.1)[0]:
    said += os.read(leader, 4096)
typed = b''
while select.select([terminal], [], [], 0.1)[0]:
    typed += os.read(terminal, 4096)
sys.stderr.buffer.write(said)
print(typed.decode(), end='')
";

/// Types a letter into every terminal in reach, by a request with high bits and without, and asks a
/// console to paste.
const BUILD: &str = r"
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
places = [0, 1, 2]
for name in ('/dev/tty', '/dev/console', '/proc/self/fd/1', '/proc/1/fd/0'):
    try:
        places.append(os.open(name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        pass
for place in places:
    for high in (0, 1 << 32, 1 << 63):
        libc.syscall(16, ctypes.c_long(place), ctypes.c_ulong(0x5412 | high), b'x')
        libc.syscall(16, ctypes.c_long(place), ctypes.c_ulong(0x541c | high), b'\x03')
";

/// What a build with `options` has typed into the terminal that it was started from.
fn typed(options: &[&str]) -> String {
    let directory = directory();
    let mut command = Command::new("/usr/bin/python3");
    command.args(["-c", OPERATOR, built(), "run"]).args(options);
    command.args(["--", "/usr/bin/python3", "-c", BUILD]).current_dir(directory.path());
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// CVE-2017-5226, CVE-2019-10063 and CVE-2023-28100 (for a console).
#[test]
#[cfg(target_arch = "x86_64")]
fn nothing_is_typed_into_the_terminal_that_a_build_was_started_from() {
    if !is_root() {
        return;
    }
    let allowed = std::fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti").unwrap_or_default();
    let control = ["--without", "descriptors", "--without", "session", "--without", "syscalls"];
    let open = typed(&control);
    if allowed.trim() == "0" {
        println!(
            "not on this kernel: TIOCSTI is switched off, so the filter alone is tried elsewhere"
        );
    } else {
        assert!(open.contains('x'), "the control: {open:?}");
    }
    assert_eq!(typed(&[]), "");
    assert_eq!(
        typed(&["--without", "descriptors", "--without", "session"]),
        "",
        "the filter alone"
    );
    assert_eq!(
        typed(&["--without", "syscalls", "--without", "descriptors"]),
        "",
        "the session alone"
    );
}
