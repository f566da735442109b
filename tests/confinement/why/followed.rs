//! A build that is followed ends, prints and is confined as it would be otherwise.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use rstest::rstest;
use serde_json::Value;

use super::{Scene, found};
use crate::machine::{directory, is_root, ready, run};
use crate::masked;
use crate::named::Plan;
use crate::remnants::await_true;

/// What of an outcome must be the same.
const SAME: [&str; 5] = ["end", "enforced", "layers", "level", "plan"];

const FROM_A_THREAD: &str = "import os, threading\n\
    t = threading.Thread(target=lambda: os.execv('/bin/sh', ['sh', '-c', 'echo became; exit 5']))\n\
    t.start(); t.join()";
const THREADS: &str = "import threading\n\
    ts = [threading.Thread(target=sum, args=([1],)) for _ in range(40)]\n\
    [t.start() for t in ts]; [t.join() for t in ts]; print(len(ts))";
const STOPPED: &str = "import os, signal, time\n\
    child = os.fork()\n\
    if child == 0:\n    \
        os.kill(os.getpid(), signal.SIGSTOP)\n    \
        os._exit(4)\n\
    print(os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1]))\n\
    time.sleep(0.2)\n\
    print(os.waitpid(child, os.WNOHANG))\n\
    os.kill(child, signal.SIGCONT)\n\
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))";
const SIGNALLED: &str = "trap 'echo caught' USR1; trap 'echo rt' RTMIN; kill -USR1 $$; \
    kill -RTMIN $$; kill -RTMAX $$";
const DAEMON: &str = "sleep 300 & setsid sleep 300 & exit 6";
const PIPES: &str = "seq 20000 | sort -r | head -n 3; exit 7";

#[rstest]
fn it_ends_and_prints_as_it_would_otherwise(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let place = directory();
    let work = place.path().join("work");
    fs::create_dir(&work).unwrap();
    let out = place.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, PermissionsExt::from_mode(0o777)).unwrap();
    plan.give(&work);
    let end = |why: bool, options: &[&str], words: &[&str]| {
        let outcome = out.join("outcome");
        let _ = fs::remove_file(&outcome);
        let why: &[&str] = if why { &["--why"] } else { &[] };
        let written = ["--outcome", outcome.to_str().unwrap()];
        let arguments = [&["run"], why, &written, options, &["--"], words].concat();
        let output = plan.call(&work, &["PATH=/usr/bin:/bin"], &arguments);
        let document: Value = serde_json::from_slice(&fs::read(outcome).unwrap()).unwrap();
        let same: Vec<_> = SAME.iter().map(|key| document[*key].clone()).collect();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), same)
    };
    let shell = |script: &'static str| vec!["/bin/bash", "-c", script];
    let python = |script: &'static str| vec!["/usr/bin/python3", "-c", script];
    for (options, words) in [
        (&[][..], shell("exit 0")),
        (&[], shell("exit 3")),
        (&[], shell("exit 124")),
        (&[], shell("kill -9 $$")),
        (&[], shell("kill -SEGV $$")),
        (&[], shell(SIGNALLED)),
        (&[], python(STOPPED)),
        (&[], shell(DAEMON)),
        (&[], shell(PIPES)),
        (&[], python(FROM_A_THREAD)),
        (&[], python(THREADS)),
        (&[], vec!["/no/such/program"]),
        (&["--timeout", "700ms"], shell("trap '' TERM; while :; do sleep 0.1; done")),
        (&["--silence", "700ms"], shell("echo begun; sleep 30")),
        (&["--log", "1K"], shell("yes")),
        (&["--memory", "200M"], python("x = bytearray(400 << 20)")),
    ] {
        let (plain, followed) = (end(false, options, &words), end(true, options, &words));
        // How much of an endless log arrives is chance.
        if options.contains(&"--log") {
            assert_eq!((plain.0, plain.2), (followed.0, followed.2), "{words:?}");
        } else {
            assert_eq!(plain, followed, "{words:?}");
        }
    }
}

#[test]
fn a_supervisor_that_is_killed_takes_a_followed_build_along() {
    let directory = directory();
    // An argument that no other process of this machine has.
    let mark = directory.path().to_str().unwrap();
    let script = format!("echo ready; exec tail -f /dev/null {mark}/absent");
    let (mut child, _lines) = ready(directory.path(), &["--why"], &script);
    let is_there = || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let mut lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines.any(|line| {
            line.starts_with(b"tail\0") && String::from_utf8_lossy(&line).contains(mark)
        })
    };
    await_true("the build runs", is_there);
    child.kill().unwrap();
    child.wait().unwrap();
    await_true("the build has ended", || !is_there());
}

