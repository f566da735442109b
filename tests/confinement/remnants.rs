//! Nothing is left of a build, even if its supervisor is killed with SIGKILL at any moment.
//!
//! Builds with leases of their own take uids outside the default range, so that no other test has them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{bulkhead, directory, etc, is_root, prints};

/// A payload that would like to stay: a daemon in a session of its own, deaf to every signal.
const DAEMON: &str =
    "trap '' TERM HUP INT; setsid sh -c \"trap '' TERM HUP INT; sleep 300\" & sleep 300";

/// What of the builds with this runtime directory and these uids is still there: processes that
/// have one of the uids, or that were started with the directory and have no uid of theirs yet.
fn living(runtime: &Path, uids: &std::ops::RangeInclusive<u32>) -> Vec<String> {
    let mut living = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
        let owned = field("Uid:").is_some_and(|numbers| {
            numbers.split_ascii_whitespace().any(|n| n.parse().is_ok_and(|uid| uids.contains(&uid)))
        });
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let started = String::from_utf8_lossy(&line).contains(runtime.to_str().unwrap());
        let dead = field("State:").is_none_or(|state| state.trim_start().starts_with('Z'));
        if (owned || started) && !dead {
            living.push(format!("{}: {:?}", entry.path().display(), field("Name:")));
        }
    }
    living
}

/// Waits until nothing is living any more, as the kernel ends a namespace a moment after its init.
fn await_nothing(runtime: &Path, uids: &std::ops::RangeInclusive<u32>) {
    await_true("nothing is left", || living(runtime, uids).is_empty());
}

fn await_true(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Starts the program `count` times in each of four threads and kills it after up to `longest`.
fn kill_at_random_moments(count: u32, longest: Duration, start: impl Fn() -> Command + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..4_u32 {
            let start = &start;
            scope.spawn(move || {
                for round in 0..count {
                    let mut child = start().spawn().unwrap();
                    // Spread evenly over the whole launch, by a step that shares no factor.
                    let share = (round * 4 + thread) * 61 % (count * 4);
                    let share = f64::from(share) / f64::from(count * 4);
                    std::thread::sleep(longest.mul_f64(share));
                    child.kill().unwrap();
                    child.wait().unwrap();
                }
            });
        }
    });
}

fn held_locks(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap().flatten();
    let files = entries.map(|entry| fs::File::open(entry.path()).unwrap());
    files
        .filter(|file| flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive).is_err())
        .count()
}

fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

#[test]
fn two_hundred_supervisors_killed_at_random_moments_leave_nothing() {
    if !is_root() {
        return;
    }
    let _etc = etc();
    let (place, runtime) = (directory(), directory());
    let uids = 62_200..=62_263;
    let before = ["/etc/passwd", "/proc/self/mountinfo"].map(|file| fs::read(file).unwrap());
    kill_at_random_moments(50, Duration::from_millis(16), || {
        let mut command = quiet(bulkhead(place.path()));
        command.args(["run", "--uids", "62200-62263", "--runtime"]).arg(runtime.path());
        command.args(["--", "/bin/sh", "-c", DAEMON]);
        command
    });
    await_nothing(runtime.path(), &uids);
    assert_eq!(held_locks(&runtime.path().join("uid")), 0);
    let after = ["/etc/passwd", "/proc/self/mountinfo"].map(|file| fs::read(file).unwrap());
    assert!(before == after, "an account or a mount is left");

    let recorded = || {
        let files = fs::read_dir(runtime.path().join("uid")).unwrap().flatten();
        files.filter(|file| file.metadata().unwrap().len() > 0).count()
    };
    assert_ne!(recorded(), 0, "some were killed while their build ran");
    let gc = || {
        let mut command = bulkhead(place.path());
        command.args(["gc", "--runtime"]).arg(runtime.path()).output().unwrap()
    };
    assert!(gc().status.success());
    assert_eq!(recorded(), 0);
    assert!(gc().stdout.is_empty(), "a second sweep finds nothing to do");
}

