//! The exit status tells how the payload ended, or that nothing was run.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use predicates::prelude::*;
use rstest::rstest;
use rustix::process::{Pid, Signal};

use crate::machine::{bulkhead, directory, etc, is_root, ready, run};

#[rstest]
#[case::its_own("exit 7", 7)]
#[case::success("true", 0)]
#[case::a_signal("kill -9 $$", 137)]
#[case::another_signal("kill -15 $$", 143)]
#[case::the_signal_of_a_limit_that_is_not_set("kill -24 $$", 152)]
fn the_status_is_the_payloads_own(#[case] script: &str, #[case] status: i32) {
    let directory = directory();
    assert_eq!(run(directory.path(), &[], script).status.code(), Some(status));
}

#[rstest]
#[case::on_standard_error("printf 'all is well, ' >&2; exec sleep 60")]
#[case::on_both("printf 'all is well, '; printf 'so far, ' >&2; exec sleep 60")]
#[case::with_a_carriage_return("printf 'all is well\\r' >&2; exec sleep 60")]
#[case::with_a_line_feed("echo 'all is well' >&2; exec sleep 60")]
#[case::elsewhere("printf 'all is well, '; exec sleep 60")]
fn a_sentence_begins_a_line_however_the_log_ends(#[case] script: &str) {
    let directory = directory();
    let options = ["--quiet", "--timeout", "1s"];
    let output = run(directory.path(), &options, script);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(errors.lines().filter(|line| line.starts_with("bulkhead: ")).count(), 1, "{errors}");
    assert!(!errors.lines().any(str::is_empty), "{errors:?}");
}

#[rstest]
#[case::time(&["--timeout", "1s"], "sleep 60", 124, ["1s", "`--timeout`"])]
#[case::silence(&["--silence", "1s"], "sleep 60", 124, ["1s", "`--silence`"])]
#[case::log(&["--log", "2K"], "yes", 123, ["2K", "`--log`"])]
#[case::a_sanitizer(&[], "echo ERROR: LeakSanitizer >&2; exit 3", 3, ["sanitizer", "`tracing = true`"])]
fn an_end_that_is_not_the_payloads_own_is_said_with_the_limit_its_value_and_its_switch(
    #[case] options: &[&str],
    #[case] script: &str,
    #[case] status: i32,
    #[case] says: [&str; 2],
) {
    let directory = directory();
    let output = run(directory.path(), options, script);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{errors}");
    let own = errors.lines().filter(|line| line.starts_with("bulkhead: "));
    let said = own.filter(|line| says.iter().all(|word| line.contains(word))).count();
    assert_eq!(said, 1, "{errors}");
    // What the payload does of its own accord needs no word of anybody else.
    let output = run(directory.path(), &[], "echo ERROR: LeakSanitizer; exit 0");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("`tracing"), "{output:?}");
}

#[test]
fn a_build_that_is_ended_for_its_log_is_not_told_to_have_run_out_of_memory() {
    let directory = directory();
    let script = "python3 -c 'bytearray(300 << 20)'; exec yes";
    let output = run(directory.path(), &["--memory", "64M", "--log", "8K"], script);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(123), "{errors}");
    assert!(errors.contains("`--log`") && !errors.contains("`--memory`"), "{errors}");
}

#[rstest]
#[case::help(&["--help"])]
#[case::version(&["--version"])]
#[case::a_plan(&["explain", "--", "true"])]
#[case::a_plan_as_json(&["explain", "--json", "--", "true"])]
#[case::a_diagnosis(&["doctor"])]
#[case::completions(&["completions", "bash"])]
fn what_was_asked_for_and_cannot_be_written_is_no_success(#[case] arguments: &[&str]) {
    let directory = directory();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bulkhead(directory.path()).args(arguments).stdout(full).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{errors}");
    assert!(errors.contains("standard output cannot be written: No space left"), "{errors}");
    // Whoever closes the pipe has seen enough.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = bulkhead(directory.path()).args(arguments).stdout(writer).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && !errors.contains("panicked"), "{errors}");
}

