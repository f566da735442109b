//! Control groups around a lab: no build can harm this machine, and what it uses is measured.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, unlinkat};
use rustix::process::{Resource, Rlimit, setrlimit};
use sandbox::host::groups::{Hierarchies, Version};
use sandbox::sys::devices::{self, Characters};

/// What groups of labs are called.
const PREFIX: &str = "bulkhead-lab-";
/// More processes than any lab needs, and fewer than this machine feels.
const PROCESSES: &str = "2048";
/// More memory than any lab needs, its files included.
const MEMORY: &str = "3221225472";

/// A group that is older than this was not made just now.
const OLD: Duration = Duration::from_mins(2);

/// How long what a dead harness has left may take to die.
const DYING: Duration = Duration::from_secs(10);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(10);

/// The controllers that a lab is put under.
const CONTROLLERS: [&str; 2] = ["memory", "pids"];

/// The devices that a lab may use, with whatever name and in whatever directory: the six of its
/// `/dev`, and terminals. All are character devices.
const DEVICES: [Characters; 8] = [
    (1, Some(3)),
    (1, Some(5)),
    (1, Some(7)),
    (1, Some(8)),
    (1, Some(9)),
    (5, Some(0)),
    (5, Some(2)),
    (136, None),
];
/// The controller of version 1 that lends devices; version 2 has programs for that.
const OF_DEVICES: &str = "devices";

/// The groups of one lab; gone once it is dropped after the lab has ended.
#[derive(Debug, Default)]
pub struct Groups(Vec<Group>);

#[derive(Debug)]
struct Group {
    version: Version,
    controllers: Vec<String>,
    /// Its limits are out of the lab's reach.
    outer: PathBuf,
    /// The lab is in here, and may change what is written here.
    inner: PathBuf,
    join: File,
}

impl Groups {
    /// Makes them, in the name of the process `owner`, below the groups of this process, in every tree that the host lends: in one without
    /// a group of its own a lab would be where the harness is, and root of a lab could change that.
    /// The inner ones are the caller's, as a session manager delegates them.
    #[must_use]
    pub fn make(owner: u32, nonce: &str, caller: u32) -> Self {
        let hierarchies = Hierarchies::probe();
        let name = format!("{PREFIX}{owner}-{nonce}");
        let mut groups: Vec<Group> = Vec::new();
        for controller in CONTROLLERS {
            let Some(place) = hierarchies.place(controller) else { continue };
            let outer = place.directory.join(&name);
            match groups.iter_mut().find(|group| group.outer == outer) {
                Some(group) => group.controllers.push(controller.to_owned()),
                None => groups.extend(Group::make(&[controller], &outer, place.version)),
            }
        }
        groups.retain(|group| group.bound() && group.delegate(caller).is_ok());
        for (version, controllers, own) in hierarchies.own_groups() {
            let known = |group: &Group| {
                // Of version 2 there is one tree.
                (version == Version::Two && group.version == Version::Two)
                    || controllers.iter().any(|it| group.controllers.contains(it))
            };
            if !groups.iter().any(known) {
                let names: Vec<&str> = controllers.iter().map(String::as_str).collect();
                groups.extend(Group::make(&names, &own.join(&name), version));
            }
        }
        let mut all = Self(groups);
        if !all.bound_devices() {
            all.0.iter_mut().filter(|group| group.version == Version::Two).for_each(Group::part);
        }
        all
    }

