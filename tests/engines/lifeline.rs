//! The daemon of the tests leaves nothing behind, however the tests end.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use crate::daemon::{Daemon, IMAGE};
use crate::here;

/// The living processes that have `word` in their command line.
fn living(word: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

#[test]
fn a_daemon_ends_with_its_lifeline_and_so_do_its_containers_and_files() {
    let Some(daemon) = here(Daemon::start()) else { return };
    let seconds = (3_000_000 + std::process::id()).to_string();
    let mut container = daemon.docker();
    container.args(["run", "--detach", "--network", "none", "--volume", "/usr:/usr:ro", IMAGE]);
    let started = container.args(["/bin/sleep", &seconds]).stderr(Stdio::inherit()).output();
    assert!(started.unwrap().status.success());
    let directory = daemon.directory().to_owned();
    let name = directory.file_name().unwrap().to_str().unwrap();
    assert!(!living(&format!("/bin/sleep {seconds}")).is_empty(), "the control");
    assert!(living(name).len() > 3, "the control");
    // The end of this process, by whatever cause, closes the pipe too.
    drop(daemon);
    assert_eq!(living(&seconds), Vec::<String>::new());
    assert_eq!(living(name), Vec::<String>::new());
    assert!(!directory.exists());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(name), "{mounts}");
    for tree in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        assert!(!Path::new(&tree.path()).join(name).exists(), "{}", tree.path().display());
    }
}
