//! Where this process stands in the control groups, and below which of them it may make one.
//!
//! The own group counts, not the root: outer limits then keep counting (cgroups(7)).
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, CWD, access};

use super::kernel_file::read_text;

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
    /// Whether swap is accounted too, so that memory cannot move there.
    pub swap: bool,
}

/// One mounted tree of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    controllers: Vec<String>,
    mounted: PathBuf,
    /// The group of this process.
    own: PathBuf,
}

/// Every tree that this process can see itself in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchies(Vec<Hierarchy>);

impl Hierarchies {
    /// Those of this process. Where `/proc` or the groups cannot be read there are none.
    #[must_use]
    pub fn probe() -> Self {
        Self::among(&read(Path::new("/proc/self"), "mountinfo").unwrap_or_default())
    }

    /// Those of this process among its mounts, which the caller has read already.
    pub(super) fn among(mountinfo: &str) -> Self {
        Self::of(&read(Path::new("/proc/self"), "cgroup").unwrap_or_default(), mountinfo)
    }

    /// What the two files of `/proc/self` say. Pure.
    #[must_use]
    pub fn of(cgroup: &str, mountinfo: &str) -> Self {
        Self(mountinfo.lines().filter_map(|line| hierarchy(line, cgroup)).collect())
    }

    /// Where a group with this controller can be made.
    #[must_use]
    pub fn place(&self, controller: &str) -> Option<Place> {
        self.0.iter().find_map(|hierarchy| hierarchy.place(controller))
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
            }),
            Version::One => None,
            // A group with processes lends no controllers to groups below it, so that the new one
            // is mostly a sibling of our own. Whoever moves a process needs the right to write
            // the membership of the group that both have above them.
            Version::Two => self.outwards().take(2).find_map(|directory| {
                let lent = read(directory, "cgroup.subtree_control")?;
                let fits = lent.split_whitespace().any(|known| known == controller)
                    && writable(directory)
                    && writable(&directory.join("cgroup.procs"));
                fits.then(|| Place {
                    version: Version::Two,
                    directory: directory.to_owned(),
                    swap: self.own.join("memory.swap.max").exists(),
                })
            }),
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

/// The tree that a line of mountinfo mounts, if this process has a group in it
/// (`proc_pid_mountinfo(5)`).
fn hierarchy(line: &str, cgroup: &str) -> Option<Hierarchy> {
    let (mount, filesystem) = line.split_once(" - ")?;
    if !filesystem.starts_with("cgroup") {
        return None;
    }
    let mut mount = mount.split(' ').skip(3);
    let (root, mounted) = (unescape(mount.next()?), unescape(mount.next()?));
    let mut filesystem = filesystem.split(' ');
    let (version, options) = match (filesystem.next()?, filesystem.nth(1)?) {
        ("cgroup", options) => (Version::One, options),
        ("cgroup2", _) => (Version::Two, ""),
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
    let below = own.strip_prefix(root).ok()?;
    let own = if below == Path::new("") { mounted.clone() } else { mounted.join(below) };
    Some(Hierarchy { version, controllers, mounted, own })
}

/// A path as mountinfo writes it: blanks and their like are `\040`.
pub(crate) fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let code = match rest {
            [b'\\', digits @ ..] => digits
                .get(..3)
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 8).ok()),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { rest.get(4..).unwrap_or_default() } else { more };
    }
    PathBuf::from(OsString::from_vec(bytes))
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

    /// A directory that looks like a tree of version 2.
    fn unified(own: &str, lent: &str) -> (tempfile::TempDir, Hierarchies) {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join(own);
        fs::create_dir_all(&group).unwrap();
        for directory in group.ancestors().take_while(|path| path.starts_with(root.path())) {
            fs::write(directory.join("cgroup.procs"), "").unwrap();
        }
        fs::write(group.join("cgroup.subtree_control"), "").unwrap();
        fs::write(group.parent().unwrap().join("cgroup.subtree_control"), lent).unwrap();
        let mountinfo = format!("1 2 0:3 / {} rw - cgroup2 none rw", root.path().display());
        let found = Hierarchies::of(&format!("0::/{own}"), &mountinfo);
        (root, found)
    }

    #[test]
    fn where_the_parent_lends_controllers_the_new_group_is_a_sibling() {
        let (root, found) = unified("user/ours", "memory pids\n");
        let place = found.place("pids").unwrap();
        assert_eq!(place.directory, root.path().join("user"));
        assert_eq!(found.place("cpuset"), None);
        let (_root, found) = unified("user/ours", "cpu\n");
        assert_eq!(found.place("memory"), None, "nothing is lent");
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
