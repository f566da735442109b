//! Where this process stands in the control groups, and below which of them it may make one.
//!
//! The own group counts, not the root: outer limits then keep counting (cgroups(7)).
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use rustix::fs::{Access, CWD, access};

use super::kernel_file::{read_bytes, read_text};
use crate::paths::mountinfo::{self, Mount};

mod lending;

use lending::LendingGroup;

/// The two interfaces of control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A tree for every controller.
    One,
    /// One tree for all.
    Two,
}

/// A directory below which a group with the wanted controller can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The interface.
    pub version: Version,
    /// The directory.
    pub directory: PathBuf,
    /// Whether swap is accounted too, so that memory cannot move there. Of version 2 a group says so
    /// itself, once it is made.
    pub swap: bool,
    /// Whether the directory does not lend the controllers yet (version 2), which the first launch
    /// makes it do. A group that lends has no processes of its own, so those in it move one down.
    pub lend: bool,
}

/// Why no group with a wanted controller can be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// No control groups are mounted.
    Unmounted,
    /// The trees of version 1 are not the caller's to write.
    One,
    /// The own group of version 2 is of this type, and below it no process can be bounded in memory.
    Threaded(String),
    /// The tree of version 2 is mounted read-only.
    Sealed,
    /// Of the tree of version 2 nothing is the caller's, or is systemd's and nobody else's.
    Undelegated,
    /// It was tried, and this was the answer.
    Refused(String),
}

/// One mounted tree of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    controllers: Vec<String>,
    mounted: PathBuf,
    /// The group of this process.
    own: PathBuf,
    read_only: bool,
}

/// Every tree that this process can see itself in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchies(Vec<Hierarchy>);

impl Hierarchies {
    /// Those of this process. Where `/proc` or the groups cannot be read there are none.
    #[must_use]
    pub fn probe() -> Self {
        Self::among(&read_bytes(CWD, "/proc/self/mountinfo").unwrap_or_default())
    }

    /// Those of this process among its mounts, which the caller has read already.
    pub(super) fn among(mountinfo: &[u8]) -> Self {
        Self::of(&read(Path::new("/proc/self"), "cgroup").unwrap_or_default(), mountinfo)
    }

    /// What the two files of `/proc/self` say. Pure.
    #[must_use]
    pub fn of(cgroup: &str, mountinfo: impl AsRef<[u8]>) -> Self {
        let mounts = mountinfo::known(mountinfo.as_ref());
        Self(mounts.filter_map(|mount| hierarchy(mount, cgroup)).collect())
    }

    /// Where a group with this controller can be made.
    #[must_use]
    pub fn place(&self, controller: &str) -> Option<Place> {
        self.0.iter().find_map(|hierarchy| hierarchy.place(controller))
    }

    /// Every tree in which this process may write its own group: the interface, the controllers (of
    /// version 1), and that group's directory.
    pub fn own_groups(&self) -> impl Iterator<Item = (Version, &[String], &Path)> {
        let writable = |tree: &&Hierarchy| access(&tree.own, Access::WRITE_OK).is_ok();
        let trees = self.0.iter().filter(writable);
        trees.map(|tree| (tree.version, tree.controllers.as_slice(), tree.own.as_path()))
    }

    /// The trees of version 1, each by its controllers.
    pub(super) fn separate(&self) -> Vec<Vec<String>> {
        let separate = self.0.iter().filter(|tree| tree.version == Version::One);
        separate.map(|tree| tree.controllers.clone()).collect()
    }

    /// Why a group that counts memory or processes cannot be made, where it cannot.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        const WANTED: [&str; 2] = ["memory", "pids"];
        if WANTED.iter().all(|controller| self.place(controller).is_some()) {
            return None;
        }
        let two = self.0.iter().find(|tree| tree.version == Version::Two);
        let unified = two.filter(|tree| LendingGroup::look(&tree.own).has(WANTED[0]));
        let one = || self.0.iter().any(|tree| WANTED.iter().any(|name| tree.has(name)));
        Some(match (unified, two) {
            (None, _) if one() => Closed::One,
            (Some(tree), _) | (None, Some(tree)) => tree.closed(),
            (None, None) => Closed::Unmounted,
        })
    }

    /// Bytes of memory that are left under every limit from the own group outwards, and free.
    #[must_use]
    pub fn memory_left(&self) -> Option<u64> {
        let free = read(Path::new("/proc"), "meminfo")
            .and_then(|meminfo| field(&meminfo, "MemAvailable:")?.checked_mul(1024));
        let accounted = |tree: &&Hierarchy| tree.version == Version::Two || tree.has("memory");
        self.0.iter().filter(accounted).flat_map(Hierarchy::memory_left).chain(free).min()
    }
}

