//! How an inspector can end without an answer, each time in one sentence.
#![forbid(unsafe_code)]

use super::*;

/// An inspector that is this script of a shell, whose standard input is the socket.
fn inspection<'a>(script: &str, patience: &'a mut Patience) -> Inspection<'a> {
    let (line, theirs) = Line::pair().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).stdin(OwnedFd::from(theirs));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    drop(command);
    let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
    Inspection { child, process, line, patience }
}

#[test]
fn an_inspector_that_does_not_answer_is_told_of_in_one_sentence() {
    let cases = [
        ("kill -9 $$", "was killed"),
        ("kill -6 $$", "broke by signal 6"),
        ("kill -6 $$", "more memory than the build may have"),
        ("kill -11 $$", "broke by signal 11"),
        ("kill -31 $$", "broke by signal 31"),
        ("kill -24 $$", "takes too long"),
        ("exit 101", "ended without an answer"),
        ("exit 0", "ended without an answer"),
        ("exec sleep 60", "takes too long"),
        ("exec cat /dev/zero >&0", "answers what is no answer"),
        ("yes >&0", "answers what is no answer"),
        ("printf 123456789012 >&0; exec sleep 60", "answers what is no answer"),
    ];
    for (script, told) in cases {
        let mut patience = Patience::endless();
        let mut inspection = inspection(script, &mut patience);
        let seconds = if script == "exec sleep 60" { 1 } else { 30 };
        let why = inspection.hear(Instant::now() + Duration::from_secs(seconds)).unwrap_err();
        let sentence = why.to_string();
        assert!(sentence.contains(told), "{script}: {sentence}");
        assert_eq!(sentence.lines().count(), 1, "{script}: {sentence}");
    }
}

#[test]
fn an_inspector_that_cannot_be_killed_is_not_waited_for_when_it_has_ended() {
    let mut patience = Patience::endless();
    let mut inspection = inspection("exit 3", &mut patience);
    let begun = Instant::now();
    inspection.end();
    inspection.end();
    assert!(begun.elapsed() < DEATH);
}
