//! A program with threads launches by the library, which starts the program `bulkhead`.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use rstest::rstest;
use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use sandbox::outcome::Clock;
use sandbox::payload::Stdin;
use sandbox::plan::PlanKind;
use sandbox::policy::limits::Demand;
use sandbox::policy::limits::amounts::{Bytes, Span};
use sandbox::step::Step;
use sandbox::{
    End, Launcher, LauncherError, Layer, LayerSet, Level, Payload, Policy, Running, Standard,
};

use crate::machine::{built, directory, is_root};
use crate::remnants::{await_nothing, await_true};

/// What the documentation shows.
#[path = "../../sandbox/examples/threads.rs"]
#[allow(dead_code, reason = "it is a program, of which a test needs all but the beginning")]
mod example;

fn launcher() -> Launcher {
    Launcher::new(built())
}

fn payload(directory: &Path, script: &str) -> Payload {
    let argv = vec!["/bin/sh".into(), "-c".into(), script.into()];
    Payload::command(argv, directory.to_owned(), std::env::vars_os().collect()).unwrap()
}

/// Builds with uids and records that no other test has.
struct Builds {
    place: tempfile::TempDir,
    runtime: tempfile::TempDir,
    uids: std::ops::RangeInclusive<u32>,
}

impl Builds {
    fn new(first: u32) -> Self {
        Self { place: directory(), runtime: directory(), uids: first..=first + 9 }
    }

    fn policy(&self) -> Policy {
        let runtime = Some(self.runtime.path().to_owned());
        Policy { uids: self.uids.clone(), runtime, ..Policy::preset(Level::Full) }
    }

    fn launch(&self, script: &str) -> Running {
        let payload = payload(self.place.path(), script);
        launcher().launch(&self.policy(), &payload, Standard::piped()).unwrap()
    }

    /// One that does not end by itself, once it has said that it is there.
    fn launch_endless(&self) -> Running {
        let script = "trap '' TERM; (setsid sleep 300 &); echo there; sleep 300; sleep 300";
        let mut running = self.launch(script);
        assert_eq!(first_line(&mut running), "there\n");
        running
    }

    fn await_nothing(&self) {
        await_nothing(self.runtime.path(), &self.uids);
    }
}

/// Opens the FIFO at `gate` once a build reads from it, and does not wait for a build that is gone.
fn open_gate(gate: &Path) {
    let open = || {
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap();
        fs::File::options().write(true).custom_flags(flags).open(gate)
    };
    await_true("a build waits at the gate", || open().is_ok());
}

