//! A small `/sys` of the build's own (`sysfs(5)`): which processors and nodes of memory there are, and
//! the control group that bounds it (`cgroups(7)`). Compilers, linkers and virtual machines choose by
//! it how much they do at a time. Nothing of the host's `/sys` is mounted.
#![forbid(unsafe_code)]

use std::path::Path;

use super::{Entry, MountPlan, What};
use crate::host::Host;
use crate::host::groups::Version;
use crate::layers::limits::slot::Group;
use crate::policy::files::{EMPTY_OF_SYS, MACHINE};

/// Where control groups are mounted.
const GROUPS: &str = "/sys/fs/cgroup";

/// Controllers of version 1 without which no Java finds its limit of memory.
const LOOKED_FOR: [&str; 3] = ["cpu", "cpuacct", "cpuset"];

/// The processors and nodes of the machine, and directories in which programs look for devices that
/// no build has.
pub(super) fn machine(entries: &mut Vec<Entry>, host: &Host) {
    let place = Path::new(MACHINE);
    for (name, text) in &host.root.machine.files {
        entries.push(Entry::new(place.join(name), What::Text(text.clone())));
    }
    for name in &host.root.machine.directories {
        entries.push(Entry::new(place.join(name), What::Directory));
    }
    entries.extend(EMPTY_OF_SYS.iter().map(|path| Entry::new(path, What::Directory)));
}

impl MountPlan {
    /// The same plan, in which the build finds the control groups that bound it, `groups`. The host
    /// has trees of version 1 with these controllers: `separate`.
    #[must_use]
    pub fn showing_groups(mut self, groups: &[Group], separate: &[Vec<String>]) -> Self {
        let of_one = groups.iter().any(|group| group.place.version == Version::One);
        if groups.is_empty() || self.base != super::Base::Empty {
            return self;
        }
        let mut shown = Vec::new();
        if !of_one {
            shown.push(Entry::new(GROUPS, What::ControlGroup(vec![])));
        }
        for controllers in separate.iter().filter(|_| of_one) {
            let place = Path::new(GROUPS).join(controllers.join(","));
            let has = |name: &str| controllers.iter().any(|known| known == name);
            let own = groups.iter().any(|group| group.controllers().into_iter().any(has));
            if own || LOOKED_FOR.into_iter().any(has) {
                shown.push(Entry::new(&place, What::ControlGroup(controllers.clone())));
            }
            // In this tree the build has no group of its own, and its caller's is none of its
            // business; that the tree is mounted is enough for those who look for it.
            if !own && LOOKED_FOR.into_iter().any(has) {
                shown.push(Entry::new(&place, What::Nothing));
            }
        }
        // What is granted stays on top.
        let first = self.entries.iter().position(|entry| entry.target.starts_with("/dev"));
        let at = first.unwrap_or(self.entries.len());
        self.entries.splice(at..at, shown);
        self
    }
}

#[cfg(test)]
#[path = "sys_tests.rs"]
mod tests;
