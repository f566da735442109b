//! What a plan holds of each guarantee: in full, partly or not, and by which layers.
//!
//! One pure function of the plan. `doctor`, `explain`, `--require` and the line that a launch prints
//! all ask it, so that they cannot say different things.
#![forbid(unsafe_code)]

use std::fmt;

use super::{Plan, PlanKind};
use crate::layers::landlock::{Lacking, Rules};
use crate::layers::mounts::What;
use crate::policy::IdentityChoice;
use crate::policy::syscalls::Choice;
use crate::words::{Guarantee, Layer, LayerSet};

/// How far a guarantee is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holding {
    /// In full, by these layers.
    Held(LayerSet),
    /// By these layers, but for this.
    Partly(LayerSet, Vec<String>),
    /// Not at all, because of this.
    Not(Vec<String>),
}

impl Holding {
    /// The word for it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Held(_) => "held",
            Self::Partly(..) => "partly",
            Self::Not(_) => "not held",
        }
    }

    /// What is missing.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        match self {
            Self::Held(_) => &[],
            Self::Partly(_, reasons) | Self::Not(reasons) => reasons,
        }
    }

    /// What holds it, as far as it is held.
    #[must_use]
    pub const fn layers(&self) -> LayerSet {
        match self {
            Self::Held(by) | Self::Partly(by, _) => *by,
            Self::Not(_) => LayerSet::EMPTY,
        }
    }

    /// Whether and by what it is held, without what is missing.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Held(by) => format!("held by {by}"),
            Self::Partly(LayerSet::EMPTY, _) => self.name().to_owned(),
            Self::Partly(by, _) => format!("partly, by {by}"),
            Self::Not(_) => "not held".to_owned(),
        }
    }
}

/// What a plan holds of every guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdings([(Guarantee, Holding); 9]);

impl Holdings {
    /// What `plan` holds.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self(Guarantee::ALL.map(|guarantee| (guarantee, holding(plan, guarantee))))
    }

    /// What is held of `guarantee`.
    #[must_use]
    pub fn get(&self, guarantee: Guarantee) -> &Holding {
        // The array is made of every guarantee, in their order.
        let [first, ..] = &self.0;
        let found = self.0.iter().find(|(known, _)| *known == guarantee).unwrap_or(first);
        &found.1
    }

    /// Every guarantee, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Guarantee, &Holding)> {
        self.0.iter().map(|(guarantee, holding)| (*guarantee, holding))
    }
}

impl fmt::Display for Holdings {
    /// What is not held in full, in one line; nothing where all is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lacking = self.iter().filter(|(_, holding)| !holding.reasons().is_empty());
        let lacking = lacking.map(|(guarantee, holding)| {
            format!("{guarantee} {} ({})", holding.name(), holding.reasons().join("; "))
        });
        f.write_str(&lacking.collect::<Vec<_>>().join(", "))
    }
}

/// What is missing of a guarantee.
#[derive(Default)]
struct Gaps {
    partly: Vec<String>,
    whole: bool,
}

impl Gaps {
    /// A part is missing where `missing`.
    fn part(&mut self, missing: bool, what: &str) {
        if missing {
            self.partly.push(what.to_owned());
        }
    }

    /// All of it is missing where `missing`.
    fn all(&mut self, missing: bool, what: &str) {
        self.part(missing, what);
        self.whole |= missing;
    }

    fn holding(self, by: LayerSet) -> Holding {
        match self {
            Self { partly, .. } if partly.is_empty() => Holding::Held(by),
            Self { partly, whole: true } => Holding::Not(partly),
            Self { partly, whole: false } => Holding::Partly(by, partly),
        }
    }
}

fn holding(plan: &Plan, guarantee: Guarantee) -> Holding {
    let mut gaps = Gaps::default();
    let ask = match guarantee {
        Guarantee::Secrets => secrets,
        Guarantee::Network => network,
        Guarantee::Processes => processes,
        Guarantee::Files => files,
        Guarantee::Privileges => privileges,
        Guarantee::Resources => resources,
        Guarantee::Neighbours => neighbours,
        Guarantee::Remnants => remnants,
        Guarantee::Artefacts => artefacts,
    };
    ask(plan, &mut gaps);
    let by = plan.layers.and(layers(guarantee));
    // The layer is on and has nothing to do where the build is its caller.
    gaps.holding(if has_own_user(plan) { by } else { by.without(Layer::Identity) })
}