impl Hierarchy {
    fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|known| known == controller)
    }

    fn place(&self, controller: &str) -> Option<Place> {
        let writable = |path: &Path| access(path, Access::WRITE_OK).is_ok();
        match self.version {
            Version::One if self.has(controller) && writable(&self.own) => Some(Place {
                version: Version::One,
                directory: self.own.clone(),
                swap: self.own.join("memory.memsw.limit_in_bytes").exists(),
                lend: false,
            }),
            Version::One => None,
            Version::Two => {
                let mut groups = self.outwards().take(2).map(LendingGroup::look);
                let (own, parent) = (groups.next()?, groups.next());
                lending::choose(&own, parent.as_ref(), controller)
            }
        }
    }

    fn closed(&self) -> Closed {
        match LendingGroup::look(&self.own).kind {
            _ if self.read_only => Closed::Sealed,
            Some(kind) if kind != lending::DOMAIN => Closed::Threaded(kind),
            _ => Closed::Undelegated,
        }
    }

    /// The own group and those around it, as far as they can be seen.
    fn outwards(&self) -> impl Iterator<Item = &Path> {
        self.own.ancestors().take_while(|directory| directory.starts_with(&self.mounted))
    }

    fn memory_left(&self) -> impl Iterator<Item = u64> {
        let (limit, usage, cache) = match self.version {
            Version::One => {
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            }
            Version::Two => ("memory.max", "memory.current", "inactive_file"),
        };
        self.outwards().filter_map(move |directory| {
            let number = |name| read(directory, name)?.trim().parse::<u64>().ok();
            // `max`, or the largest number of pages that version 1 can count: then the counters,
            // which are slow to read, do not matter.
            let limit = number(limit).filter(|limit| *limit < 1 << 62)?;
            // Files that nobody has used for a while give way before anybody is killed.
            let stat = read(directory, "memory.stat").unwrap_or_default();
            let used = number(usage)?.saturating_sub(field(&stat, cache).unwrap_or(0));
            Some(limit.saturating_sub(used))
        })
    }
}

/// The text of a file, where it is there.
pub(crate) fn read(directory: &Path, name: &str) -> Option<String> {
    read_text(CWD, directory.join(name)).ok()
}

/// The first number behind `name` at the beginning of a line.
pub(crate) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok()).flatten()
    })
}

