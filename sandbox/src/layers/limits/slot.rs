//! The control groups of one run: made before it, asked after it, removed by whoever comes last.
//!
//! They are named after the lease, or after the claim of a build that runs as its caller. An empty one
//! outlives a supervisor that is killed, costs next to nothing, and is used again or swept.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::host::groups::{Place, Version, field, read};
use crate::host::kernel_file::read_bytes;
use crate::host::limit_support::LimitSupport;

mod lend;

/// What the names of our groups begin with.
const PREFIX: &str = "bulkhead-";

/// The limits that are lowered by what is charged.
const LOWERED: [&str; 3] = ["memory.limit_in_bytes", SWAP, "memory.max"];

/// The limit of memory and swap together, on version 1.
const SWAP: &str = "memory.memsw.limit_in_bytes";

/// The limit of what waits in TCP and UDP sockets, on version 1; without it nothing counts that
/// memory, and it may be all that the machine gives to sockets. A kernel without them does not have it.
const SOCKETS: &str = "memory.kmem.tcp.limit_in_bytes";

/// What waits in sockets may be this part of the memory, on top of which it comes, and of what the
/// machine has for all.
const SOCKETS_PART: u64 = 8;

/// The limit of swap, on version 2; a kernel without accounting of swap does not have it.
const SWAP_TWO: &str = "memory.swap.max";

/// A group that is to be made, and what is written into it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Where.
    pub place: Place,
    /// Files and what they get, in this order.
    pub settings: Vec<(&'static str, String)>,
}

/// What the group of a build with this `name` is called.
#[must_use]
pub fn file_name(name: &str) -> String {
    format!("{PREFIX}{name}")
}

impl Group {
    /// One whose processes have `bytes` of memory together, on a machine that gives `socket_room` bytes
    /// to sockets.
    pub(crate) fn of_memory(place: &Place, bytes: u64, socket_room: u64) -> Self {
        let mut settings = Vec::new();
        let sockets = bytes.min(socket_room) / SOCKETS_PART;
        match place.version {
            Version::One => {
                settings.push(("memory.limit_in_bytes", bytes.to_string()));
                // The limit with swap may never be the lower one, so it comes second.
                if place.swap {
                    settings.push((SWAP, bytes.to_string()));
                }
                settings.push((SOCKETS, sockets.to_string()));
            }
            Version::Two => {
                settings.push(("memory.max", bytes.to_string()));
                settings.push((SWAP_TWO, "0".to_owned()));
            }
        }
        Self { place: place.clone(), settings }
    }

    pub(super) fn of_processes(place: &Place, count: u64) -> Self {
        let mut group = Self { place: place.clone(), settings: Vec::new() };
        group.count_processes(count);
        group
    }

    pub(super) fn count_processes(&mut self, count: u64) {
        self.settings.push(("pids.max", count.to_string()));
    }

    pub(super) fn is_in(&self, place: &Place) -> bool {
        self.place.directory == place.directory
    }

    /// Where it is once it has `name`.
    #[must_use]
    pub fn directory(&self, name: &str) -> PathBuf {
        self.place.directory.join(file_name(name))
    }

    /// The controllers that its settings are of.
    pub(crate) fn controllers(&self) -> Vec<&'static str> {
        let of = |file: &'static str| file.split('.').next().unwrap_or_default();
        let mut controllers: Vec<_> = self.settings.iter().map(|(file, _)| of(file)).collect();
        controllers.dedup();
        controllers
    }
}

/// What went wrong with a group.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// mkdir(2).
    #[error("cannot make the control group {path:?}: {source}")]
    Make {
        /// The group.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something runs in it: the dead supervisor's processes are not dead.
    #[error("processes still run in the control group {0:?}")]
    Occupied(PathBuf),
    /// A limit was not taken.
    #[error("cannot write {value} to {path:?}: {source}")]
    Set {
        /// The file.
        path: PathBuf,
        /// What was written.
        value: String,
        /// Why.
        source: io::Error,
    },
    /// The group around it could not be made to lend what it needs.
    #[error("cannot have {path:?} lend controllers to groups below it: {source}")]
    Lend {
        /// The group around it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A limit is gone, and with it what it bounded.
    #[error(
        "the limit {0:?} was taken away while the build ran, so that it was not bounded by it: what \
         is systemd's it takes back, unless it was delegated"
    )]
    Lost(PathBuf),
    /// The membership file could not be opened.
    #[error("cannot open {path:?}: {source}")]
    Membership {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What happened in the groups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many processes were killed because memory ran out.
    pub killed_for_memory: u64,
    /// How many forks were refused.
    pub forks_refused: u64,
    /// The most memory in use at a time, in bytes.
    pub peak_memory: Option<u64>,
}

