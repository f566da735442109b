//! The rules against the kernel: each refusal first succeeds without them.

use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};

use nix::errno::Errno;
use sandbox::layers::landlock::probe;

use crate::attempts::{Attempt, attempt, results_with};

/// Behind `layer` each attempt fails with its error, without it none does.
fn prove(layer: &str, attempts: &[Attempt]) {
    let inside = tempfile::tempdir().expect("a directory");
    let outside = tempfile::tempdir().expect("a directory");
    for name in ["file", "victim", "moved"] {
        std::fs::copy("/bin/true", outside.path().join(name)).expect("copied");
    }
    // A name that no parallel run has.
    let name = outside.path().as_os_str();
    let address = SocketAddr::from_abstract_name(name.as_encoded_bytes()).expect("a name");
    let _listener = UnixListener::bind_addr(&address).expect("bound");
    let path = outside.path().join("socket");
    let _path_name = UnixListener::bind(&path).expect("bound");
    for (path, mode) in [(path.as_path(), 0o777), (outside.path(), 0o755)] {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).expect("opened to all");
    }
    let pid = std::process::id().to_string();
    let variables = [("OUTSIDE", name), ("PID", OsStr::new(&pid))];
    let confined = results_with(layer, attempts, inside.path(), &variables);
    let free = results_with("none", attempts, inside.path(), &variables);
    for Attempt { what, error, .. } in attempts {
        assert_eq!(free[*what], 0, "{what} without the rules");
        assert_eq!(Errno::from_raw(confined[*what]), *error, "{what}");
    }
}

const fn refused(what: &'static str, python: &'static str) -> Attempt {
    attempt(what, "read", &[], python, Errno::EACCES)
}

#[test]
fn files_that_no_grant_covers_are_out_of_reach() {
    prove(
        "landlock",
        &[
            refused("reading", "open(OUT + '/file', 'rb').read()"),
            refused("listing", "os.listdir(OUT)"),
            refused("writing", "open(OUT + '/file', 'ab')"),
            refused("making", "open(OUT + '/new', 'w')"),
            refused("starting", "import subprocess; subprocess.check_call([OUT + '/file'])"),
            refused("truncating", "os.truncate(OUT + '/victim', 0)"),
            refused("removing", "os.unlink(OUT + '/victim')"),
            refused("making a directory", "os.mkdir(OUT + '/d')"),
            refused("planting a link", "os.symlink('/', OUT + '/l')"),
            refused("planting a FIFO", "os.mkfifo(OUT + '/f')"),
            refused("writing what may be read", "open('/proc/self/comm', 'w')"),
            refused("listing the root", "os.listdir('/')"),
            attempt(
                "moving in, which would give more rights",
                "read",
                &[],
                "os.rename(OUT + '/moved', 'moved')",
                Errno::EACCES,
            ),
        ],
    );
}

/// Device 0:0, the white-out of overlays, is one that an ordinary user may make.
#[test]
fn not_even_in_its_own_directory_can_a_payload_make_a_device() {
    prove("landlock", &[refused("a device", "os.mknod(fresh(), 0o020666, 0)")]);
}

#[test]
fn abstract_sockets_and_signals_stay_inside() {
    if probe() < 6 {
        assert!(std::env::var_os("REQUIRE_ISOLATION").is_none());
        crate::skipped::note(format_args!("Landlock ABI {} has no scopes", probe()));
        return;
    }
    prove(
        "landlock",
        &[
            attempt(
                "an abstract socket",
                "connect",
                &[],
                "socket.socket(socket.AF_UNIX).connect(chr(0) + OUT)",
                Errno::EPERM,
            ),
            attempt("a signal", "kill", &[], "os.kill(int(os.environ['PID']), 0)", Errno::EPERM),
        ],
    );
}

/// Whether this kernel's Landlock is of that version. What is newer than most kernels is skipped
/// without a word in the project's own checks, for nobody could pass them else; real kernels that have
/// it run these tests in virtual machines.
fn has(abi: u32) -> bool {
    if probe() < abi {
        crate::skipped::note(format_args!("this is Landlock ABI {}, not {abi}", probe()));
    }
    probe() >= abi
}

#[test]
fn path_name_sockets_that_no_grant_covers_are_out_of_reach() {
    if has(9) {
        let connect = "socket.socket(socket.AF_UNIX).connect(OUT + '/socket')";
        prove("landlock", &[refused("a path-name socket", connect)]);
        let inside = tempfile::tempdir().expect("a directory");
        let variables = [("OUTSIDE", inside.path().as_os_str()), ("PID", OsStr::new("1"))];
        let own = refused(
            "one of its own",
            "s = socket.socket(socket.AF_UNIX); n = fresh(); s.bind(n); s.listen(); \
             socket.socket(socket.AF_UNIX).connect(n)",
        );
        let results = results_with("landlock", &[own], inside.path(), &variables);
        assert_eq!(results["one of its own"], 0);
    }
}

#[test]
fn udp_is_denied_in_the_contained_plan() {
    if has(10) {
        let send =
            "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))";
        let bind = "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(('127.0.0.1', 0))";
        let attempts = [refused("sending", send), refused("listening", bind)];
        prove("landlock, contained", &attempts);
    }
}

#[test]
fn tcp_is_denied_in_the_contained_plan_alone() {
    if probe() < 4 {
        assert!(std::env::var_os("REQUIRE_ISOLATION").is_none());
        crate::skipped::note(format_args!("Landlock ABI {} knows no TCP", probe()));
        return;
    }
    let attempts = [refused("listening", "socket.create_server(('127.0.0.1', 0))")];
    prove("landlock, contained", &attempts);
    let directory = tempfile::tempdir().expect("a directory");
    let variables = [("OUTSIDE", OsStr::new("/")), ("PID", OsStr::new("1"))];
    let loopback = [refused(
        "loopback",
        "s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())",
    )];
    assert_eq!(results_with("landlock", &loopback, directory.path(), &variables)["loopback"], 0);
}

#[test]
fn what_the_grants_cover_works() {
    let every_day = [
        refused("moving between directories", "os.makedirs('d'); os.rename(file(), 'd/x')"),
        refused("linking between directories", "os.makedirs('e'); os.link(file(), 'e/x')"),
        refused("FIFOs", "os.mkfifo(fresh())"),
        refused("local sockets", "socket.socket(socket.AF_UNIX).bind(fresh())"),
        refused("terminals", "s = pty.openpty()[1]; import termios; termios.tcgetattr(s)"),
        refused("devices", "open('/dev/null', 'w').write('x'); os.urandom(1)"),
        refused("programs", "import subprocess; subprocess.check_call(['true'])"),
        refused(
            "signals inside",
            "import subprocess as s; p = s.Popen(['cat'], stdin=-1); p.kill()",
        ),
        refused(
            "abstract sockets inside",
            "s = socket.socket(socket.AF_UNIX); s.bind(chr(0) + OUT + 'i'); \
             s.listen(); socket.socket(socket.AF_UNIX).connect(chr(0) + OUT + 'i')",
        ),
    ];
    let outside = tempfile::tempdir().expect("a directory");
    let variables = [("OUTSIDE", outside.path().as_os_str()), ("PID", OsStr::new("1"))];
    for layer in ["landlock", "landlock + syscalls"] {
        let directory = tempfile::tempdir().expect("a directory");
        for (what, result) in results_with(layer, &every_day, directory.path(), &variables) {
            assert_eq!(result, 0, "{what}: {:?}", Errno::from_raw(result));
        }
    }
}
