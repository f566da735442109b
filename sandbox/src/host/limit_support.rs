//! What the host lends for limits.
#![forbid(unsafe_code)]

use std::path::Path;

use nix::sys::resource;
use rustix::fs::CWD;
use rustix::process::{Resource, Rlimit};

use super::groups::{Closed, Hierarchies, Place};
use super::kernel_file::read_text;

/// The resource limits that the sandbox sets.
const RESOURCES: [(Resource, resource::Resource); 11] = [
    (Resource::Core, resource::Resource::RLIMIT_CORE),
    (Resource::Cpu, resource::Resource::RLIMIT_CPU),
    (Resource::Data, resource::Resource::RLIMIT_DATA),
    (Resource::Fsize, resource::Resource::RLIMIT_FSIZE),
    (Resource::Memlock, resource::Resource::RLIMIT_MEMLOCK),
    (Resource::Msgqueue, resource::Resource::RLIMIT_MSGQUEUE),
    (Resource::Nice, resource::Resource::RLIMIT_NICE),
    (Resource::Nofile, resource::Resource::RLIMIT_NOFILE),
    (Resource::Nproc, resource::Resource::RLIMIT_NPROC),
    (Resource::Rtprio, resource::Resource::RLIMIT_RTPRIO),
    (Resource::Sigpending, resource::Resource::RLIMIT_SIGPENDING),
];

/// What the host lends for limits: a plain value, so that a test can lend something else.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSupport {
    /// Where a group that counts processes can be made.
    pub processes: Option<Place>,
    /// Where a group that counts memory can be made.
    pub memory: Option<Place>,
    /// Why one of the two cannot be made.
    pub closed: Option<Closed>,
    /// The trees of version 1 that are mounted, each by its controllers.
    pub separate: Vec<Vec<String>>,
    /// Bytes of memory that the host and the caller's groups leave.
    pub memory_left: Option<u64>,
    /// Whether the payload's user has no other processes: a leased uid, or a user namespace, for
    /// `RLIMIT_NPROC` counts by user within a namespace.
    pub counted_alone: bool,
    /// Whether what the kernel counts for the payload's user is counted off nobody else.
    pub counted_apart: bool,
    /// How many processes and threads the machine can have at all.
    pub process_room: u64,
    /// How many files the machine can have open at all.
    pub file_room: u64,
    /// How many bytes the machine gives to the buffers of TCP at all.
    pub socket_room: u64,
    /// How much a user may watch.
    pub watching: Option<Watching>,
    /// What becomes of cores.
    pub cores: Cores,
    /// The caller's own limits; one that is not among them is unlimited.
    pub current: Vec<(Resource, Rlimit)>,
}

/// How much a user may watch (`inotify(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watching {
    /// Instances.
    pub instances: u64,
    /// Watches of all of them.
    pub watches: u64,
}

/// What becomes of the core of a process that crashes (`core(5)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cores {
    /// It is written to a file, or to none.
    #[default]
    Files,
    /// A program gets it, which the kernel starts outside of every sandbox.
    Program,
    /// A service gets it that waits for it at a socket.
    Service,
}

impl Cores {
    /// What a core pattern means.
    fn of(pattern: &str) -> Self {
        match pattern.bytes().next() {
            Some(b'|') => Self::Program,
            Some(b'@') => Self::Service,
            _ => Self::Files,
        }
    }
}

impl LimitSupport {
    /// What this host lends to this process.
    #[must_use]
    pub fn probe(counted_alone: bool) -> Self {
        Self::of(&Hierarchies::probe(), counted_alone)
    }

    /// What this host lends, which has these trees of groups.
    pub(super) fn of(hierarchies: &Hierarchies, counted_alone: bool) -> Self {
        Self {
            processes: hierarchies.place("pids"),
            memory: hierarchies.place("memory"),
            closed: hierarchies.closed(),
            separate: hierarchies.separate(),
            memory_left: hierarchies.memory_left(),
            counted_alone,
            counted_apart: true,
            process_room: process_room(),
            file_room: number("fs/file-max").unwrap_or(LEAST_FILES),
            socket_room: socket_room(),
            watching: watching(),
            cores: setting("kernel/core_pattern").map_or(Cores::Service, |text| Cores::of(&text)),
            current: RESOURCES.iter().filter_map(|(name, number)| limit(*name, *number)).collect(),
        }
    }

