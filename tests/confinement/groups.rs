//! Control groups of version 2 that were delegated to an ordinary user: they bound his builds, any
//! number of launches share them, and nothing stays in them.
//!
//! Delegated as by hand: a group of the tree's root whose directory, membership and lending are the
//! user's (`Documentation/admin-guide/cgroup-v2.rst` of the kernel, "Delegation").

use std::fs;
use std::io::Write;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

use crate::machine::{directory, is_root};

const TREE: &str = "/sys/fs/cgroup";

/// A group that is an ordinary user's, with a directory for him.
struct Delegated {
    group: PathBuf,
    place: tempfile::TempDir,
}

impl Delegated {
    /// None where this machine has no controllers to give away.
    fn new(name: &str) -> Option<Self> {
        let controllers = fs::read_to_string(Path::new(TREE).join("cgroup.controllers"));
        let there = controllers.is_ok_and(|text| text.contains("memory") && text.contains("pids"));
        if !is_root() || !there {
            crate::skipped::note(format_args!("no control groups of version 2 with controllers"));
            return None;
        }
        // What the root lends it lends on machines with systemd as well; it is left so.
        fs::write(Path::new(TREE).join("cgroup.subtree_control"), "+memory +pids").unwrap();
        let group = Path::new(TREE).join(format!("test-{}-{name}", std::process::id()));
        fs::create_dir(&group).unwrap();
        for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
            chown(group.join(file), Some(1000), Some(1000)).unwrap();
        }
        let place = directory();
        let program = place.path().join("bulkhead");
        let copied = Command::new("/bin/cp").arg(crate::machine::built()).arg(&program).status();
        assert!(copied.unwrap().success());
        for name in ["work", "runtime"] {
            fs::create_dir(place.path().join(name)).unwrap();
            chown(place.path().join(name), Some(1000), Some(1000)).unwrap();
        }
        Some(Self { group, place })
    }

    /// Starts `script` in the group, as the user, where `$1` is the program.
    fn start(&self, script: &str) -> Child {
        let enter = "read _; exec setpriv --reuid 1000 --regid 1000 --clear-groups /bin/sh -c \"$0\" sh \"$1\"";
        let mut child = Command::new("/bin/sh")
            .args(["-c", enter, script])
            .arg(self.place.path().join("bulkhead"))
            .current_dir(self.place.path().join("work"))
            .env("XDG_RUNTIME_DIR", self.place.path().join("runtime"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        fs::write(self.group.join("cgroup.procs"), child.id().to_string()).unwrap();
        child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        child
    }

    fn run(&self, script: &str) -> Output {
        self.start(script).wait_with_output().unwrap()
    }

    /// The groups of builds below it.
    fn builds(&self) -> Vec<PathBuf> {
        let below = fs::read_dir(&self.group).unwrap().flatten().map(|entry| entry.path());
        below.filter(|path| path.to_string_lossy().contains("/bulkhead-")).collect()
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        // Deepest first. Nothing but what the callers moved to is left, and they are dead.
        let deadline = Instant::now() + Duration::from_secs(5);
        while fs::remove_dir(&self.group).is_err() && Instant::now() < deadline {
            for entry in fs::read_dir(&self.group).into_iter().flatten().flatten() {
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn an_ordinary_users_build_is_bounded_where_a_group_is_delegated_to_him() {
    let Some(delegated) = Delegated::new("bounds") else { return };
    let python = "/usr/bin/python3 -c";
    let grow = "b = bytearray(200 << 20); print(len(b))";
    let many = "import os, signal\n\
                n = 0\n\
                try:\n    while n < 60:\n        \
                n += 1\n        (os.fork() == 0) and signal.pause()\n\
                except BlockingIOError: print(n)\n\
                os.kill(0, 9)";
    let script = format!(
        "$1 run --require all -- /bin/echo held; \
         $1 run --memory 64M -- {python} '{grow}'; echo \"status $?\"; \
         $1 run --memory 1G -- {python} '{grow}'; echo \"status $?\"; \
         $1 run --pids 20 -- {python} '{many}'; echo \"status $?\""
    );
    let output = delegated.run(&script);
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], "held", "{printed}{errors}");
    assert_eq!(lines[1..4], ["status 137", "209715200", "status 0"], "{printed}{errors}");
    let made: u32 = lines[4].parse().unwrap_or_else(|_| panic!("{printed}{errors}"));
    assert!((10..20).contains(&made), "{printed}{errors}");
    assert_eq!(lines[5], "status 137", "{printed}{errors}");
    assert_eq!(delegated.builds(), Vec::<PathBuf>::new());
    let claims = fs::read_dir(delegated.place.path().join("runtime/bulkhead/claim")).unwrap();
    assert_eq!(claims.count(), 0);
}

#[test]
fn the_doctor_says_that_it_is_held_there_and_that_it_is_not_elsewhere() {
    let Some(delegated) = Delegated::new("doctor") else { return };
    let resources = |output: &Output| {
        let found: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
        let causes = found["findings"].as_array().unwrap().iter();
        let causes: Vec<_> = causes.map(|it| it["cause"].as_str().unwrap().to_owned()).collect();
        (found["full"]["guarantees"]["resources"]["holding"].as_str().unwrap().to_owned(), causes)
    };
    let there = resources(&delegated.run("exec $1 doctor --json"));
    assert_eq!(there, ("held".to_owned(), vec![]));
    let root = chown(delegated.group.join("cgroup.procs"), Some(0), Some(0));
    root.unwrap();
    let elsewhere = resources(&delegated.run("exec $1 doctor --json"));
    assert_eq!(elsewhere.0, "partly");
    assert_eq!(elsewhere.1, ["no-control-group"]);
}

#[test]
fn launches_beside_each_other_share_what_is_delegated() {
    let Some(delegated) = Delegated::new("shared") else { return };
    let one = "$1 run --require resources -- /bin/sh -c 'sleep 0.2; cat /proc/self/cgroup' &";
    let output = delegated.run(&format!("{} wait", one.repeat(8)));
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    let mut groups: Vec<_> = printed.lines().filter(|line| line.contains("/bulkhead-")).collect();
    groups.sort_unstable();
    groups.dedup();
    assert_eq!(groups.len(), 8, "each has its own: {printed}{errors}");
    assert_eq!(errors, "");
    assert_eq!(delegated.builds(), Vec::<PathBuf>::new());
}

#[rstest]
#[case::of_the_next_launch("$1 run -- /bin/true")]
#[case::of_the_sweep("$1 gc")]
fn the_group_of_a_killed_supervisor_goes_with_the_next(#[case] next: &str) {
    let Some(delegated) = Delegated::new("killed") else { return };
    for pause in [0, 3, 8, 20, 60] {
        let mut child = delegated.start("exec $1 run -- /bin/sleep 30");
        std::thread::sleep(Duration::from_millis(pause));
        kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        child.wait().unwrap();
        let output = delegated.run(next);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(delegated.builds(), Vec::<PathBuf>::new(), "killed after {pause} ms");
    }
}

#[test]
fn below_a_threaded_group_a_build_runs_without_one_and_it_is_told() {
    let Some(delegated) = Delegated::new("threaded") else { return };
    let inner = delegated.group.join("inner");
    fs::create_dir(&inner).unwrap();
    fs::write(inner.join("cgroup.type"), "threaded").unwrap();
    let kind = fs::read_to_string(delegated.group.join("cgroup.type")).unwrap();
    assert_eq!(kind.trim(), "domain threaded", "the control");
    let output =
        delegated.run("$1 run -- /bin/echo ran; $1 doctor; $1 run --memory 1G -- true; echo $?");
    let (printed, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(printed.starts_with("ran\n") && printed.ends_with("125\n"), "{printed}{errors}");
    assert_eq!(printed.matches("of the type `domain threaded`").count(), 1, "{printed}");
    assert!(errors.contains("resources partly") && errors.contains("memory cannot"), "{errors}");
    assert_eq!(delegated.builds(), Vec::<PathBuf>::new());
    fs::remove_dir(&inner).unwrap();
}
