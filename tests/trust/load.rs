//! A machine that has other things to do, or is slow, gives the same report.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use sandbox::host::groups::{Hierarchies, Version};

use crate::workplace::{LEVELS, Workplace, ended, is_able, skip};

/// What waits, what leaves something running, what connects, and what is looked at while it lives.
const ENTRIES: [&str; 7] = [
    "benign/pure-python",
    "network/tcp-exfil",
    "privileges/nested-userns",
    "processes/kill-victim",
    "remnants/daemon-survives",
    "remnants/orphan-after-kill",
    "resources/hang",
];

/// Runs the entries and returns the report.
fn report(place: &Workplace, out: &str, start: impl Fn(Command) -> Command) -> String {
    let arguments = [&["run", "-j", "3", "--out", out], &LEVELS[..]].concat();
    let (status, said, err) = ended(start(place.harness(&arguments)).output().unwrap());
    assert_eq!(status, 0, "{out}: {said}{err}");
    place.read(&format!("{out}/root/own.json"))
}

/// Programs that do nothing but use a processor, until they are dropped.
struct Load(Vec<Child>);

impl Load {
    fn of(programs: usize) -> Self {
        let busy = || Command::new("/bin/sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        Self((0..programs).map(|_| busy()).collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// A control group in which processes get a part of one processor.
struct Slow(PathBuf);

impl Slow {
    /// In percent of one processor; `None` where this machine lends no such group.
    fn of(percent: usize) -> Option<Self> {
        let place = Hierarchies::probe().place("cpu")?;
        let group = place.directory.join(format!("bulkhead-test-slow-{}", std::process::id()));
        fs::create_dir(&group).ok()?;
        let made = Self(group);
        let quota = percent * 1_000;
        let set = match place.version {
            Version::One => fs::write(made.0.join("cpu.cfs_quota_us"), quota.to_string()),
            Version::Two => fs::write(made.0.join("cpu.max"), format!("{quota} 100000")),
        };
        set.ok().map(|()| made)
    }

    fn around(&self, command: &Command) -> Command {
        let mut slowed = Command::new("/bin/sh");
        let procs = self.0.join("cgroup.procs");
        let enter = format!("echo $$ > '{}' && exec \"$0\" \"$@\"", procs.display());
        slowed.args(["-c", &enter]).arg(command.get_program()).args(command.get_args());
        slowed.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null());
        slowed.env_remove("REQUIRE_ISOLATION");
        slowed
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        fs::remove_dir(&self.0).unwrap();
    }
}

#[test]
#[ignore = "slows the tests beside it: `cargo test -p harness --test trust -- --ignored`"]
fn a_busy_machine_gives_the_report_of_an_idle_one() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&ENTRIES);
    let idle = report(&place, "idle", |command| command);
    let processors = std::thread::available_parallelism().unwrap().get();
    let load = Load::of(4 * processors);
    assert_eq!(report(&place, "busy", |command| command), idle);
    drop(load);
    assert!(idle.contains("\"escaped\"") && idle.contains("\"blocked\""), "{idle}");
}

#[test]
fn a_slow_machine_gives_the_report_of_a_fast_one() {
    if !is_able() {
        return;
    }
    let Some(slow) = Slow::of(40) else {
        return skip("a control group that bounds processor time is needed to slow a run down");
    };
    let place = Workplace::with(&ENTRIES);
    let fast = report(&place, "fast", |command| command);
    assert_eq!(report(&place, "slow", |command| slow.around(&command)), fast);
}

#[test]
fn a_trial_that_does_not_end_is_an_error_that_no_update_writes() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    fs::create_dir(place.path().join("reports")).unwrap();
    // It has done what its oracle looks for, and then keeps its front end waiting.
    let body = "    with kit.attempt(\"open\"):\n\
                \x20       open(os.path.expanduser(\"~/made\"), \"w\").close()\n\
                \x20       import time\n\
                \x20       time.sleep(kit.seconds(600))\n";
    place.attack("endless", "1s", body);
    let (status, out, err) = place.run(&["run", "--update", "-t", "own@full"]);
    assert_eq!(status, 12, "{out}{err}");
    for level in ["none", "full"] {
        let cell = place.cell("own", "files/endless", level);
        assert_eq!(cell, ("error".to_owned(), "error".to_owned()), "{level}: {out}");
        let told =
            format!("not written: files/endless at {level} of own on root: error: it was cut");
        assert!(out.contains(&told), "{out}");
    }
    assert!(out.contains("`made` had fired"), "{out}");
    let written = place.read("reports/root/own.json");
    assert!(written.contains("benign/pure-python") && !written.contains("endless"), "{written}");
}