    /// The same without control groups, because making one was answered with `why`.
    #[must_use]
    pub fn without_groups(self, why: &str) -> Self {
        let closed = Some(Closed::Refused(why.to_owned()));
        Self { processes: None, memory: None, closed, ..self }
    }

    pub(crate) fn current(&self, resource: Resource) -> Rlimit {
        let known = self.current.iter().find(|(known, _)| *known == resource);
        known.map_or(Rlimit { current: None, maximum: None }, |(_, limit)| *limit)
    }
}

/// The caller's own limit; none where it cannot be read. Then setting a lower one may fail, which
/// ends the launch. (rustix takes it for granted that reading succeeds.)
fn limit(name: Resource, number: resource::Resource) -> Option<(Resource, Rlimit)> {
    let finite = |value: u64| (value != nix::libc::RLIM_INFINITY).then_some(value);
    let (current, maximum) = resource::getrlimit(number).ok()?;
    Some((name, Rlimit { current: finite(current), maximum: finite(maximum) }))
}

/// A setting of the kernel's. What cannot be read is taken for the least that Linux has by itself: a
/// read that fails makes no limit wider.
fn setting(name: &str) -> Option<String> {
    read_text(CWD, format!("/proc/sys/{name}")).ok()
}

/// Numbers of processes: `PID_MAX_DEFAULT` of `linux/threads.h`.
const LEAST_PROCESSES: u64 = 32_768;
/// Open files: `NR_FILE` of `linux/fs.h`.
const LEAST_FILES: u64 = 8_192;
/// Buffers of TCP, in bytes: what a machine of 1 GiB has.
const LEAST_SOCKET_BYTES: u64 = 96 << 20;
/// Watches of a user: what the kernel has at boot where there is little memory (`inotify(7)`).
const LEAST_WATCHING: Watching = Watching { instances: 128, watches: 8_192 };

fn number(name: &str) -> Option<u64> {
    setting(name)?.trim().parse().ok()
}

/// The lesser of the numbers that processes can have and of the threads that memory allows.
fn process_room() -> u64 {
    let least = |name| number(name).unwrap_or(LEAST_PROCESSES);
    least("kernel/pid_max").min(least("kernel/threads-max"))
}

/// The last of three numbers of pages (`tcp(7)`).
fn socket_room() -> u64 {
    let page = u64::try_from(rustix::param::page_size()).ok();
    let pages =
        setting("net/ipv4/tcp_mem").and_then(|text| text.split_whitespace().last()?.parse().ok());
    let bytes = pages.zip(page).and_then(|(pages, page): (u64, u64)| pages.checked_mul(page));
    bytes.unwrap_or(LEAST_SOCKET_BYTES)
}

/// None where the kernel has no watches.
fn watching() -> Option<Watching> {
    if !Path::new("/proc/sys/user/max_inotify_instances").try_exists().unwrap_or(true) {
        return None;
    }
    let known = number("user/max_inotify_instances").zip(number("user/max_inotify_watches"));
    Some(known.map_or(LEAST_WATCHING, |(instances, watches)| Watching { instances, watches }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_core_pattern_says_by_its_first_letter_who_gets_the_core() {
        assert_eq!(Cores::of("core\n"), Cores::Files);
        assert_eq!(Cores::of("/var/cores/%e.%p"), Cores::Files);
        assert_eq!(Cores::of(""), Cores::Files);
        assert_eq!(Cores::of("|/usr/lib/systemd/systemd-coredump %P"), Cores::Program);
        assert_eq!(Cores::of("@/run/coredump.socket"), Cores::Service);
        assert_eq!(Cores::of("@@/run/coredump.socket"), Cores::Service);
    }
}
