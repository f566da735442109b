//! Everything that is decided before a launch. Nothing is decided after it.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use rustix::thread::UnshareFlags;

use crate::host::Host;
use crate::layers::landlock::Rules;
use crate::layers::limits::Bounds;
use crate::layers::mounts::{Base, MountPlan};
use crate::layers::syscalls::Filter;
use crate::layers::{
    environment, hostname, identity, ipc, landlock, limits, mounts, network, pid, syscalls, userns,
};
use crate::payload::{Payload, PrivateTree, Stdin};
use crate::policy::levels::Level;
use crate::policy::syscalls::Architecture;
use crate::policy::{IdentityChoice, Policy};
use crate::words::{Layer, LayerSet};

/// The oldest kernel on which the mount calls and Landlock that the sandbox needs exist.
const OLDEST_KERNEL: (u32, u32) = (5, 13);

/// The architectures whose system calls the sandbox knows.
const MACHINES: [&str; 2] = ["x86_64", "aarch64"];

/// A launch, decided in every detail.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How the guarantees are held.
    pub kind: PlanKind,
    /// The preset it came from.
    pub level: Level,
    /// The layers that it enforces.
    pub layers: LayerSet,
    /// The namespaces to create.
    pub namespaces: UnshareFlags,
    /// Who the build is, in the eyes of the kernel.
    pub identity: IdentityChoice,
    /// The uid and gid inside; `None` where they are those outside.
    pub inside: Option<u32>,
    /// The caller's uid and gid.
    pub caller: (u32, u32),
    /// The supervisor, not the sandbox, opens paths and prepares mounts.
    pub privileged: bool,
    /// The uids that may be leased.
    pub uids: Vec<u32>,
    /// Where leases are kept, the best place first.
    pub runtime: Vec<PathBuf>,
    /// The file system of the build; `None` where it is the host's.
    pub mounts: Option<MountPlan>,
    /// The build's private directories.
    pub trees: Vec<PrivateTree>,
    /// The build's directories that become its user's own, where it works in them directly.
    pub handed_over: Vec<PathBuf>,
    /// Where the private directories lie on disk; in memory when not given.
    pub scratch: Option<PathBuf>,
    /// The command.
    pub argv: Vec<OsString>,
    /// Its program, an absolute path.
    pub program: PathBuf,
    /// Its working directory.
    pub directory: PathBuf,
    /// Its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it reads from.
    pub stdin: Stdin,
    /// The system calls that it may make; `None` where it may make all.
    pub syscalls: Option<Filter>,
    /// The rules of Landlock; `None` where there are none.
    pub landlock: Option<Rules>,
    /// How much it may use; `None` where it may use all.
    pub limits: Option<Bounds>,
    /// What the layers hold only partly on this host, one sentence each.
    pub notes: Vec<String>,
}

/// How the guarantees are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlanKind {
    /// Not at all: the control of an experiment.
    Bare,
    /// By namespaces.
    Namespaced,
}

impl PlanKind {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Namespaced => "namespaced",
        }
    }
}

