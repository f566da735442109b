//! The program itself, as a shell starts it.

use assert_cmd::Command;
use predicates::prelude::*;
use predicates::str::contains;
use rstest::rstest;
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};

use crate::checkout::Checkout;

fn harness(checkout: &Checkout) -> Command {
    let mut command = Command::cargo_bin("harness").unwrap();
    command.current_dir(checkout.path()).env_remove("REQUIRE_ISOLATION");
    command
}

#[rstest]
#[case::no_command(&[], "Usage")]
#[case::unknown_command(&["runn"], "'run'")]
#[case::unknown_target(&["run", "-t", "owm"], "did you mean `own`?")]
#[case::unknown_level(&["run", "-t", "own@ful"], "did you mean `full`?")]
#[case::unknown_attack(&["run", "-E", "id(secrets/netrc-raed)"], "did you mean `secrets/netrc-read`?")]
#[case::unknown_folder(&["run", "-E", "secretz/"], "did you mean `secrets`?")]
#[case::unknown_tag(&["run", "-E", "CWE-523"], "did you mean `CWE-522`?")]
#[case::broken_expression(&["run", "-E", "secrets/ &"], "column 11: expected")]
#[case::broken_share(&["run", "--partition", "slice:4/3"], "there is no share 4 of 3")]
#[case::no_jobs(&["run", "-j", "0"], "number would be zero")]
#[case::check_and_update(&["run", "--check", "--update"], "cannot be used with")]
fn a_command_line_that_means_nothing_ends_with_2(#[case] args: &[&str], #[case] told: &str) {
    harness(&Checkout::new()).args(args).assert().code(2).stderr(contains(told)).stdout("");
}

#[test]
fn the_help_documents_every_exit_status() {
    let checkout = Checkout::new();
    let mut all = harness(&checkout).args(["run", "--help"]).assert().code(0);
    for status in [0, 2, 3, 4, 10, 11, 12, 13, 20, 21, 22, 70, 130] {
        all = all.stdout(contains(format!("{status}  ")));
    }
    harness(&checkout).arg("--help").assert().code(0).stdout(contains("Exit status:"));
}

#[test]
fn completions_are_printed() {
    harness(&Checkout::new())
        .args(["completions", "bash"])
        .assert()
        .code(0)
        .stdout(contains("_harness"));
}

#[test]
fn manual_pages_are_written_for_every_command_that_the_help_names() {
    let checkout = Checkout::new();
    let pages = checkout.path().join("man");
    let nowhere = harness(&checkout).args(["manual".as_ref(), pages.as_os_str()]).assert().code(20);
    nowhere.stderr(contains("man"));
    std::fs::create_dir(&pages).unwrap();
    harness(&checkout).args(["manual".as_ref(), pages.as_os_str()]).assert().code(0);
    for name in ["harness", "harness-run", "harness-debug", "harness-doctor"] {
        let page = std::fs::read_to_string(pages.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
    }
    assert!(!pages.join("harness-manual.1").exists(), "what is hidden has no page");
}

#[test]
fn a_list_into_a_full_disk_is_a_failure() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let program = assert_cmd::cargo::cargo_bin("harness");
    let checkout = Checkout::new();
    let output = std::process::Command::new(program)
        .arg("list")
        .current_dir(checkout.path())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(20));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(contains("No space left on device").eval(&told), "{told}");
}

/// What it prints when its standard streams are a terminal.
fn before_a_terminal(variables: &[(&str, &str)]) -> String {
    use std::io::Read as _;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    unlockpt(&master).unwrap();
    let line = ioctl_tiocgptpeer(&master, flags).unwrap();
    let end = || std::process::Stdio::from(line.try_clone().unwrap());
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("harness"))
        .arg("--help")
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied())
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap();
    drop(line);
    let mut text = Vec::new();
    // A terminal that nobody holds any more answers with an error.
    let _closed = std::fs::File::from(master).read_to_end(&mut text);
    child.wait().unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn no_color_means_no_colour() {
    assert!(before_a_terminal(&[]).contains('\u{1b}'), "nothing would be shown otherwise");
    assert!(!before_a_terminal(&[("NO_COLOR", "1")]).contains('\u{1b}'));
}
