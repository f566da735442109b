//! `--stdin`: what the caller has for the build arrives, and nothing of the caller's own descriptor.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;

use crate::contained::program;
use crate::machine::{built, bulkhead, directory, is_root};

/// What `/bin/sh` prints of its standard input, `input`, for a caller with `uid`.
fn read(place: &Path, uid: u32, options: &[&str], input: Stdio, script: &str) -> Output {
    // In a place of this test alone, so that no other is writing it.
    let mut command = Command::new(program(&place.join("here")));
    command.current_dir(place).env_remove("XDG_RUNTIME_DIR").uid(uid).gid(uid);
    command.args(["run", "--quiet"]).args(options).args(["--", "/bin/sh", "-c", script]);
    command.stdin(input).output().unwrap()
}

#[test]
fn standard_input_is_the_callers_only_where_it_says_so() {
    let place = directory();
    let input = place.path().join("input");
    fs::write(&input, "from outside\n").unwrap();
    let read = |options: &[&str]| {
        let mut command = bulkhead(place.path());
        command.arg("run").args(options).args(["--", "/bin/cat"]);
        command.stdin(File::open(&input).unwrap()).output().unwrap().stdout
    };
    assert_eq!(read(&["--stdin"]), b"from outside\n");
    assert_eq!(read(&[]), b"");
}

/// As the file's owner, who also runs the build, could (`fchmod(2)`, `futimens(3)`, `proc_pid_fd(5)`).
#[rstest]
#[case::root(0)]
#[case::ordinary(1000)]
fn a_build_changes_nothing_of_the_file_that_is_its_standard_input(#[case] uid: u32) {
    if !is_root() {
        return;
    }
    let place = directory();
    let input = place.path().join("input");
    let text = "a line that is long enough to fill pipes\n".repeat(60_000);
    fs::write(&input, &text).unwrap();
    fs::set_permissions(&input, PermissionsExt::from_mode(0o600)).unwrap();
    for path in [place.path(), &input] {
        chown(path, Some(uid), Some(uid)).unwrap();
    }
    let state = || {
        let found = fs::metadata(&input).unwrap();
        (found.mode(), found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec())
    };
    let before = state();
    let script = "cat; chmod 666 /dev/stdin; touch -d 2001-01-01 /dev/stdin; \
                  echo more >>/dev/stdin; setfattr -n user.x -v y /dev/stdin; true";
    let file = File::options().read(true).write(true).open(&input).unwrap();
    let output = read(place.path(), uid, &["--stdin"], file.into(), script);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), text, "all of it arrives");
    assert_eq!(state(), before);
    assert_eq!(fs::read_to_string(&input).unwrap(), text);
}

#[test]
fn an_input_without_end_ends_with_who_reads_it() {
    let place = directory();
    for script in ["head -c 3 >/dev/null", "exec <&-", "true"] {
        let mut endless = Command::new("/usr/bin/yes").stdout(Stdio::piped()).spawn().unwrap();
        let input = endless.stdout.take().unwrap();
        let mut command = bulkhead(place.path());
        command.args(["run", "--stdin", "--timeout", "60s", "--", "/bin/sh", "-c", script]);
        let output = command.stdin(input).output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        // It holds the pipe for the next child.
        drop(command);
        assert!(!endless.wait().unwrap().success(), "its pipe is gone");
    }
}

/// It reads what is typed there, and comes to nothing else of it.
#[test]
fn a_terminal_is_read_and_never_written_to() {
    let place = directory();
    let script = "head -n 1; test -t 0 && echo terminal; echo unseen >/dev/stdin";
    let line = format!("{} run --stdin -- /bin/sh -c '{script}'; echo status $?", built());
    let mut command = Command::new("/usr/bin/script");
    command.args(["-qec", &line, "/dev/null"]).current_dir(place.path());
    let Ok(mut child) = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() else {
        return;
    };
    let mut keyboard = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut keyboard, b"typed\n").unwrap();
    let output = child.wait_with_output().unwrap();
    drop(keyboard);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("typed") && said.contains("status"), "{said}");
    assert!(!said.contains("terminal\r") && !said.contains("written\r"), "{said}");
}