/// A demand that this host, or any host, cannot meet.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Level `none` outside the lab.
    #[error(
        "level `none` is the control of an experiment and runs only inside the harness's lab; \
         choose `network`, `proposal` or `full`"
    )]
    BareOutsideLab,
    /// Another processor.
    #[error("the architecture {0} is not supported; x86_64 and aarch64 are")]
    Machine(String),
    /// Another time.
    #[error("Linux {}.{} is too old; 5.13 or later is needed", .0.0, .0.1)]
    Kernel((u32, u32)),
    /// User namespaces are switched off.
    #[error(
        "user namespaces are switched off here; as root run \
         `sysctl user.max_user_namespaces=15000`, or start the container without that limit"
    )]
    NoUserNamespaces,
    /// An identity that needs root.
    #[error(
        "{} needs root with CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID and CAP_CHOWN, and the caller is \
         uid {uid}; run as root, or use `--level full` with `--identity caller`, which needs \
         neither",
        identity_name(*.identity)
    )]
    IdentityNeedsRoot {
        /// What was asked for.
        identity: IdentityChoice,
        /// The caller.
        uid: u32,
    },
    /// No uid of the range may be leased.
    #[error("no uid from {first} to {last} is free of accounts and subordinate ranges; name others with `--uids`", first = .0.start(), last = .0.end())]
    NoFreeUid(RangeInclusive<u32>),
    /// There is nowhere to keep a lease.
    #[error(
        "XDG_RUNTIME_DIR is not set and the caller is not root; name a directory with `--runtime`"
    )]
    NoRuntime,
    /// A combination of layers without meaning.
    #[error("{0}")]
    Meaningless(&'static str),
    /// The kernel has no Landlock.
    #[error("{0}; or do without it with `--without landlock`")]
    Landlock(#[from] landlock::Unresolvable),
    /// A limit that the caller demands cannot be set.
    #[error(transparent)]
    Limit(#[from] limits::Unsettable),
    /// The program is not there.
    #[error(transparent)]
    Payload(#[from] crate::payload::PayloadError),
}

impl Plan {
    /// Decides everything about a launch of `payload` under `policy` on `host`.
    ///
    /// Pure: it looks at nothing but its arguments, so a plan for any host can be made, printed and
    /// tested on any other.
    ///
    /// # Errors
    /// The first demand that cannot be met.
    pub fn resolve(
        policy: &Policy,
        program: PathBuf,
        payload: &Payload,
        host: &Host,
    ) -> Result<Self, Refusal> {
        check_host(policy, host)?;
        let layers = policy.layers;
        check_combination(layers, host)?;
        let identity = identity::resolve(policy, host)
            .map_err(|identity| Refusal::IdentityNeedsRoot { identity, uid: host.caller.uid })?;
        let mounts = mounts::resolve(policy, payload, host);
        let landlock = landlock(policy, payload, host)?;
        let limits = limits(policy, identity, host)?;
        let architecture = Architecture::native().filter(|_| layers.has(Layer::Syscalls));
        Ok(Self {
            kind: if policy.level == Level::None { PlanKind::Bare } else { PlanKind::Namespaced },
            level: policy.level,
            layers,
            namespaces: namespaces(layers, mounts.is_some()),
            identity,
            inside: userns::resolve(policy.level, layers),
            caller: (host.caller.uid, host.caller.gid),
            privileged: host.caller.is_privileged(),
            uids: leasable(policy, identity, host)?,
            runtime: runtime(policy, identity, host)?,
            handed_over: if mounts.is_some() {
                vec![]
            } else {
                payload.trees.iter().map(|tree| tree.path.clone()).collect()
            },
            trees: if mounts.is_some() { payload.trees.clone() } else { vec![] },
            mounts,
            scratch: policy.files.scratch.clone(),
            argv: payload.argv.clone(),
            program,
            directory: payload.directory.clone(),
            environment: environment::resolve(policy, payload),
            stdin: payload.stdin,
            syscalls: architecture.map(|known| syscalls::resolve(policy.syscalls, known)),
            notes: notes(landlock.as_ref(), limits.as_ref()),
            landlock,
            limits,
        })
    }

    /// Whether the plan enforces `layer`.
    #[must_use]
    pub const fn has(&self, layer: Layer) -> bool {
        self.layers.has(layer)
    }
}

fn check_host(policy: &Policy, host: &Host) -> Result<(), Refusal> {
    if policy.level == Level::None && !(policy.lab && host.in_lab) {
        return Err(Refusal::BareOutsideLab);
    }
    if !MACHINES.contains(&host.machine.as_str()) {
        return Err(Refusal::Machine(host.machine.clone()));
    }
    if host.kernel < OLDEST_KERNEL {
        return Err(Refusal::Kernel(host.kernel));
    }
    if policy.layers.has(Layer::Userns) && !host.namespaces.are_usable() {
        return Err(Refusal::NoUserNamespaces);
    }
    if policy.level != Level::None
        && !policy.layers.has(Layer::Userns)
        && !host.caller.is_privileged()
    {
        return Err(Refusal::Meaningless(
            "without `userns` the other namespaces can be created by root only; drop `--without \
             userns` or run as root",
        ));
    }
    Ok(())
}

fn check_combination(layers: LayerSet, host: &Host) -> Result<(), Refusal> {
    if layers.has(Layer::Proc) && !layers.has(Layer::Pid) && !host.caller.is_privileged() {
        return Err(Refusal::Meaningless(
            "without `pid` only root can mount a fresh /proc; use `--without proc` together with \
             `--without pid`, or run as root",
        ));
    }
    Ok(())
}

fn namespaces(layers: LayerSet, own_files: bool) -> UnshareFlags {
    let wanted = [
        (layers.has(Layer::Userns), userns::NAMESPACE),
        (layers.has(Layer::Network), network::NAMESPACE),
        (layers.has(Layer::Pid), pid::NAMESPACE),
        (layers.has(Layer::Ipc), ipc::NAMESPACE),
        (layers.has(Layer::Hostname), hostname::NAMESPACE),
        (own_files, mounts::NAMESPACES),
    ];
    wanted.into_iter().filter_map(|(on, flag)| on.then_some(flag)).collect()
}

fn leasable(policy: &Policy, identity: IdentityChoice, host: &Host) -> Result<Vec<u32>, Refusal> {
    if identity != IdentityChoice::Lease {
        return Ok(vec![]);
    }
    let free: Vec<u32> = policy.uids.clone().filter(|uid| host.ids.is_free(*uid)).collect();
    if free.is_empty() { Err(Refusal::NoFreeUid(policy.uids.clone())) } else { Ok(free) }
}

fn runtime(
    policy: &Policy,
    identity: IdentityChoice,
    host: &Host,
) -> Result<Vec<PathBuf>, Refusal> {
    if identity == IdentityChoice::Caller {
        return Ok(vec![]);
    }
    let places = runtime_places(policy.runtime.as_ref(), host);
    if places.is_empty() { Err(Refusal::NoRuntime) } else { Ok(places) }
}

/// The rules of Landlock for the same files as the mount plan.
fn landlock(policy: &Policy, payload: &Payload, host: &Host) -> Result<Option<Rules>, Refusal> {
    if !policy.layers.has(Layer::Landlock) {
        return Ok(None);
    }
    let base = if policy.layers.has(Layer::Mounts) { Base::Empty } else { Base::Host };
    // Without the layer `mounts` the rules are for the files that it would have shown.
    let shown = Policy { layers: policy.layers.with(Layer::Mounts), ..policy.clone() };
    let grants = mounts::resolve(&shown, payload, host)
        .map(|files| mounts::accesses(&files, base))
        .unwrap_or_default();
    Ok(Some(landlock::resolve(&grants, false, host.landlock)?))
}

/// The limits, with control groups only where a lease holds their name.
fn limits(
    policy: &Policy,
    identity: IdentityChoice,
    host: &Host,
) -> Result<Option<Bounds>, Refusal> {
    if !policy.layers.has(Layer::Limits) {
        return Ok(None);
    }
    let mut bounds = limits::resolve(&policy.limits, &host.limits)?;
    if identity != IdentityChoice::Lease {
        bounds.groups.clear();
    }
    Ok(Some(bounds))
}

fn notes(landlock: Option<&Rules>, limits: Option<&Bounds>) -> Vec<String> {
    let lacking = landlock.map(|rules| rules.lacking.as_slice()).unwrap_or_default();
    let fallbacks = limits.map(|bounds| bounds.fallbacks.as_slice()).unwrap_or_default();
    lacking
        .iter()
        .map(ToString::to_string)
        .chain(fallbacks.iter().map(ToString::to_string))
        .collect()
}

/// Where leases are kept: the place that the caller named, else `/run/bulkhead` for root and the
/// caller's own runtime directory.
#[must_use]
pub fn runtime_places(named: Option<&PathBuf>, host: &Host) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.clone()];
    }
    let root = host.caller.is_privileged().then(|| PathBuf::from("/run/bulkhead"));
    let own = host.runtime.as_ref().map(|directory| directory.join("bulkhead"));
    root.into_iter().chain(own).collect()
}

const fn identity_name(identity: IdentityChoice) -> &'static str {
    match identity {
        IdentityChoice::Lease => "a leased uid",
        IdentityChoice::Useradd => "an account made by `useradd`",
        IdentityChoice::Caller => "the caller's own uid",
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::explain::write(self, f)
    }
}
