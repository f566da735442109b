//! A group of version 2, and what it lends to groups below it or can be made to lend
//! (cgroups(7), `Documentation/admin-guide/cgroup-v2.rst` of the kernel).
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, getxattr};

use super::{Place, Version, read};

/// The type of a group in which processes can be bounded in everything.
pub(super) const DOMAIN: &str = "domain";

/// What the names of systemd's own groups end with. In one that it has not delegated it takes back
/// what it has not lent itself, at any time (`CGROUP_DELEGATION` of systemd).
const UNITS: [&str; 3] = ["service", "scope", "slice"];

/// By which systemd marks what it has delegated.
const MARKS: [&str; 2] = ["user.delegate", "trusted.delegate"];

/// A group of version 2.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LendingGroup {
    directory: PathBuf,
    /// Its type; none for the root of the tree, which has none.
    pub(super) kind: Option<String>,
    /// The controllers that it has.
    has: Vec<String>,
    /// Those that groups below it have.
    lends: Vec<String>,
    right: Right,
    owner: Owner,
    /// Processes are in it, and not below it.
    occupied: bool,
}

/// What the caller may do with a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Right {
    /// Look at it.
    #[default]
    Look,
    /// Make groups below it and move processes there.
    Divide,
    /// Change what it lends to them, too.
    Lend,
}

/// Whose a group is, by its name and by the mark of systemd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Owner {
    /// Nobody says that it is his.
    #[default]
    Nobody,
    /// Systemd, which takes back what it has not lent itself.
    Systemd,
    /// Whoever it was delegated to.
    Delegate,
}

impl LendingGroup {
    /// Looks at the group `directory`. What cannot be read counts as absent.
    pub(super) fn look(directory: &Path) -> Self {
        let words = |name: &str| -> Vec<String> {
            let text = read(directory, name).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        };
        let writable = |name: &str| access(directory.join(name), Access::WRITE_OK).is_ok();
        let mark = |name: &&str| {
            let mut value = [0; 8];
            getxattr(directory, *name, &mut value)
                .is_ok_and(|length| value.get(..length) == Some(b"1"))
        };
        let unit = directory.extension().is_some_and(|end| UNITS.iter().any(|unit| end == *unit));
        Self {
            kind: read(directory, "cgroup.type").map(|kind| kind.trim().to_owned()),
            has: words("cgroup.controllers"),
            lends: words("cgroup.subtree_control"),
            // Whoever moves a process needs the right to write the membership of the group that both
            // places have above them.
            right: match writable("") && writable("cgroup.procs") {
                true if writable("cgroup.subtree_control") => Right::Lend,
                true => Right::Divide,
                false => Right::Look,
            },
            owner: match MARKS.iter().any(mark) {
                true => Owner::Delegate,
                false if unit => Owner::Systemd,
                false => Owner::Nobody,
            },
            occupied: !words("cgroup.procs").is_empty(),
            directory: directory.to_owned(),
        }
    }

    /// Whether it has the controller itself.
    pub(super) fn has(&self, controller: &str) -> bool {
        self.has.iter().any(|known| known == controller)
    }

    fn is_domain(&self) -> bool {
        self.kind.as_deref().is_none_or(|kind| kind == DOMAIN)
    }

    fn lends(&self, controller: &str) -> bool {
        self.right != Right::Look
            && self.is_domain()
            && self.lends.iter().any(|known| known == controller)
    }

    fn can_lend(&self, controller: &str) -> bool {
        self.right == Right::Lend
            && self.owner != Owner::Systemd
            && self.is_domain()
            && self.has(controller)
    }

    fn place(&self, lend: bool) -> Place {
        let directory = self.directory.clone();
        Place { version: Version::Two, directory, swap: true, lend }
    }
}

/// Where a group with `controller` can be made: below the own group or beside it.
///
/// What was delegated comes first. A group that lends already is better than one that is changed for
/// it.
pub(super) fn choose(
    own: &LendingGroup,
    parent: Option<&LendingGroup>,
    controller: &str,
) -> Option<Place> {
    let lends = |group: &&LendingGroup| group.lends(controller);
    let can_lend = |group: &&LendingGroup| group.can_lend(controller);
    let own = Some(own);
    let lent = |group: Option<&LendingGroup>| group.filter(lends).map(|it| it.place(false));
    let lendable = |group: Option<&LendingGroup>| group.filter(can_lend).map(|it| it.place(true));
    lent(own)
        .or_else(|| lendable(own.filter(|group| group.owner == Owner::Delegate)))
        .or_else(|| lent(parent))
        .or_else(|| lendable(own))
        .or_else(|| lendable(parent.filter(|group| !group.occupied)))
}