/// The layers that work for a guarantee.
#[must_use]
pub const fn layers(guarantee: Guarantee) -> LayerSet {
    use Layer::{
        Descriptors, Environment, Harvest, Hostname, Identity, Ipc, Landlock, Leash, Limits,
        Mounts, Network, Pid, Privileges, Proc, Session, Syscalls, Userns,
    };
    match guarantee {
        Guarantee::Secrets => LayerSet::of(&[
            Userns,
            Identity,
            Environment,
            Network,
            Proc,
            Mounts,
            Landlock,
            Descriptors,
            Session,
        ]),
        Guarantee::Network => LayerSet::of(&[Network, Mounts, Syscalls, Landlock]),
        Guarantee::Processes => {
            LayerSet::of(&[Userns, Identity, Pid, Proc, Ipc, Hostname, Syscalls, Landlock])
        }
        Guarantee::Files => LayerSet::of(&[Identity, Mounts, Landlock, Descriptors]),
        Guarantee::Privileges => LayerSet::of(&[Userns, Identity, Privileges, Syscalls]),
        Guarantee::Resources => LayerSet::of(&[Limits]),
        Guarantee::Neighbours => LayerSet::of(&[Identity, Network, Ipc, Mounts, Landlock]),
        Guarantee::Remnants => LayerSet::of(&[Identity, Pid, Ipc, Mounts, Leash]),
        Guarantee::Artefacts => LayerSet::of(&[Harvest]),
    }
}

fn contained(plan: &Plan) -> bool {
    plan.kind == PlanKind::Contained
}

/// The build has a user of its own.
fn has_own_user(plan: &Plan) -> bool {
    plan.identity != IdentityChoice::Caller
}

/// The filter leaves this to the build, or there is none.
fn makes(plan: &Plan, choice: Choice) -> bool {
    plan.choices.is_none_or(|(chosen, _)| chosen.has(choice))
}

/// The rules of Landlock are there and take this away.
fn denies(plan: &Plan, right: Lacking) -> bool {
    plan.landlock.as_ref().is_some_and(|rules| !rules.lacking.contains(&right))
}

/// Path-name sockets of others can be connected to wherever they lie.
fn reaches_sockets(plan: &Plan) -> bool {
    let denied = plan.landlock.as_ref().is_some_and(Rules::denies_sockets);
    !plan.has(Layer::Mounts) && !denied
}

/// Files of the host are out of reach unless granted.
fn hides_files(plan: &Plan) -> bool {
    plan.has(Layer::Mounts) || plan.landlock.is_some()
}

fn secrets(plan: &Plan, gaps: &mut Gaps) {
    gaps.part(!plan.has(Layer::Environment), "every variable of the caller is passed on");
    gaps.all(
        !hides_files(plan) && !has_own_user(plan),
        "files that the caller may read can be read",
    );
    gaps.part(
        !hides_files(plan) && has_own_user(plan),
        "files that everybody may read can be read",
    );
    gaps.part(
        reaches_sockets(plan) && !has_own_user(plan),
        "agents that listen at path-name sockets of the caller's can be asked",
    );
    gaps.part(
        contained(plan) && !has_own_user(plan),
        "names and sizes of the caller's files, and where links lead, can be read",
    );
    gaps.part(!plan.has(Layer::Session), "the caller's session keyring is inherited");
    gaps.part(!plan.has(Layer::Descriptors), "open descriptors are inherited");
    gaps.part(has_internet(plan), "metadata services can be asked");
    let shared = !plan.has(Layer::Userns) && !has_own_user(plan) && plan.landlock.is_none();
    gaps.part(shared, "the memory of the caller's other processes can be read");
}

/// Packets can leave.
fn has_internet(plan: &Plan) -> bool {
    !plan.has(Layer::Network) && makes(plan, Choice::Internet)
}

fn network(plan: &Plan, gaps: &mut Gaps) {
    gaps.all(has_internet(plan), "internet sockets can be made");
    gaps.part(
        reaches_sockets(plan),
        "path-name sockets that the user may open can be connected to",
    );
    let abstract_sockets = !plan.has(Layer::Network) && !denies(plan, Lacking::Scopes);
    gaps.part(abstract_sockets, "abstract sockets of the host can be connected to");
    gaps.part(plan.choices.is_none(), "vsock sockets, which no namespace holds, can be made");
}

