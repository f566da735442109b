//! Where nobody reads, or a disk is full: no panic, and no success that is none.

use std::fs::OpenOptions;
use std::io::{self, Write};

use crate::checkout::{Checkout, correct};
use crate::git::{commit, git};

/// What is asked for, with the status where the disk is full and where nobody reads on.
type Row = (&'static [&'static str], u8, u8);

/// A line for each command, and for each form in which it answers. In a checkout under git in which something
/// was run, and reports are committed.
const ROWS: [Row; 35] = [
    (&["--help"], 20, 0),
    (&["--version"], 20, 0),
    (&["run", "--help"], 20, 0),
    (&["run"], 20, 0),
    (&["ablate"], 20, 11),
    (&["list"], 20, 0),
    (&["list", "--json"], 20, 0),
    (&["show", "secrets/netrc-read"], 20, 0),
    (&["show", "--json", "secrets/netrc-read"], 20, 0),
    (&["log", "secrets/netrc-read"], 20, 0),
    (&["log", "secrets/netrc-read", "--json"], 20, 0),
    (&["new", "secrets/of-mine"], 20, 0),
    (&["init"], 20, 0),
    (&["verify", "secrets/netrc-read", "--times", "2"], 20, 0),
    (&["verify", "secrets/netrc-read", "--times", "2", "--json"], 20, 0),
    (&["debug", "secrets/netrc-read"], 20, 0),
    (&["merge", "target/harness", "--out", "all"], 0, 0),
    (&["check"], 20, 0),
    (&["check", "--json"], 20, 0),
    (&["check", "--codes"], 20, 0),
    (&["diff", "reports/root/own.json", "target/harness/root/own.json"], 0, 0),
    (&["diff", "--json", "reports/root/own.json", "target/harness/root/own.json"], 20, 0),
    (&["report"], 20, 0),
    (&["report", "--format", "html"], 20, 0),
    (&["coverage"], 20, 0),
    (&["coverage", "--json"], 20, 0),
    (&["schema"], 20, 0),
    (&["schema", "attack"], 20, 0),
    (&["pages"], 20, 13),
    (&["doctor"], 20, 0),
    (&["doctor", "--json"], 20, 0),
    (&["gc"], 20, 0),
    (&["gc", "--json"], 20, 0),
    (&["completions", "bash"], 20, 0),
    (&["completions", "fish"], 20, 0),
];

/// A checkout in which something was run.
fn checkout() -> Checkout {
    let checkout = Checkout::new();
    assert_eq!(checkout.harness(&["run", "--update"]).status, 0);
    git(&checkout, &["init", "-q", "-b", "main"]);
    commit(&checkout, "Begin");
    checkout
}

/// A pipe that nobody reads.
struct Unread;

impl Write for Unread {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn every_command_fails_on_a_full_disk_and_says_so() {
    for (words, status, _) in ROWS {
        let checkout = checkout();
        let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut err = Vec::new();
        let here = checkout.path().to_owned();
        let found = checkout.printing(here.clone(), words, Some(correct), (&mut full, &mut err));
        let told = String::from_utf8_lossy(&err);
        assert_eq!(found, status, "{words:?}: {told}");
        assert!(status == 0 || told.contains("No space left on device"), "{words:?}: {told}");
    }
}

#[test]
fn whoever_closes_the_pipe_has_seen_enough() {
    for (words, _, status) in ROWS {
        let checkout = checkout();
        let here = checkout.path().to_owned();
        let found = checkout.printing(here, words, Some(correct), (&mut Unread, &mut Unread));
        assert_eq!(found, status, "{words:?}");
    }
}

#[test]
fn a_mistake_that_nobody_reads_is_one_all_the_same() {
    let checkout = checkout();
    for (words, status) in [
        (&["runn"][..], 2),
        (&["run", "-t", "owm"], 2),
        (&["show", "x"], 2),
        (&["check", "nowhere"], 3),
        (&["diff", "a", "b"], 2),
        (&["run", "--out", "/dev/full"], 20),
        (&["manual", "nowhere"], 20),
    ] {
        let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let here = checkout.path().to_owned();
        let found = checkout.printing(here, words, Some(correct), (&mut Unread, &mut full));
        assert_eq!(found, status, "{words:?}");
    }
}

#[test]
fn the_table_has_every_command() {
    let help = Checkout::new().harness(&["--help"]).out;
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let named = list.lines().filter_map(|line| line.strip_prefix("  "));
    let named =
        named.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').next());
    for name in named.filter(|name| *name != "help") {
        assert!(ROWS.iter().any(|(words, ..)| words[0] == name), "{name} is in no row");
    }
}
