//! The scaffold of `harness new` is an attack that works.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use predicates::str::contains;

use crate::fixture::run_context;

/// Copies the files of an honest build, without which nothing counts.
fn honest_build(attacks: &Path) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attacks/benign/pure-python");
    let to = attacks.join("benign/pure-python");
    fs::create_dir_all(&to).unwrap();
    for name in ["attack.toml", "pyproject.toml", "backend.py"] {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[test]
fn a_new_attack_gets_through_unedited_and_is_stopped_by_the_strongest_level() {
    if run_context().is_none() {
        return;
    }
    let checkout = tempfile::tempdir().unwrap();
    honest_build(&checkout.path().join("attacks"));
    let harness = |args: &[&str]| {
        let mut command = Command::cargo_bin("harness").unwrap();
        command.current_dir(checkout.path()).args(args).assert()
    };
    harness(&["new", "secrets/service-token"]).code(0);
    harness(&["check"]).code(0).stdout(contains("1 attack and 1 honest build: no mistake"));
    harness(&["run", "-t", "own@full"]).code(0).stdout(contains("all as expected"));
    let report = checkout.path().join("target/harness/root/own.json");
    let report = fs::read_to_string(report).unwrap();
    assert!(report.contains("\"saw\": [\"secret-in-wheel\"]"), "{report}");
    assert!(report.contains("\"outcome\": \"blocked\""), "{report}");
}
