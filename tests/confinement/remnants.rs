//! Nothing is left of a build.
//!
//! Builds with leases of their own take uids outside the default range, so that no other test has them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::machine::{bulkhead, directory, etc, is_root, prints};

/// What of the builds with this runtime directory and these uids is still there: processes that
/// have one of the uids, or that were started with the directory and have no uid of theirs yet.
pub fn living(runtime: &Path, uids: &std::ops::RangeInclusive<u32>) -> Vec<String> {
    let mut living = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let status = fs::read(entry.path().join("status")).unwrap_or_default();
        let status = String::from_utf8_lossy(&status);
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
pub fn await_nothing(runtime: &Path, uids: &std::ops::RangeInclusive<u32>) {
    await_true("nothing is left", || living(runtime, uids).is_empty());
}

pub fn await_true(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn held_locks(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| fs::File::open(entry.path()).ok());
    files
        .filter(|file| flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive).is_err())
        .count()
}

#[test]
fn a_process_whose_name_is_no_text_ends_with_the_user_that_was_made_for_it() {
    if !is_root() {
        return;
    }
    let _etc = etc();
    // A number that no other process has in its command.
    let seconds = std::process::id() * 10 + 3_000_000;
    let daemon = format!(
        "import ctypes, time; ctypes.CDLL(None).prctl(15, b'\\xff) R'); open('named', 'w'); \
         time.sleep({seconds})"
    );
    let script = format!(
        "setsid /usr/bin/env python3 -c \"{daemon}\" >/dev/null 2>&1 & \
         until test -e named; do sleep 0.02; done; echo named"
    );
    assert_eq!(prints(&["--level", "proposal"], &script), "named\n");
    let left = fs::read_dir("/proc").unwrap().flatten().filter(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&format!("sleep({seconds})"))
    });
    let left: Vec<_> = left.map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
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
        // The uid map tells which uid outside the build has. It keeps that until it is ended, so
        // that on a slow machine too all of them live at one time.
        command.args(["--", "/bin/sh", "-c", "awk '{print $2}' /proc/self/uid_map; sleep 300"]);
        command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
    };
    let mut children: Vec<_> = (0..40).map(|_| start()).collect();
    let tell = |child: &mut std::process::Child| {
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim().parse::<u32>().unwrap()
    };
    let mut uids: Vec<_> = children.iter_mut().map(tell).collect();
    for child in &mut children {
        let pid = rustix::process::Pid::from_child(child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(143));
    }
    uids.sort_unstable();
    uids.dedup();
    assert_eq!(uids.len(), 40);
}
