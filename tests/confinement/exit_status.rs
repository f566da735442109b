//! The exit status tells how the payload ended, or that nothing was run.

use std::process::Stdio;
use std::time::{Duration, Instant};

use predicates::prelude::*;
use rstest::rstest;

use crate::machine::{bulkhead, directory, is_root, run};

#[rstest]
#[case::its_own("exit 7", 7)]
#[case::success("true", 0)]
#[case::a_signal("kill -9 $$", 137)]
#[case::another_signal("kill -15 $$", 143)]
fn the_status_is_the_payloads_own(#[case] script: &str, #[case] status: i32) {
    let directory = directory();
    assert_eq!(run(directory.path(), &[], script).status.code(), Some(status));
}

#[rstest]
#[case::not_found(&["run", "--", "no-such-program"], 127, "no-such-program")]
#[case::not_executable(&["run", "--", "./data"], 126, "execute the command")]
#[case::no_command(&["run"], 125, "COMMAND")]
#[case::unknown_level(&["run", "--level", "ful", "--", "true"], 125, "full")]
#[case::unknown_layer(&["run", "--without", "mount", "--", "true"], 125, "mounts")]
#[case::a_layer_that_is_not_there(&["run", "--level", "network", "--without", "pid", "--", "true"], 125, "no layer")]
#[case::level_none(&["run", "--level", "none", "--", "true"], 125, "lab")]
#[case::level_none_with_a_false_claim(&["run", "--level", "none", "--lab", "--", "true"], 125, "lab")]
#[case::bad_time(&["run", "--timeout", "soon", "--", "true"], 125, "90s")]
#[case::a_path_that_is_not_there(&["run", "--ro", "/no/such/path", "--", "true"], 125, "/no/such/path")]
#[case::no_hook(&["hook", "--", "python3", "setup.py"], 125, "bulkhead run")]
#[case::an_unknown_hook(&["hook", "--", "python3", "./_in_process.py", "build_whel", "."], 125, "build_wheel")]
fn what_was_not_run_is_said_in_one_sentence(
    #[case] arguments: &[&str],
    #[case] status: i32,
    #[case] says: &str,
) {
    let directory = directory();
    std::fs::write(directory.path().join("data"), "no program").unwrap();
    std::fs::write(directory.path().join("_in_process.py"), "").unwrap();
    let output = bulkhead(directory.path()).args(arguments).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{errors}");
    assert!(predicate::str::contains(says).eval(&errors), "{errors}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_payload_that_ignores_sigterm_ends_at_its_time_limit_all_the_same() {
    let directory = directory();
    let begun = Instant::now();
    let script = "trap '' TERM INT HUP; while :; do sleep 1; done";
    let output = run(directory.path(), &["--timeout", "300ms"], script);
    assert_eq!(output.status.code(), Some(124));
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_signal_for_the_supervisor_reaches_the_payload() {
    let directory = directory();
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let mut child = bulkhead(directory.path())
        .args(["run", "--", "/bin/sh", "-c", script])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "caught");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn the_outcome_says_how_it_ended_and_with_which_layers() {
    let directory = directory();
    let outcome = directory.path().join("outcome.json");
    let option = outcome.to_str().unwrap();
    run(directory.path(), &["--outcome", option], "exit 4");
    let text = std::fs::read_to_string(&outcome).unwrap();
    let outcome: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(outcome["end"], serde_json::json!({ "exited": { "status": 4 } }));
    assert_eq!(outcome["plan"], "namespaced");
    assert!(outcome["layers"].as_array().unwrap().contains(&"mounts".into()));
}

#[test]
fn a_host_that_refuses_a_user_is_told_what_would_help() {
    if !is_root() {
        return;
    }
    let directory = directory();
    let options = ["--uids", "0-0"];
    let output = run(directory.path(), &options, "true");
    assert_eq!(output.status.code(), Some(125));
    std::fs::write(directory.path().join("file"), "").unwrap();
    let runtime = directory.path().join("file/below");
    let output = run(directory.path(), &["--runtime", runtime.to_str().unwrap()], "true");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(errors.contains("--runtime"), "{errors}");
}

#[test]
fn a_hook_without_directories_of_its_own_is_refused_to_a_leased_uid() {
    if !is_root() {
        return;
    }
    let directory = directory();
    let control = directory.path().join("control");
    std::fs::create_dir(&control).unwrap();
    std::fs::write(control.join("input.json"), r#"{"kwargs": {"config_settings": null}}"#).unwrap();
    let script = directory.path().join("_in_process.py");
    std::fs::write(&script, "").unwrap();
    let without = ["mounts", "proc", "harvest"].map(|layer| ["--without", layer]).concat();
    let output = bulkhead(directory.path())
        .arg("hook")
        .args(without)
        .args(["--", "/usr/bin/python3"])
        .arg(script)
        .arg("get_requires_for_build_wheel")
        .arg(control)
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{errors}");
    assert!(errors.contains("--without identity"), "{errors}");
}
