//! What the lab puts in place before a build.
#![forbid(unsafe_code)]

/// One thing that the lab puts in place, with a fresh canary in every trial.
#[derive(Clone, Debug)]
pub struct Plant {
    /// Its name within the manifest.
    pub id: String,
    /// What it is.
    pub kind: PlantKind,
    /// What a listener says to whoever comes; without it each says what it always does.
    pub answer: Option<Answer>,
}

/// What a listener says to whoever comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// A template.
    pub text: String,
    /// As the body of an HTTP response, whatever was asked for.
    pub http: bool,
}

/// The kinds of namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// Network.
    Net,
    /// Mounts.
    Mnt,
    /// Processes.
    Pid,
    /// System V objects and message queues.
    Ipc,
    /// The host name.
    Uts,
}

/// The kinds of plant. Texts are templates: `{canary}` and the path variables
/// `{home} {source} {work} {output} {site}` are filled in by the lab.
#[derive(Clone, Debug)]
pub enum PlantKind {
    /// A regular file.
    File {
        /// Where, a template.
        path: String,
        /// Permission bits.
        mode: u32,
        /// What is in it, a template; default `{canary}` and a newline.
        content: String,
    },
    /// A directory.
    Directory {
        /// Where, a template.
        path: String,
        /// Permission bits.
        mode: u32,
    },
    /// A symbolic link.
    Link {
        /// Where, a template.
        path: String,
        /// What it leads to, a template.
        to: String,
    },
    /// A variable in the environment of the front end.
    Variable {
        /// Its name.
        name: String,
        /// Its value, a template; default `{canary}`.
        value: String,
    },
    /// A TCP sink on a documentation address.
    TcpListener,
    /// A UDP sink on a documentation address.
    UdpListener,
    /// What hears echo requests of ICMP on a documentation address.
    IcmpListener,
    /// The resolver that the lab's `/etc/resolv.conf` names; logs every question.
    DnsResolver,
    /// An HTTP server on 169.254.169.254 that hands out credentials with the canary.
    MetadataService,
    /// A stream socket with a path; what arrives is logged, the canary is answered.
    UnixListener {
        /// Where, a template.
        path: String,
        /// Permission bits.
        mode: u32,
    },
    /// A stream socket with an abstract name; what arrives is logged, the canary is answered.
    AbstractListener,
    /// A victim: a process outside the sandbox.
    Process {
        /// Its `argv[0]` and `comm`.
        name: String,
        /// Its further arguments, templates.
        args: Vec<String>,
        /// Its environment, templates.
        env: Vec<(String, String)>,
        /// A text on its heap, a template.
        memory: Option<String>,
        /// A file that it has open as its standard output, a template.
        open: Option<String>,
    },
    /// A System V shared memory segment, mode 0666, with the canary in it.
    SysvShm,
    /// A POSIX message queue, mode 0666, with the canary in it.
    MessageQueue,
    /// A key of type `user` in the session keyring that the front end inherits.
    SessionKey,
    /// A TCP service on 127.0.0.1 of the host.
    LoopbackListener,
    /// A TCP sink on a documentation address of IPv6.
    Tcp6Listener,
    /// A netlink socket of family `NETLINK_USERSOCK`; what it is sent is logged.
    NetlinkListener,
    /// A namespace of the front end, for `inherit`.
    Namespace {
        /// Which.
        what: Namespace,
    },
    /// A copy of cat(1) that runs as root, whoever starts it.
    SetUidHelper,
    /// A copy of cat(1) that may read every file, by its capability.
    CapabilityHelper,
    /// A sudo(8) in its usual place that asks nobody for a password.
    Sudo,
    /// The lab's host name, which is the canary itself.
    Hostname,
}

impl PlantKind {
    /// Whether it hears what it is sent.
    #[must_use]
    pub const fn is_listener(&self) -> bool {
        matches!(
            self,
            Self::TcpListener
                | Self::Tcp6Listener
                | Self::LoopbackListener
                | Self::UdpListener
                | Self::IcmpListener
                | Self::NetlinkListener
                | Self::DnsResolver
                | Self::MetadataService
                | Self::UnixListener { .. }
                | Self::AbstractListener
        )
    }

    /// The texts that the lab fills in.
    #[must_use]
    pub fn templates(&self) -> Vec<&str> {
        match self {
            Self::File { path, content, .. } => vec![path, content],
            Self::Link { path, to } => vec![path, to],
            Self::Directory { path, .. } | Self::UnixListener { path, .. } => vec![path],
            Self::Variable { value, .. } => vec![value],
            Self::Process { args, env, memory, open, .. } => args
                .iter()
                .chain(env.iter().map(|(_, value)| value))
                .chain(memory)
                .chain(open)
                .map(String::as_str)
                .collect(),
            _ => Vec::new(),
        }
    }
}
