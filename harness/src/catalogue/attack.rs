//! One entry of the catalogue, read and checked: an attack, or a benign build.
#![forbid(unsafe_code)]

mod oracle;
mod plant;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use sandbox::policy::limits::amounts::{Bytes, Count, Span};
use sandbox::{Guarantee, LayerSet, Level};

use super::tree::Tree;
pub use oracle::{
    Demanded, Hostility, LogReader, OracleKeys, OracleKind, OracleSpec, Privilege, Resource,
};
pub use plant::{Answer, Namespace, Plant, PlantKey, PlantKind};

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
    /// Where the source tree lies, to be shown.
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
    /// The source tree as it was read: what a trial builds, whatever becomes of the folder.
    pub tree: Tree,
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
#[derive(Clone, Debug, Default)]
pub struct RunPlan {
    /// The hooks of PEP 517 and PEP 660 to call, in order.
    pub hooks: Vec<Hook>,
    /// When the trial is cut off, on an ordinary machine.
    pub timeout: Duration,
    /// Not to end is what the attack does: a trial that is cut off shows something.
    pub waits: bool,
    /// Marks that the backend must reach, or the trial proves nothing.
    pub marks: Vec<String>,
    /// Levels at which it runs; the first one is its control. Empty: all, control `none`.
    pub levels: Vec<Level>,
    /// Another sandbox, whose own design opens the hole: what it shows is the control.
    pub control: Option<String>,
    /// A signal in the middle.
    pub interrupt: Option<Interrupt>,
    /// A second, honest build.
    pub second: Option<Second>,
    /// Ids of plants that the supervisor happens to hold open.
    pub inherit: Vec<String>,
    /// What the sandbox is told to allow at most.
    pub limits: RunLimits,
    /// The front end has a terminal: its standard input, which the hooks inherit.
    pub terminal: bool,
    /// What the front end does beside calling hooks, in their order.
    pub steps: Vec<FrontendStep>,
    /// What a lab withholds from everybody, root too, and lends to this attack.
    pub lends: Vec<Lent>,
}

/// What reaches beyond a lab in the hands of a real root, and is lent to who says that he needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lent {
    /// Opening files by handle.
    Handles,
    /// The kernel's own machine.
    Bpf,
    /// Performance counters.
    Perf,
    /// Tracing processes that only a capability lets one trace.
    Tracing,
}

/// What the sandbox on trial is told to allow at most; what is not said is left to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunLimits {
    /// Memory of all processes of a hook together.
    pub memory: Option<Bytes>,
    /// Processes at a time.
    pub pids: Option<Count>,
    /// Time for one hook.
    pub timeout: Option<Span>,
    /// What one hook prints.
    pub log: Option<Bytes>,
}

/// What a front end does with its own rights, before and after it calls a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FrontendStep {
    /// Before each hook it opens `build.log` in the source tree and in its parent for appending.
    BuildLog,
    /// After the last hook it copies `*-requirements.txt` beside the source into the outputs.
    CopyRequirements,
    /// After a metadata hook it reads `METADATA` of the folder that the hook named.
    ReadMetadata,
    /// After the last hook it reads `pyproject.toml` again and prints its first line.
    ReadPyproject,
    /// After a hook that returns requirements it installs them, as an installer would begin to.
    InstallRequirements,
    /// It has the outputs put into `dist` of the source tree, and collects them from there at last.
    OutputInTree,
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

impl Interrupt {
    /// Whether the sandbox's supervisor can do nothing after it.
    #[must_use]
    pub const fn is_supervisors_death(&self) -> bool {
        matches!((self.signal, self.whom), (InterruptSignal::Kill, Whom::Supervisor))
    }
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
    /// The caller is root.
    Root,
}

/// An exception to the derived expectation: `[expect.LEVEL]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// What is expected instead.
    pub outcome: Expected,
    /// Why.
    pub reason: String,
}

/// Where an attack must get through, or nothing else about it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlAt<'a> {
    /// At this level of the sandbox on trial.
    Level(Level),
    /// In this other sandbox.
    Target(&'a str),
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
    /// When it happened or was published, as `2021-04-15`, or `2018-10` where the day is not known.
    pub date: Option<String>,
}
