//! Tests of `recorder`.

use std::path::Path;

use super::*;
use crate::host::fakes;
use crate::payload::Payload;
use crate::policy::Policy;
use crate::policy::levels::Level;
use crate::why::obstacles::MOST;

const OPEN: u32 = 257;
const EXECUTE: u32 = 59;
const CONNECT: u32 = 42;
const CLONE: u32 = 56;
const PTRACE: u32 = 101;
const HERE: u64 = (-100_i64).cast_unsigned();

fn recorder(level: Level) -> Recorder {
    let variables = vec![("PATH".into(), "/usr/bin:/nowhere/bin".into())];
    let payload = Payload::command(vec!["x".into()], "/w".into(), variables).unwrap();
    let plan =
        Plan::resolve(&Policy::preset(level), Path::new("/x"), &payload, &fakes::root()).unwrap();
    Recorder::new(&plan).unwrap()
}

fn own() -> i32 {
    i32::try_from(std::process::id()).unwrap()
}

/// One call of this process, which gave `value`.
fn call(recorder: &mut Recorder, number: u32, arguments: [u64; 6], value: i64) {
    let architecture = Architecture::X86_64.audit();
    recorder.call(own(), At::Entry { architecture, number: number.into(), arguments });
    recorder.call(own(), At::Exit(value));
}

fn opened(recorder: &mut Recorder, path: &str, flags: u64, errno: i32) {
    let text = [path.as_bytes(), b"\0"].concat();
    call(recorder, OPEN, [HERE, text.as_ptr() as u64, flags, 0, 0, 0], -i64::from(errno));
}

fn obstacles(recorder: Recorder) -> Vec<Obstacle> {
    let mut obstacles: Vec<_> = recorder.finish().met.into_keys().collect();
    obstacles.sort();
    obstacles
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the numbers are of another architecture")]
fn what_is_the_builds_own_and_what_every_program_looks_for_is_no_sight() {
    let mut recorder = recorder(Level::Full);
    for (path, flags, errno) in [
        ("/etc/passwd", 0, 2),
        ("/etc/passwd", 0, 2),
        ("/no/such/file", 0o101, 2),
        ("/w/file", 0, 2),
        ("/etc/none/../group", 0, 13),
        ("/etc/made", 0o101, 30),
        ("/proc/1/x", 0, 2),
        ("/usr/lib/__pycache__/x", 0o101, 30),
        ("/etc/passwd", 0, 4),
    ] {
        opened(&mut recorder, path, flags, errno);
    }
    let seen = recorder.trace.met.get(&Obstacle::Missing("/etc/passwd".into())).unwrap();
    assert_eq!((seen.times, seen.by.len()), (2, 1));
    assert_eq!(
        obstacles(recorder),
        [
            Obstacle::Missing("/etc/passwd".into()),
            Obstacle::Closed("/etc/group".into()),
            Obstacle::NotWritten("/etc/made".into(), 30),
            Obstacle::Gone("/no/such/file".into()),
        ]
    );
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the numbers are of another architecture")]
fn where_a_build_sees_the_host_nothing_is_missing() {
    let mut recorder = recorder(Level::Network);
    opened(&mut recorder, "/etc/passwd", 0, 2);
    assert_eq!(obstacles(recorder), []);
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the numbers are of another architecture")]
fn a_program_that_is_not_there_is_told_from_a_file() {
    let mut recorder = recorder(Level::Full);
    let text = "/nowhere/bin/tool\0";
    call(&mut recorder, EXECUTE, [text.as_ptr() as u64, 0, 0, 0, 0, 0], -2);
    assert_eq!(obstacles(recorder), [Obstacle::NotExecuted("/nowhere/bin/tool".into())]);
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the numbers are of another architecture")]
fn refusals_networks_limits_and_processes_out_of_sight_are_told_apart() {
    let mut recorder = recorder(Level::Full);
    call(&mut recorder, PTRACE, [0; 6], -1);
    let address = [2_u8, 0, 0, 80, 192, 0, 2, 1];
    for errno in [101, 115] {
        call(&mut recorder, CONNECT, [3, address.as_ptr() as u64, 8, 0, 0, 0], -errno);
    }
    call(&mut recorder, CLONE, [17, 0, 0, 0, 0, 0], -11);
    call(&mut recorder, CLONE, [UNTRACED, 0, 0, 0, 0, 0], 5);
    // Not by the filter, which lets this pass.
    call(&mut recorder, 0, [0; 6], -1);
    opened(&mut recorder, "/etc/hosts", 0, 0);
    let notes = recorder.trace.notes();
    assert!(notes.len() == 1 && notes[0].starts_with("1 of its processes"), "{notes:?}");
    assert_eq!(
        obstacles(recorder),
        [
            Obstacle::Refused("ptrace", 1),
            Obstacle::NotReached("192.0.2.1:80".into(), 101),
            Obstacle::Lookup,
            Obstacle::Limit(Shortage::Processes),
        ]
    );
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "the numbers are of another architecture")]
fn what_is_remembered_is_bounded_and_the_last_of_it_stays() {
    let mut recorder = recorder(Level::Full);
    let most = 5 * MOST;
    for number in 0..most {
        opened(&mut recorder, &format!("/etc/{number}"), 1, 30);
    }
    let last = Obstacle::NotWritten(format!("/etc/{}", most - 1).into(), 30);
    let trace = recorder.finish();
    assert!(trace.met.len() < 2 * MOST && trace.met.contains_key(&last));
    assert_eq!(usize::try_from(trace.forgotten).unwrap() + trace.met.len(), most);
    assert_eq!(trace.notes().len(), 1);
}

#[test]
fn the_first_process_is_known_by_its_end_and_those_that_fail_are_kept() {
    let mut recorder = recorder(Level::Full);
    recorder.executed(own(), own());
    assert!(!recorder.ended(i32::MAX, 256));
    assert!(recorder.ended(own(), 256));
    let failed: Vec<_> = recorder.finish().failed.iter().map(|it| it.process).collect();
    assert_eq!(failed, [ROOT]);
}
