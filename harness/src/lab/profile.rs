//! Profiles of labs: what the caller of a build system has on the hosts that people use.
#![forbid(unsafe_code)]

use rustix::thread::CapabilitySet;
use sandbox::layers::syscalls::Filter;

use super::refusals;
use crate::catalogue::attack::{Answer, Plant, PlantKind};

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
    /// A pod under the *restricted* standard of Kubernetes: some uid without an account and without
    /// any capability, in a container whose root is read-only, with the token of its service
    /// account.
    Kubernetes,
    /// Root in a pod with users of its own (`hostUsers: false` of Kubernetes), with what the engine
    /// leaves to root of a pod that asks for nothing else: outside, every uid of it is nobody's.
    PodUserns,
    /// A runner that GitHub hosts: an ordinary user of Ubuntu who may become root by `sudo` without
    /// a password, and may ask Docker's daemon for anything. Root is confined like the user here,
    /// because a filter stays where `AppArmor` would let root go.
    Runner,
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

/// What the lab's first process needs where nobody else has a capability: to start what runs as the
/// caller, with files of his.
const FIRST: CapabilitySet =
    CapabilitySet::SETUID.union(CapabilitySet::SETGID).union(CapabilitySet::DAC_OVERRIDE);

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
    pub trace: Option<(&'static str, &'static str)>,
}

