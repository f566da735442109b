//! Profiles of labs: what the caller of a build system has on the hosts that people use.
#![forbid(unsafe_code)]

use rustix::thread::CapabilitySet;
use sandbox::layers::syscalls::Filter;

use super::refusals;

/// A kind of host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Root in a disposable container.
    #[default]
    Root,
    /// An ordinary user, whose home and work are his own and who may become nobody else.
    User,
    /// Root in a container of Docker's, as it comes.
    Docker,
    /// The same without Docker's filter of system calls: `--security-opt seccomp=unconfined`.
    DockerUnconfined,
    /// Root in a container of Podman's that an ordinary user has started.
    PodmanRootless,
    /// An ordinary user of Ubuntu since 24.04: he may create a user namespace, and nothing that
    /// needs a capability works in it. There `AppArmor` sees to it, here a filter of system calls:
    /// the map of the namespace can be written from inside, loopback can be brought up, and the
    /// namespace lists its capabilities as if they were good for something.
    Ubuntu,
}

/// What root keeps in a lab: what a root user of a container needs who starts sandboxes.
///
/// The others reach the machine itself: kernel modules, its clock, its log, its I/O ports.
const ROOT: CapabilitySet = PODMAN
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::LINUX_IMMUTABLE)
    .union(CapabilitySet::NET_BROADCAST)
    .union(CapabilitySet::NET_ADMIN)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::IPC_LOCK)
    .union(CapabilitySet::IPC_OWNER)
    .union(CapabilitySet::SYS_PTRACE)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::SYS_NICE)
    .union(CapabilitySet::SYS_RESOURCE)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::LEASE);

/// What Docker leaves to root.
const DOCKER: CapabilitySet = PODMAN
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::AUDIT_WRITE);

/// What Podman leaves to root.
const PODMAN: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SYS_CHROOT);

/// What an engine covers with something empty, where the kernel has it.
const MASKED: [&str; 10] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
];

/// What it makes read-only.
const READ_ONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// What an engine puts around a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engine {
    /// What is covered with something empty.
    pub masked: &'static [&'static str],
    /// What is read-only.
    pub read_only: &'static [&'static str],
    /// The file by which a container knows that it is one, and its content.
    pub trace: (&'static str, &'static str),
}

impl Profile {
    /// Every one, with its name.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Root, "root"),
        (Self::User, "user"),
        (Self::Docker, "docker"),
        (Self::DockerUnconfined, "docker-unconfined"),
        (Self::PodmanRootless, "podman-rootless"),
        (Self::Ubuntu, "ubuntu"),
    ];

    /// The one of that name; trials of unknown hosts are refused before they get here.
    #[must_use]
    pub fn of(host: &str) -> Self {
        Self::ALL.iter().find(|(_, name)| *name == host).map(|(it, _)| *it).unwrap_or_default()
    }

    /// Whether the caller is root, in his own eyes.
    #[must_use]
    pub const fn is_root(self) -> bool {
        !matches!(self, Self::User | Self::Ubuntu)
    }

    /// Whether root is an ordinary user in the eyes of the kernel.
    #[must_use]
    pub const fn is_mapped(self) -> bool {
        matches!(self, Self::PodmanRootless)
    }

    /// The caller's uid and gid, in the eyes of the kernel.
    #[must_use]
    pub const fn caller(self) -> u32 {
        if self.is_root() && !self.is_mapped() { 0 } else { 1000 }
    }

    /// The uid of the lab's root, in the eyes of the kernel.
    #[must_use]
    pub const fn root(self) -> u32 {
        if self.is_mapped() { self.caller() } else { 0 }
    }

    /// The caller's uid and gid in his own eyes.
    #[must_use]
    pub const fn own_name(self) -> u32 {
        if self.is_root() { 0 } else { self.caller() }
    }

    /// The caller's home.
    #[must_use]
    pub const fn home(self) -> &'static str {
        if self.is_root() { "/root" } else { "/home/user" }
    }

    /// The capabilities that are left to root, and to everything that is started by it.
    #[must_use]
    pub const fn capabilities(self) -> CapabilitySet {
        match self {
            Self::Root | Self::User | Self::Ubuntu => ROOT,
            Self::Docker | Self::DockerUnconfined => DOCKER,
            Self::PodmanRootless => PODMAN,
        }
    }

    /// Whether something is refused to everybody there, root included.
    #[must_use]
    pub const fn refuses(self) -> bool {
        !matches!(self, Self::Root | Self::User)
    }

    /// The system calls that are refused to everybody.
    #[must_use]
    pub fn filter(self) -> Option<Filter> {
        match self {
            Self::Root | Self::User | Self::DockerUnconfined => None,
            Self::Docker => refusals::docker().compiled(),
            Self::PodmanRootless => refusals::podman().compiled(),
            Self::Ubuntu => refusals::ubuntu().compiled(),
        }
    }

    /// What the engine of a container puts around it.
    #[must_use]
    pub const fn engine(self) -> Option<Engine> {
        let trace = match self {
            Self::Root | Self::User | Self::Ubuntu => return None,
            Self::Docker | Self::DockerUnconfined => ("/.dockerenv", ""),
            Self::PodmanRootless => ("/run/.containerenv", "engine=\"podman\"\nrootless=1\n"),
        };
        Some(Engine { masked: &MASKED, read_only: &READ_ONLY, trace })
    }
}