#[rstest]
#[case::not_found(&["run", "--", "no-such-program"], 127, "no-such-program")]
#[case::not_executable(&["run", "--", "./data"], 126, "execute the command")]
#[case::no_command(&["run"], 125, "`bulkhead run -- make`")]
#[case::no_dashes(&["run", "make"], 125, "`bulkhead run [OPTIONS] -- make …`")]
#[case::no_dashes_of_a_hook(&["hook", "python3", "x"], 125, "`bulkhead hook [OPTIONS] -- python3 …`")]
#[case::a_mistyped_command(&["rnu", "--", "make"], 125, "did you mean `run`?")]
#[case::a_command_that_is_a_program(&["make"], 125, "`bulkhead run -- make …`")]
#[case::a_mistyped_option(&["run", "--rwo", "x", "--", "make"], 125, "--rw")]
#[case::unknown_level(&["run", "--level", "ful", "--", "true"], 125, "full")]
#[case::unknown_layer(&["run", "--without", "mount", "--", "true"], 125, "mounts")]
#[case::a_layer_that_is_not_there(&["run", "--level", "network", "--without", "pid", "--", "true"], 125, "no layer")]
#[case::level_none(&["run", "--level", "none", "--", "true"], 125, "lab")]
#[case::level_none_with_a_false_claim(&["run", "--level", "none", "--lab", "--", "true"], 125, "lab")]
#[case::bad_time(&["run", "--timeout", "soon", "--", "true"], 125, "90s")]
#[case::a_path_that_is_not_there(&["run", "--ro", "/no/such/path", "--", "true"], 125, "/no/such/path")]
#[case::a_variable_without_a_name(&["run", "--env", "", "--", "true"], 125, "`--env ` names no variable")]
#[case::a_value_without_a_name(&["run", "--env", "=x", "--", "true"], 125, "names no variable")]
#[case::an_unset_variable_without_a_name(&["run", "--unset-env", "", "--", "true"], 125, "names no variable")]
#[case::an_unset_end_of_a_name(&["run", "--unset-env", "*FLAGS", "--", "true"], 125, "names no variable")]
#[case::an_unset_name_with_a_gap(&["run", "--unset-env", "C*FLAGS", "--", "true"], 125, "names no variable")]
#[case::an_unset_name_with_a_space(&["run", "--unset-env", "CFLAGS ", "--", "true"], 125, "names no variable")]
#[case::an_unset_list(&["run", "--unset-env", "CFLAGS,LDFLAGS", "--", "true"], 125, "names no variable")]
#[case::an_unset_value(&["run", "--unset-env", "CFLAGS=", "--", "true"], 125, "names no variable")]
#[case::a_variable_that_is_none(&["run", "--env", "$CFLAGS", "--", "true"], 125, "names no variable")]
#[case::a_value_for_none(&["run", "--env", "C FLAGS=x", "--", "true"], 125, "names no variable")]
#[case::every_variable(&["run", "--env", "*", "--", "true"], 125, "names no variable")]
#[case::the_root_for_writing(&["run", "--rw", "/", "--", "true"], 125, "is the root directory")]
#[case::the_root_for_reading(&["run", "--ro", "/usr/..", "--", "true"], 125, "is the root directory")]
#[case::no_processes(&["run", "--pids", "0", "--", "true"], 125, "would leave nothing")]
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

#[rstest]
#[case::by_itself(&[])]
#[case::followed(&["--why"])]
fn a_signal_for_the_supervisor_reaches_the_payload(#[case] options: &[&str]) {
    let directory = directory();
    let script = "trap 'echo caught; exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let (mut child, mut lines) = ready(directory.path(), options, script);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "caught");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

/// It has two seconds to end as it likes (ADR 24).
#[rstest]
#[case::of_a_program(Signal::TERM, 143)]
#[case::of_a_keyboard(Signal::INT, 130)]
#[case::of_a_terminal(Signal::HUP, 129)]
fn a_payload_that_is_deaf_to_a_signal_ends_all_the_same(
    #[case] signal: Signal,
    #[case] status: i32,
) {
    let directory = directory();
    let script = "trap '' TERM INT HUP; echo ready; while :; do sleep 1; done";
    let (mut child, _lines) = ready(directory.path(), &[], script);
    rustix::process::kill_process(Pid::from_child(&child), signal).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(status));
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

/// The moments of a launch at which it is ended, in microseconds after its start.
fn moments() -> impl Iterator<Item = u64> {
    (0..60).map(|nth| nth * 300)
}

#[rstest]
#[case::term(Signal::TERM, 143)]
#[case::interrupt(Signal::INT, 130)]
#[case::hangup(Signal::HUP, 129)]
fn a_signal_ends_a_launch_at_any_moment_and_no_layer_is_blamed(
    #[case] signal: Signal,
    #[case] status: i32,
    #[values("full", "network")] level: &str,
) {
    let directory = directory();
    let mut ended_before = 0;
    for moment in moments() {
        let child = bulkhead(directory.path())
            .args(["run", "--level", level, "--", "/bin/sleep", "30"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_micros(moment));
        rustix::process::kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        // Before the launch begins the signal ends the program as any other.
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        let ended = output.status.code().or(by_signal.map(|number| 128 + number));
        assert_eq!(ended, Some(status), "after {moment} µs: {errors}");
        let blamed = ["layer", "defect", "No such process", "could not"];
        assert!(!blamed.iter().any(|word| errors.contains(word)), "after {moment} µs: {errors}");
        ended_before += usize::from(errors.contains("before the command was started"));
    }
    println!("{ended_before} launches were ended before their command was started");
}

#[test]
fn a_signal_that_the_caller_ignores_does_not_end_a_launch() {
    let directory = directory();
    for moment in moments().step_by(6) {
        let program = bulkhead(directory.path()).get_program().to_owned();
        let child = Command::new("/usr/bin/nohup")
            .arg(program)
            .args(["run", "--", "/bin/echo", "ran"])
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Later than `nohup` has become the program.
        std::thread::sleep(Duration::from_micros(3000 + moment));
        let _ = rustix::process::kill_process(Pid::from_child(&child), Signal::HUP);
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        let early = std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(1);
        assert!(early || output.stdout == b"ran\n", "after {moment} µs: {errors}");
    }
}

#[test]
fn a_directory_that_the_builds_account_cannot_enter_is_named_with_what_closes_it() {
    if !is_root() {
        return;
    }
    let _etc = etc();
    let place = directory();
    let (closed, work) = (place.path().join("closed"), place.path().join("closed/work"));
    std::fs::create_dir_all(&work).unwrap();
    let mode = |mode| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&closed, mode).unwrap();
    };
    mode(0o700);
    let try_it = || run(&work, &["--level", "proposal"], "echo ran");
    for _ in 0..3 {
        let output = try_it();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{errors}");
        let remedy = format!("`chmod o+x {}`", closed.display());
        assert!(errors.contains(&remedy) && !errors.contains("layer"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    mode(0o711);
    let output = try_it();
    assert_eq!(output.stdout, b"ran\n", "{}", String::from_utf8_lossy(&output.stderr));
}
