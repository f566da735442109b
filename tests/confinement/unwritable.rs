//! Where nobody reads, or a disk is full: no panic, and no success that is none.

use std::fs::{File, OpenOptions};
use std::process::{Output, Stdio};

use rstest::rstest;

use crate::machine::{bulkhead, directory};

/// What is asked for, and the status where it can be written and where the disk is full.
type Row = (&'static [&'static str], i32, i32);

/// A line for each command, and for each form in which it answers.
const ROWS: [Row; 14] = [
    (&["--help"], 0, 125),
    (&["--version"], 0, 125),
    (&["help"], 0, 125),
    (&["run", "--help"], 0, 125),
    (&["run", "--quiet", "--", "echo", "words"], 0, 137),
    (&["hook", "--help"], 0, 125),
    (&["explain", "--", "true"], 0, 125),
    (&["explain", "--json", "--", "true"], 0, 125),
    (&["doctor"], 0, 125),
    (&["doctor", "--json"], 0, 125),
    // It says nothing where nothing was left.
    (&["gc", "--runtime", "/no/such/place"], 0, 0),
    (&["gc", "--json", "--runtime", "/no/such/place"], 0, 125),
    (&["completions", "bash"], 0, 125),
    (&["completions", "zsh"], 0, 125),
];

/// Mistakes, which are said on standard error.
const MISTAKES: [&[&str]; 5] = [
    &["rnu"],
    &["run"],
    &["run", "--rwo", "x", "--", "true"],
    &["hook", "--", "true"],
    &["manual", "/no/such/place"],
];

fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

fn call(words: &[&str], output: impl Into<Stdio>, errors: impl Into<Stdio>) -> Output {
    let place = directory();
    bulkhead(place.path()).args(words).stdout(output).stderr(errors).output().unwrap()
}

#[test]
fn every_command_fails_on_a_full_disk_and_says_so() {
    for (words, good, bad) in ROWS {
        let end = call(words, Stdio::null(), Stdio::piped());
        assert_eq!(end.status.code(), Some(good), "{words:?}: {end:?}");
        let end = call(words, full(), Stdio::piped());
        let errors = String::from_utf8(end.stderr).unwrap();
        assert_eq!(end.status.code(), Some(bad), "{words:?}: {errors}");
        assert!(!errors.contains("panicked"), "{words:?}: {errors}");
        assert!(bad == 0 || errors.contains("No space left"), "{words:?}: {errors}");
        // Nobody can be told, and the status stays.
        assert_eq!(call(words, full(), full()).status.code(), Some(bad), "{words:?}");
    }
}

#[test]
fn whoever_closes_the_pipe_has_seen_enough() {
    for (words, ..) in ROWS.iter().filter(|(words, ..)| words[0] != "run") {
        let end = call(words, unread(), Stdio::piped());
        let errors = String::from_utf8(end.stderr).unwrap();
        assert!(end.status.success() && !errors.contains("panicked"), "{words:?}: {errors}");
    }
}

#[test]
fn a_mistake_that_nobody_reads_is_one_all_the_same() {
    for words in MISTAKES {
        for errors in [Stdio::from(full()), unread()] {
            assert_eq!(call(words, Stdio::null(), errors).status.code(), Some(125), "{words:?}");
        }
    }
}

#[test]
fn the_table_has_every_command() {
    let help = String::from_utf8(call(&["--help"], Stdio::piped(), Stdio::null()).stdout).unwrap();
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let named = list.lines().filter_map(|line| line.strip_prefix("  "));
    let named =
        named.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    for name in named {
        assert!(ROWS.iter().any(|(words, ..)| words[0] == name), "{name} is in no row");
    }
}

#[rstest]
#[case::a_good_build("true", 123)]
#[case::a_bad_build("exit 7", 7)]
fn an_outcome_that_cannot_be_written_is_no_success(#[case] script: &str, #[case] status: i32) {
    let words = ["run", "--quiet", "--outcome", "/dev/full", "--", "sh", "-c", script];
    let end = call(&words, Stdio::null(), Stdio::piped());
    let errors = String::from_utf8(end.stderr).unwrap();
    assert_eq!(end.status.code(), Some(status), "{errors}");
    assert!(errors.contains("could not write the outcome to /dev/full"), "{errors}");
}
