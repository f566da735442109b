//! A container in which a test tries something, by what it is to the sandbox.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use crate::daemon::{Daemon, Engine, IMAGE};

/// The kinds of containers that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Docker as it comes.
    Docker,
    /// Docker without a system call filter.
    Unconfined,
    /// Docker with all that the doctor asks for.
    Open,
    /// Rootless Podman as it comes.
    Podman,
    /// Rootless Podman with all that the doctor asks for.
    OpenPodman,
}

impl Kind {
    const fn engine(self) -> Engine {
        match self {
            Self::Docker | Self::Unconfined | Self::Open => Engine::Docker,
            Self::Podman | Self::OpenPodman => Engine::Podman,
        }
    }

    /// The options of `run` that make it.
    pub const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Docker | Self::Podman => &[],
            // Where AppArmor is, its profile of Docker's refuses mounts too.
            Self::Unconfined => {
                &["--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"]
            }
            Self::Open => &[
                "--security-opt=seccomp=unconfined",
                "--security-opt=apparmor=unconfined",
                "--security-opt=systempaths=unconfined",
            ],
            Self::OpenPodman => &["--security-opt=seccomp=unconfined", "--security-opt=unmask=ALL"],
        }
    }
}

/// The daemon that the tests share; what it is ends with this process.
fn shared(engine: Engine) -> Option<&'static Daemon> {
    static DOCKER: OnceLock<Result<Daemon, String>> = OnceLock::new();
    static PODMAN: OnceLock<Result<Daemon, String>> = OnceLock::new();
    let daemon = match engine {
        Engine::Docker => &DOCKER,
        Engine::Podman => &PODMAN,
    };
    let started = daemon.get_or_init(|| Daemon::start(engine)).as_ref();
    crate::here(started.map_err(Clone::clone))
}

/// A container that is to be started, with the host's `/usr` and the program under test in it.
pub struct Container {
    kind: Kind,
    uid: u32,
    options: Vec<String>,
}

impl Container {
    /// One of this kind, whose command runs as `uid`.
    pub fn new(kind: Kind, uid: u32) -> Self {
        Self { kind, uid, options: Vec::new() }
    }

    /// Lends it a directory of the host.
    pub fn with(mut self, path: &Path, place: &str, access: &str) -> Self {
        self.options.push(format!("--volume={}:{place}:{access}", path.display()));
        self
    }

    /// Gives it a variable.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.options.push(format!("--env={name}={value}"));
        self
    }

    /// Starts its command in another directory.
    pub fn at(mut self, directory: &str) -> Self {
        self.options.push(format!("--workdir={directory}"));
        self
    }

    /// Runs the words in it to their end; nothing where there is no such engine.
    pub fn run(&self, words: &[&str]) -> Option<Output> {
        let daemon = shared(self.kind.engine())?;
        let mut command = daemon.client();
        command.args(["run", "--rm", "--network=none", "--volume=/usr:/usr:ro"]);
        command.arg(format!("--volume={}:/opt/bulkhead:ro", env!("CARGO_BIN_EXE_bulkhead")));
        command.arg(format!("--volume={}:/lab:ro", scripts().display()));
        command.arg(format!("--user={0}:{0}", self.uid));
        command.args(self.kind.options()).args(&self.options);
        Some(command.arg(IMAGE).args(words).output().unwrap())
    }
}

/// The scripts that the tests run in containers.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/engines/scripts")
}