/// The tree that is mounted there, if this process has a group in it.
fn hierarchy(mount: Mount, cgroup: &str) -> Option<Hierarchy> {
    let read_only = mount.has("ro");
    let (version, options) = match mount.kind.as_str() {
        "cgroup" => (Version::One, mount.settings.as_str()),
        "cgroup2" => (Version::Two, ""),
        _ => return None,
    };
    let (controllers, own) = cgroup.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (number, names, path) = (parts.next()?, parts.next()?, parts.next()?);
        let mut controllers = names.split(',').filter(|name| !name.is_empty()).peekable();
        let ours = match version {
            Version::One => {
                controllers.peek().is_some()
                    && controllers.all(|name| options.split(',').any(|option| option == name))
            }
            Version::Two => number == "0" && controllers.peek().is_none(),
        };
        let names = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned);
        ours.then(|| (names.collect(), PathBuf::from(path)))
    })?;
    // In a container the mount may begin below the root of the tree; a group outside of what is
    // mounted cannot be reached.
    let below = own.strip_prefix(&mount.root).ok()?;
    let mounted = mount.place;
    let own = if below == Path::new("") { mounted.clone() } else { mounted.join(below) };
    Some(Hierarchy { version, controllers, mounted, own, read_only })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ONE: &str =
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
22 1 254:0 / / rw - ext4 /dev/vda rw";

    fn own(hierarchies: &Hierarchies, controller: &str) -> Option<PathBuf> {
        let known = hierarchies.0.iter().find(|hierarchy| hierarchy.has(controller));
        known.map(|hierarchy| hierarchy.own.clone())
    }

    #[test]
    fn each_controller_has_its_tree_and_the_own_group_in_it() {
        let cgroup = "8:pids:/\n4:memory:/a/b\n3:cpu,cpuacct:/c\n2:name=systemd:/\n0::/d";
        let found = Hierarchies::of(cgroup, ONE);
        assert_eq!(found.0.len(), 5);
        assert_eq!(own(&found, "memory"), Some("/sys/fs/cgroup/memory/a/b".into()));
        assert_eq!(own(&found, "cpuacct"), Some("/sys/fs/cgroup/cpu,cpuacct/c".into()));
        let unified = found.0.iter().find(|hierarchy| hierarchy.version == Version::Two).unwrap();
        assert_eq!(unified.own, Path::new("/sys/fs/cgroup/unified/d"));
    }

    #[test]
    fn in_a_container_the_tree_begins_at_its_own_group() {
        let mountinfo =
            "1 2 0:3 /docker/x /sys/fs/cgroup/memory\\040v1 ro - cgroup cgroup rw,memory";
        let found = Hierarchies::of("4:memory:/docker/x/y", mountinfo);
        assert_eq!(own(&found, "memory"), Some("/sys/fs/cgroup/memory v1/y".into()));
        assert_eq!(Hierarchies::of("4:memory:/elsewhere", mountinfo), Hierarchies::default());
    }

    #[test]
    fn nonsense_is_no_hierarchy() {
        for mountinfo in ["", " - ", "1 2 3 / /x - cgroup", "a - cgroup2 a b", "\\0 \\04 - - -"] {
            assert_eq!(Hierarchies::of("0::/", mountinfo), Hierarchies::default(), "{mountinfo}");
        }
        assert_eq!(Hierarchies::of("", ONE), Hierarchies::default());
    }

    /// A directory that looks like a tree of version 2, of which `lent` is lent by the parent.
    fn unified(own: &str, lent: &str) -> (tempfile::TempDir, Hierarchies) {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join(own);
        fs::create_dir_all(&group).unwrap();
        for directory in group.ancestors().take_while(|path| path.starts_with(root.path())) {
            let files = [
                ("cgroup.procs", "7\n"),
                ("cgroup.controllers", "cpu memory pids\n"),
                ("cgroup.subtree_control", ""),
            ];
            for (name, text) in files {
                fs::write(directory.join(name), text).unwrap();
            }
            if directory != root.path() {
                fs::write(directory.join("cgroup.type"), "domain\n").unwrap();
            }
        }
        fs::write(group.parent().unwrap().join("cgroup.subtree_control"), lent).unwrap();
        let mountinfo = format!("1 2 0:3 / {} rw - cgroup2 none rw", root.path().display());
        let found = Hierarchies::of(&format!("0::/{own}"), mountinfo);
        (root, found)
    }

    #[test]
    fn where_the_parent_lends_controllers_the_new_group_is_a_sibling() {
        let (root, found) = unified("user.slice/ours.scope", "memory pids\n");
        let place = found.place("pids").unwrap();
        assert_eq!((place.directory, place.lend), (root.path().join("user.slice"), false));
        assert_eq!(found.place("cpuset"), None);
        assert_eq!(found.closed(), None);
        let (_root, found) = unified("user.slice/ours.scope", "cpu\n");
        assert_eq!(found.place("memory"), None, "nothing is lent, and the units are systemd's");
        assert_eq!(found.closed(), Some(Closed::Undelegated));
    }

    #[test]
    fn a_group_of_nobodys_is_made_to_lend() {
        let (root, found) = unified("ours", "");
        let place = found.place("memory").unwrap();
        assert_eq!((place.directory, place.lend), (root.path().join("ours"), true));
        assert_eq!(found.place("cpuset"), None, "it has no such controller itself");
    }

    #[test]
    fn below_a_threaded_group_none_is_made() {
        for kind in ["domain threaded", "threaded", "domain invalid"] {
            let (root, found) = unified("user.slice/ours", "memory pids\n");
            fs::write(root.path().join("user.slice/ours/cgroup.type"), kind).unwrap();
            let beside = found.place("memory").unwrap().directory;
            assert_eq!(beside, root.path().join("user.slice"), "the parent is none");
            fs::write(root.path().join("user.slice/cgroup.type"), "domain threaded").unwrap();
            assert_eq!((found.place("memory"), found.place("pids")), (None, None));
            assert_eq!(found.closed(), Some(Closed::Threaded(kind.to_owned())));
        }
    }

    #[test]
    fn a_tree_that_cannot_be_written_is_told_from_one_that_is_not_there() {
        assert_eq!(Hierarchies::default().closed(), Some(Closed::Unmounted));
        let sealed = "1 2 0:3 / /nowhere ro,nosuid - cgroup2 none rw";
        assert_eq!(Hierarchies::of("0::/", sealed).closed(), Some(Closed::Sealed));
        let one = "1 2 0:3 / /nowhere/memory rw - cgroup none rw,memory";
        assert_eq!(Hierarchies::of("4:memory:/x", one).closed(), Some(Closed::One));
    }

    #[test]
    fn the_tightest_limit_on_the_way_outwards_says_what_is_left() {
        let (root, found) = unified("user/ours", "memory\n");
        let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        write("user/ours/memory.max", "max\n");
        write("user/ours/memory.current", "4096\n");
        write("user/memory.max", "1000000\n");
        write("user/memory.current", "600000\n");
        write("user/memory.stat", "anon 1\ninactive_file 100000\n");
        assert_eq!(found.memory_left(), Some(500_000));
        write("user/memory.current", "9000000\n");
        assert_eq!(found.memory_left(), Some(0));
    }
}
