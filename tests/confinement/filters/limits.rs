//! The limits against the kernel: what each forbids first works without it.

use std::ffi::OsStr;
use std::path::Path;

use sandbox::host::limit_support::LimitSupport;
use sandbox::layers::limits::slot::{Slot, SlotError, Usage, sweep};
use sandbox::layers::limits::{self, Bounds};
use sandbox::policy::limits::{Demand, Limits};

use crate::attempts::python;
use crate::payload::{Ran, run_with};

const SLOT: &str = "BULKHEAD_TEST_SLOT";

/// The policy behind `limits memory=64M processes=20 …`.
fn policy(words: &str) -> Limits {
    let mut policy =
        Limits { memory: Demand::Unlimited, pids: Demand::Unlimited, ..Limits::default() };
    for word in words.split_whitespace().skip(1) {
        let (name, amount) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "memory" => policy.memory = amount.parse().expect("a size"),
            "processes" => policy.pids = amount.parse().expect("a number"),
            "open-files" => policy.open_files = amount.parse().expect("a number"),
            "file-size" => policy.file_size = amount.parse().expect("a size"),
            "cpu-time" => policy.cpu_time = amount.parse().expect("a time"),
            "core" => {} // which no policy is about
            other => panic!("no limit `{other}`"),
        }
    }
    policy
}

/// The payload's half: into the groups that the supervisor made, then the resource limits.
pub(crate) fn confine(words: &str) {
    let slot = std::env::var(SLOT);
    let mut offer = LimitSupport::probe(true);
    if slot.is_err() {
        // Without groups the resource limits are all there is.
        (offer.memory, offer.processes) = (None, None);
    }
    let bounds = limits::resolve(&policy(words), &offer).expect("bounds");
    if let Ok(name) = slot {
        let slot = Slot::make(&bounds.groups, &name).expect("the groups that are there already");
        limits::join(slot.cgroup_fds()).expect("a way in");
    }
    limits::apply(&bounds).expect("limits");
}

/// Runs `code` behind the limits in groups of its own, and says what happened there.
fn run(words: &str, name: &str, code: &str) -> (Ran, Usage) {
    let directory = tempfile::tempdir().expect("a directory");
    let bounds = bounds(words);
    let name = format!("test-{}-{name}", std::process::id());
    let slot = Slot::make(&bounds.groups, &name).expect("groups");
    let (python, _) = python();
    let ran = run_with(
        words,
        &[&python, "-c", code],
        directory.path(),
        &[(SLOT, OsStr::new(&name))],
        &[],
    );
    let usage = slot.usage();
    slot.remove().expect("the groups are empty and go");
    (ran, usage)
}

fn bounds(words: &str) -> Bounds {
    limits::resolve(&policy(words), &LimitSupport::probe(true)).expect("bounds")
}

fn no_groups() -> bool {
    let offer = LimitSupport::probe(true);
    let none = offer.memory.is_none() || offer.processes.is_none();
    if none {
        assert!(std::env::var_os("REQUIRE_ISOLATION").is_none(), "{offer:?}");
        crate::skipped::note(format_args!("no control groups can be made here ({offer:?})"));
    }
    none
}

#[test]
fn a_payload_that_wants_more_memory_is_killed_and_it_shows() {
    if no_groups() {
        return;
    }
    let code = "b = bytearray(200 << 20); print(len(b))";
    let (free, usage) = run("limits memory=1G", "free", code);
    assert!(free.status.success(), "{free:?}");
    assert_eq!(usage.killed_for_memory, 0);
    assert!(usage.peak_memory.is_some_and(|peak| peak > 200 << 20), "{usage:?}");
    let (ran, usage) = run("limits memory=64M", "memory", code);
    assert_eq!(ran.status.code(), Some(137), "{ran:?}");
    assert_eq!(usage.killed_for_memory, 1);
    assert!(usage.peak_memory.is_some_and(|peak| peak <= 64 << 20), "{usage:?}");
}

#[test]
fn a_fork_bomb_ends_at_the_limit_and_it_shows() {
    if no_groups() {
        return;
    }
    let code = "import os, signal\n\
        children = []\n\
        try:\n    \
            while len(children) < 60:\n        \
                pid = os.fork()\n        \
                if pid == 0: signal.pause()\n        \
                children.append(pid)\n\
        except BlockingIOError: pass\n\
        for pid in children: os.kill(pid, 9); os.waitpid(pid, 0)\n\
        print(len(children))";
    let (free, usage) = run("limits processes=200", "many", code);
    assert_eq!((free.stdout.as_str(), usage.forks_refused), ("60\n", 0), "{free:?}");
    let (ran, usage) = run("limits processes=20", "few", code);
    let children: u64 = ran.stdout.trim().parse().expect("a number");
    assert!((10..20).contains(&children), "{ran:?}");
    assert!(usage.forks_refused > 0, "{usage:?}");
}

