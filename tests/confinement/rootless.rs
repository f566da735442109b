//! The caller without root.

use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use crate::machine::{built, directory, is_root};

/// Runs the program with `arguments` as uid 1000, from a place that this user can reach.
fn as_user(arguments: &[&str]) -> Output {
    let place = directory();
    let program = place.path().join("bulkhead");
    // Copied by another process: a descriptor that is open for writing here could be inherited by
    // a child of another test, and a program that is being written cannot be executed.
    let copied = Command::new("/bin/cp").arg(built()).arg(&program).status();
    assert!(copied.unwrap().success());
    std::fs::create_dir(place.path().join("work")).unwrap();
    std::fs::write(place.path().join("work/file"), "here").unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(place.path().join("work"));
    command.env_remove("XDG_RUNTIME_DIR").uid(1000).gid(1000);
    command.output().unwrap()
}

#[test]
fn a_caller_without_root_gets_every_namespace_all_the_same() {
    if !is_root() {
        return;
    }
    let script = "cat file; echo; id -u; uname -n; test $(ls /proc | grep -c '^[0-9]') -lt 9; echo $?; \
                  grep -c . /proc/net/route; touch new && ls; ls /root 2>/dev/null; \
                  grep -h -E '^(CapBnd|NoNewPrivs)' /proc/self/status | cut -f2";
    let output = as_user(&["run", "--", "/bin/sh", "-c", script]);
    let errors = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        printed, "here\n1000\nlocalhost\n0\n1\nfile\nnew\n0000000000000000\n1\n",
        "{errors}"
    );
}

#[test]
fn what_needs_root_is_refused_with_what_is_missing_and_how_to_get_it() {
    if !is_root() {
        return;
    }
    for arguments in [
        ["run", "--level", "proposal", "--", "true"],
        ["run", "--identity", "lease", "--", "true"],
        ["run", "--without", "userns", "--", "true"],
    ] {
        let output = as_user(&arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(125), "{errors}");
        assert!(errors.contains("root"), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}
