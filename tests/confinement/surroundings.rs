//! What a payload inherits: variables, network, descriptors, terminal.

use std::io::Read;
use std::net::TcpListener;

use crate::machine::{built, bulkhead, directory, is_root, prints};

#[test]
fn a_secret_variable_does_not_reach_the_payload() {
    let seen = |options: &[&str]| {
        let directory = directory();
        let mut command = bulkhead(directory.path());
        command.env("CI_JOB_TOKEN", "canary").env("CFLAGS", "-O1");
        command.arg("run").args(options).args(["--", "/usr/bin/env"]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    assert!(seen(&["--without", "environment"]).contains("canary"), "the control");
    let inside = seen(&[]);
    assert!(!inside.contains("canary"), "{inside}");
    assert!(inside.contains("CFLAGS=-O1\n"));
    assert!(inside.contains("CARGO_NET_OFFLINE=true\n"));
    assert!(seen(&["--env", "CI_JOB_TOKEN"]).contains("canary"), "the caller named it");
    assert!(!seen(&["--env", "CI_*"]).contains("canary"), "a pattern does not name a secret");
    assert!(seen(&["--env", "CI_JOB_TOKEN=other"]).contains("CI_JOB_TOKEN=other\n"));
}

#[test]
fn a_service_of_the_host_cannot_be_reached_but_loopback_works() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script =
        format!("(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo reached || echo refused");
    let script = format!("/bin/bash -c '{script}'");
    assert_eq!(prints(&["--without", "network"], &script), "reached\n", "the control");
    assert_eq!(prints(&[], &script), "refused\n");
    assert_eq!(prints(&[], "grep -c . /proc/net/route; grep -c lo: /proc/net/dev"), "1\n1\n");
}

/// What waits on loopback is counted for nobody.
#[test]
fn little_can_wait_on_the_builds_own_loopback() {
    let asked = "cd /proc/sys/net; cat core/somaxconn; cut -f3 ipv4/tcp_rmem ipv4/tcp_wmem";
    assert_eq!(prints(&[], asked), "128\n262144\n262144\n");
    let server = "python3 -c 'import socket as s; l = s.create_server((\"127.0.0.1\", 0), \
                  backlog=4096); c = s.create_connection(l.getsockname()); \
                  a = l.accept()[0]; c.sendall(b\"x\" * 100000); c.close(); \
                  print(sum(len(p) for p in iter(lambda: a.recv(65536), b\"\")))'";
    assert_eq!(prints(&[], server), "100000\n");
}

#[test]
fn an_inherited_descriptor_does_not_reach_the_payload() {
    // CVE-2024-21626: a leaked directory descriptor was a way out of runc.
    let seen = |option: &str| {
        let directory = directory();
        std::fs::write(directory.path().join("secret"), "canary").unwrap();
        let program = built();
        let script = format!(
            "exec 7<secret; exec {program} run {option} -- /bin/sh -c 'cat <&7' 2>/dev/null"
        );
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", &script]).current_dir(directory.path());
        command.output().unwrap().stdout
    };
    assert_eq!(seen("--without descriptors"), b"canary", "the control");
    assert_eq!(seen(""), b"");
}

/// CVE-2024-21626: a working directory outside, through a descriptor that was left open, led out of
/// runc.
#[test]
fn only_declared_descriptors_can_be_seen_and_the_working_directory_is_inside() {
    if !is_root() {
        return;
    }
    let outside = directory();
    std::fs::write(outside.path().join("secret"), "canary").unwrap();
    let seen = |options: &str, script: &str| {
        let directory = directory();
        let program = built();
        let words = format!("exec 7</; exec {program} run {options} -- /bin/sh -c '{script}'");
        let mut command = std::process::Command::new("/bin/sh");
        command.args(["-c", &words]).current_dir(directory.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let secret = outside.path().join("secret");
    let through =
        |start: &str| format!("cat {start}{} 2>/dev/null || echo refused", secret.display());
    let control = "--without descriptors --without landlock";
    assert_eq!(seen(control, &through("/proc/self/fd/7")), "canary", "the control");
    assert_eq!(seen("", &through("/proc/self/fd/7")), "refused\n");
    for start in
        ["/proc/self/cwd/../../../../../..", "/proc/self/root", "/proc/1/root", "/proc/1/cwd"]
    {
        assert_eq!(seen("", &through(start)), "refused\n", "{start}");
    }
    // A shell lists them, so that no other descriptor than the list's own is open beside them.
    let list = "cd /proc/self/fd && echo *";
    assert!(seen("--without descriptors", list).contains(" 7"), "the control");
    assert_eq!(seen("", list), "0 1 2 3\n");
    assert_eq!(seen("", "test $(readlink /proc/self/cwd) = $(pwd -P) && echo same"), "same\n");
}

#[test]
fn standard_input_is_empty_and_there_is_no_controlling_terminal() {
    assert_eq!(prints(&[], "wc -c; readlink /proc/self/fd/0"), "0\n/dev/null\n");
    let script = "cut -d' ' -f7 /proc/self/stat; (: < /dev/tty) 2>/dev/null || echo none";
    assert_eq!(prints(&[], script), "0\nnone\n");
}

#[test]
fn a_pipeline_ends_when_its_reader_does() {
    // An ignored SIGPIPE would let the writer go on with errors instead.
    assert_eq!(prints(&[], "yes | head -n 1; trap"), "y\n");
    let mut trapped = String::new();
    std::fs::File::open("/proc/self/status").unwrap().read_to_string(&mut trapped).unwrap();
    let ignored = prints(&[], "grep SigIgn /proc/self/status | cut -f2");
    assert_eq!(u64::from_str_radix(ignored.trim(), 16).unwrap() & 1 << 12, 0);
}

#[test]
fn what_a_build_prints_is_bounded_and_gives_nobody_commands() {
    let directory = directory();
    let run =
        |options: &[&str], script: &str| crate::machine::run(directory.path(), options, script);
    let script = r"printf '\033[31mred\033[0m ##[add-mask]x\n::set-env name=A::b\n'";
    let control = run(&["--without", "harvest"], script);
    assert_eq!(control.stdout, b"\x1b[31mred\x1b[0m ##[add-mask]x\n::set-env name=A::b\n");
    assert_eq!(run(&[], script).stdout, b"red ## [add-mask]x\n: :set-env name=A::b\n");

    let script =
        r"printf 'bad \377\355\240\200 good \342'; sleep 0.2; printf '\202\254 cut \360\237'";
    let control = run(&["--without", "harvest"], script);
    assert!(std::str::from_utf8(&control.stdout).is_err());
    let shown = String::from_utf8(run(&[], script).stdout).unwrap();
    assert_eq!(shown, "bad \u{fffd}\u{fffd}\u{fffd}\u{fffd} good \u{20ac} cut \u{fffd}");

    let flood = run(&["--log", "100K"], "yes; echo not reached");
    assert_eq!(flood.status.code(), Some(123));
    // Behind a control group, which counts; the shell itself exits with another status.
    let crowd = run(&["--pids", "8"], "for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; wait");
    assert_eq!(crowd.status.code(), Some(if is_root() { 137 } else { 2 }));
    let silent = run(&["--silence", "200ms"], "sleep 60");
    assert_eq!(silent.status.code(), Some(124));
}

#[test]
fn the_log_cannot_be_truncated_through_the_descriptor_that_it_is_written_by() {
    let directory = directory();
    let printed = |options: &[&str]| {
        let log = directory.path().join("log");
        let file = std::fs::File::create(&log).unwrap();
        let mut command = bulkhead(directory.path());
        command.arg("run").args(options).stdout(file);
        command.args(["--", "/bin/sh", "-c", "echo evidence; (: > /proc/self/fd/1); true"]);
        assert!(command.status().unwrap().success());
        std::fs::read_to_string(log).unwrap()
    };
    assert_eq!(
        printed(&["--without", "descriptors", "--without", "identity", "--without", "landlock"]),
        "",
        "the control"
    );
    assert_eq!(printed(&[]), "evidence\n");
}
