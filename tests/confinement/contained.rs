//! Where namespaces are refused a payload is held by other means, and what those hold is said.
//!
//! A host that refuses is made from a user namespace in which the limit of further ones is 0, so
//! that nothing about the machine is changed.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rstest::rstest;

use crate::machine::{built, directory, is_root};

mod doctor;
pub mod hook;
mod nested;

/// Who calls on such a host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// Root as Docker makes it: without `CAP_SYS_ADMIN`.
    Root,
    /// An ordinary user.
    User,
}

/// What `script` does in a new user namespace with every user, with `words` as its arguments.
///
/// The script gets its capabilities with the second exec: at the first its user was not mapped.
fn in_namespace(directory: &Path, script: &str, words: &[&OsStr]) -> Child {
    let mut command = Command::new("/usr/bin/unshare");
    let wait = "echo ready; read _; script=$1; shift; exec /bin/sh -c \"$script\" sh \"$@\"";
    command.args(["--user", "/bin/sh", "-c", wait, "sh", script]).args(words);
    command.env_remove("XDG_RUNTIME_DIR").env("PATH", "/usr/bin:/bin").current_dir(directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // To the byte, for what comes behind the line is the program's.
    let mut word = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut word).unwrap();
    assert_eq!(&word, b"ready\n");
    for map in ["uid_map", "gid_map"] {
        std::fs::write(format!("/proc/{}/{map}", child.id()), "0 0 65536").unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    child
}

/// Starts the program with `arguments` in `directory`, where namespaces are refused.
fn start(caller: Caller, directory: &Path, arguments: &[&str]) -> Child {
    start_with(caller, directory, &[], arguments)
}

/// The same, with variables in the caller's environment.
fn start_with(caller: Caller, directory: &Path, variables: &[&str], arguments: &[&str]) -> Child {
    let become_caller: &[_] = match caller {
        Caller::Root => &["/usr/bin/setpriv", "--bounding-set", "-sys_admin", "--clear-groups"],
        Caller::User => {
            &["/usr/bin/setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups"]
        }
    };
    let program = program(directory);
    let words = [become_caller, &["/usr/bin/env"], variables].concat();
    let words = words.into_iter().map(OsStr::new).chain([program.as_os_str()]);
    let words: Vec<_> = words.chain(arguments.iter().map(OsStr::new)).collect();
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
    in_namespace(directory, script, &words)
}

/// What the program does with `arguments` in `directory` for an ordinary user, where namespaces are
/// refused.
pub fn refused_namespaces(directory: &Path, variables: &[&str], arguments: &[&str]) -> Output {
    start_with(Caller::User, directory, variables, arguments).wait_with_output().unwrap()
}

/// The program, at a place that every user can reach.
pub fn program(directory: &Path) -> std::path::PathBuf {
    let program = directory.parent().unwrap().join("bulkhead");
    if program.exists() {
        return program;
    }
    // Copied by another process: see the tests of rootless callers.
    let copied = Command::new("/bin/cp").arg(built()).arg(&program).status();
    assert!(copied.unwrap().success());
    program
}

/// A place with a directory `work` for the caller.
fn place(caller: Caller) -> (tempfile::TempDir, std::path::PathBuf) {
    let place = directory();
    let work = place.path().join("work");
    std::fs::create_dir(&work).unwrap();
    std::fs::write(work.join("file"), "here\n").unwrap();
    if caller == Caller::User {
        for path in [&work, &work.join("file")] {
            std::os::unix::fs::chown(path, Some(1000), Some(1000)).unwrap();
        }
    }
    (place, work)
}

fn run(caller: Caller, options: &[&str], script: &str) -> Output {
    let (_place, work) = place(caller);
    let arguments = [&["run"], options, &["--", "/bin/sh", "-c", script]].concat();
    start(caller, &work, &arguments).wait_with_output().unwrap()
}

fn prints(caller: Caller, options: &[&str], script: &str) -> String {
    let output = run(caller, options, script);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(125), "the launch failed: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[rstest]
#[case::root(Caller::Root)]
#[case::user(Caller::User)]
fn a_build_works_in_a_copy_with_a_home_and_temporary_files_of_its_own(#[case] caller: Caller) {
    if !is_root() {
        return;
    }
    let (place, work) = place(caller);
    let script = "cat file && echo new > file && echo x > \"$(mktemp)\" && echo x > \"$HOME/x\" && \
                  cat < /dev/null > /dev/null && cat file && ls /proc/self/fd > /dev/null";
    let child = start(caller, &work, &["run", "--quiet", "--", "/bin/sh", "-c", script]);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "here\nnew\n", "{errors}");
    assert_eq!(std::fs::read_to_string(work.join("file")).unwrap(), "here\n", "the caller's own");
    assert!(errors.starts_with("bulkhead: contained plan; not in full here: "), "{errors}");
    assert!(errors.contains("network partly"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    drop(place);
}

#[test]
fn a_build_of_roots_is_a_leased_user_without_any_capability() {
    if !is_root() {
        return;
    }
    let script = "grep -E '^(Uid|Cap|NoNewPrivs|Seccomp:)' /proc/self/status | cut -f2";
    let printed = prints(Caller::Root, &["--uids", "61780-61799"], script);
    let none = "0000000000000000\n".repeat(5);
    let (uid, rest) = printed.split_once('\n').unwrap();
    assert!((61_780..=61_799).contains(&uid.parse().unwrap()), "{uid}");
    assert_eq!(rest, format!("{none}1\n2\n"));
    let control = prints(Caller::Root, &["--without", "identity"], script);
    assert!(control.starts_with("0\n"), "the control: {control}");
}

#[rstest]
#[case::root(Caller::Root)]
#[case::user(Caller::User)]
fn files_that_were_not_granted_can_be_neither_read_nor_made(#[case] caller: Caller) {
    if !is_root() {
        return;
    }
    let elsewhere = directory();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(elsewhere.path(), open).unwrap();
    let secret = elsewhere.path().join("secret");
    std::fs::write(&secret, "canary").unwrap();
    let (secret, made) = (secret.display(), elsewhere.path().join("made"));
    let script = format!(
        "cat {secret} 2>/dev/null || echo refused; \
         (echo x > {0}) 2>/dev/null && echo made || echo refused",
        made.display()
    );
    assert_eq!(prints(caller, &["--without", "landlock"], &script), "canarymade\n", "the control");
    std::fs::remove_file(&made).unwrap();
    assert_eq!(prints(caller, &[], &script), "refused\nrefused\n");
    let granted = prints(caller, &["--ro", elsewhere.path().to_str().unwrap()], &script);
    assert_eq!(granted, "canaryrefused\n");
}

#[rstest]
#[case::internet("import socket; socket.socket()")]
#[case::netlink("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)")]
#[case::shared_memory("import ctypes; assert ctypes.CDLL(None).shmget(0, 4096, 0o1600) >= 0")]
fn what_no_namespace_holds_is_refused_by_the_filter(#[case] attempt: &str) {
    if !is_root() {
        return;
    }
    let script = format!("/usr/bin/python3 -c '{attempt}' 2>/dev/null && echo worked || echo no");
    let control = prints(Caller::Root, &["--without", "syscalls"], &script);
    assert_eq!(control, "worked\n", "the control");
    assert_eq!(prints(Caller::Root, &[], &script), "no\n");
    assert_eq!(prints(Caller::User, &[], &script), "no\n");
}

#[test]
fn the_guardian_of_a_build_that_has_its_own_user_cannot_be_signalled() {
    if !is_root() {
        return;
    }
    // The parent of the payload is its guardian, and both are uid 1000.
    let script = "kill -0 $PPID 2>/dev/null && echo reached || echo refused";
    assert_eq!(prints(Caller::User, &["--without", "landlock"], script), "reached\n");
    assert_eq!(prints(Caller::User, &[], script), "refused\n");
    assert_eq!(prints(Caller::Root, &[], script), "refused\n");
}

/// The living processes that have `canary` in their command line.
fn living(canary: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(canary)).count()
}

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Daemons that have left the payload's session, process group and parent.
fn daemons(seconds: u32) -> String {
    format!("for n in 1 2 3; do (setsid sleep {seconds} </dev/null >/dev/null 2>&1 &) ; done")
}

/// How long the daemons of a test sleep: a number that no other test, of this run or of another one
/// beside it, looks for.
fn seconds_of(test: u32) -> u32 {
    std::process::id() * 10 + 1_000_000 + test
}

#[rstest]
#[case::root(Caller::Root, 1)]
#[case::user(Caller::User, 2)]
fn daemons_end_with_the_build(#[case] caller: Caller, #[case] test: u32) {
    if !is_root() {
        return;
    }
    let seconds = seconds_of(test);
    let canary = format!("sleep\0{seconds}");
    assert_eq!(
        prints(caller, &[], &format!("{}; sleep 0.2; echo done", daemons(seconds))),
        "done\n"
    );
    assert_eq!(living(&canary), 0);
}

#[rstest]
#[case::root(Caller::Root, 3)]
#[case::user(Caller::User, 4)]
fn nothing_is_left_of_a_build_whose_supervisor_is_killed(
    #[case] caller: Caller,
    #[case] test: u32,
) {
    if !is_root() {
        return;
    }
    let seconds = seconds_of(test);
    let (place, work) = place(caller);
    let scratch = place.path().join("scratch");
    std::fs::create_dir(&scratch).unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    std::fs::set_permissions(&scratch, everybody).unwrap();
    let script = format!("{}; echo ready; sleep {seconds}", daemons(seconds));
    let option = scratch.to_str().unwrap();
    let arguments = ["run", "--scratch", option, "--", "/bin/sh", "-c", &script];
    let mut child = start(caller, &work, &arguments);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let canary = format!("sleep\0{seconds}");
    eventually("the daemons start", || living(&canary) == 4);
    assert_eq!(scratch.read_dir().unwrap().count(), 1, "the control: there is something to leave");
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("every process ends", || living(&canary) == 0);
    eventually("the staging directory goes", || scratch.read_dir().unwrap().count() == 0);
}

#[test]
fn a_time_limit_ends_all_of_a_build_that_ignores_its_signals() {
    if !is_root() {
        return;
    }
    let seconds = seconds_of(5);
    let script = format!("trap '' TERM; {}; sleep {seconds}", daemons(seconds));
    let output = run(Caller::Root, &["--timeout", "300ms"], &script);
    assert_eq!(output.status.code(), Some(124));
    assert_eq!(living(&format!("sleep\0{seconds}")), 0);
}

#[test]
fn what_is_required_and_not_held_runs_nothing() {
    if !is_root() {
        return;
    }
    let script = "echo ran";
    let refused = run(Caller::Root, &["--require", "secrets,network"], script);
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(125), "{errors}");
    assert!(refused.stdout.is_empty());
    assert!(errors.contains("required and not held here: `network` ("), "{errors}");
    let held = ["--require", "secrets,privileges,artefacts,remnants"];
    assert_eq!(prints(Caller::Root, &held, script), "ran\n");
    let level = run(Caller::Root, &["--level", "network"], script);
    let errors = String::from_utf8(level.stderr).unwrap();
    assert!(errors.contains("made of namespaces"), "{errors}");
    assert_eq!(level.status.code(), Some(125));
}

#[test]
fn a_leased_user_is_not_told_to_write_what_it_cannot() {
    if !is_root() {
        return;
    }
    let elsewhere = directory();
    let option = ["--rw", elsewhere.path().to_str().unwrap()];
    let output = run(Caller::Root, &option, "echo ran");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("--identity caller"), "{errors}");
    let script = format!("echo x > {}/made && echo written", elsewhere.path().display());
    let caller = [option.as_slice(), &["--identity", "caller"]].concat();
    assert_eq!(prints(Caller::Root, &caller, &script), "written\n");
}

#[test]
fn a_refusal_that_only_the_launch_meets_leads_to_the_contained_plan_too() {
    if !is_root() {
        return;
    }
    // The limit is that of a namespace around the caller's own, which shows nothing of it.
    let (_place, work) = place(Caller::Root);
    let program = program(&work);
    let script = "mkfifo up go; \
        unshare --user --mount /bin/sh -c \
            'echo x > up; read _ < go; exec /bin/sh -c \"exec \\\"\\$@\\\"\" sh \"$@\"' sh \"$@\" & \
        read _ < up; echo '0 0 65536' > /proc/$!/uid_map; echo '0 0 65536' > /proc/$!/gid_map; \
        echo 0 > /proc/sys/user/max_user_namespaces; echo x > go; wait $!";
    let command = ["run", "--", "/bin/sh", "-c", "echo ran"].map(OsStr::new);
    let words: Vec<_> = [program.as_os_str()].into_iter().chain(command).collect();
    let output = in_namespace(&work, script, &words).wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ran\n", "{errors}");
    assert!(errors.contains("contained plan"), "{errors}");
}