fn first_line(running: &mut Running) -> String {
    let mut line = String::new();
    BufReader::new(running.take_output().unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn the_example_of_the_documentation_runs() {
    let place = directory();
    let mut lines = example::build_all(&launcher(), place.path()).unwrap();
    lines.sort();
    assert_eq!(lines.len(), 8);
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(*line, format!("build {number} is uid 1000 of localhost"));
    }
}

#[test]
fn eight_threads_launch_at_once_and_each_has_a_build_of_its_own() {
    if !is_root() {
        return;
    }
    let (builds, barrier) = (Builds::new(62_910), Barrier::new(8));
    let mut uids: Vec<String> = std::thread::scope(|scope| {
        let launch = || {
            barrier.wait();
            let (input, held) = std::io::pipe().unwrap();
            let script = "awk '{print $2}' /proc/self/uid_map; echo err >&2; read line || :";
            let mut payload = payload(builds.place.path(), script);
            payload.stdin = Stdin::Inherit;
            let standard = Standard::piped().with_input(input.into());
            let mut running = launcher().launch(&builds.policy(), &payload, standard).unwrap();
            let mut errors = running.take_error().unwrap();
            let uid = first_line(&mut running);
            // All live at one time, so that none can have the uid of one that has ended.
            barrier.wait();
            drop(held);
            let mut text = String::new();
            errors.read_to_string(&mut text).unwrap();
            assert!(text.contains("err"), "{text}");
            let ended = running.finish().unwrap();
            assert_eq!(ended.outcome.end, End::Exited(0));
            assert_eq!(ended.started.plan, PlanKind::Namespaced);
            // All but those that nothing can be read back of.
            let unseen = [Layer::Environment, Layer::Leash, Layer::Harvest];
            let seen = Level::Full.layers().iter().filter(|layer| !unseen.contains(layer));
            let seen: LayerSet = seen.fold(LayerSet::EMPTY, LayerSet::with);
            assert_eq!(ended.outcome.enforced, seen);
            uid
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(launch)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    uids.sort();
    uids.dedup();
    assert_eq!(uids.len(), 8, "{uids:?}");
    builds.await_nothing();
}

#[test]
fn a_build_ends_with_what_holds_it_and_the_others_go_on() {
    if !is_root() {
        return;
    }
    let builds = Builds::new(62_920);
    let gate = builds.place.path().join("gate");
    mknodat(CWD, &gate, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let mut other = payload(builds.place.path(), "echo there; : < $0; echo done");
    other.argv.push(gate.clone().into());
    other.grant_named(gate.clone(), false).unwrap();
    let mut other = launcher().launch(&builds.policy(), &other, Standard::piped()).unwrap();
    let mut output = BufReader::new(other.take_output().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();

    drop(builds.launch_endless());
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _running = builds.launch_endless();
        panic!("this test panics on purpose");
    }));
    assert!(panicked.is_err());

    open_gate(&gate);
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "there\ndone\n");
    assert_eq!(other.finish().unwrap().outcome.end, End::Exited(0));
    builds.await_nothing();
}

#[test]
fn a_build_outlives_the_thread_that_launched_it() {
    if !is_root() {
        return;
    }
    let builds = Builds::new(62_930);
    let (reader, writer) = std::io::pipe().unwrap();
    let launched = || {
        let mut payload = payload(builds.place.path(), "read line; echo got $line");
        payload.stdin = Stdin::Inherit;
        let standard = Standard::piped().with_input(reader.into());
        launcher().launch(&builds.policy(), &payload, standard).unwrap()
    };
    let mut running = std::thread::scope(|scope| scope.spawn(launched).join().unwrap());
    // Only now, when that thread is gone, the build hears what it waits for.
    rustix::io::write(&writer, b"word\n").unwrap();
    assert_eq!(first_line(&mut running), "got word\n");
    assert_eq!(running.finish().unwrap().outcome.end, End::Exited(0));
}

#[test]
fn a_build_is_asked_to_end_or_ended() {
    if !is_root() {
        return;
    }
    let builds = Builds::new(62_940);
    let mut running = builds.launch("trap 'exit 7' TERM; echo there; while :; do sleep 0.1; done");
    first_line(&mut running);
    running.terminate().unwrap();
    assert_eq!(running.finish().unwrap().outcome.end, End::Exited(7));
    let running = builds.launch_endless();
    running.kill();
    assert_eq!(running.finish().unwrap().outcome.end, End::Signalled(9));
    builds.await_nothing();
}

#[test]
fn a_build_ends_with_the_program_that_watches_over_it() {
    if !is_root() {
        return;
    }
    let builds = Builds::new(62_950);
    let running = builds.launch_endless();
    let supervisor = rustix::process::Pid::from_raw(i32::try_from(running.id()).unwrap()).unwrap();
    rustix::process::kill_process(supervisor, rustix::process::Signal::KILL).unwrap();
    let lost = running.finish().unwrap_err();
    assert!(matches!(lost, LauncherError::Lost { .. }), "{lost}");
    assert!(lost.to_string().contains("signal: 9"), "{lost}");
    builds.await_nothing();
}

#[test]
fn output_that_nobody_takes_keeps_no_build_waiting() {
    let place = directory();
    let payload = payload(place.path(), "yes | head -c 3000000; yes | head -c 3000000 >&2");
    let policy = Policy::preset(Level::Full);
    let finish = || launcher().launch(&policy, &payload, Standard::piped()).unwrap().finish();
    assert_eq!(finish().unwrap().outcome.end, End::Exited(0));
    // A reader that neither reads nor goes away, and a build that is dropped all the same.
    let script = "yes | head -c 3000000; sleep 300";
    let mut running = launcher()
        .launch(&policy, &self::payload(place.path(), script), Standard::piped())
        .unwrap();
    let mut output = running.take_output().unwrap();
    output.read_exact(&mut [0; 1]).unwrap();
    let begun = Instant::now();
    drop(running);
    assert!(begun.elapsed() < Duration::from_mins(1), "it waited for the reader");
    drop(output);
}

#[test]
fn how_it_ended_is_told_as_a_value() {
    if !is_root() {
        return;
    }
    let builds = Builds::new(62_960);
    let finish = |policy: &Policy, script: &str| {
        let payload = payload(builds.place.path(), script);
        launcher()
            .launch(policy, &payload, Standard::discarded())
            .unwrap()
            .finish()
            .unwrap()
            .outcome
    };
    let outcome = finish(&builds.policy(), "kill -SEGV $$");
    assert_eq!((outcome.end, outcome.harvest.files.len()), (End::Signalled(11), 0));
    let mut policy = builds.policy();
    // Long enough for the launch itself, which counts.
    policy.limits.timeout = Demand::Exactly(Span(Duration::from_secs(5)));
    let outcome = finish(&policy, "exec sleep 300");
    assert_eq!(outcome.end, End::TimedOut(Clock::Wall));
    assert!(outcome.elapsed >= Duration::from_millis(300));
    let mut policy = builds.policy();
    policy.limits.log = Demand::Exactly(Bytes(1000));
    let end = finish(&policy, "head -c 100000 /dev/zero; sleep 300").end;
    assert!(matches!(&end, End::OutputRefused { file, .. } if file == "log"), "{end}");
    let mut absent = payload(builds.place.path(), "");
    absent.argv = vec!["./absent".into()];
    let running = launcher().launch(&builds.policy(), &absent, Standard::discarded()).unwrap();
    let end = running.finish().unwrap().outcome.end;
    let End::NotStarted { step, status, .. } = end else { panic!("{end}") };
    assert_eq!((step, status), (Some(Step::Exec.text()), 127));
}

#[rstest]
#[case::a_missing_command("no-such-command", Policy::preset(Level::Full), 127, "no-such-command")]
#[case::no_uid(
    "true", Policy { uids: 0..=0, ..Policy::preset(Level::Full) }, 125, "uid"
)]
#[case::no_lab("true", Policy::preset(Level::None), 125, "lab")]
fn what_was_not_run_is_an_error_of_the_launch(
    #[case] command: &str,
    #[case] policy: Policy,
    #[case] expected: u8,
    #[case] word: &str,
) {
    if !is_root() {
        return;
    }
    let place = directory();
    let mut payload = payload(place.path(), "");
    payload.argv = vec![command.into()];
    let error = launcher().launch(&policy, &payload, Standard::discarded()).unwrap_err();
    let LauncherError::NotRun { step, cause, status } = error else { panic!("{error}") };
    assert_eq!((step, status), (None, expected), "{cause}");
    assert!(cause.contains(word), "{cause}");
}

#[test]
fn a_step_that_failed_is_named() {
    if !is_root() {
        return;
    }
    let place = directory();
    let mut policy = Policy::preset(Level::Full);
    // No directory can be made there.
    policy.files.scratch = Some("/proc".into());
    let payload = payload(place.path(), "true");
    let error = launcher().launch(&policy, &payload, Standard::discarded()).unwrap_err();
    let LauncherError::NotRun { step, status, .. } = error else { panic!("{error}") };
    assert_eq!((step, status), (Some(Step::Scratch), 125));
}

#[test]
fn a_program_that_is_no_bulkhead_is_told_from_one() {
    let place = directory();
    let payload = payload(place.path(), "true");
    let launch = |program: &str| {
        let policy = Policy::preset(Level::Full);
        Launcher::new(program).launch(&policy, &payload, Standard::discarded()).unwrap_err()
    };
    assert!(matches!(launch("/nowhere/bulkhead"), LauncherError::Program { .. }));
    assert!(matches!(launch("/bin/true"), LauncherError::Lost { .. }));
    // And a person who finds the command is told what it is for.
    let output = Command::new(built()).arg("launch").output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bulkhead run"));
}