    /// Files in which the lab's first process writes a zero to be in the group.
    pub fn joins(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|group| group.join.as_fd())
    }

    /// Whether memory and processes of the lab are bounded.
    #[must_use]
    pub fn are_bounded(&self) -> bool {
        let has = |wanted: &str| {
            self.0.iter().any(|group| group.controllers.iter().any(|name| name == wanted))
        };
        CONTROLLERS.iter().all(|wanted| has(wanted))
    }

    /// Whether the devices that a lab can open are bounded.
    #[must_use]
    pub fn bound_devices(&self) -> bool {
        self.0.iter().any(|group| group.controllers.iter().any(|name| name == OF_DEVICES))
    }

    /// Lets everything go on that a lab has frozen: what is frozen does not even die.
    pub fn thaw(&self) {
        self.0.iter().for_each(|group| thaw(&group.outer));
    }

    /// The directories that are still there though the lab has ended, once they were removed as far
    /// as the kernel lets.
    #[must_use]
    pub fn left(self) -> Vec<PathBuf> {
        let places: Vec<_> = self.0.iter().map(|group| group.outer.clone()).collect();
        drop(self);
        places.into_iter().filter(|place| place.exists()).collect()
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
        let has = |group: &&Group| group.controllers.iter().any(|name| name == controller);
        let group = self.0.iter().find(has)?;
        let read = |name: &&str| fs::read_to_string(group.outer.join(name)).ok();
        names.iter().find_map(read)?.trim().parse().ok()
    }
}

impl Group {
    fn make(controllers: &[&str], outer: &Path, version: Version) -> io::Result<Self> {
        let join = if version == Version::One { "tasks" } else { "cgroup.procs" };
        // The trial's thread has no file creation mask.
        let folder = |path: &Path| fs::DirBuilder::new().mode(0o755).create(path);
        folder(outer)?;
        let inner = outer.join("lab");
        let made = fill(outer, controllers)
            .and_then(|()| narrow(outer, controllers))
            .and_then(|()| folder(&inner))
            .and_then(|()| fill(&inner, controllers))
            .and_then(|()| OpenOptions::new().write(true).open(inner.join(join)));
        match made {
            Ok(join) => {
                let controllers = controllers.iter().map(|name| (*name).to_owned()).collect();
                Ok(Self { version, controllers, outer: outer.to_owned(), inner, join })
            }
            Err(error) => {
                remove(outer);
                Err(error)
            }
        }
    }