impl Profile {
    /// Every one, with its name.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::Root, "root"),
        (Self::User, "user"),
        (Self::Docker, "docker"),
        (Self::DockerUnconfined, "docker-unconfined"),
        (Self::PodmanRootless, "podman-rootless"),
        (Self::Ubuntu, "ubuntu"),
        (Self::Kubernetes, "kubernetes"),
        (Self::PodUserns, "pod-userns"),
        (Self::Runner, "runner"),
    ];

    /// The one of that name; trials of unknown hosts are refused before they get here.
    #[must_use]
    pub fn of(host: &str) -> Self {
        Self::ALL.iter().find(|(_, name)| *name == host).map(|(it, _)| *it).unwrap_or_default()
    }

    /// Whether the caller is root, in his own eyes.
    #[must_use]
    pub const fn is_root(self) -> bool {
        !matches!(self, Self::User | Self::Ubuntu | Self::Kubernetes | Self::Runner)
    }

    /// Whether a lab of this kind holds code that nobody has read: nothing in it is, or can become,
    /// root in the eyes of the kernel, as long as no plant lends it.
    #[must_use]
    pub const fn is_boundary(self) -> bool {
        self.is_mapped() || matches!(self, Self::User | Self::Ubuntu | Self::Kubernetes)
    }

    /// Whether root is an ordinary user in the eyes of the kernel.
    #[must_use]
    pub const fn is_mapped(self) -> bool {
        self.users().is_some()
    }

    /// Its users, where they are not those of the kernel, as `uid_map` has them: inside, outside, how
    /// many (`user_namespaces(7)`).
    #[must_use]
    pub const fn users(self) -> Option<&'static str> {
        match self {
            // The user, and the first range that `useradd` gives away.
            Self::PodmanRootless => Some("0 1000 1\n1 100000 65536\n"),
            // What a kubelet gives to its first pods: nothing of it is anybody's.
            Self::PodUserns => Some("0 524288 65536\n"),
            _ => None,
        }
    }

    /// The caller's uid, in the eyes of the kernel.
    #[must_use]
    pub const fn caller(self) -> u32 {
        match self {
            Self::Root | Self::Docker | Self::DockerUnconfined => 0,
            Self::User | Self::Ubuntu | Self::PodmanRootless => 1000,
            Self::PodUserns => 524_288,
            Self::Runner => 1001,
            // From the range of a namespace, as OpenShift assigns it.
            Self::Kubernetes => 1_000_680_000,
        }
    }

    /// The caller's group, in the eyes of the kernel.
    #[must_use]
    pub const fn group(self) -> u32 {
        match self {
            // Who has no account is in root's group.
            Self::Kubernetes => 0,
            // Docker's, which owns the socket of the daemon.
            Self::Runner => 118,
            _ => self.caller(),
        }
    }

    /// The uid of the lab's root, in the eyes of the kernel.
    #[must_use]
    pub const fn root(self) -> u32 {
        if self.is_mapped() { self.caller() } else { 0 }
    }

    /// The caller's uid and group in his own eyes.
    #[must_use]
    pub const fn own_name(self) -> (u32, u32) {
        if self.is_root() { (0, 0) } else { (self.caller(), self.group()) }
    }

    /// The caller's home.
    #[must_use]
    pub const fn home(self) -> &'static str {
        match self {
            Self::User | Self::Ubuntu => "/home/user",
            Self::Runner => "/home/runner",
            Self::Kubernetes => "/",
            _ => "/root",
        }
    }

    /// The variables that a build system finds there.
    #[must_use]
    pub const fn variables(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Kubernetes | Self::PodUserns => &[
                ("KUBERNETES_SERVICE_HOST", "192.0.2.1"),
                ("KUBERNETES_SERVICE_PORT", "443"),
                ("KUBERNETES_PORT", "tcp://192.0.2.1:443"),
            ],
            Self::Runner => &[("CI", "true"), ("GITHUB_ACTIONS", "true")],
            _ => &[],
        }
    }

    /// What is always there to be stolen or asked. Nothing in the catalogue is told of it, and a
    /// canary of it that turns up outside is a finding in any trial.
    #[must_use]
    pub fn furniture(self) -> Vec<Plant> {
        let plant = |id: &str, kind, answer| Plant { id: id.to_owned(), kind, answer };
        match self {
            Self::Kubernetes | Self::PodUserns => {
                let path = "/run/secrets/kubernetes.io/serviceaccount/token".to_owned();
                let content = "{canary}".to_owned();
                let token = PlantKind::File { path, mode: 0o644, content };
                vec![plant("host-token", token, None)]
            }
            Self::Runner => {
                let path = "/run/docker.sock".to_owned();
                let engine = PlantKind::UnixListener { path, mode: 0o660 };
                let text = "{\"IdentityToken\": \"{canary}\"}".to_owned();
                let answer = Some(Answer { text, http: true });
                vec![
                    plant("host-engine", engine, answer),
                    plant("host-sudo", PlantKind::Sudo, None),
                ]
            }
            _ => Vec::new(),
        }
    }

    /// Whether a session manager has lent the caller control groups of his own.
    #[must_use]
    pub const fn lends_groups(self) -> bool {
        !matches!(self, Self::Runner)
    }

    /// The mounts in which nobody can write; everywhere else permission bits decide.
    #[must_use]
    pub const fn read_only(self) -> &'static [&'static str] {
        match self {
            Self::Kubernetes => &["/", "/var/tmp", "/run", "/home", "/root"],
            _ => &[],
        }
    }

    /// Whether nothing that is executed there gains rights by it, set-id programs neither.
    #[must_use]
    pub const fn locks_privileges(self) -> bool {
        matches!(self, Self::Kubernetes)
    }

    /// The capabilities that are left to root, and to everything that is started by it.
    #[must_use]
    pub const fn capabilities(self) -> CapabilitySet {
        match self {
            Self::Root | Self::User | Self::Ubuntu | Self::Runner => ROOT,
            Self::Docker | Self::DockerUnconfined | Self::PodUserns => DOCKER,
            Self::PodmanRootless => PODMAN,
            Self::Kubernetes => CapabilitySet::empty(),
        }
    }

    /// What the lab's first process has besides; nothing that it starts has it.
    #[must_use]
    pub const fn of_the_first_process(self) -> CapabilitySet {
        match self {
            Self::Kubernetes => FIRST,
            _ => CapabilitySet::empty(),
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
            // A pod has no filter, unless it asks for the engine's.
            Self::Root | Self::User | Self::DockerUnconfined | Self::PodUserns => None,
            Self::Docker => refusals::docker().compiled(),
            Self::PodmanRootless => refusals::podman().compiled(),
            Self::Ubuntu | Self::Runner => refusals::ubuntu().compiled(),
            Self::Kubernetes => refusals::pod().compiled(),
        }
    }

    /// What the engine of a container puts around it.
    #[must_use]
    pub const fn engine(self) -> Option<Engine> {
        let trace = match self {
            Self::Root | Self::User | Self::Ubuntu | Self::Runner => return None,
            Self::Docker | Self::DockerUnconfined => Some(("/.dockerenv", "")),
            Self::PodmanRootless => Some(("/run/.containerenv", "engine=\"podman\"\nrootless=1\n")),
            // What runs a pod leaves no such file.
            Self::Kubernetes | Self::PodUserns => None,
        };
        Some(Engine { masked: &MASKED, read_only: &READ_ONLY, trace })
    }
}
