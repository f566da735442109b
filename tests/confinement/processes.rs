//! A payload is alone: processes, shared memory, host name.

use crate::machine::prints;

#[test]
fn only_the_sandboxs_own_processes_can_be_seen() {
    let script = "ls /proc | grep -c '^[0-9]'";
    let control: u32 = prints(&["--without", "proc"], script).trim().parse().unwrap();
    let inside: u32 = prints(&[], script).trim().parse().unwrap();
    assert!(control > inside, "the control sees {control}, the sandbox {inside}");
    assert!(inside <= 5);
    // The number of a process outside means nothing inside.
    let outside = std::process::id();
    assert_eq!(prints(&[], &format!("kill -0 {outside} 2>/dev/null || echo absent")), "absent\n");
}

#[test]
fn the_init_cannot_be_ended_from_inside() {
    assert_eq!(prints(&[], "kill -9 1; kill -STOP 1; sleep 0.1; echo alive"), "alive\n");
}

#[test]
fn the_host_name_says_nothing() {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    assert_eq!(prints(&["--without", "hostname"], "uname -n").trim(), name, "the control");
    assert_eq!(prints(&[], "uname -n; cat /etc/hostname"), "localhost\nlocalhost\n");
}

#[test]
fn shared_memory_of_others_cannot_be_seen() {
    let file = tempfile::Builder::new().prefix("bulkhead-").tempfile_in("/dev/shm").unwrap();
    let script = format!("test -e {} && echo seen || echo absent", file.path().display());
    assert_eq!(prints(&["--without", "mounts"], &script), "seen\n", "the control");
    assert_eq!(prints(&[], &script), "absent\n");
    let table = "tail -n +2 /proc/sysvipc/shm | wc -l";
    assert_eq!(prints(&[], table), "0\n");
}

#[test]
fn the_dangerous_parts_of_proc_are_covered() {
    let script = "cat /proc/kallsyms /proc/keys /proc/timer_list 2>/dev/null | wc -c";
    assert_ne!(prints(&["--without", "proc"], script), "0\n", "the control");
    assert_eq!(prints(&[], script), "0\n");
    assert_eq!(prints(&[], "head -qc 1 /proc/cpuinfo /proc/meminfo"), "pM");
}