    /// Leaves one of version 2 the devices of a lab alone, where the kernel takes a program for that.
    fn part(&mut self) {
        let group = File::open(&self.outer);
        let allowed = group.and_then(|group| Ok(devices::allow_only(group, &DEVICES)?));
        if allowed.is_ok() {
            self.controllers.push(OF_DEVICES.to_owned());
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
        self.controllers.iter().all(|controller| match controller.as_str() {
            "memory" => set(&["memory.limit_in_bytes", "memory.max"], MEMORY),
            _ => set(&["pids.max"], PROCESSES),
        })
    }
}

/// Gives a group what it must have before anybody can be in it (`cpuset`): all that is above it.
fn fill(group: &Path, controllers: &[&str]) -> io::Result<()> {
    let above = group.parent().unwrap_or(group);
    if controllers.contains(&"cpuset") {
        for name in ["cpuset.cpus", "cpuset.mems"] {
            fs::write(group.join(name), fs::read_to_string(above.join(name))?.trim())?;
        }
    }
    Ok(())
}

/// Leaves a group the devices of a lab alone, as long as there is no group in it.
fn narrow(group: &Path, controllers: &[&str]) -> io::Result<()> {
    if controllers.contains(&OF_DEVICES) {
        fs::write(group.join("devices.deny"), "a")?;
        for (major, minor) in DEVICES {
            let minor = minor.map_or_else(|| "*".to_owned(), |minor| minor.to_string());
            fs::write(group.join("devices.allow"), format!("c {major}:{minor} rwm"))?;
        }
    }
    Ok(())
}

impl Drop for Group {
    fn drop(&mut self) {
        remove(&self.inner);
        remove(&self.outer);
    }
}

/// Lets the processes of a group and of those below it go on.
fn thaw(group: &Path) {
    walk(group, &mut |here| {
        for (name, word) in [("freezer.state", "THAWED"), ("cgroup.freeze", "0")] {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            if let Ok(file) = openat(here, name, flags, Mode::empty()) {
                // One that cannot be thawed is found by whoever waits for its end.
                let _stays = File::from(file).write_all(word.as_bytes());
            }
        }
    });
}

/// Kills the processes of a group and of those below it.
fn kill_all(group: &Path) {
    walk(group, &mut |here| {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(file) = openat(here, "cgroup.procs", flags, Mode::empty()) else { return };
        let mut procs = String::new();
        let _read = File::from(file).read_to_string(&mut procs);
        for pid in procs.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 0) {
            // One that is dead by now needs nothing more.
            let _dead = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    });
}

/// Removes a group and those that a sandbox has made in it. One with processes stays.
fn remove(group: &Path) {
    walk(group, &mut |_| ());
    // Whatever stays is empty once its processes have ended, and the next run sweeps it.
    let _stays = fs::remove_dir(group);
}

/// Does something in a group and in all below it, however deep they lie: a path of theirs may be longer than
/// the kernel takes, so they are gone through by descriptor. On the way back each is removed, if it is empty.
fn walk(group: &Path, act: &mut dyn FnMut(&OwnedFd)) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let Ok(mut here) = openat(CWD, group, flags, Mode::empty()) else { return };
    act(&here);
    // Of each group on the way its name, and those in it that were not visited.
    let mut way: Vec<(CString, Vec<CString>)> = vec![(CString::default(), below(&here))];
    while let Some((_, left)) = way.last_mut() {
        if let Some(name) = left.pop() {
            let Ok(inner) = openat(&here, &name, flags, Mode::empty()) else { continue };
            here = inner;
            act(&here);
            way.push((name, below(&here)));
            continue;
        }
        let Some((name, _)) = way.pop() else { return };
        if way.is_empty() {
            return;
        }
        let Ok(outer) = openat(&here, "..", flags, Mode::empty()) else { return };
        here = outer;
        // One with processes stays.
        let _busy = unlinkat(&here, &name, AtFlags::REMOVEDIR);
    }
}

/// The names of the groups in a group.
fn below(group: &OwnedFd) -> Vec<CString> {
    let entries = Dir::read_from(group).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.file_type() == FileType::Directory);
    let names = folders.map(|entry| entry.file_name().to_owned());
    names.filter(|name| !matches!(name.as_bytes(), b"." | b"..")).collect()
}

/// Bounds the calling process and all that it starts where no groups do: the memory of each process,
/// and for ordinary users their number.
///
/// # Errors
/// Those of setrlimit(2).
pub fn bound_without() -> io::Result<()> {
    for (resource, most) in [(Resource::As, MEMORY), (Resource::Nproc, PROCESSES)] {
        let most = most.parse().ok();
        setrlimit(resource, Rlimit { current: most, maximum: most })?;
    }
    Ok(())
}

/// Whether this machine lends a lab groups that bound its memory and processes.
#[must_use]
pub fn are_lent() -> bool {
    let hierarchies = Hierarchies::probe();
    CONTROLLERS.iter().all(|controller| hierarchies.place(controller).is_some())
}

/// Whether this machine lets the devices of a lab be bounded.
#[must_use]
pub fn bound_devices(owner: u32) -> bool {
    Groups::make(owner, "trial-of-devices", 0).bound_devices()
}

/// What a sweep has done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// What was removed.
    pub removed: Vec<PathBuf>,
    /// What was left alone, because a lab may live in it or has just been made.
    pub skipped: Vec<PathBuf>,
}

/// Removes what harnesses that were killed have left, in every tree.
#[must_use]
pub fn sweep() -> Sweep {
    let mut swept = Sweep::default();
    for group in of_labs(PREFIX) {
        let made = fs::metadata(&group).and_then(|found| found.modified());
        let is_old = made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > OLD));
        if is_old {
            // A group in which a lab lives cannot be removed; one that is new is just being made.
            remove(&group);
        }
        let list = if group.exists() { &mut swept.skipped } else { &mut swept.removed };
        list.push(group);
    }
    swept
}

