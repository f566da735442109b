//! Everything that is decided before a launch. Nothing is decided after it.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustix::thread::UnshareFlags;

use crate::host::Host;
use crate::layers::environment::{Environment, Places};
use crate::layers::landlock::Rules;
use crate::layers::limits::Bounds;
use crate::layers::limits::slot::Group;
use crate::layers::mounts::{Base, MountPlan};
use crate::layers::syscalls::Filter;
use crate::layers::{
    environment, hostname, identity, ipc, landlock, limits, mounts, network, pid, syscalls, userns,
};
use crate::overlay::Sharing;
use crate::paths::Identity;
use crate::payload::{Payload, PrivateTree, Stdin};
use crate::policy::levels::Level;
use crate::policy::syscalls::{Architecture, Syscalls};
use crate::policy::{IdentityChoice, Policy};
use crate::words::{Layer, LayerSet};

mod choices;
mod contained;
mod demands;
pub mod holdings;
mod places;
mod refusal;
mod relocation;

pub use places::runtime_places;
pub use refusal::Refusal;
pub use relocation::Relocation;

/// The oldest kernel on which the mount calls and Landlock that the sandbox needs exist.
pub(crate) const OLDEST_KERNEL: (u32, u32) = (5, 13);

/// The architectures whose system calls the sandbox knows.
pub(crate) const MACHINES: [&str; 2] = ["x86_64", "aarch64"];

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
    /// What the caller's uid is around its user namespace, as far as that can be seen.
    pub caller_outside: Option<u32>,
    /// The supervisor, not the sandbox, opens paths and prepares mounts.
    pub privileged: bool,
    /// The user namespace belongs to the build's user, and not to the caller, from whom everything
    /// in it would be counted off.
    pub owns_namespace: bool,
    /// The uids that may be leased.
    pub uids: Vec<u32>,
    /// Where leases are kept, the best place first.
    pub runtime: Vec<PathBuf>,
    /// The file system of the build; `None` where it is the host's.
    pub mounts: Option<MountPlan>,
    /// The build's private directories.
    pub trees: Vec<PrivateTree>,
    /// How it gets its source tree; `None` where it works in the caller's, or has none.
    pub sharing: Option<Sharing>,
    /// The build's directories that become its user's own, where it works in them directly.
    pub handed_over: Vec<PrivateTree>,
    /// Where the private directories lie on disk; in memory when not given.
    pub scratch: Option<PathBuf>,
    /// The directory on disk that the supervisor prepares for a user who cannot mount; it is made
    /// anew by the launch.
    pub staging: Option<PathBuf>,
    /// What of the payload's has moved into the staging directory, where nothing can be mounted.
    pub relocation: Option<Relocation>,
    /// The command.
    pub argv: Vec<OsString>,
    /// Its program, an absolute path.
    pub program: PathBuf,
    /// Its working directory.
    pub directory: PathBuf,
    /// Paths that it must be able to read.
    pub needs: Vec<PathBuf>,
    /// Its environment.
    pub environment: Environment,
    /// Where it reads from.
    pub stdin: Stdin,
    /// The system calls that it may make; `None` where it may make all.
    pub syscalls: Option<Filter>,
    /// The choices that this filter was compiled from.
    pub choices: Option<(Syscalls, Architecture)>,
    /// The rules of Landlock; `None` where there are none.
    pub landlock: Option<Rules>,
    /// How much it may use; `None` where it may use all.
    pub limits: Option<Bounds>,
    /// The death of the process that called ends the build too.
    pub ends_with_caller: bool,
    /// What the layers hold only partly on this host, one sentence each.
    pub notes: Vec<String>,
    /// Which files the caller's paths stood for when they were looked at.
    pub known: BTreeMap<PathBuf, Identity>,
}

/// How the guarantees are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanKind {
    /// Not at all: the control of an experiment.
    #[default]
    Bare,
    /// By namespaces.
    Namespaced,
    /// Without them: by Landlock, the filter, a leased uid where there is one, and a guardian.
    Contained,
}

