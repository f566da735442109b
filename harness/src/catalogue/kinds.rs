//! The kinds of plant and oracle as words.
#![forbid(unsafe_code)]

use super::attack::{OracleKind, PlantKind};

impl PlantKind {
    /// What `kind` may be in a `[[plant]]` table.
    pub const NAMES: [&str; 23] = [
        "file",
        "directory",
        "link",
        "variable",
        "tcp-listener",
        "udp-listener",
        "dns-resolver",
        "metadata-service",
        "unix-listener",
        "abstract-listener",
        "process",
        "sysv-shm",
        "message-queue",
        "session-key",
        "hostname",
        "loopback-listener",
        "tcp6-listener",
        "netlink-listener",
        "namespace",
        "set-uid-helper",
        "capability-helper",
        "icmp-listener",
        "sudo",
    ];

    /// The word for this one.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Directory { .. } => "directory",
            Self::Link { .. } => "link",
            Self::Variable { .. } => "variable",
            Self::TcpListener => "tcp-listener",
            Self::UdpListener => "udp-listener",
            Self::IcmpListener => "icmp-listener",
            Self::DnsResolver => "dns-resolver",
            Self::MetadataService => "metadata-service",
            Self::UnixListener { .. } => "unix-listener",
            Self::AbstractListener => "abstract-listener",
            Self::Process { .. } => "process",
            Self::SysvShm => "sysv-shm",
            Self::MessageQueue => "message-queue",
            Self::SessionKey => "session-key",
            Self::Hostname => "hostname",
            Self::LoopbackListener => "loopback-listener",
            Self::Tcp6Listener => "tcp6-listener",
            Self::NetlinkListener => "netlink-listener",
            Self::Namespace { .. } => "namespace",
            Self::SetUidHelper => "set-uid-helper",
            Self::CapabilityHelper => "capability-helper",
            Self::Sudo => "sudo",
        }
    }
}

impl OracleKind {
    /// What `kind` may be in an `[[oracle]]` table.
    pub const NAMES: [&str; 24] = [
        "canary-received",
        "canary-in-artefact",
        "socket-reached",
        "file-created",
        "file-changed",
        "process-survives",
        "user-leaked",
        "mount-left",
        "victim-signalled",
        "victim-changed",
        "privilege-gained",
        "terminal-input",
        "terminal-changed",
        "second-build-changed",
        "artefact-hostile",
        "requirement-returned",
        "log-command",
        "limit-exceeded",
        "hook-outlived-deadline",
        "file-opened",
        "file-writable",
        "file-exposed",
        "hostname-changed",
        "victim-disturbed",
    ];

    /// The word for this one.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::CanaryReceived { .. } => "canary-received",
            Self::CanaryInArtefact { .. } => "canary-in-artefact",
            Self::SocketReached { .. } => "socket-reached",
            Self::FileCreated { .. } => "file-created",
            Self::FileChanged { .. } => "file-changed",
            Self::ProcessSurvives => "process-survives",
            Self::UserLeaked => "user-leaked",
            Self::MountLeft => "mount-left",
            Self::VictimSignalled { .. } => "victim-signalled",
            Self::VictimChanged { .. } => "victim-changed",
            Self::PrivilegeGained { .. } => "privilege-gained",
            Self::TerminalInput => "terminal-input",
            Self::TerminalChanged => "terminal-changed",
            Self::SecondBuildChanged => "second-build-changed",
            Self::ArtefactHostile { .. } => "artefact-hostile",
            Self::RequirementReturned { .. } => "requirement-returned",
            Self::LogCommand { .. } => "log-command",
            Self::LimitExceeded { .. } => "limit-exceeded",
            Self::HookOutlivedDeadline => "hook-outlived-deadline",
            Self::FileOpened { .. } => "file-opened",
            Self::FileWritable { .. } => "file-writable",
            Self::FileExposed { .. } => "file-exposed",
            Self::HostnameChanged => "hostname-changed",
            Self::VictimDisturbed { .. } => "victim-disturbed",
        }
    }
}
