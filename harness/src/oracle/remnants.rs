//! remnants: what outlives the build, even one whose supervisor was killed?
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use sandbox::paths::mountinfo::{self, Mount};

use sandbox::plain::plural;

use super::evidence::Evidence;
use crate::lab::processes::Processes;

/// A process that still runs.
#[must_use]
pub fn process(evidence: &Evidence) -> Option<String> {
    let survivor = evidence.survivors.first()?;
    let count = evidence.survivors.len();
    let name = &survivor.process.name;
    Some(match count {
        1 => format!("the process {name} outlives the build"),
        _ => format!("{} outlive the build, among them {name}", plural(count, "process")),
    })
}

/// An account that was not there before.
#[must_use]
pub fn account(evidence: &Evidence) -> Option<String> {
    let (before, after) = &evidence.accounts;
    let name = after.difference(before).next()?;
    Some(format!("the account {name} is left"))
}

/// A mount of the lab that was not there before, and is no record of the sandbox's own.
#[must_use]
pub fn mount(evidence: &Evidence) -> Option<String> {
    let (before, after) = &evidence.mounts;
    // The rest of a line changes when the mount's source is deleted outside.
    let identity = |mount: Result<Mount, &[u8]>| match mount {
        Ok(mount) => (mount.number, mount.place),
        Err(line) => (String::from_utf8_lossy(line).into_owned(), "an unknown place".into()),
    };
    let identities = |table: &str| -> Vec<(String, PathBuf)> {
        mountinfo::mounts(table.as_bytes()).map(identity).collect()
    };
    let known: BTreeSet<_> = identities(before).into_iter().collect();
    let new = identities(after).into_iter().filter(|mount| !known.contains(mount));
    let place = new.map(|(_, place)| place).find(|place| !evidence.is_record(place))?;
    Some(format!("a mount is left at {}", place.display()))
}

/// Whether the list of processes has one that is known to live; the reason when it has not.
#[must_use]
pub fn self_test(processes: &Processes, pid: i32) -> Option<String> {
    match processes.list() {
        Ok(all) if all.iter().any(|process| process.pid == pid) => None,
        Ok(_) => Some("the list of processes misses one that lives".to_owned()),
        Err(error) => Some(format!("the processes cannot be listed: {error}")),
    }
}

/// The names in an account file.
#[must_use]
pub fn names(passwd: &[u8]) -> BTreeSet<String> {
    String::from_utf8_lossy(passwd)
        .lines()
        .filter_map(|line| line.split(':').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::Interpreter;

    fn evidence() -> Evidence {
        let interpreter = Interpreter { program: "/p".into(), site: "/s".into(), home: "/root" };
        Evidence::none(interpreter)
    }

    #[test]
    fn an_account_that_was_there_before_is_not_left() {
        let mut evidence = evidence();
        evidence.accounts.0 = names(b"root:x:0:0::/root:/bin/sh\n");
        evidence.accounts.1 = names(b"root:y:0:0::/:/bin/sh\n");
        assert_eq!(account(&evidence), None);
        evidence.accounts.1 = names(b"root:x:0:0::/root:/bin/sh\nfmr_1:x:975:975::/:/bin/sh\n");
        assert_eq!(account(&evidence).unwrap(), "the account fmr_1 is left");
    }

    #[test]
    fn a_new_mount_is_named_by_its_place() {
        let mut evidence = evidence();
        let root = "30 1 0:2 / / rw - overlay overlay rw\n";
        evidence.mounts.0 = root.to_owned();
        evidence.mounts.1 = format!("{root}31 30 0:5 / /mnt rw - tmpfs tmpfs rw\n");
        assert_eq!(mount(&evidence).unwrap(), "a mount is left at /mnt");
        evidence.records = vec!["/mnt".into()];
        assert_eq!(mount(&evidence), None, "it is the sandbox's own");
    }
}
