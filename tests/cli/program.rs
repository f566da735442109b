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
#[case::unknown_command(&["runn"], "did you mean `run`?")]
#[case::unknown_target(&["run", "-t", "owm"], "did you mean `own`?")]
#[case::unknown_level(&["run", "-t", "own@ful"], "did you mean `full`?")]
#[case::unknown_attack(&["run", "-E", "id(secrets/netrc-raed)"], "did you mean `secrets/netrc-read`?")]
#[case::unknown_folder(&["run", "-E", "secretz/"], "did you mean `secrets`?")]
#[case::unknown_tag(&["run", "-E", "CWE-523"], "did you mean `CWE-522`?")]
#[case::broken_expression(&["run", "-E", "secrets/ &"], "column 11: expected")]
#[case::broken_share(&["run", "--partition", "slice:4/3"], "there is no share 4 of 3")]
#[case::no_jobs(&["run", "-j", "0"], "write a number from 1 on")]
#[case::jobs_of_no_number(&["run", "-j", "x"], "`x` is no value of `--jobs <N>`: write a whole number")]
#[case::seed_of_no_number(&["run", "--shuffle", "-1"], "there is no option `-1`")]
#[case::no_times(&["verify", "secrets/netrc-read", "--times", "0"], "write a number from 1 on")]
#[case::mistyped_option(&["list", "--jsn"], "there is no option `--jsn`; did you mean `--json`?")]
#[case::unknown_option(&["debug", "x", "--stopp-it"], "`harness debug --help` lists those there are")]
#[case::a_word_too_many(&["doctor", "x"], "`x` is one word too many; `harness doctor --help`")]
#[case::an_empty_word(&["run", ""], "`` is one word too many")]
#[case::no_id(&["show"], "`<ID>` is missing; `harness show --help`")]
#[case::one_report(&["diff", "old.json"], "`<NEW>` is missing")]
#[case::no_value(&["run", "--out"], "`--out <DIR>` needs a value")]
#[case::unknown_form(&["report", "--format", "htlm"], "did you mean `html`?; known: md svg")]
#[case::unknown_service(&["init", "--ci", "githb"], "did you mean `github`?")]
#[case::unknown_shell(&["completions", "basch"], "did you mean `bash`?")]
#[case::unknown_host(&["run", "--host", "dokcer"], "did you mean `docker`?")]
#[case::unknown_schema(&["schema", "atack"], "did you mean `attack`?")]
#[case::unknown_colour(&["list", "--color", "nevr"], "did you mean `never`?; known: auto always never")]
#[case::shown_attack(&["show", "secrets/netrc-raed"], "did you mean `secrets/netrc-read`?")]
#[case::far_attack(&["show", "nothing/like-it"], "`harness list` shows")]
#[case::no_guarantee(&["new", "secret/x"], "did you mean `secrets`?")]
#[case::no_report(&["report", "nowhere"], "there is no report in")]
#[case::no_share(&["run", "--partition", "1/3"], "written as `slice:1/3`")]
#[case::no_script(&["init", "--", "./isolate.sh"], "there is no file ./isolate.sh here; write the script first")]
#[case::check_and_update(&["run", "--check", "--update"], "cannot be used with")]
fn a_command_line_that_means_nothing_ends_with_2(#[case] args: &[&str], #[case] told: &str) {
    let end =
        harness(&Checkout::new()).args(args).assert().code(2).stderr(contains(told)).stdout("");
    let text = String::from_utf8(end.get_output().stderr.clone()).unwrap();
    // A sign under an expression, and the help where nothing was asked for, have lines of their own.
    let is_long = args.is_empty() || args.contains(&"-E");
    assert!(is_long || (text.starts_with("harness: ") && text.lines().count() == 1), "{text}");
    assert!(text.len() < 600 || args.is_empty(), "{text}");
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
fn before_a_terminal(args: &[&str], variables: &[(&str, &str)]) -> String {
    use std::io::Read as _;
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    unlockpt(&master).unwrap();
    let line = ioctl_tiocgptpeer(&master, flags).unwrap();
    let end = || std::process::Stdio::from(line.try_clone().unwrap());
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin("harness"))
        .args(args)
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

#[rstest]
#[case::a_terminal(&[], &[], true)]
#[case::the_variable(&[], &[("NO_COLOR", "1")], false)]
#[case::never(&["--color", "never"], &[], false)]
#[case::never_with_force(&["--color=never"], &[("CLICOLOR_FORCE", "1")], false)]
#[case::always(&["--color", "always"], &[("NO_COLOR", "1")], true)]
#[case::auto(&["--color", "auto"], &[("NO_COLOR", "1")], false)]
fn colours_are_chosen_before_a_terminal(
    #[case] args: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] coloured: bool,
) {
    assert_eq!(before_a_terminal(args, variables).contains('\u{1b}'), coloured);
}

#[rstest]
#[case::a_pipe(&[], &[], false)]
#[case::force(&[], &[("CLICOLOR_FORCE", "1")], true)]
#[case::always(&["--color", "always"], &[], true)]
#[case::the_last(&["--color", "always", "--color=never"], &[], false)]
fn colours_are_chosen_before_a_pipe(
    #[case] args: &[&str],
    #[case] variables: &[(&str, &str)],
    #[case] coloured: bool,
) {
    let checkout = Checkout::new();
    let mut command = harness(&checkout);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
    let end = command.args(args).arg("--help").envs(variables.iter().copied()).assert();
    let output = end.get_output();
    let text = [output.stdout.clone(), output.stderr.clone()].concat();
    assert_eq!(text.contains(&0x1b), coloured);
}