fn processes(plan: &Plan, gaps: &mut Gaps) {
    let bound = |entry: &What| matches!(entry, What::HostProc | What::BoundProc);
    let seen = plan
        .mounts
        .as_ref()
        .map_or(!plan.has(Layer::Proc), |files| files.entries.iter().any(|e| bound(&e.what)));
    gaps.part(
        seen || contained(plan),
        "processes outside can be seen with their arguments, and not touched",
    );
    let reachable = !plan.has(Layer::Pid)
        && !plan.has(Layer::Userns)
        && !has_own_user(plan)
        && !denies(plan, Lacking::Scopes);
    gaps.all(reachable, "processes of the same user can be signalled");
    let alike = contained(plan) && !has_own_user(plan);
    gaps.part(
        alike && makes(plan, Choice::Others),
        "processes of the caller's can be given less of the processor, and lower limits",
    );
    gaps.part(makes(plan, Choice::Watches), "who opens files of the host outside can be watched");
    gaps.part(
        !plan.has(Layer::Ipc) && makes(plan, Choice::SharedObjects),
        "System V objects of the host can be used",
    );
    gaps.part(!plan.has(Layer::Hostname), "the host's name can be read");
}

fn files(plan: &Plan, gaps: &mut Gaps) {
    if plan.has(Layer::Mounts) {
        return;
    }
    gaps.all(
        plan.landlock.is_none() && !has_own_user(plan),
        "files that the caller may write can be written",
    );
    gaps.part(
        plan.landlock.is_none() && has_own_user(plan),
        "files that everybody may write can be written",
    );
    gaps.part(
        plan.landlock.is_some(),
        "modes, times and owners of files that belong to the build's user can be changed, and times \
         of those that it may write",
    );
    gaps.part(
        plan.landlock.is_some() && makes(plan, Choice::Attributes),
        "so can attributes of files that it may write",
    );
    gaps.part(
        plan.landlock.is_some() && !denies(plan, Lacking::Truncation),
        "files that the build's user may write can be truncated",
    );
}

fn privileges(plan: &Plan, gaps: &mut Gaps) {
    gaps.all(!plan.has(Layer::Privileges), "capabilities and set-id programs work");
    gaps.part(plan.choices.is_none(), "dangerous system calls can be made");
    gaps.part(
        !has_own_user(plan) && plan.caller_outside == Some(0),
        "the build has the kernel's uid 0",
    );
}

fn resources(plan: &Plan, gaps: &mut Gaps) {
    let Some(bounds) = &plan.limits else {
        gaps.all(true, "nothing is limited");
        return;
    };
    for fallback in &bounds.fallbacks {
        gaps.part(true, &fallback.to_string());
    }
    gaps.part(
        makes(plan, Choice::Interfaces),
        "answers about interfaces that nobody reads are memory that no limit counts",
    );
    gaps.part(
        makes(plan, Choice::Filters),
        "filters of system calls take from a store that is the whole machine's",
    );
    let on_disk = plan.staging.is_some() || plan.scratch.is_some();
    gaps.part(on_disk, "the private directories lie on disk, which has no limit but its own");
}

fn neighbours(plan: &Plan, gaps: &mut Gaps) {
    gaps.all(!hides_files(plan), "caches and temporary directories are shared");
    gaps.part(
        reaches_sockets(plan) && hides_files(plan),
        "path-name sockets are shared with builds beside it",
    );
    gaps.part(
        contained(plan) && !has_own_user(plan),
        "builds beside it have the same kernel user, whose limits they share",
    );
    gaps.part(
        contained(plan),
        "abstract socket names are shared: what it takes is missing outside",
    );
    gaps.part(
        contained(plan),
        "files of the host that it may read can be locked, and whoever wants the lock waits",
    );
    gaps.part(
        !plan.has(Layer::Ipc) && makes(plan, Choice::SharedObjects),
        "System V objects are shared",
    );
}

fn remnants(plan: &Plan, gaps: &mut Gaps) {
    gaps.all(!plan.has(Layer::Leash), "processes live on when the supervisor is killed");
    gaps.part(
        plan.identity == IdentityChoice::Useradd,
        "an account stays behind a killed supervisor until the next start",
    );
    let exposed = contained(plan) && !has_own_user(plan) && !denies(plan, Lacking::Scopes);
    gaps.part(exposed, "the build may kill its guardian");
    gaps.part(
        !plan.has(Layer::Ipc) && makes(plan, Choice::SharedObjects),
        "System V objects outlive the build",
    );
}

fn artefacts(plan: &Plan, gaps: &mut Gaps) {
    gaps.all(!plan.has(Layer::Harvest), "outputs are not checked");
}

#[cfg(test)]
#[path = "holdings_tests.rs"]
mod tests;