/// What a build can see and do of being followed: nothing, and it cannot be followed by itself.
const CURIOUS: &str = r"
import ctypes, errno, os, signal
libc = ctypes.CDLL(None, use_errno=True)
for line in open('/proc/self/status'):
    if line.startswith(('TracerPid', 'NoNewPrivs', 'Seccomp', 'CapEff', 'CapBnd')):
        print(line.split())
print('dumpable', libc.prctl(3))
TRACEME, ATTACH, SEIZE = 0, 16, 0x4206
for request in (TRACEME, ATTACH, SEIZE):
    print(request, libc.ptrace(request, os.getppid(), 0, 0), ctypes.get_errno())
UNTRACED, SYS_clone = 0x00800000, 56 if os.uname().machine == 'x86_64' else 220
child = libc.syscall(SYS_clone, UNTRACED | signal.SIGCHLD, 0, 0, 0, 0)
if child == 0:
    os._exit(9)
print('untraced', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
libc.prctl(4, 0)
try:
    open('/etc/acme-made', 'w')
except OSError as error:
    print(error.errno)
print(sorted(os.listdir('/proc/self/fd')))
os._exit(8)
";

#[rstest]
fn it_neither_sees_that_it_is_followed_nor_gets_rid_of_it(
    #[values(Plan::Root, Plan::User)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let scene = Scene::new(plan);
    let words = ["/usr/bin/python3", "-c", CURIOUS];
    let (plain, followed) = (scene.run(&[], &words), scene.run(&["--why"], &words));
    let printed = String::from_utf8_lossy(&plain.stdout);
    assert_eq!(printed, String::from_utf8_lossy(&followed.stdout));
    assert!(printed.contains("['TracerPid:', '0']") && printed.contains("untraced 9"), "{printed}");
    assert!(printed.contains("['Seccomp:', '2']"), "{printed}");
    assert_eq!((plain.status.code(), followed.status.code()), (Some(8), Some(8)));
    let errors = String::from_utf8_lossy(&followed.stderr);
    // What it has hidden is said to be hidden, and what it does afterwards is seen.
    assert!(errors.contains("CLONE_UNTRACED"), "{errors}");
    assert!(errors.contains("/etc/acme-made"), "{errors}");
}

#[test]
fn a_fork_bomb_that_is_followed_ends_by_its_limit() {
    if !is_root() {
        return;
    }
    let directory = directory();
    let script = "f() { f | f & }; f; f; sleep 1; exec /bin/false";
    let output = run(directory.path(), &["--why=json", "--pids", "40", "--timeout", "60s"], script);
    assert_eq!(output.status.code(), Some(137), "{:?}", output.status);
    assert_eq!(found(&output)[0]["switch"], "--pids");
}

#[test]
fn ten_thousand_failures_are_told_within_bounds() {
    let scene = Scene::new(Plan::Root);
    let many = scene.at("host/many");
    for number in 0..5_000 {
        let directory = many.join(format!("{}", number / 100));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join(format!("{number}-\n::x{}", "y".repeat(150))), "").unwrap();
    }
    let script = "import os\nfor n in range(10000):\n    try:\n        \
                  open(f'@/many/{n // 100}/{n}-\\n::x' + 'y' * 150)\n    \
                  except OSError:\n        pass\nos._exit(1)";
    let output = scene.run(&["--why=json"], &["/usr/bin/python3", "-c", script]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.len() < 64 << 10, "{}", errors.len());
    let found = found(&output);
    assert!(found.len() <= 24, "{}", found.len());
    let is_last = |it: &Value| it["cause"].as_str().unwrap().contains("/many/49/4999-");
    assert!(found.iter().any(is_last), "{found:#?}");
    let told = scene.run(&["--why"], &["/usr/bin/python3", "-c", script]);
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(errors.lines().all(|line| line.starts_with("bulkhead: ")), "{errors}");
    assert!(errors.contains("are not told"), "{errors}");
}

#[test]
fn where_the_kernel_does_not_let_it_be_followed_nothing_is_run() {
    if !is_root() {
        return;
    }
    // Inside, `/proc` is that of another process namespace, and the outer filter refuses `ptrace`.
    let inner = |options: &str| {
        let script = format!("./bulkhead run {options} -- /bin/echo ran 2>&1");
        String::from_utf8(masked::around(&script).stdout).unwrap()
    };
    let plain = inner("");
    assert!(plain.lines().any(|line| line == "ran"), "{plain}");
    let printed = inner("--why");
    assert!(printed.contains("`--why` cannot follow the build here: "), "{printed}");
    assert!(!printed.lines().any(|line| line == "ran"), "{printed}");
}
