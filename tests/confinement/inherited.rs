//! What a caller's own settings of signals and limits do to a launch: nothing, or a sentence.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use rstest::rstest;

use crate::machine::{bulkhead, directory};

/// `bulkhead` as a shell starts it that has done `first`.
fn after(first: &str, options: &[&str], command: &[&str]) -> Output {
    let place = directory();
    let program = bulkhead(place.path()).get_program().to_owned();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{first}; exec \"$@\""), "sh"]).arg(program);
    shell.args(["run", "--quiet"]).args(options).arg("--").args(command);
    shell.current_dir(place.path()).env_remove("XDG_RUNTIME_DIR").process_group(0);
    shell.output().unwrap()
}

/// An ignored signal is inherited (`signal(7)`), and daemons ignore this one.
#[test]
fn the_end_of_a_child_is_told_whatever_the_caller_ignores() {
    let script = "true & wait $!; grep SigIgn /proc/self/status; exit 7";
    let output = after("trap '' CHLD", &["--timeout", "60s"], &["/bin/sh", "-c", script]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let ignored = u64::from_str_radix(told.split_whitespace().last().unwrap(), 16).unwrap();
    // SIGPIPE, SIGCHLD, SIGXFSZ.
    assert_eq!(ignored & (1 << 12 | 1 << 16 | 1 << 24), 0, "{told}");
}

/// A file that must not grow is an error with a name, and not the end of the supervisor by SIGXFSZ.
#[rstest]
#[case("ulimit -f 0")]
#[case("ulimit -n 24")]
#[case("ulimit -n 64")]
fn a_launch_for_which_the_callers_limits_are_too_low_says_so(#[case] limit: &str) {
    let output = after(limit, &[], &["/bin/true"]);
    let told = String::from_utf8_lossy(&output.stderr);
    let refused = output.status.code() == Some(125)
        && told.starts_with("bulkhead: ")
        && !told.contains("Bad message");
    assert!(output.status.success() || refused, "{limit}: {output:?}");
}
