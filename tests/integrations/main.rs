//! Real front ends and real packages behind `bulkhead hook`.
//!
//! Each test is a script in a folder of its own, which can be run by hand too. The scripts fetch
//! what they need from `PyPI`; where that cannot be reached a test says so and is skipped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

/// What the scripts exit with where they cannot be tried, for a reason such as no network.
const NOT_HERE: i32 = 77;
/// What the scripts exit with where `bulkhead` cannot isolate anything.
const NO_ISOLATION: i32 = 78;

/// Runs the Python script `name` with the program under test; it must say that all is well.
fn passes(name: &str) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/integrations").join(name);
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let answer =
        match Command::new(&python).arg(script).arg(env!("CARGO_BIN_EXE_bulkhead")).output() {
            Ok(answer) => answer,
            Err(error) => {
                eprintln!("skipped: {} cannot be started: {error}", python.display());
                return;
            }
        };
    let (said, errors) =
        (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
    // Seen with `--nocapture`, and whenever the test fails.
    println!("{said}{errors}");
    match answer.status.code() {
        Some(0 | NOT_HERE) => {}
        Some(NO_ISOLATION) => assert_ne!(
            std::env::var("REQUIRE_ISOLATION").as_deref(),
            Ok("1"),
            "REQUIRE_ISOLATION is set, and isolation is not to be had here"
        ),
        _ => panic!("{name} ended with {}", answer.status),
    }
}

#[test]
fn a_wheel_built_inside_equals_one_built_outside() {
    passes("sdists/compare.py");
}

#[test]
fn fromager_bootstraps_packages_end_to_end() {
    passes("fromager/bootstrap.py");
}

#[test]
fn pip_and_build_find_the_environment_that_they_made() {
    passes("frontends/wheels.py");
}