#[test]
fn a_user_of_its_own_is_counted_without_groups_too() {
    let code = "import os, signal\n\
        os.setresuid(61987, 61987, 61987)\n\
        n = 0\n\
        try:\n    \
            while n < 60:\n        \
                if os.fork() == 0: signal.alarm(9); signal.pause()\n        \
                n += 1\n\
        except BlockingIOError: pass\n\
        print(n, flush=True)\n\
        os.kill(-1, 9)\n\
        for _ in range(n): os.wait()";
    if !rustix::process::geteuid().is_root() {
        crate::skipped::note(format_args!("only root can become another user"));
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let (python, _) = python();
    let children = |words| {
        let ran = run_with(words, &[&python, "-c", code], directory.path(), &[], &[]);
        ran.stdout.trim().parse::<u64>().unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    };
    assert_eq!(children("none"), 60);
    assert_eq!(children("limits processes=20"), 19);
}

#[test]
fn files_descriptors_and_processor_time_end_at_their_limits() {
    let directory = tempfile::tempdir().expect("a directory");
    let (python, _) = python();
    let run = |words: &str, code: &str| {
        run_with(words, &[&python, "-c", code], directory.path(), &[], &[])
    };
    for (words, code, refused) in [
        ("limits file-size=1M", "open('f', 'wb').write(bytes(2 << 20))", "File too large"),
        (
            "limits open-files=32",
            "import os; f = [os.open('/dev/null', 0) for _ in range(40)]",
            "Too many open files",
        ),
    ] {
        assert!(run("none", code).status.success());
        let ran = run(words, code);
        assert!(ran.stderr.contains(refused), "{words}: {ran:?}");
    }
    let spin = "import time\nt = time.process_time()\nwhile time.process_time() < t + 1.5: pass";
    assert!(run("none", spin).status.success());
    let ran = run("limits cpu-time=1s", spin);
    assert_eq!(ran.status.code(), Some(128 + 24), "SIGXCPU: {ran:?}");
}

#[test]
fn no_core_is_ever_written() {
    let directory = tempfile::tempdir().expect("a directory");
    let (python, _) = python();
    let code = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))";
    let ran = run_with("limits ", &[&python, "-c", code], directory.path(), &[], &[]);
    // Not 0, with which a core pattern still has a program started (`core(5)`).
    assert_eq!(ran.stdout, "(1, 1)\n", "{ran:?}");
}

#[test]
fn an_empty_group_of_a_dead_supervisor_is_used_again_or_swept() {
    if no_groups() {
        return;
    }
    let bounds = bounds("limits memory=64M processes=20");
    let name = format!("stale-{}", std::process::id());
    let made = |bounds: &Bounds| {
        bounds
            .groups
            .iter()
            .map(|group| group.place.directory.join(format!("bulkhead-{name}")))
            .filter(|path| path.exists())
            .count()
    };
    drop(Slot::make(&bounds.groups, &name).expect("groups"));
    assert_eq!(made(&bounds), bounds.groups.len(), "they outlive their supervisor");
    for words in ["limits memory=32M processes=20", "limits memory=96M processes=20"] {
        let other = self::bounds(words);
        drop(Slot::make(&other.groups, &name).expect("the same groups with other limits"));
    }
    let offer = LimitSupport::probe(true);
    assert_eq!(sweep(&offer, &|_| false), Vec::<String>::new());
    assert_eq!(made(&bounds), bounds.groups.len(), "somebody holds the lease");
    sweep(&offer, &|free| free == name);
    assert_eq!(made(&bounds), 0);
}

#[test]
fn a_group_in_which_something_runs_is_neither_taken_nor_swept() {
    if no_groups() {
        return;
    }
    let bounds = bounds("limits processes=20");
    let name = format!("busy-{}", std::process::id());
    let slot = Slot::make(&bounds.groups, &name).expect("a group");
    let directory = bounds.groups[0].place.directory.join(format!("bulkhead-{name}"));
    let mut sleeper = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
    let procs = directory.join("cgroup.procs");
    std::fs::write(&procs, sleeper.id().to_string()).expect("moved");
    let taken = Slot::make(&bounds.groups, &name);
    assert!(matches!(taken, Err(SlotError::Occupied(path)) if path == directory));
    assert_eq!(sweep(&LimitSupport::probe(true), &|free| free == name), [name.as_str()]);
    sleeper.kill().expect("killed");
    sleeper.wait().expect("dead");
    slot.remove().expect("empty now");
    assert!(!Path::new(&directory).exists());
}
