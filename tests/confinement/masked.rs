//! Where `/proc` is masked, as in containers, no fresh one can be mounted, and the rest holds.

use std::process::{Command, Output};

use rstest::rstest;

use crate::machine::{built, directory, is_root};

/// Runs `script` behind the program where a part of `/proc` is covered, after `caller`.
pub fn run(caller: &[&str], options: &[&str], script: &str) -> Output {
    let place = directory();
    let program = place.path().join("bulkhead");
    let copied = Command::new("/bin/cp").arg(built()).arg(&program).status();
    assert!(copied.unwrap().success());
    let mut command = Command::new("/usr/bin/unshare");
    let cover = "mount -t tmpfs none /proc/irq && exec \"$@\"";
    command.args(["--mount", "/bin/sh", "-c", cover, "sh", "/usr/bin/setpriv"]).args(caller);
    command.arg(program).arg("run").args(options).args(["--", "/bin/sh", "-c", script]);
    command.current_dir(place.path()).env_remove("XDG_RUNTIME_DIR");
    command.output().unwrap()
}

/// The same as root, with a `script` that starts another sandbox, which has a filter of its own.
pub fn around(script: &str) -> Output {
    let place = directory();
    let policy = place.path().join("nested.toml");
    std::fs::write(&policy, "[syscalls]\nfilters = true\n").unwrap();
    run(ROOT, &["--policy", policy.to_str().unwrap()], script)
}

/// Root of a plain machine.
pub const ROOT: &[&str] = &["--clear-groups"];
const ROOT_OF_A_CONTAINER: &[&str] = &["--bounding-set", "-sys_admin", "--clear-groups"];
const USER: &[&str] = &["--reuid", "1000", "--regid", "1000", "--clear-groups"];

#[rstest]
#[case::root(ROOT)]
#[case::root_of_a_container(ROOT_OF_A_CONTAINER)]
#[case::user(USER)]
fn the_hosts_proc_is_shown_read_only_and_the_other_walls_stand(#[case] caller: &[&str]) {
    if !is_root() {
        return;
    }
    let script = "test $(ls /proc | grep -c '^[0-9]') -gt 5 && echo seen; \
        (echo 0 > /proc/sys/kernel/printk) 2>/dev/null || echo refused; \
        (echo 0 > /proc/self/oom_score_adj) 2>/dev/null || echo refused; \
        id -u; uname -n; grep -c . /proc/net/route; cat /etc/shadow 2>/dev/null; \
        unshare --user true 2>/dev/null || echo no nesting; \
        grep -h -E '^(CapBnd|NoNewPrivs)' /proc/self/status | cut -f2";
    let output = run(caller, &[], script);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "seen\nrefused\nrefused\n1000\nlocalhost\n1\nno nesting\n0000000000000000\n1\n",
        "{errors}"
    );
    assert!(errors.contains("processes partly"), "{errors}");
}

#[rstest]
#[case::root(ROOT, true)]
#[case::root_of_a_container(ROOT_OF_A_CONTAINER, true)]
#[case::user(USER, false)]
fn root_of_a_container_is_a_leased_user_too(#[case] caller: &[&str], #[case] leased: bool) {
    if !is_root() {
        return;
    }
    // The second number of the map is the uid outside, as the host's /proc has it.
    let script = "awk '{print $2}' /proc/self/uid_map";
    let output = run(caller, &["--uids", "61720-61739"], script);
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    let outside: u32 = printed.trim().parse().unwrap_or_default();
    let expected = if leased { 61_720..=61_739 } else { 1000..=1000 };
    assert!(expected.contains(&outside), "{printed}: {errors}");
}

#[test]
fn what_is_required_of_processes_is_refused() {
    if !is_root() {
        return;
    }
    let output = run(ROOT, &["--require", "processes"], "echo ran");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{errors}");
    assert!(output.stdout.is_empty() && errors.contains("not held here: `processes`"), "{errors}");
}

#[test]
fn doctor_names_the_mask() {
    if !is_root() {
        return;
    }
    let cover = "mount -t tmpfs none /proc/irq && exec \"$@\"";
    let mut command = Command::new("/usr/bin/unshare");
    command.args(["--mount", "/bin/sh", "-c", cover, "sh", built()]);
    let output = command.arg("doctor").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("/proc/irq is masked"), "{printed}");
    assert!(printed.contains("processes   partly"), "{printed}");
}