#[test]
fn the_accounts_of_killed_supervisors_are_removed_by_the_next_sweep() {
    if !is_root() {
        return;
    }
    let _etc = etc();
    let (place, runtime) = (directory(), directory());
    let accounts = || {
        let records = fs::read_dir(runtime.path().join("user")).into_iter().flatten().flatten();
        let names: Vec<_> = records.map(|record| record.file_name()).collect();
        let table = fs::read_to_string("/etc/passwd").unwrap();
        names.iter().filter(|name| table.contains(name.to_str().unwrap())).count()
    };
    let start = || {
        let mut command = quiet(bulkhead(place.path()));
        command.args(["run", "--level", "proposal", "--runtime"]).arg(runtime.path());
        command.args(["--", "/bin/sh", "-c", "echo ready; sleep 300"]);
        command
    };
    kill_at_random_moments(5, Duration::from_millis(120), start);
    // Each start sweeps what the ones before it left. This last one is killed while it builds.
    let mut last = start().stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
    let mut ready = [0; 5];
    std::io::Read::read_exact(last.stdout.as_mut().unwrap(), &mut ready).unwrap();
    last.kill().unwrap();
    last.wait().unwrap();
    // A `useradd` that was under way goes on; it holds its supervisor's lock until it is done.
    await_true("useradd ends", || held_locks(&runtime.path().join("user")) == 0);
    assert_ne!(accounts(), 0, "this is what an account costs: a killed supervisor leaves it");
    let gc = bulkhead(place.path()).args(["gc", "--runtime"]).arg(runtime.path()).output().unwrap();
    assert!(gc.status.success(), "{}", String::from_utf8_lossy(&gc.stderr));
    assert_eq!(fs::read_dir(runtime.path().join("user")).unwrap().count(), 0);
    assert_eq!(accounts(), 0);
    await_nothing(runtime.path(), &(u32::MAX..=u32::MAX));
}

#[test]
fn a_daemon_does_not_outlive_the_build_that_started_it() {
    if !is_root() {
        return;
    }
    // Each time another uid, for the daemon of the control is still there afterwards.
    let alive = |uid: u32, options: &[&str]| {
        let runtime = directory();
        let option = runtime.path().to_str().unwrap();
        let uids = uid.to_string();
        let mut all = vec!["--runtime", option, "--uids", &uids];
        all.extend(options);
        // Its output must not be this test's pipe, or the test would wait for the daemon.
        prints(&all, "setsid sleep 3 >/dev/null 2>&1 & sleep 0.1");
        std::thread::sleep(Duration::from_millis(100));
        living(runtime.path(), &(uid..=uid)).len()
    };
    let without = ["--without", "pid", "--without", "leash", "--without", "proc"];
    assert_ne!(alive(62_100, &without), 0, "the control");
    assert_eq!(alive(62_101, &[]), 0);
    assert_eq!(alive(62_102, &["--without", "pid", "--without", "proc"]), 0, "the leash alone");
    assert_eq!(alive(62_103, &["--without", "leash"]), 0, "the process namespace alone");
}

#[test]
fn forty_builds_at_once_each_have_a_user_of_their_own() {
    if !is_root() {
        return;
    }
    let (place, runtime) = (directory(), directory());
    let start = || {
        let mut command = bulkhead(place.path());
        command.args(["run", "--uids", "62300-62399", "--runtime"]).arg(runtime.path());
        // The uid map tells which uid outside the build has. None ends before all have told.
        command.args(["--", "/bin/sh", "-c", "awk '{print $2}' /proc/self/uid_map; sleep 600"]);
        command.stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut children: Vec<_> = (0..40).map(|_| start()).collect();
    let told = |child: &mut std::process::Child| {
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        line
    };
    let mut uids: Vec<_> = children.iter_mut().map(told).collect();
    for child in &mut children {
        kill_process(Pid::from_child(child), Signal::TERM).unwrap();
        child.wait().unwrap();
    }
    assert!(uids.iter().all(|uid| !uid.is_empty()));
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), 40);
}
