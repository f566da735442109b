//! One entry of the catalogue, read and checked: an attack, or a benign build.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sandbox::{Guarantee, LayerSet, Level};

/// The path of an entry below `attacks/`, which is also its name: `secrets/netrc-read`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttackId(pub String);

impl fmt::Display for AttackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An entry of the catalogue: its manifest, and where its source tree lies.
#[derive(Clone, Debug)]
pub struct Attack {
    /// Name and path.
    pub id: AttackId,
    /// The source tree, an absolute path.
    pub dir: PathBuf,
    /// One line.
    pub title: String,
    /// One paragraph.
    pub summary: String,
    /// What the entry is there for.
    pub purpose: Purpose,
    /// MITRE ATT&CK technique ids, as `T1552.001`.
    pub techniques: Vec<String>,
    /// CWE ids, as `CWE-522`.
    pub weaknesses: Vec<String>,
    /// Rows of the project's list of techniques that the entry covers.
    pub rows: Vec<String>,
    /// How the trial goes.
    pub run: RunPlan,
    /// Probes that the machine must meet; an unmet one makes the cell unsupported.
    pub requires: Vec<Need>,
    /// What the lab puts in place before the build.
    pub plants: Vec<Plant>,
    /// Who looks, from outside, whether the attack got through.
    pub oracles: Vec<OracleSpec>,
    /// Exceptions to the derived expectation.
    pub expect: BTreeMap<Level, Exception>,
    /// Sources.
    pub references: Vec<Reference>,
    /// `sha256:` and twelve hexadecimal digits over the folder in the repository.
    pub fixture: String,
}

/// Attack or honest build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It tries one thing that a build must not do.
    Attack {
        /// The guarantee that it tries to break; the folder it lies in.
        guarantee: Guarantee,
        /// How bad it is if it gets through.
        severity: Severity,
        /// The layers any of which must stop it.
        stopped_by: LayerSet,
    },
    /// It must build at every level.
    Benign,
}

/// How bad an attack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Tells the attacker something.
    Low,
    /// Harms this build or its neighbours.
    Medium,
    /// Gives away a secret, or changes the host.
    High,
    /// Gives away the machine.
    Critical,
}

/// The `[run]` table of a manifest.
#[derive(Clone, Debug)]
pub struct RunPlan {
    /// The hooks of PEP 517 and PEP 660 to call, in order.
    pub hooks: Vec<Hook>,
    /// When the trial is cut off.
    pub timeout: Duration,
    /// Marks that the backend must reach, or the trial proves nothing.
    pub marks: Vec<String>,
    /// Levels at which it runs; the first one is its control. Empty: all, control `none`.
    pub levels: Vec<Level>,
    /// A signal in the middle.
    pub interrupt: Option<Interrupt>,
    /// A second, honest build.
    pub second: Option<Second>,
    /// Ids of plants that the supervisor happens to hold open.
    pub inherit: Vec<String>,
}

/// The hooks that `pyproject_hooks` can call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// `get_requires_for_build_wheel`
    GetRequiresForBuildWheel,
    /// `get_requires_for_build_sdist`
    GetRequiresForBuildSdist,
    /// `get_requires_for_build_editable`
    GetRequiresForBuildEditable,
    /// `prepare_metadata_for_build_wheel`
    PrepareMetadataForBuildWheel,
    /// `prepare_metadata_for_build_editable`
    PrepareMetadataForBuildEditable,
    /// `build_wheel`
    BuildWheel,
    /// `build_sdist`
    BuildSdist,
    /// `build_editable`
    BuildEditable,
}

/// A signal that the harness sends in the middle of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// The signal.
    pub signal: InterruptSignal,
    /// Who receives it.
    pub whom: Whom,
    /// The mark on whose arrival it is sent.
    pub after: String,
}

/// A signal that a supervisor may meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptSignal {
    /// SIGKILL
    Kill,
    /// SIGTERM
    Term,
    /// SIGINT
    Int,
}

/// Who receives the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The process that the front end started: the sandbox's own program.
    Supervisor,
    /// The front end.
    Frontend,
}

/// When the second, honest build runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// Before the attack.
    Before,
    /// At the same time.
    Beside,
    /// After it.
    After,
}

/// A named property of the machine that an entry needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// User namespaces can be created.
    Userns,
    /// `useradd` and `userdel` are installed.
    Useradd,
    /// A C compiler is installed as `cc`.
    Compiler,
    /// The interpreter comes with `Python.h`.
    PythonHeaders,
    /// Loopback works.
    Loopback,
    /// `/dev/shm` is writable.
    Shm,
    /// `/tmp` is writable.
    Tmp,
    /// IPv6 is compiled in.
    Ipv6,
    /// The kernel has keyrings.
    Keyring,
}

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

/// One oracle of a manifest.
#[derive(Clone, Debug)]
pub struct OracleSpec {
    /// Its name; what the report lists under `saw`.
    pub id: String,
    /// What it looks for.
    pub kind: OracleKind,
}

/// What an oracle looks for; all of it from outside the sandbox.
#[derive(Clone, Debug)]
pub enum OracleKind {
    /// The canary of `plant` arrived at some listener of the lab.
    CanaryReceived {
        /// The plant whose canary it is.
        plant: String,
    },
    /// The canary of `plant` is in the wheel, the sdist, a name or the log.
    CanaryInArtefact {
        /// The plant whose canary it is.
        plant: String,
    },
    /// The listener `plant` heard this trial's nonce.
    SocketReached {
        /// The listener.
        plant: String,
    },
    /// A path that was not there before the build is there after it.
    FileCreated {
        /// Where, a template; a trailing `*` matches the rest.
        path: String,
    },
    /// A path that was there before the build is another one, or gone, after it.
    FileChanged {
        /// Where, a template.
        path: String,
    },
    /// A process that is not the lab's outlives the build.
    ProcessSurvives,
    /// `/etc/passwd` has an account that it had not before the build.
    UserLeaked,
    /// A mount, cgroup or namespace outlives the build.
    MountLeft,
    /// The victim `plant` was stopped or ended by a signal.
    VictimSignalled {
        /// The process.
        plant: String,
    },
    /// The memory of the victim or segment `plant` is another than before.
    VictimChanged {
        /// The process or shared memory segment.
        plant: String,
    },
    /// The hook, held still and looked at from outside, has a privilege that it should not.
    PrivilegeGained {
        /// Which.
        what: Privilege,
    },
}

/// What a posture oracle looks for in `/proc/PID/status` of the held process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privilege {
    /// Its uid, as the host sees it, is the front end's own.
    CallerUid,
    /// Its effective capability set is not empty.
    Capabilities,
    /// It is in another user namespace than the hook that started it.
    NestedUserns,
}

/// An exception to the derived expectation: `[expect.LEVEL]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// What is expected instead.
    pub outcome: Expected,
    /// Why.
    pub reason: String,
}

/// What a cell is expected to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The attack does not get through.
    Blocked,
    /// The attack gets through.
    Escaped,
    /// The honest build builds.
    Built,
    /// The cell is outside `levels`.
    NotRun,
}

/// A source: an incident, an advisory, a man page, a row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `incident`, `cve`, `paper`, `documentation` or `catalogue`.
    pub kind: String,
    /// What it is called.
    pub title: String,
    /// Where it stands.
    pub url: Option<String>,
    /// When it happened, as `2021-04-15`.
    pub date: Option<String>,
}
