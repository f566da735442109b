//! What is left of a lab: nothing, whoever dies and when.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use harness::conduct::conduct;

use crate::fixture::{Fixture, run_context, victim};

#[test]
fn a_closed_lab_leaves_no_process_and_no_mount() {
    let Some(context) = run_context() else { return };
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    for _ in 0..5 {
        let rehearsal = context.try_empty_lab().unwrap();
        eprintln!("opened in {:?}, closed in {:?}", rehearsal.opened, rehearsal.closed);
    }
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
}

/// Not a test of its own: the process that `sudden_death_of_the_harness_leaves_nothing` kills.
#[test]
fn conductor() {
    let Some(part) = std::env::var_os(CONDUCTOR) else { return };
    let context = run_context().unwrap();
    let daemon = if part == FROZEN {
        FREEZES
    } else {
        "subprocess.Popen(['sleep', '600'], start_new_session=True)\ntime.sleep(600)"
    };
    let mut fixture = Fixture::new(daemon).plant("agent", victim("{canary}"));
    fixture.attack.run.timeout = Duration::from_mins(10);
    let _never = conduct(&fixture.trial(), context, 0);
}

/// Puts the lab's first process to where it cannot even die, and says so by a file outside.
const FREEZES: &str = "import ctypes\n\
    os.mkdir('/tmp/freezer')\n\
    libc = ctypes.CDLL(None, use_errno=True)\n\
    libc.mount(b'none', b'/tmp/freezer', b'cgroup', 0, b'freezer')\n\
    os.mkdir('/tmp/freezer/ice')\n\
    open('/tmp/freezer/ice/tasks', 'w').write('1')\n\
    open('/tmp/freezer/ice/freezer.state', 'w').write('FROZEN')\n\
    time.sleep(600)";

/// The value of that variable for a conductor whose lab does that.
const FROZEN: &str = "frozen";

/// The variable that makes a process of this test program a conductor.
const CONDUCTOR: &str = "BULKHEAD_TEST_CONDUCTOR";

#[test]
fn sudden_death_of_the_harness_leaves_nothing() {
    if run_context().is_none() {
        return;
    }
    for delay in [150, 200, 260, 350, 800] {
        let scratch = tempfile::tempdir().unwrap();
        let mut conductor = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "conductor", "--nocapture"])
            .env(CONDUCTOR, "1")
            .env("TMPDIR", scratch.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // Sudden at a moment of its own: while labs are made, while hooks start, while they run.
        std::thread::sleep(Duration::from_millis(delay));
        let namespaces = namespaces_below(conductor.id());
        conductor.kill().unwrap();
        conductor.wait().unwrap();
        let end = Instant::now() + Duration::from_secs(5);
        while !inhabitants(&namespaces).is_empty() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(inhabitants(&namespaces), Vec::<u32>::new(), "after {delay} ms");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains("bulkhead-lab"));
    }
}

/// The process namespaces, other than our own, of the children of a process.
fn namespaces_below(parent: u32) -> Vec<PathBuf> {
    let own = std::fs::read_link("/proc/self/ns/pid").unwrap();
    let mut found = Vec::new();
    for pid in all_processes() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let of =
            stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)).map(str::to_owned);
        if of == Some(parent.to_string()) {
            found.extend(std::fs::read_link(format!("/proc/{pid}/ns/pid")));
        }
    }
    found.retain(|namespace| *namespace != own);
    found
}

/// The processes that live in one of these namespaces.
fn inhabitants(namespaces: &[PathBuf]) -> Vec<u32> {
    let lives = |pid: &u32| {
        std::fs::read_link(format!("/proc/{pid}/ns/pid")).is_ok_and(|it| namespaces.contains(&it))
    };
    all_processes().into_iter().filter(lives).collect()
}

fn all_processes() -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[test]
fn a_lab_that_is_frozen_ends_with_the_harness_too() {
    let freezer = std::path::Path::new("/sys/fs/cgroup/freezer");
    if run_context().is_none() || !freezer.exists() {
        eprintln!("skipped: freezing the first process needs control groups of version 1");
        return;
    }
    let mut conductor = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "death::conductor", "--nocapture"])
        .env(CONDUCTOR, FROZEN)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let prefix = format!("bulkhead-lab-{}-", conductor.id());
    let groups = || -> Vec<PathBuf> {
        let entries = std::fs::read_dir(freezer).unwrap().flatten().map(|entry| entry.path());
        entries.filter(|path| path.to_string_lossy().contains(&prefix)).collect()
    };
    let is_frozen = || {
        let state = |group: &PathBuf| {
            std::fs::read_to_string(group.join("lab/ice/freezer.state")).unwrap_or_default()
        };
        groups().iter().any(|group| state(group).starts_with("FROZEN"))
    };
    let patience = Instant::now() + Duration::from_mins(3);
    while !is_frozen() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(is_frozen(), "the lab was never frozen: {:?}", groups());
    let namespaces = namespaces_below(conductor.id());
    conductor.kill().unwrap();
    conductor.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while (!groups().is_empty() || !inhabitants(&namespaces).is_empty()) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(groups(), Vec::<PathBuf>::new());
    assert_eq!(inhabitants(&namespaces), Vec::<u32>::new());
}