impl PlanKind {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Bare, Self::Namespaced, Self::Contained];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Namespaced => "namespaced",
            Self::Contained => "contained",
        }
    }

    /// The plan for `policy` on `host`. Namespaces are used wherever the host lets them be.
    fn choose(policy: &Policy, host: &Host) -> Self {
        let by_root_alone = !policy.layers.has(Layer::Userns) && host.caller.is_privileged();
        match policy.level {
            Level::None => Self::Bare,
            _ if host.namespaces.are_usable() || by_root_alone => Self::Namespaced,
            _ => Self::Contained,
        }
    }
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
        program: &Path,
        payload: &Payload,
        host: &Host,
    ) -> Result<Self, Refusal> {
        let kind = PlanKind::choose(policy, host);
        let mut notes = Vec::new();
        demands::check(kind, policy, host)?;
        let policy = &demands::adapt(kind, policy, host, &mut notes);
        let layers = policy.layers;
        let identity = identity::resolve(policy, host)
            .map_err(|identity| Refusal::IdentityNeedsRoot { identity, uid: host.caller.uid })?;
        let mounts = match kind {
            PlanKind::Contained => None,
            _ => mounts::resolve(policy, payload, host),
        };
        let staging = places::staging(kind, policy, identity, host).filter(|_| {
            // What the build works on directly is not copied anywhere.
            kind == PlanKind::Contained || mounts.is_some()
        });
        let relocation = staging.as_deref().filter(|_| kind == PlanKind::Contained);
        let relocation = relocation
            .map(|root| Relocation::new(root, &payload.trees, &payload.links, &payload.grants));
        let payload = &match &relocation {
            Some(relocation) => contained::relocated(payload, program, relocation),
            None => payload.clone(),
        };
        if relocation.is_some() && identity != IdentityChoice::Caller {
            demands::refuse_writable(payload)?;
        }
        let own_files = mounts.is_some() || relocation.is_some();
        let sharing = places::sharing(payload, own_files, staging.is_some(), host);
        let mounts = match sharing {
            Some(Sharing::Overlay(notes)) => mounts.map(|files| files.sharing_the_source(notes)),
            Some(Sharing::Copy(_)) | None => mounts,
        };
        demands::check_exchange(identity, payload, own_files)?;
        demands::refuse_whole_system(payload, own_files)?;
        // Who may not oversee what belongs to others has to own it.
        let owns_namespace = identity != IdentityChoice::Caller
            && layers.has(Layer::Userns)
            && host.caller.is_privileged()
            && host.caller.can_oversee;
        let counted_apart =
            identity != IdentityChoice::Caller && (owns_namespace || !layers.has(Layer::Userns));
        let limits = limits(kind, policy, (identity, counted_apart), host, &mut notes)?;
        let privileged = host.caller.is_privileged() && kind != PlanKind::Contained;
        let on_disk = staging.is_some() || privileged && policy.files.scratch.is_some();
        let memory = limits.as_ref().and_then(|limits| limits.memory);
        let mounts =
            if on_disk { mounts } else { mounts.map(|files| files.apart_in_memory(memory)) };
        let groups = limits.as_ref().map(|it| it.groups.as_slice()).unwrap_or_default();
        let mounts = mounts.map(|files| files.showing_groups(groups, &host.limits.separate));
        let landlock = landlock(policy, payload, host, (mounts.as_ref(), relocation.as_ref()))?;
        let recorded = staging.is_some() || limits.as_ref().is_some_and(|it| !it.groups.is_empty());
        let choices = choices::resolve(kind, policy, (identity, counted_apart), mounts.as_ref());
        let plan = Self {
            kind,
            level: policy.level,
            layers,
            namespaces: namespaces(layers, mounts.is_some()),
            identity,
            inside: userns::resolve(policy.level, layers),
            caller: (host.caller.uid, host.caller.gid),
            caller_outside: host.caller.outside,
            privileged,
            owns_namespace,
            uids: places::leasable(policy, identity, host)?,
            runtime: places::runtime(policy, identity, recorded, host),
            handed_over: if own_files { vec![] } else { payload.trees.clone() },
            trees: if own_files { payload.trees.clone() } else { vec![] },
            sharing,
            scratch: policy.files.scratch.clone(),
            staging,
            argv: payload.argv.clone(),
            program: relocation.as_ref().map_or_else(|| program.to_owned(), |it| it.path(program)),
            directory: payload.directory.clone(),
            needs: needs(payload),
            environment: environment(
                (policy, identity),
                payload,
                mounts.as_ref(),
                relocation.as_ref(),
            ),
            stdin: payload.stdin,
            syscalls: choices.map(|(chosen, known)| syscalls::resolve(chosen, known)),
            choices,
            known: known(payload),
            ends_with_caller: policy.ends_with_caller && layers.has(Layer::Leash),
            notes: said(notes, landlock.as_ref(), limits.as_ref()),
            mounts,
            relocation,
            landlock,
            limits,
        };
        demands::check_required(policy, &plan)?;
        Ok(plan)
    }

    /// Whether the plan enforces `layer`.
    #[must_use]
    pub const fn has(&self, layer: Layer) -> bool {
        self.layers.has(layer)
    }

    /// Bounds of the sandbox's user namespace; none where there is none, or no `/proc` to set them
    /// by. Then nothing can be watched at all: see `choices`.
    pub fn counts(&self) -> impl Iterator<Item = &(&'static str, u64)> {
        let settable = self.has(Layer::Userns) && !choices::shows_host_proc(self.mounts.as_ref());
        self.limits.iter().filter(move |_| settable).flat_map(|limits| &limits.counts)
    }

    /// The control groups of the build.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        self.limits.as_ref().map(|limits| limits.groups.as_slice()).unwrap_or_default()
    }

    /// Whether a build that is its caller has something that a record must name, for nothing else says
    /// whose it was.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        let owns = self.staging.is_some() || !self.groups().is_empty();
        self.identity == IdentityChoice::Caller && owns
    }

    /// Whether the supervisor may be unable to look at the descriptors of the payload's process,
    /// which has another user than itself and is in no user namespace of its making (`ptrace(2)`).
    #[must_use]
    pub fn looks_at_itself(&self) -> bool {
        !self.has(Layer::Userns) && self.identity != IdentityChoice::Caller
    }
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

