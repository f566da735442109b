//! `harness debug`: what it tells, the shell at each moment, and what it keeps.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Stdio;

use assert_cmd::Command;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

use crate::fixture::run_context;

const ATTACK: &str = "files/cron-entry";

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What it prints, given a shell's commands.
fn debug(args: &[&str], typed: &str) -> String {
    let mut command = Command::cargo_bin("harness").unwrap();
    command.current_dir(root()).args(["debug", ATTACK]).args(args).write_stdin(typed);
    let output = command.assert().code(0).get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

/// Whether the lines come in this order.
fn in_order(text: &str, lines: &[&str]) {
    let mut rest = text;
    for line in lines {
        let at = rest.find(line).unwrap_or_else(|| panic!("no `{line}` in time in\n{text}"));
        rest = &rest[at..];
    }
}

#[test]
fn every_step_is_told_in_order_and_the_line_that_does_it_again_does_it() {
    if run_context().is_none() {
        return;
    }
    let text = debug(&["-t", "own@network"], "");
    in_order(
        &text,
        &[
            "trial     files/cron-entry against own at network, host root",
            "plant     cron: /etc/cron.d",
            "in front  /opt/lab/bin/bulkhead hook --level network",
            "oracle    self-test of cron-created passed",
            " s  hook build_wheel\n",
            " s  mark write-cron\n",
            " s  hook build_wheel returned",
            "the front end has ended",
            "saw       cron-created: /etc/cron.d/exhibit was created",
            "again:    harness debug files/cron-entry -t own@network\n",
            "verdict:  harness run -E 'id(files/cron-entry)' -t own@network\n",
        ],
    );
    let again = text.lines().find_map(|line| line.strip_prefix("again:")).unwrap();
    let words: Vec<_> = again.split_whitespace().skip(3).collect();
    let once_more = debug(&words, "");
    assert!(once_more.contains("saw       cron-created:"), "{once_more}");
}

#[test]
fn a_shell_before_sees_the_plants_and_one_after_sees_what_came_of_the_attack() {
    if run_context().is_none() {
        return;
    }
    let look = "ls /etc/cron.d/exhibit && echo IT IS THERE; echo uid $(id -u) in $(pwd)\n";
    let before = debug(&["-t", "own@none", "--at", "before"], look);
    in_order(&before, &["uid 0 in /build/pkg", "the shell is closed", "hook build_wheel"]);
    assert!(!before.contains("IT IS THERE"), "{before}");
    let after = debug(&["-t", "own@none", "--shell"], look);
    in_order(&after, &["the front end has ended", "IT IS THERE", "the shell is closed", "saw"]);
}

#[test]
fn at_the_escape_the_build_stands_still_in_its_sandbox_and_goes_on_afterwards() {
    if run_context().is_none() {
        return;
    }
    // As long as the shell lives the attempt has not been made, however long that is.
    let look = "grep State /proc/$HOOK/status; id -u; \
                stat -c 'owner %u' /proc/$HOOK; for i in 1 2 3 4 5 6 7 8 9; do \
                test -e /etc/cron.d/exhibit && echo TOO EARLY; done\n";
    let free = debug(&["-t", "own@none", "--at", "escape"], look);
    in_order(&free, &["mark write-cron", "State:\tS", "the shell is closed", "returned", "saw"]);
    assert!(free.contains("saw       cron-created:") && !free.contains("TOO EARLY"), "{free}");
    let confined = debug(&["--at", "escape"], look);
    assert!(confined.contains("owner 62"), "the build has a uid of its own: {confined}");
    assert!(confined.contains("saw       nothing") && !confined.contains("failed: "), "{confined}");
}

#[test]
fn what_was_written_is_kept_as_plain_files_and_nothing_is_overwritten() {
    if run_context().is_none() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let keep = dir.path().join("kept");
    let words = ["-t", "own@none", "--keep", keep.to_str().unwrap()];
    debug(&words, "");
    let list = fs::read_to_string(keep.join("writes.txt")).unwrap();
    assert!(list.contains("created  0644 /etc/cron.d/exhibit\n"), "{list}");
    assert!(keep.join("files/etc/cron.d/exhibit").is_file());
    assert!(keep.join("files/build/pkg/dist/pkg-1.0-py3-none-any.whl").is_file());
    let log = fs::read(keep.join("log")).unwrap();
    assert!(log.windows(15).any(|part| part == b"mark write-cron"));
    let mut again = Command::cargo_bin("harness").unwrap();
    again.current_dir(root()).args(["debug", ATTACK]).args(words);
    let output = again.assert().code(20).get_output().clone();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("it is not empty"), "{told}");
}

#[test]
fn before_a_terminal_the_shell_has_one_of_its_own() {
    if run_context().is_none() {
        return;
    }
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    unlockpt(&master).unwrap();
    let line = ioctl_tiocgptpeer(&master, flags).unwrap();
    let end = || Stdio::from(line.try_clone().unwrap());
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("harness"))
        .current_dir(root())
        .args(["debug", ATTACK, "-t", "own@none", "--shell"])
        .env("TERM", "dumb")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap();
    drop(line);
    let mut terminal = fs::File::from(master);
    let mut printed = Vec::new();
    let mut typed = false;
    let mut buffer = [0; 4096];
    // A terminal that nobody holds any more answers with an error.
    while let Ok(length @ 1..) = terminal.read(&mut buffer) {
        printed.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&printed);
        if !typed && text.contains("lab of files/cron-entry $") {
            typed = true;
            terminal
                .write_all(b"test -t 0 && echo ans$((6*7)); ps -o pid,tty,comm; exit\r")
                .unwrap();
        }
    }
    let text = String::from_utf8_lossy(&printed);
    assert!(child.wait().unwrap().success(), "{text}");
    in_order(&text, &["lab of files/cron-entry $", "ans42", "the shell is closed", "again:"]);
    assert!(!text.contains("no job control"), "{text}");
}