/// Lets everything go on that labs of a harness have frozen.
pub(super) fn thaw_all_of(harness: u32) {
    for group in of_labs(&format!("{PREFIX}{harness}-")) {
        thaw(&group);
    }
}

/// Ends every process in the groups of a harness's labs, which is over, and removes the groups.
pub(super) fn end_all_of(harness: u32) {
    let begin = Instant::now();
    loop {
        let groups = of_labs(&format!("{PREFIX}{harness}-"));
        if groups.is_empty() || begin.elapsed() > DYING {
            return;
        }
        for group in &groups {
            kill_all(group);
            thaw(group);
            remove(group);
        }
        std::thread::sleep(PAUSE);
    }
}

/// The groups whose names begin like this, in every tree that a lab has one in.
fn of_labs(prefix: &str) -> Vec<PathBuf> {
    let hierarchies = Hierarchies::probe();
    let lent = CONTROLLERS.iter().filter_map(|it| hierarchies.place(it)).map(|it| it.directory);
    let places: BTreeSet<PathBuf> =
        hierarchies.own_groups().map(|(_, _, own)| own.to_owned()).chain(lent).collect();
    let is_labs = |group: &PathBuf| {
        group.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    let folders =
        places.iter().flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten());
    folders.map(|entry| entry.path()).filter(is_labs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_go_however_deep_they_lie() {
        let place = tempfile::tempdir().unwrap();
        let top = place.path().join("top");
        fs::create_dir(&top).unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut here = openat(CWD, &top, flags, Mode::empty()).unwrap();
        let name = "n".repeat(200);
        for _ in 0..100 {
            for name in [name.as_str(), "beside"] {
                rustix::fs::mkdirat(&here, name, Mode::from_raw_mode(0o755)).unwrap();
            }
            here = openat(&here, &name, flags, Mode::empty()).unwrap();
        }
        let mut seen = 0;
        walk(&top, &mut |_| seen += 1);
        assert_eq!(seen, 201);
        remove(&top);
        assert!(!top.exists());
    }

    #[test]
    fn a_sweep_leaves_a_group_alone_that_was_just_made() {
        let groups = Groups::make(std::process::id(), "test-of-sweep", 0);
        let places: Vec<_> = groups.0.iter().map(|group| group.outer.clone()).collect();
        let swept = sweep();
        for place in &places {
            assert!(place.is_dir() && swept.skipped.contains(place), "{swept:?}");
            assert!(!swept.removed.contains(place));
        }
    }

    #[test]
    fn in_a_group_of_version_2_nothing_but_the_devices_of_a_lab_can_be_opened() {
        let hierarchies = Hierarchies::probe();
        let two = hierarchies.own_groups().find(|(version, _, _)| *version == Version::Two);
        let Some((_, _, own)) = two else { return };
        let place = own.join(format!("{PREFIX}{}-test-of-devices", std::process::id()));
        let Ok(mut group) = Group::make(&[], &place, Version::Two) else { return };
        group.part();
        let script = "echo 0 > $0/cgroup.procs || exit 9; : < /dev/null || exit 8; \
                      mknod $1 b 7 0 2>/dev/null && exit 7; : < /dev/full || exit 6; exit 0";
        let dir = tempfile::tempdir().unwrap();
        let tried = std::process::Command::new("sh")
            .args(["-c", script])
            .args([&group.inner, &dir.path().join("node")])
            .status()
            .unwrap();
        if group.controllers.is_empty() {
            // A kernel that takes no such program.
            return;
        }
        assert_eq!(tried.code(), Some(0));
    }

    #[test]
    fn a_group_counts_and_is_gone_afterwards() {
        let groups = Groups::make(std::process::id(), "test-of-groups", 0);
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
