//! The daemon of the tests leaves nothing behind, however the tests end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use rstest::rstest;

use crate::daemon::{Daemon, Engine, IMAGE};
use crate::here;

/// The living processes that have `word` in their command line.
fn living(word: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(word)).collect()
}

#[rstest]
#[case::docker(Engine::Docker)]
#[case::podman(Engine::Podman)]
fn a_daemon_ends_with_its_lifeline_and_so_do_its_containers_and_files(#[case] engine: Engine) {
    let Some(daemon) = here(Daemon::start(engine)) else { return };
    let seconds = format!("{}{}", 3_000_000 + std::process::id(), engine as u8);
    let mut container = daemon.client();
    container.args(["run", "--network", "none", "--volume", "/usr:/usr:ro", IMAGE]);
    container.args(["/bin/sh", "-c", "echo ready; sleep 300; :", &seconds]);
    let mut client = container.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(client.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let directory = daemon.directory().to_owned();
    let name = directory.file_name().unwrap().to_str().unwrap();
    // The client has the word in its command line too.
    assert!(living(&seconds).len() > 1, "the control");
    assert!(living(name).len() > 3, "the control");
    // The end of this process, by whatever cause, closes the pipe too.
    drop(daemon);
    client.wait().unwrap();
    assert_eq!(living(&seconds), Vec::<String>::new());
    assert_eq!(living(name), Vec::<String>::new());
    assert!(!directory.exists());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(name), "{mounts}");
    for tree in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        assert!(!Path::new(&tree.path()).join(name).exists(), "{}", tree.path().display());
    }
}
