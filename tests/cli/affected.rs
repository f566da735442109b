//! `--affected` and the expressions that ask what has changed or what was seen.

use crate::checkout::Checkout;
use crate::git::{commit, git};

/// A checkout under git, with everything committed and the reports of a run in it.
fn committed() -> Checkout {
    let checkout = Checkout::new();
    checkout.write("harness/kit/kit.py", "kit = 1\n");
    checkout.write(".gitignore", "target/\n");
    assert_eq!(checkout.harness(&["run", "--update"]).status, 0);
    git(&checkout, &["init", "-q", "-b", "main"]);
    commit(&checkout, "change");
    checkout
}

/// The entries that a run of this kind tries, with their levels.
fn tried(checkout: &Checkout, args: &[&str]) -> Vec<String> {
    let end = checkout.harness(&[&["run", "--out", "out"], args].concat());
    assert_eq!(end.status, 0, "{end:?}");
    let record: serde_json::Value = serde_json::from_str(&checkout.read("out/run.json")).unwrap();
    let name = |trial: &serde_json::Value| {
        format!("{}@{}", trial["attack"].as_str().unwrap(), trial["level"].as_str().unwrap())
    };
    record["trials"].as_array().unwrap().iter().map(name).collect()
}

#[test]
fn a_changed_attack_is_tried_with_its_control_and_the_honest_builds_and_no_other() {
    let checkout = committed();
    checkout
        .write("attacks/files/cron-drop/backend.py", "import kit  # changed\nkit.mark(\"open\")\n");
    let expected = ["benign/honest-wheel@full", "files/cron-drop@none", "files/cron-drop@full"];
    let args = ["--affected", "main", "-t", "own@full"];
    assert_eq!(tried(&checkout, &args), expected, "not committed yet");
    git(&checkout, &["checkout", "-q", "-b", "topic"]);
    commit(&checkout, "change");
    assert_eq!(tried(&checkout, &args), expected, "committed on a branch");
}

#[test]
fn an_attack_that_git_does_not_know_yet_is_affected() {
    let checkout = committed();
    checkout.attack("files/pth", "[\"mounts\"]");
    let found = tried(&checkout, &["--affected", "HEAD", "-t", "own@full"]);
    assert_eq!(found, ["benign/honest-wheel@full", "files/pth@none", "files/pth@full"]);
}

#[test]
fn what_the_base_has_got_meanwhile_is_no_change_of_ours() {
    let checkout = committed();
    git(&checkout, &["checkout", "-q", "-b", "topic"]);
    checkout
        .write("attacks/files/cron-drop/backend.py", "import kit  # topic\nkit.mark(\"open\")\n");
    commit(&checkout, "change");
    git(&checkout, &["checkout", "-q", "main"]);
    checkout
        .write("attacks/secrets/netrc-read/backend.py", "import kit  # main\nkit.mark(\"open\")\n");
    commit(&checkout, "change");
    git(&checkout, &["checkout", "-q", "topic"]);
    let found = tried(&checkout, &["--affected", "main", "-t", "own@full"]);
    assert!(!found.iter().any(|one| one.starts_with("secrets/")), "{found:?}");
}

#[test]
fn the_kit_affects_everything() {
    let checkout = committed();
    checkout.write("harness/kit/kit.py", "kit = 2\n");
    assert_eq!(tried(&checkout, &["--affected", "main"]).len(), 12);
}

#[test]
fn a_report_that_tells_otherwise_is_held_against_what_it_tells_of() {
    let checkout = committed();
    let report = checkout.read("reports/root/own.json");
    let forged = report.replacen("\"blocked\"", "\"escaped\"", 1);
    assert_ne!(report, forged);
    checkout.write("reports/root/own.json", &forged);
    let end = checkout.harness(&["run", "--affected", "main", "--check"]);
    assert_eq!(end.status, 13, "{end:?}");
    assert!(end.out.contains("reports/root/own.json differs"), "{end:?}");
}

#[test]
fn where_nothing_is_affected_the_reason_is_told_and_the_status_is_4() {
    let checkout = committed();
    let end = checkout.harness(&["run", "--affected", "main"]);
    assert_eq!(end.status, 4);
    assert!(end.err.contains("nothing was selected: 0 files have changed since main"), "{end:?}");
    checkout.write("docs/a.md", "a\n");
    let end = checkout.harness(&["run", "--affected", "main"]);
    assert_eq!(end.status, 4);
    assert_eq!(end.err.matches("1 file has changed since main").count(), 1, "{end:?}");
}

#[test]
fn a_base_that_is_none_is_a_mistake_of_the_command_line() {
    let checkout = committed();
    for base in ["mian", "--output=/tmp/x", ""] {
        let argument = format!("--affected={base}");
        let end = checkout.harness(&["run", &argument]);
        assert_eq!(end.status, 2, "{base}: {end:?}");
        assert!(end.err.contains("is no revision"), "{base}: {end:?}");
    }
    let end = Checkout::new().harness(&["run", "--affected", "main"]);
    assert_eq!(end.status, 2, "without git's history: {end:?}");
}

#[test]
fn expressions_ask_what_has_changed_and_what_was_seen() {
    let checkout = committed();
    let ids = |expression: &str| {
        let end = checkout.harness(&["list", "--json", "-E", expression]);
        assert_eq!(end.status, 0, "{end:?}");
        let listed: serde_json::Value = serde_json::from_str(&end.out).unwrap();
        let id = |one: &serde_json::Value| one["id"].as_str().unwrap().to_owned();
        listed.as_array().unwrap().iter().map(id).collect::<Vec<_>>()
    };
    assert!(ids("changed()").is_empty());
    checkout.write("attacks/files/cron-drop/notes.txt", "new\n");
    assert_eq!(ids("changed()"), ["files/cron-drop"]);
    assert_eq!(ids("changed(main) | benign/"), ["benign/honest-wheel", "files/cron-drop"]);
    assert_eq!(ids("verdict(ok) & files/"), ["files/cron-drop"]);
    assert!(ids("verdict(known-gap)").is_empty());
    assert_eq!(ids("target(own)").len(), 3);
}

#[test]
fn a_mistake_in_an_expression_is_shown_with_a_sign_under_it() {
    let end = Checkout::new().harness(&["list", "-E", "files/ & verdict(know-gap)"]);
    assert_eq!(end.status, 2);
    insta::assert_snapshot!(end.err.lines().take(3).collect::<Vec<_>>().join("\n"), @r"
    harness: column 18: unknown verdict `know-gap`, did you mean `known-gap`?; known: ok unexpected-escape known-gap unexpected-block vacuous unsupported unstable error
        files/ & verdict(know-gap)
                         ^
    ");
}