/// The groups of one run.
#[derive(Debug)]
pub struct Slot {
    name: String,
    made: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    version: Version,
    directory: PathBuf,
    /// The files of its limits.
    limits: Vec<PathBuf>,
    /// What is counted in it.
    counted: Counted,
    cgroup_fd: OwnedFd,
    before: Usage,
    /// The limits of memory, in the order in which they can be lowered.
    memory: Vec<(PathBuf, u64)>,
    /// What of it is counted elsewhere.
    charged: u64,
}

/// What a group counts.
#[derive(Clone, Copy, Debug)]
struct Counted {
    memory: bool,
    processes: bool,
}

impl Slot {
    /// Makes the groups, each `bulkhead-<name>` at its place, with their limits set. An empty group
    /// of that name is used again, for the lease of that name is ours.
    ///
    /// # Errors
    /// [`SlotError`]. Nothing that was made for it is left.
    pub fn make(groups: &[Group], name: &str) -> Result<Self, SlotError> {
        let made = groups.iter().map(|group| Made::make(group, name)).collect();
        if !matches!(made, Ok(_) | Err(SlotError::Occupied(_))) {
            for group in groups {
                // One that was not made yet is not there.
                let _ = fs::remove_dir(group.directory(name));
            }
        }
        Ok(Self { name: name.to_owned(), made: made? })
    }

    /// What the child writes itself through with [`super::join`].
    pub fn cgroup_fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.made.iter().map(|made| made.cgroup_fd.as_fd())
    }

    /// What its groups are called, all of them.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether every limit is still there.
    ///
    /// # Errors
    /// [`SlotError::Lost`].
    pub fn check(&self) -> Result<(), SlotError> {
        let limits = self.made.iter().flat_map(|made| &made.limits);
        match limits.into_iter().find(|limit| !limit.exists()) {
            Some(limit) => Err(SlotError::Lost(limit.clone())),
            None => Ok(()),
        }
    }

    /// Takes `bytes` off the memory of the build: files of its own in memory that somebody else has
    /// made, who is in no group of it. A small number is left to who made them.
    ///
    /// # Errors
    /// [`SlotError::Set`].
    pub fn charge(&mut self, bytes: u64) -> Result<(), SlotError> {
        const SMALL: u64 = 1 << 20;
        for made in self.made.iter_mut().filter(|_| bytes > SMALL) {
            for (path, limit) in &mut made.memory {
                *limit = limit.saturating_sub(bytes);
                made.charged = bytes;
                let value = limit.to_string();
                write(path, &value).map_err(|source| SlotError::Set {
                    path: path.clone(),
                    value,
                    source,
                })?;
            }
        }
        Ok(())
    }

    /// What happened since the groups were made: ask when every process is dead, before removal.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.made.iter().fold(Usage::default(), |sum, made| {
            let now = count(made.version, made.counted, &made.directory);
            let since = |now: u64, before: u64| now.saturating_sub(before);
            Usage {
                killed_for_memory: sum.killed_for_memory
                    + since(now.killed_for_memory, made.before.killed_for_memory),
                forks_refused: sum.forks_refused
                    + since(now.forks_refused, made.before.forks_refused),
                peak_memory: sum.peak_memory.max(now.peak_memory.map(|peak| peak + made.charged)),
            }
        })
    }

    /// Removes the groups.
    ///
    /// # Errors
    /// EBUSY while a process is inside.
    pub fn remove(self) -> io::Result<()> {
        self.made.iter().try_for_each(|made| fs::remove_dir(&made.directory))
    }
}

impl Made {
    fn make(group: &Group, name: &str) -> Result<Self, SlotError> {
        let version = group.place.version;
        if group.place.lend {
            lend::controllers(&group.place.directory, &group.controllers()).map_err(|source| {
                SlotError::Lend { path: group.place.directory.clone(), source }
            })?;
        }
        let directory = group.directory(name);
        let fresh = make_directory(version, &directory)?;
        if !fresh && group.place.swap {
            // Lest the limit to come is above what an earlier run left. Without memory
            // accounting there is no such file.
            let _ = write(&directory.join(SWAP), "-1");
        }
        let mut limits = Vec::new();
        for (file, value) in &group.settings {
            let path = directory.join(file);
            match write(&path, value) {
                Ok(()) => limits.push(path),
                Err(error)
                    if [SOCKETS, SWAP_TWO].contains(file)
                        && error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(SlotError::Set { path, value: value.clone(), source }),
            }
        }
        // `tasks` moves the one thread that writes and waits for nobody.
        let cgroup_fd = match version {
            Version::One => directory.join("tasks"),
            Version::Two => directory.join("cgroup.procs"),
        };
        let cgroup_fd =
            rustix::fs::open(&cgroup_fd, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).map_err(
                |source| SlotError::Membership { path: cgroup_fd, source: source.into() },
            )?;
        let has = |kind: &str| group.settings.iter().any(|(file, _)| file.starts_with(kind));
        let counted = Counted { memory: has("memory."), processes: has("pids.") };
        let before = if fresh {
            Usage::default()
        } else {
            // The peak of an earlier run; likewise.
            let _ = write(&directory.join("memory.max_usage_in_bytes"), "0");
            count(version, counted, &directory)
        };
        let lowered = group.settings.iter().filter(|(file, _)| LOWERED.contains(file));
        let memory =
            lowered.filter_map(|(file, limit)| Some((directory.join(file), limit.parse().ok()?)));
        let memory = memory.collect();
        Ok(Self { version, directory, limits, counted, cgroup_fd, before, memory, charged: 0 })
    }
}

