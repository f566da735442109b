//! What the lab puts in place before a build: the table of all kinds of plant. Reader and schema read it.
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

/// A key of the tables of a kind, with its name where several are of this sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantKey {
    /// A path, a template.
    Path(&'static str),
    /// A text, a template.
    Text(&'static str),
    /// Several of them.
    Texts(&'static str),
    /// True or false.
    Flag(&'static str),
    /// Variables, each with a template.
    Variables(&'static str),
    /// `mode`: permission bits.
    Mode,
    /// `name` of a variable.
    VariableName,
    /// `name` of a process.
    ProcessName,
    /// `what`: a kind of namespace.
    Namespace,
}

/// The kind without fields; none of one that has some.
macro_rules! plain {
    ($Kind:ident) => {
        Some(PlantKind::$Kind)
    };
    ($Kind:ident $($field:ident)+) => {
        None
    };
}

macro_rules! plants {
    ($(
        $(#[doc = $doc:literal])+
        $Kind:ident $({ $($(#[doc = $about:literal])+ $field:ident: $Type:ty),+ })? = $word:literal,
        [$($required:expr),*] [$($optional:expr),*];
    )*) => {
        /// The kinds of plant. Texts are templates: `{canary}` and the path variables
        /// `{home} {source} {work} {output} {site}` are filled in by the lab.
        #[derive(Clone, Debug)]
        pub enum PlantKind {
            $($(#[doc = $doc])+ $Kind $({ $($(#[doc = $about])+ $field: $Type),+ })?,)*
        }

        impl PlantKind {
            /// What `kind` may be in a `[[plant]]` table.
            pub const NAMES: [&str; [$($word),*].len()] = [$($word),*];

            /// The word for this one.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$Kind { .. } => $word,)*
                }
            }

            /// The kind that is called `word`, where that says all that there is to know of it.
            #[must_use]
            pub fn plain(word: &str) -> Option<Self> {
                match word {
                    $($word => plain!($Kind $($($field)+)?),)*
                    _ => None,
                }
            }

            /// The keys that tables of the kind called `word` have beside `id` and `kind`: those that
            /// must be there, and those that may be.
            #[must_use]
            pub fn keys(word: &str) -> Option<[&'static [PlantKey]; 2]> {
                use PlantKey::{
                    Flag, Mode, Namespace, Path, ProcessName, Text, Texts, VariableName, Variables,
                };
                match word {
                    $($word => Some([&[$($required),*], &[$($optional),*]]),)*
                    _ => None,
                }
            }
        }
    };
}

plants! {
    /// A regular file.
    File {
        /// Where, a template.
        path: String,
        /// Permission bits.
        mode: u32,
        /// What is in it, a template; default `{canary}` and a newline.
        content: String
    } = "file", [Path("path")] [Mode, Text("content")];
    /// A directory.
    Directory {
        /// Where, a template.
        path: String,
        /// Permission bits.
        mode: u32
    } = "directory", [Path("path")] [Mode];
    /// A symbolic link.
    Link {
        /// Where, a template.
        path: String,
        /// What it leads to, a template.
        to: String
    } = "link", [Path("path"), Path("to")] [];
    /// A variable in the environment of the front end.
    Variable {
        /// Its name.
        name: String,
        /// Its value, a template; default `{canary}`.
        value: String
    } = "variable", [VariableName] [Text("value")];
    /// A TCP sink on a documentation address.
    TcpListener = "tcp-listener", [] [Text("answer"), Flag("http")];
    /// A UDP sink on a documentation address.
    UdpListener = "udp-listener", [] [];
    /// The resolver that the lab's `/etc/resolv.conf` names; logs every question.
    DnsResolver = "dns-resolver", [] [];
    /// An HTTP server on 169.254.169.254 that hands out credentials with the canary.
    MetadataService = "metadata-service", [] [];
    /// A stream socket with a path; what arrives is logged, the canary is answered.
    UnixListener {
        /// Where, a template.
        path: String,
        /// Permission bits.
        mode: u32
    } = "unix-listener", [Path("path")] [Mode, Text("answer"), Flag("http")];
    /// A stream socket with an abstract name; what arrives is logged, the canary is answered.
    AbstractListener = "abstract-listener", [] [Text("answer"), Flag("http")];
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
        open: Option<String>
    } = "process", [ProcessName] [Texts("args"), Variables("env"), Text("memory"), Text("open")];
    /// A System V shared memory segment, mode 0666, with the canary in it.
    SysvShm = "sysv-shm", [] [];
    /// A POSIX message queue, mode 0666, with the canary in it.
    MessageQueue = "message-queue", [] [];
    /// A key of type `user` in the session keyring that the front end inherits.
    SessionKey = "session-key", [] [];
    /// The lab's host name, which is the canary itself.
    Hostname = "hostname", [] [];
    /// A TCP service on 127.0.0.1 of the host.
    LoopbackListener = "loopback-listener", [] [Text("answer"), Flag("http")];
    /// A TCP sink on a documentation address of IPv6.
    Tcp6Listener = "tcp6-listener", [] [Text("answer"), Flag("http")];
    /// A netlink socket of family `NETLINK_USERSOCK`; what it is sent is logged.
    NetlinkListener = "netlink-listener", [] [];
    /// A namespace of the front end, for `inherit`.
    Namespace {
        /// Which.
        what: Namespace
    } = "namespace", [Namespace] [];
    /// A copy of cat(1) that runs as root, whoever starts it.
    SetUidHelper = "set-uid-helper", [] [];
    /// A copy of cat(1) that may read every file, by its capability.
    CapabilityHelper = "capability-helper", [] [];
    /// What hears echo requests of ICMP on a documentation address.
    IcmpListener = "icmp-listener", [] [];
    /// A sudo(8) in its usual place that asks nobody for a password.
    Sudo = "sudo", [] [];
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

    /// Whether there is a canary in it, so that an oracle can look for that.
    #[must_use]
    pub fn holds_canary(&self) -> bool {
        let is_told = |text: &str| text.contains("{canary}");
        match self {
            Self::File { content, .. } => is_told(content),
            Self::Variable { .. } | Self::Process { .. } => {
                self.templates().into_iter().any(is_told)
            }
            Self::Directory { .. }
            | Self::Link { .. }
            | Self::TcpListener
            | Self::Tcp6Listener
            | Self::UdpListener
            | Self::IcmpListener
            | Self::NetlinkListener
            | Self::DnsResolver
            | Self::Namespace { .. }
            | Self::SetUidHelper
            | Self::CapabilityHelper
            | Self::Sudo => false,
            Self::MetadataService
            | Self::LoopbackListener
            | Self::UnixListener { .. }
            | Self::AbstractListener
            | Self::SysvShm
            | Self::MessageQueue
            | Self::SessionKey
            | Self::Hostname => true,
        }
    }
}
