//! Objects of the kernel: what a build takes of them is missing nowhere else.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

use crate::machine::{built, bulkhead, directory, is_root};

/// An ordinary user, whose build is its caller.
const USER: u32 = 12_347;

/// Takes all that it can get of each kind, and says so.
const TAKE: &str = "
import ctypes, resource, time
libc = ctypes.CDLL(None)
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
instances = watches = timers = queues = 0
first = libc.inotify_init1(0)
while instances < 4000 and libc.inotify_init1(0) >= 0: instances += 1
import os, signal
timer = ctypes.c_int()
event = (ctypes.c_byte * 64)()
while timers < 200000 and libc.timer_create(0, None, ctypes.byref(timer)) == 0: timers += 1
while queues < 300 and libc.mq_open(b'/q%d' % queues, 0o102, 0o600, None) >= 0: queues += 1
print('taken', instances, timers, queues, flush=True)
time.sleep(60)
";

/// One of each kind.
const ASK: &str = "
import ctypes
libc = ctypes.CDLL(None)
timer = ctypes.c_int()
print(libc.inotify_init1(0) >= 0, libc.timer_create(0, None, ctypes.byref(timer)) == 0, end=' ')
queue = libc.mq_open(b'/bulkhead-test-of-objects', 0o102, 0o600, None)
print(queue >= 0)
libc.mq_unlink(b'/bulkhead-test-of-objects')
";

fn as_user(mut command: Command, user: Option<u32>) -> Command {
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}

fn build(user: Option<u32>, code: &str) -> Command {
    let name = format!("bulkhead-objects-{}-{user:?}", std::process::id());
    let place = std::env::temp_dir().join(name);
    if !place.exists() {
        std::fs::create_dir_all(place.join("work")).unwrap();
        std::fs::write(place.join("policy.toml"), "[syscalls]\nwatches = true\n").unwrap();
        let program = place.join("bulkhead");
        // By another process: see `rootless::as_user`.
        let mut copy = Command::new("/bin/cp");
        copy.arg(built()).arg(program);
        assert!(copy.status().unwrap().success());
    }
    let mut command = Command::new(place.join("bulkhead"));
    command
        .args(["run", "--policy", "../policy.toml", "--", "/usr/bin/python3", "-c", code])
        .current_dir(place.join("work"));
    command.env_remove("XDG_RUNTIME_DIR");
    as_user(command, user)
}