/// Whether the group is new, its counters zero.
fn make_directory(version: Version, directory: &Path) -> Result<bool, SlotError> {
    let failed = |source| SlotError::Make { path: directory.to_owned(), source };
    match create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        result => return result.map(|()| true).map_err(failed),
    }
    let members = read_bytes(CWD, directory.join("cgroup.procs")).map_err(failed)?;
    if !members.is_empty() {
        return Err(SlotError::Occupied(directory.to_owned()));
    }
    // Into a group in which `cgroup.kill` was once used nothing can be cloned again, and its peak
    // cannot be reset on older kernels.
    if version == Version::Two {
        fs::remove_dir(directory).and_then(|()| create(directory)).map_err(failed)?;
    }
    Ok(version == Version::Two)
}

fn create(directory: &Path) -> io::Result<()> {
    // Whatever the caller's umask is, no other user may move processes in and out.
    fs::DirBuilder::new().mode(0o755).create(directory)
}

/// Writes without making the file: in a tree of groups it is there or never will be.
fn write(path: &Path, value: &str) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    io::Write::write_all(&mut file, value.as_bytes())
}

/// The counters of a group. A file that is not there counts nothing.
fn count(version: Version, counted: Counted, directory: &Path) -> Usage {
    let read = |asked: bool, name: &str| {
        asked.then(|| read(directory, name)).flatten().unwrap_or_default()
    };
    let Counted { memory, processes } = counted;
    let (events, peak) = match version {
        Version::One => ("memory.oom_control", "memory.max_usage_in_bytes"),
        Version::Two => ("memory.events", "memory.peak"),
    };
    Usage {
        killed_for_memory: field(&read(memory, events), "oom_kill").unwrap_or(0),
        forks_refused: field(&read(processes, "pids.events"), "max").unwrap_or(0),
        peak_memory: read(memory, peak).trim().parse().ok(),
    }
}

/// Removes the group `directory` of a dead supervisor, and ends what may still be on its way to end in
/// it. One that is gone is no error.
///
/// # Errors
/// It is no group of this module's, a process in it cannot be ended, or does not end.
pub fn remove_dead(directory: &Path) -> io::Result<()> {
    let name = directory.file_name().and_then(|name| name.to_str());
    if !name.is_some_and(|name| name.starts_with(PREFIX)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        match fs::remove_dir(directory) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                if Instant::now() >= deadline {
                    return Err(error);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => return other,
        }
        end_all_in(directory)?;
        std::thread::sleep(PAUSE);
    }
}

/// How long processes may take to die of SIGKILL.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long to wait before a group is looked at again.
const PAUSE: Duration = Duration::from_millis(2);

fn end_all_in(directory: &Path) -> io::Result<()> {
    let members = read(directory, "cgroup.procs").unwrap_or_default();
    for pid in members.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        // The number may have become another's: whose descriptor it is counts.
        let still = read(directory, "cgroup.procs").unwrap_or_default();
        let number = pid.as_raw_nonzero().to_string();
        if still.split_whitespace().any(|pid| *pid == *number) {
            match pidfd_send_signal(&process, Signal::KILL) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    Ok(())
}

/// Removes the empty groups whose name `is_free` says nobody holds; answers the names of those that
/// are not empty. A name must be held while its group is in use, and while this runs.
pub fn sweep(support: &LimitSupport, is_free: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut directories: Vec<_> =
        support.memory.iter().chain(&support.processes).map(|place| &place.directory).collect();
    directories.dedup();
    let mut occupied = Vec::new();
    for entry in directories.into_iter().flat_map(fs::read_dir).flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PREFIX)) else { continue };
        if is_free(name)
            && let Err(error) = fs::remove_dir(entry.path())
            && error.kind() == io::ErrorKind::ResourceBusy
        {
            occupied.push(name.to_owned());
        }
    }
    occupied
}

#[cfg(test)]
mod tests;
