//! Having a group of version 2 lend its controllers to groups below it.
//!
//! A group that lends has no processes of its own (cgroups(7), "no internal processes"). So whatever
//! is in it, this process and those that called it among them, moves into a group below it, and stays
//! there: the next launch finds itself in that one, beside which groups can be made. Any number of
//! launches may do so at once, for each step is one that may have been done already.
#![forbid(unsafe_code)]

use std::io;
use std::path::Path;
use std::time::Duration;

use super::{create, write};
use crate::host::groups::read;

/// Where those processes go. The name is none of a build's.
const CALLERS: &str = "callers.bulkhead";

/// How often it is tried, while others start processes in the group or do the same.
const ATTEMPTS: u32 = 100;

/// How long to wait before it is tried again.
const PAUSE: Duration = Duration::from_millis(1);

/// Has the group `directory` lend `wanted`, if it does not already.
///
/// # Errors
/// Those of `write(2)`: EBUSY where processes do not leave the group, because they are of another
/// process namespace and have no number here.
pub(super) fn controllers(directory: &Path, wanted: &[&str]) -> io::Result<()> {
    let missing = || {
        let lent = read(directory, "cgroup.subtree_control").unwrap_or_default();
        let lacks = |name: &&&str| !lent.split_whitespace().any(|known| known == **name);
        let missing: Vec<_> = wanted.iter().filter(lacks).map(|name| format!("+{name}")).collect();
        missing.join(" ")
    };
    let mut answer = Ok(());
    for _ in 0..ATTEMPTS {
        let missing = missing();
        if missing.is_empty() {
            return Ok(());
        }
        // The root of the tree has no type, and may have processes.
        if directory.join("cgroup.type").exists() {
            clear(directory)?;
        }
        answer = write(&directory.join("cgroup.subtree_control"), &missing);
        match &answer {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::sleep(PAUSE),
            Err(_) => return answer,
            Ok(()) => {}
        }
    }
    answer
}

/// Moves every process of the group one down.
fn clear(directory: &Path) -> io::Result<()> {
    let members = read(directory, "cgroup.procs").unwrap_or_default();
    // One without a number here is no process that could be moved.
    let members: Vec<_> = members.split_whitespace().filter(|pid| *pid != "0").collect();
    if members.is_empty() {
        return Ok(());
    }
    let callers = directory.join(CALLERS);
    match create(&callers) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other?,
    }
    for pid in members {
        match write(&callers.join("cgroup.procs"), pid) {
            // It is dead by now.
            Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => {}
            other => other?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A directory that looks like a group of version 2. A write replaces the text, so that what is
    /// written last is what stands there.
    fn group(lent: &str, members: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.subtree_control"), lent).unwrap();
        fs::write(root.path().join("cgroup.procs"), members).unwrap();
        fs::write(root.path().join("cgroup.type"), "domain\n").unwrap();
        root
    }

    #[test]
    fn what_is_lent_already_is_left_alone() {
        let root = group("cpu memory pids\n", "");
        controllers(root.path(), &["memory", "pids"]).unwrap();
        assert!(!root.path().join(CALLERS).exists());
        let text = fs::read_to_string(root.path().join("cgroup.subtree_control")).unwrap();
        assert_eq!(text, "cpu memory pids\n");
    }

    #[test]
    fn the_root_of_the_tree_keeps_its_processes() {
        let root = group("", "1\n");
        fs::remove_file(root.path().join("cgroup.type")).unwrap();
        // A file keeps what was written, and no kernel answers: so it is written in vain.
        controllers(root.path(), &["memory"]).unwrap();
        let text = fs::read_to_string(root.path().join("cgroup.subtree_control")).unwrap();
        assert!(text.starts_with("+memory"), "{text}");
        assert!(!root.path().join(CALLERS).exists());
    }

    #[test]
    fn a_group_that_cannot_be_written_is_an_error() {
        let root = group("", "");
        fs::remove_file(root.path().join("cgroup.subtree_control")).unwrap();
        assert!(controllers(root.path(), &["memory"]).is_err());
    }
}
