//! Real front ends and real packages behind `bulkhead hook`.
//!
//! Each test is a script in a folder of its own, which can be run by hand too. The scripts fetch
//! what they need from `PyPI`; where that cannot be reached a test says so and is skipped.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../skipped.rs"]
mod skipped;

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
    let answer = match Command::new(&python)
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_bulkhead"))
        .output()
    {
        Ok(answer) => answer,
        Err(error) => {
            crate::skipped::note(format_args!("{} cannot be started: {error}", python.display()));
            return;
        }
    };
    let (said, errors) =
        (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
    // Seen with `--nocapture`, and whenever the test fails.
    println!("{said}{errors}");
    match answer.status.code() {
        Some(0) => {}
        Some(NOT_HERE) => skipped::note(last(&said, &errors)),
        Some(NO_ISOLATION) => {
            assert_ne!(
                std::env::var("REQUIRE_ISOLATION").as_deref(),
                Ok("1"),
                "REQUIRE_ISOLATION is set, and isolation is not to be had here"
            );
            skipped::note(last(&said, &errors));
        }
        _ => panic!("{name} ended with {}", answer.status),
    }
}

/// The last line that a script has printed, which is its reason.
fn last<'t>(said: &'t str, errors: &'t str) -> &'t str {
    let mut lines = said.lines().chain(errors.lines()).filter(|line| !line.trim().is_empty());
    lines.next_back().unwrap_or("it does not say why")
}

#[test]
fn a_wheel_built_inside_equals_one_built_outside() {
    passes("sdists/compare.py");
}

/// Among it the table of build isolation and network isolation, row by row, and the documents' tables.
#[test]
fn the_python_package_does_what_it_says() {
    passes("package/unit.py");
}

#[test]
fn the_bill_of_materials_names_what_the_programs_are_made_of() {
    passes("package/materials.py");
}

#[test]
fn the_wheel_carries_both_programs_and_the_package() {
    passes("package/wheel.py");
}

/// Every hook of the quick packages of the corpus; `just corpus` builds all of them.
#[test]
fn the_quick_packages_of_the_corpus_come_out_equal() {
    passes("../corpus/subset.py");
}

#[test]
fn fromager_bootstraps_packages_end_to_end() {
    passes("fromager/bootstrap.py");
}

#[test]
fn the_readmes_commands_for_front_ends_build_behind_bulkhead() {
    passes("frontends/readme.py");
}

#[test]
fn pip_and_build_find_the_environment_that_they_made() {
    passes("frontends/wheels.py");
}

#[test]
fn no_installer_takes_a_requirement_that_is_handed_on_for_a_file() {
    passes("requirements/readers.py");
}
