//! Who a payload is, in the eyes of the kernel and in its own.

use std::process::Stdio;

use crate::machine::{bulkhead, directory, etc, is_root, prints, run};

/// The kernel's uid of a held payload, read from outside.
fn kernel_uid(options: &[&str]) -> u32 {
    let directory = directory();
    let mut child = bulkhead(directory.path())
        .arg("run")
        .args(options)
        .args(["--", "/bin/sh", "-c", "echo ready; exec sleep 60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    let init = children_of(child.id()).into_iter().next().unwrap();
    let payload = children_of(init).into_iter().next().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{payload}/status")).unwrap();
    // Asked to end, not killed: the weaker levels would leave their payload behind.
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    uids.split_ascii_whitespace().next().unwrap().parse().unwrap()
}

fn children_of(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap();
    text.split_ascii_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn a_build_of_roots_is_not_root_for_the_kernel() {
    if !is_root() {
        return;
    }
    let _etc = etc();
    assert_eq!(kernel_uid(&["--without", "identity"]), 0, "the control");
    assert!((60_706..=61_183).contains(&kernel_uid(&[])));
    assert_eq!(kernel_uid(&["--uids", "61777-61777"]), 61_777);
    assert_eq!(kernel_uid(&["--level", "network"]), 0, "what that level does not do");
    let made = kernel_uid(&["--level", "proposal"]);
    assert!((100..1000).contains(&made), "{made} is a system account's");
}

#[test]
fn a_build_sees_a_user_with_a_name_and_a_home() {
    assert_eq!(prints(&[], "id -u; id -un; id -G; echo $HOME"), "1000\nbuild\n1000\n/home/build\n");
}

#[test]
fn a_leased_user_leaves_etc_alone_and_a_made_one_is_gone_afterwards() {
    if !is_root() {
        return;
    }
    let _etc = etc();
    let files = ["/etc/passwd", "/etc/shadow", "/etc/group"];
    let before = files.map(|file| std::fs::read(file).unwrap());
    prints(&[], "true");
    assert_eq!(files.map(|file| std::fs::read(file).unwrap()), before);
    prints(&["--level", "proposal"], "true");
    assert_eq!(files.map(|file| std::fs::read(file).unwrap()), before);
    prints(&["--identity", "useradd"], "true");
    assert_eq!(files.map(|file| std::fs::read(file).unwrap()), before);
}

#[test]
fn level_proposal_can_write_where_a_build_must_and_gives_it_back() {
    use std::os::unix::fs::MetadataExt;
    if !is_root() {
        return;
    }
    let _etc = etc();
    let directory = directory();
    let output = run(directory.path(), &["--level", "proposal"], "echo x > made && id -u");
    assert_eq!(output.stdout, b"0\n", "{}", String::from_utf8_lossy(&output.stderr));
    let made = directory.path().join("made").metadata().unwrap();
    assert_eq!((made.uid(), made.gid()), (0, 0));
}
