//! Control groups around a lab: no build can harm this machine, and what it uses is measured.
#![forbid(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sandbox::host::groups::{Hierarchies, Version};

/// What groups of labs are called.
const PREFIX: &str = "bulkhead-lab-";
/// More processes than any lab needs, and fewer than this machine feels.
const PROCESSES: &str = "2048";
/// More memory than any lab needs, its files included.
const MEMORY: &str = "3221225472";

/// A group that is older than this was not made just now.
const OLD: Duration = Duration::from_mins(2);

/// The controllers that a lab is put under.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// The groups of one lab; gone once it is dropped after the lab has ended.
#[derive(Debug, Default)]
pub struct Groups(Vec<Group>);

#[derive(Debug)]
struct Group {
    controllers: Vec<&'static str>,
    /// Its limits are out of the lab's reach.
    outer: PathBuf,
    /// The lab is in here, and may change what is written here.
    inner: PathBuf,
    join: File,
}

impl Groups {
    /// Makes them below the groups of this process; where the host lends none there are none. The
    /// inner ones are the caller's, as a session manager delegates them.
    #[must_use]
    pub fn make(nonce: &str, caller: u32) -> Self {
        let hierarchies = Hierarchies::probe();
        let mut groups: Vec<Group> = Vec::new();
        for controller in CONTROLLERS {
            let Some(place) = hierarchies.place(controller) else { continue };
            let outer = place.directory.join(format!("{PREFIX}{nonce}"));
            let join = if place.version == Version::One { "tasks" } else { "cgroup.procs" };
            match groups.iter_mut().find(|group| group.outer == outer) {
                Some(group) => group.controllers.push(controller),
                None => groups.extend(Group::make(controller, &outer, join)),
            }
        }
        groups.retain(|group| group.bound() && group.delegate(caller).is_ok());
        Self(groups)
    }

    /// Files in which the lab's first process writes a zero to be in the group.
    pub fn joins(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|group| group.join.as_fd())
    }

    /// The most memory that the lab has had, in bytes.
    #[must_use]
    pub fn memory(&self) -> Option<u64> {
        self.number("memory", &["memory.max_usage_in_bytes", "memory.peak"])
    }

    /// The most processes and threads that the lab has had.
    #[must_use]
    pub fn processes(&self) -> Option<u64> {
        self.number("pids", &["pids.peak"])
    }

    fn number(&self, controller: &str, names: &[&str]) -> Option<u64> {
        let group = self.0.iter().find(|group| group.controllers.contains(&controller))?;
        let read = |name: &&str| fs::read_to_string(group.outer.join(name)).ok();
        names.iter().find_map(read)?.trim().parse().ok()
    }
}

impl Group {
    fn make(controller: &'static str, outer: &Path, join: &str) -> io::Result<Self> {
        // The trial's thread has no file creation mask.
        let folder = |path: &Path| fs::DirBuilder::new().mode(0o755).create(path);
        folder(outer)?;
        let inner = outer.join("lab");
        let made =
            folder(&inner).and_then(|()| OpenOptions::new().write(true).open(inner.join(join)));
        match made {
            Ok(join) => {
                let controllers = vec![controller];
                Ok(Self { controllers, outer: outer.to_owned(), inner, join })
            }
            Err(error) => {
                remove(outer);
                Err(error)
            }
        }
    }

    /// Lets the caller make groups below the inner one, and move his processes there.
    fn delegate(&self, caller: u32) -> io::Result<()> {
        for name in ["", "cgroup.procs", "tasks"] {
            let path = if name.is_empty() { self.inner.clone() } else { self.inner.join(name) };
            if caller != 0 && path.exists() {
                std::os::unix::fs::chown(&path, Some(caller), Some(caller))?;
            }
        }
        Ok(())
    }

    /// Sets the limits; false when the kernel does not take them.
    fn bound(&self) -> bool {
        let set = |names: &[&str], value: &str| {
            names.iter().any(|name| fs::write(self.outer.join(name), value).is_ok())
        };
        // Only version 2 knows this file; in version 1 every group has its controllers.
        let _lent = fs::write(self.outer.join("cgroup.subtree_control"), "+memory +pids");
        self.controllers.iter().all(|controller| match *controller {
            "memory" => set(&["memory.limit_in_bytes", "memory.max"], MEMORY),
            _ => set(&["pids.max"], PROCESSES),
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        remove(&self.inner);
        remove(&self.outer);
    }
}

/// Removes a group and those that a sandbox has made in it. One with processes stays.
fn remove(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove(&entry.path());
        }
    }
    // Whatever stays is empty once its processes have ended, and the next run sweeps it.
    let _stays = fs::remove_dir(group);
}

/// Removes what harnesses that were killed have left: what was removed.
#[must_use]
pub fn sweep() -> Vec<PathBuf> {
    let mut removed = Vec::new();
    let hierarchies = Hierarchies::probe();
    for place in CONTROLLERS.iter().filter_map(|controller| hierarchies.place(controller)) {
        for entry in fs::read_dir(&place.directory).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let age =
                entry.metadata().and_then(|found| found.modified()).map(|made| made.elapsed());
            let is_old = age.is_ok_and(|age| age.is_ok_and(|age| age > OLD));
            // A group in which a lab lives cannot be removed; one that is new is just being made.
            if name.to_string_lossy().starts_with(PREFIX) && is_old {
                remove(&entry.path());
                if !entry.path().exists() {
                    removed.push(entry.path());
                }
            }
        }
    }
    removed.sort();
    removed.dedup();
    removed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_leaves_a_group_alone_that_was_just_made() {
        let groups = Groups::make("test-of-sweep", 0);
        let places: Vec<_> = groups.0.iter().map(|group| group.outer.clone()).collect();
        let removed = sweep();
        for place in &places {
            assert!(place.is_dir() && !removed.contains(place));
        }
    }

    #[test]
    fn a_group_counts_and_is_gone_afterwards() {
        let groups = Groups::make("test-of-groups", 0);
        let places: Vec<_> = groups.0.iter().map(|group| group.outer.clone()).collect();
        for place in &places {
            assert!(place.is_dir());
        }
        if !places.is_empty() {
            assert!(groups.memory().is_some() || groups.processes().is_some());
        }
        drop(groups);
        for place in &places {
            assert!(!place.exists());
        }
    }
}
