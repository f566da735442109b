//! A policy file on the command line.

use std::process::Output;

use crate::machine::{bulkhead, directory};

const POLICY: &str = "\
[environment]
keep = [\"CI_*\"]
set = { GREETING = \"from the file\" }

[package.\"numpy==2.1.0\".environment]
set = { GREETING = \"for numpy\" }

[package.other]
without = [\"environment\"]
";

/// Runs the program with `policy` in a file, and further arguments.
fn run(policy: &[u8], arguments: &[&str]) -> Output {
    let place = directory();
    let file = place.path().join("policy.toml");
    std::fs::write(&file, policy).unwrap();
    let work = place.path().join("work");
    std::fs::create_dir(&work).unwrap();
    let mut command = bulkhead(&work);
    command.args(["run", "--policy", "../policy.toml"]).args(arguments);
    command.args(["--", "/bin/sh", "-c", "echo $GREETING $CI_FLAG $CI_TOKEN"]);
    command.env("CI_FLAG", "flag").env("CI_TOKEN", "token").output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = run(POLICY.as_bytes(), arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_file_the_package_and_the_command_line_count_in_that_order() {
    assert_eq!(printed(&[]), "from the file flag\n");
    assert_eq!(printed(&["--package", "NumPy==2.1.0"]), "for numpy flag\n");
    for one in ["numpy==2.1", "numpy==v2.1.0", "numpy==2.1.0.0", "numpy==02.1.0"] {
        assert_eq!(printed(&["--package", one]), "for numpy flag\n", "{one}");
    }
    assert_eq!(printed(&["--package", "numpy==2.1.1"]), "from the file flag\n");
    let set = ["--package", "numpy==2.1.0", "--env", "GREETING=hello"];
    assert_eq!(printed(&set), "hello flag\n");
    assert_eq!(printed(&["--package", "other"]), "from the file flag token\n");
    assert_eq!(printed(&["--unset-env", "ci_*"]), "from the file\n");
}

#[test]
fn a_wrong_policy_runs_nothing_and_shows_the_place() {
    let cases: [(&[u8], &str); 6] = [
        (b"level = \"ful\"", "../policy.toml:1:9"),
        (b"\n[paths]\nread = [\"/no/such/path\"]", "../policy.toml:3:9"),
        (b"\n[limits]\nmemory = \"8GB\"", "write 8G"),
        (b"\xff\xfe", "cannot be read"),
        (b"a = {", "not TOML"),
        (b"level = \"none\"", "lab"),
    ];
    for (policy, says) in cases {
        let output = run(policy, &[]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{errors}");
        assert!(errors.starts_with("bulkhead: ") && errors.contains(says), "{says}: {errors}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_policy_that_is_no_file_is_not_waited_for() {
    let place = directory();
    let pipe = place.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    for path in [pipe.as_path(), place.path(), &place.path().join("absent")] {
        let mut command = bulkhead(place.path());
        let output = command.args(["run", "--policy"]).arg(path).args(["--", "true"]).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(125));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("the policy file") && errors.contains("cannot be"), "{errors}");
    }
}

#[test]
fn explain_prints_a_plan_as_json_and_runs_nothing() {
    let directory = directory();
    let mut command = bulkhead(directory.path());
    command.args(["explain", "--json", "--", "/bin/sh", "-c", "echo ran > file"]);
    let output = command.env("GITHUB_TOKEN", "hush").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("hush"));
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(plan["schema"], "bulkhead.plan/1");
    let dropped = plan["environment"]["dropped"].as_array().unwrap();
    assert!(dropped.iter().any(|variable| variable["name"] == "GITHUB_TOKEN"));
    assert!(plan["system_calls"].as_array().unwrap().len() > 10);
    assert!(!directory.path().join("file").exists());
}
