//! What the lab puts in place before a build.
#![forbid(unsafe_code)]

/// One thing that the lab puts in place, with a fresh canary in every trial.
#[derive(Clone, Debug)]
pub struct Plant {
    /// Its name within the manifest.
    pub id: String,
    /// What it is.
    pub kind: PlantKind,
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
    },
    /// A System V shared memory segment, mode 0666, with the canary in it.
    SysvShm,
    /// A POSIX message queue, mode 0666, with the canary in it.
    MessageQueue,
    /// A key of type `user` in the session keyring that the front end inherits.
    SessionKey,
    /// The lab's host name, which is the canary itself.
    Hostname,
}