fn taken(mut command: Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_a_build_takes_is_missing_neither_outside_nor_in_the_next_build() {
    if !is_root() {
        return;
    }
    for user in [None, Some(USER)] {
        let outside = || {
            let mut command = Command::new("/usr/bin/python3");
            command.args(["-c", ASK]).current_dir("/");
            text(&as_user(command, user).output().unwrap())
        };
        assert_eq!(outside(), "True True True\n", "before");
        let (mut child, line) = taken(build(user, TAKE));
        let numbers: Vec<u64> =
            line.split(' ').skip(1).map(|it| it.trim().parse().unwrap()).collect();
        let beside = (outside(), text(&build(user, ASK).output().unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(numbers.iter().all(|number| *number > 0), "it takes some of each: {line:?}");
        assert_eq!(beside.0, "True True True\n", "outside, as {user:?}, beside {line}");
        assert_eq!(beside.1, "True True True\n", "in a build of {user:?}, beside {line}");
        let name = format!("bulkhead-objects-{}-{user:?}", std::process::id());
        std::fs::remove_dir_all(std::env::temp_dir().join(name)).unwrap();
    }
}

/// Every row of `proc_pid_limits(5)`: what is set is as it should be, the rest is the caller's.
#[test]
fn every_resource_limit_is_set_or_the_callers_own() {
    if !is_root() {
        return;
    }
    let limits = |text: &str| -> Vec<(String, String)> {
        let rows = text.lines().skip(1).map(|row| {
            let (name, rest) = row.split_at(26);
            let mut words = rest.split_ascii_whitespace();
            let pair = [words.next().unwrap_or_default(), words.next().unwrap_or_default()];
            (name.trim().to_owned(), pair.join(" "))
        });
        rows.collect()
    };
    let place = directory();
    let mut command = bulkhead(place.path());
    command.args(["run", "--", "/bin/cat", "/proc/self/limits"]);
    let inside = limits(&text(&command.output().unwrap()));
    let outside = limits(&std::fs::read_to_string("/proc/self/limits").unwrap());
    assert_eq!((inside.len(), outside.len()), (16, 16));
    let set = [
        ("Max core file size", "1 1"),
        ("Max nice priority", "0 0"),
        ("Max realtime priority", "0 0"),
        ("Max locked memory", "8388608 8388608"),
        ("Max msgqueue size", "819200 819200"),
        ("Max file size", "17179869184 17179869184"),
    ];
    let own = ["Max processes", "Max open files", "Max file locks"];
    for ((name, found), (_, callers)) in inside.iter().zip(&outside) {
        match set.iter().find(|(known, _)| known == name) {
            Some((_, wanted)) => assert_eq!(found, wanted, "{name}"),
            None if own.contains(&name.as_str()) => {}
            None => assert_eq!(found, callers, "{name}"),
        }
    }
}

#[test]
fn the_output_can_be_opened_by_name_and_a_directory_hands_on_its_group() {
    if !is_root() {
        return;
    }
    let place = directory();
    let script = "echo by name > /dev/stdout; echo too > /dev/stderr; install -d -m 2755 d && \
                  stat -c %a d; touch f && chmod 4755 f 2>/dev/null || echo refused";
    let mut command = bulkhead(place.path());
    let output = command.args(["run", "--", "/bin/sh", "-c", script]).output().unwrap();
    assert_eq!(text(&output), "by name\n2755\nrefused\n");
    let place = directory();
    let mut command = bulkhead(place.path());
    command.args(["run", "--rw", place.path().to_str().unwrap(), "--", "/bin/sh", "-c"]);
    let output = command.arg("install -d -m 2755 d 2>/dev/null || echo refused").output().unwrap();
    assert_eq!(text(&output), "refused\n", "where it would stay");
}

/// What is copied for a build lies in memory that is the build's, although another has written it.
#[test]
fn what_is_copied_for_a_build_counts_for_its_memory() {
    if !is_root() {
        return;
    }
    let python = "x = bytearray(40 << 20); print(len(x))";
    let takes = |copied: usize| {
        let place = directory();
        std::fs::write(place.path().join("large"), vec![1; copied]).unwrap();
        // With a socket in it a tree is copied, and not shared with the build.
        drop(std::os::unix::net::UnixListener::bind(place.path().join("socket")).unwrap());
        let mut command = bulkhead(place.path());
        command.args(["run", "--memory", "96M", "--", "/usr/bin/python3", "-c", python]);
        command.output().unwrap()
    };
    let little = takes(1 << 20);
    let errors = String::from_utf8_lossy(&little.stderr);
    if errors.contains("control group") || errors.contains("--memory") {
        crate::skipped::note(format_args!("no memory can be counted here: {errors}"));
        return;
    }
    assert_eq!(little.status.code(), Some(0), "the control: {errors}");
    let much = takes(64 << 20);
    let errors = String::from_utf8_lossy(&much.stderr);
    assert_eq!(much.status.code(), Some(137), "{errors}");
    assert!(errors.contains("its memory of 96M was used up"), "{errors}");
}

/// What is written there is an object of the machine's, which it looks at from then on, and of which a
/// process can have so many that it takes minutes to end.
#[test]
fn no_trigger_is_set_on_the_pressure_of_the_machine() {
    if !is_root() {
        return;
    }
    let script = "import os
try:
    file = os.open('/proc/pressure/cpu', os.O_RDWR)
    os.write(file, b'some 150000 2000000\\0')
    print('set')
except OSError as error:
    print(os.strerror(error.errno))
print(os.access('/proc/pressure/cpu', os.R_OK))
";
    let python = |program: &mut Command| {
        let output = program.args(["/usr/bin/python3", "-c", script]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let place = directory();
    if !std::path::Path::new("/proc/pressure/cpu").exists() {
        crate::skipped::note(format_args!("this kernel does not tell of pressure"));
        return;
    }
    let mut outside = Command::new("/usr/bin/setpriv");
    outside.args(["--reuid", "1000", "--regid", "1000", "--clear-groups"]);
    assert_eq!(python(&mut outside), "set\nTrue\n", "the control");
    let with = python(bulkhead(place.path()).args(["run", "--"]));
    assert_eq!(with, "Read-only file system\nTrue\n");
}

/// A service or a CI agent may run with more than others have (`Nice=`, `IOSchedulingClass=` of
/// `systemd.exec(5)`).
#[test]
fn no_build_has_its_callers_priority_before_others() {
    if !is_root() {
        return;
    }
    let place = crate::machine::directory();
    let ask = "import os; print(os.getpriority(0, 0), os.sched_getscheduler(0))";
    for (words, more) in [
        (&["/usr/bin/nice", "-n", "-10"][..], "-10"),
        (&["/usr/bin/nice", "-n", "5"], "5"),
        (&["/usr/bin/ionice", "-c", "1", "-n", "0"], "realtime"),
        (&["/usr/bin/ionice", "-c", "2", "-n", "0"], "best-effort: prio 0"),
        (&["/usr/bin/ionice", "-c", "3"], "idle"),
    ] {
        let shown = |command: &mut std::process::Command| {
            let (of_disks, of_processors) = ("/usr/bin/ionice", ["/usr/bin/python3", "-c", ask]);
            let disks = words.contains(&of_disks);
            let ask: &[&str] = if disks { &[of_disks] } else { &of_processors };
            let output = command.args(ask).current_dir(place.path()).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let with = |rest: &[&str]| {
            let mut command = std::process::Command::new(words[0]);
            command.args(&words[1..]).args(rest);
            shown(&mut command)
        };
        assert!(with(&[]).contains(more), "the control: {words:?}");
        let inside = with(&[crate::machine::built(), "run", "--quiet", "--"]);
        let less = ["5", "idle"].contains(&more);
        assert_eq!(inside.contains(more), less, "{words:?}: {inside}");
    }
}
