//! The mutants apply to the sources as they are, and name attacks and tests that exist.

use std::process::Command;

use crate::skipped;
use crate::tree::root;

/// What reads the lists in TOML needs Python 3.11.
fn reads_toml() -> bool {
    let asked = Command::new("python3").args(["-c", "import tomllib"]).output();
    asked.is_ok_and(|asked| asked.status.success())
}

#[test]
fn every_mutant_applies_and_names_attacks_and_tests_that_exist() {
    if !reads_toml() {
        return skipped::note("the lists of mutants are read by Python 3.11 or later");
    }
    let runner = root().join("tests/mutants/run.py");
    let checked = Command::new("python3").arg(runner).arg("--check").output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{said}");
}