/// What the build must be able to read: what its caller has named, and what it begins with.
fn needs(payload: &Payload) -> Vec<PathBuf> {
    let named = payload.grants.iter().filter(|grant| grant.named).map(|grant| &grant.path);
    named.chain(&payload.needs).cloned().collect()
}

/// Which files the paths of `payload` stand for, as far as it knows.
fn known(payload: &Payload) -> BTreeMap<PathBuf, Identity> {
    let trees = payload.trees.iter().map(|tree| (&tree.path, tree.identity));
    let grants = payload.grants.iter().map(|grant| (&grant.path, grant.identity));
    trees.chain(grants).filter_map(|(path, known)| Some((path.clone(), known?))).collect()
}

/// The rules of Landlock for the same files as the mount plan, or for all that there is to hold.
fn landlock(
    policy: &Policy,
    payload: &Payload,
    host: &Host,
    (mounts, relocation): (Option<&MountPlan>, Option<&Relocation>),
) -> Result<Option<Rules>, Refusal> {
    if !policy.layers.has(Layer::Landlock) {
        return Ok(None);
    }
    if let Some(relocation) = relocation {
        let grants = contained::grants(payload, host, relocation);
        let rules = landlock::resolve(&grants, true, host.landlock)?;
        return Ok(Some(rules.of_files(known(payload))));
    }
    let grants = match mounts {
        Some(files) if files.base == Base::Empty => mounts::accesses(files, Base::Empty),
        // Without the layer `mounts` the rules are for the files that it would have shown.
        _ => {
            let shown = Policy { layers: policy.layers.with(Layer::Mounts), ..policy.clone() };
            let files = mounts::resolve(&shown, payload, host);
            files.map(|files| mounts::accesses(&files, Base::Host)).unwrap_or_default()
        }
    };
    Ok(Some(landlock::resolve(&grants, false, host.landlock)?))
}

/// The limits, with control groups only where a lease or a claim holds their name.
fn limits(
    kind: PlanKind,
    policy: &Policy,
    (identity, counted_apart): (IdentityChoice, bool),
    host: &Host,
    notes: &mut Vec<String>,
) -> Result<Option<Bounds>, Refusal> {
    if !policy.layers.has(Layer::Limits) {
        return Ok(None);
    }
    let mut offer = host.limits.clone();
    offer.counted_apart = counted_apart;
    if identity == IdentityChoice::Useradd {
        (offer.processes, offer.memory) = (None, None);
    }
    if identity != IdentityChoice::Lease {
        // `RLIMIT_NPROC` counts by user within a user namespace.
        offer.counted_alone &= kind == PlanKind::Namespaced;
    }
    match limits::resolve(&policy.limits, &offer) {
        Err(unsettable) if policy.best_effort => {
            notes.push(unsettable.to_string());
            let attainable = limits::attainable(&policy.limits, &offer);
            Ok(Some(limits::resolve(&attainable, &offer)?))
        }
        resolved => Ok(Some(resolved?)),
    }
}

fn environment(
    (policy, identity): (&Policy, IdentityChoice),
    payload: &Payload,
    mounts: Option<&MountPlan>,
    relocation: Option<&Relocation>,
) -> Environment {
    let places = relocation.map(|relocation| Places {
        home: relocation.directory("home"),
        temporary: relocation.directory("tmp"),
    });
    let mounted = mounts.filter(|files| files.base == Base::Empty);
    let places = places.or_else(|| mounted.map(|_| Places::default()));
    let offline = policy.layers.has(Layer::Network) || relocation.is_some();
    let shared = identity != IdentityChoice::Caller
        && payload.grants.iter().any(|grant| grant.named && !grant.writable);
    let places = places.as_ref();
    environment::resolve(policy, payload, environment::Facts { places, offline, shared })
}

/// What the layers hold only partly.
fn said(notes: Vec<String>, landlock: Option<&Rules>, limits: Option<&Bounds>) -> Vec<String> {
    let lacking = landlock.map(|rules| rules.lacking.as_slice()).unwrap_or_default();
    let fallbacks = limits.map(|bounds| bounds.fallbacks.as_slice()).unwrap_or_default();
    let lacking = lacking.iter().map(ToString::to_string);
    notes.into_iter().chain(lacking).chain(fallbacks.iter().map(ToString::to_string)).collect()
}

#[cfg(test)]
mod tests;
