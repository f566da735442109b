//! The supervisor's side of a launch: it prepares, starts, watches and clears away.
//!
//! The caller must have one thread: the sandbox goes on with a copy of it. The `bulkhead` program
//! has; a library user starts that program.
#![forbid(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::set_child_subreaper;

use crate::identity::IdentityError;
use crate::layers::landlock::Rules;
use crate::layers::limits::slot::{Slot, SlotError};
use crate::layers::mounts::{Base, MountPlan};
use crate::layers::{identity, landlock, mounts, network, userns};
use crate::outcome::{End, Outcome};
use crate::plan::{Plan, PlanKind};
use crate::policy::IdentityChoice;
use crate::scratch::{self, Scratch};
use crate::stage::{self, Ties};
use crate::step::{At, Fault, Step};
use crate::sys::clone::{Side, Started, clone_into};
use crate::wire::{Link, Message};
use crate::words::Layer;

mod client;
mod deadline;
mod launcher;
mod plain;
mod readback;
mod signals;
mod streams;
mod supervise;
mod user;

pub use client::Client;
pub use launcher::{Ended, Launcher, LauncherError, Running, Standard};

use signals::Signals;
use streams::Streams;
use supervise::{Watch, Watched};
use user::User;

/// A launch in which the payload did not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A step of the confinement failed.
    #[error("{fault}{}", about(.path.as_deref()))]
    Step {
        /// The step.
        fault: Fault,
        /// The path that it was about.
        path: Option<PathBuf>,
    },
    /// The namespaces were refused.
    #[error("could not create the namespaces: {errno}; {}", remedy(*.errno))]
    Refused {
        /// What `clone3(2)` answered.
        errno: Errno,
    },
    /// There is no user for the build.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is no control group for the build.
    #[error(transparent)]
    ControlGroup(#[from] SlotError),
    /// A layer did not take, as the kernel shows it.
    #[error(
        "the layer `{layer}` did not take: {found}; the command was not run (`--without {layer}` \
         does without it)"
    )]
    NotTaken {
        /// The layer.
        layer: Layer,
        /// What was seen instead.
        found: String,
    },
    /// The sandbox ended without a word, and the payload was never let through.
    #[error(
        "the sandbox {end} before the command was started; if nobody ended it (the kernel's log \
         tells of memory that ran out), this is a defect of bulkhead"
    )]
    Silent {
        /// How it ended.
        end: End,
    },
}

fn about(path: Option<&Path>) -> String {
    path.map(|path| format!(" ({})", path.display())).unwrap_or_default()
}

fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::PERM | Errno::ACCESS => {
            "this host forbids it: under Docker allow `unshare` with `--security-opt \
             seccomp=unconfined`; on Ubuntu set `kernel.apparmor_restrict_unprivileged_userns=0`"
        }
        Errno::NOSPC | Errno::USERS => "raise `user.max_user_namespaces` and its neighbours",
        Errno::AGAIN => "the caller's limit of processes is reached; raise it with `ulimit -u`",
        _ => "the kernel must be built with user namespaces",
    }
}

impl LaunchError {
    /// The step at which it failed.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Step { fault, .. } => fault.step,
            Self::Refused { .. } => Step::Clone,
            Self::Identity(IdentityError::Account { .. }) => Step::Account,
            Self::Identity(_) => Step::Lease,
            Self::ControlGroup(_) => Step::ControlGroup,
            Self::NotTaken { .. } => Step::ReadBack,
            Self::Silent { .. } => Step::Supervise,
        }
    }

    /// Whether the command was there and not to be executed.
    #[must_use]
    pub fn is_of_access(&self) -> bool {
        matches!(self, Self::Step { fault, .. } if fault.step == Step::Exec && fault.errno == Errno::ACCESS)
    }

    /// Whether it may be that this host refuses namespaces, or a part of what is done in them.
    #[must_use]
    pub fn is_of_namespaces(&self) -> bool {
        let Self::Step { fault, .. } = self else {
            return matches!(self, Self::Refused { .. });
        };
        let in_them = matches!(
            fault.step,
            Step::MapIds
                | Step::Hostname
                | Step::Loopback
                | Step::PrivateMounts
                | Step::NewRoot
                | Step::MountProc
        );
        in_them && matches!(fault.errno, Errno::PERM | Errno::ACCESS)
    }
}

impl From<Fault> for LaunchError {
    fn from(fault: Fault) -> Self {
        Self::Step { fault, path: None }
    }
}

/// A launch that is over, with everything that is to be collected from it.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong outside of it while it ran, or afterwards.
    pub trouble: Option<LaunchError>,
    /// The private file system, while no process can change it any more.
    scratch: Option<Scratch>,
    user: User,
}

/// Runs the plan's payload to its end, for `client`.
///
/// # Errors
/// The payload did not run; nothing is left of the attempt.
pub fn run(plan: &Plan, client: &Client<'_>) -> Result<Finished, LaunchError> {
    if plan.kind == PlanKind::Bare {
        return Err(become_payload(plan));
    }
    let signals = Signals::block()?;
    if plan.has(Layer::Identity) && (plan.privileged || plan.identity != IdentityChoice::Caller) {
        identity::drop_groups()?;
    }
    let mut user = User::acquire(plan)?;
    let disk = place_on_disk(plan)?;
    // The record comes first, so that neither a process nor a directory on disk is ever without one.
    let begun = user.take_over(plan).and_then(|()| user.begin(plan, disk.as_deref()));
    match begun.and_then(|()| start(plan, &user, &signals, disk.as_deref(), client)) {
        Ok(Watched { outcome, scratch, trouble }) => {
            Ok(Finished { outcome, trouble, scratch, user })
        }
        Err(error) => {
            // While the lease still names it, so that a kill at this point leaves nothing either.
            if let Some(disk) = &disk {
                scratch::remove_directory(disk);
            }
            user.release()?;
            Err(error)
        }
    }
}

/// What the supervisor prepares while the sandbox makes itself, and keeps until the end.
struct Prepared {
    scratch: Option<Scratch>,
    slot: Option<Slot>,
}

/// The new directory for what of the build lies on disk.
fn place_on_disk(plan: &Plan) -> Result<Option<PathBuf>, LaunchError> {
    if plan.staging.is_some() {
        return Ok(plan.staging.clone());
    }
    let place = plan.scratch.as_deref().filter(|_| plan.privileged && plan.mounts.is_some());
    Ok(place.map(scratch::new_path).transpose().at(Step::Scratch)?)
}

/// Prepares everything, hands it to the sandbox and tells it to go on.
fn prepare(
    plan: &Plan,
    user: &User,
    disk: Option<&Path>,
    sandbox: &Link,
) -> Result<Prepared, LaunchError> {
    let slot = control_groups(plan, user)?;
    let doors: Vec<_> = slot.iter().flat_map(Slot::doors).collect();
    sandbox.send_with(Message::Doors, &doors).at(Step::ControlGroup)?;
    let scratch = match plan.mounts.as_ref().filter(|_| plan.privileged) {
        None => {
            let (trees, relocation) = (&plan.trees, plan.relocation.as_ref());
            let stage = |path| Scratch::stage(path, trees, relocation, user.outside());
            disk.map(stage).transpose()?
        }
        Some(files) => {
            let mut scratch = Scratch::make(disk, user.outside())?;
            scratch
                .fill(&plan.trees, plan.sharing, user.outside())
                .map_err(|fault| located(plan, fault))?;
            hand_over_mounts(plan, files, user, &scratch, sandbox)?;
            sandbox.send(Message::Go).at(Step::OpenMount)?;
            scratch.detach().at(Step::Scratch)?;
            return Ok(Prepared { scratch: Some(scratch), slot });
        }
    };
    sandbox.send(Message::Go).at(Step::OpenMount)?;
    Ok(Prepared { scratch, slot })
}

/// Makes the new root and opens what is mounted in it, with the rules of Landlock for that.
fn hand_over_mounts(
    plan: &Plan,
    files: &MountPlan,
    user: &User,
    scratch: &Scratch,
    sandbox: &Link,
) -> Result<(), LaunchError> {
    // Only while the filter forbids set-id modes: through such a mount the build could otherwise
    // make a set-uid program of the caller's.
    let mapped = plan.identity == IdentityChoice::Lease && plan.has(Layer::Syscalls);
    let shown_as = mapped.then(|| user.outside());
    let located = |fault| located(plan, fault);
    let opened = mounts::open_entries(files, Some(scratch.root()), shown_as).map_err(located)?;
    let rules = plan.landlock.as_ref().map(|rules| begin_rules(rules, files, &opened));
    let rules = rules.transpose()?;
    let root = (files.base == Base::Empty).then(|| mounts::lay_out(files).map_err(located));
    let root = root.transpose()?;
    let mounts: Vec<_> = root.iter().chain(opened.iter().flatten()).map(AsFd::as_fd).collect();
    sandbox.hand_over(Message::Mounts, &mounts).at(Step::OpenMount)?;
    let rules: Vec<_> = rules.iter().map(AsFd::as_fd).collect();
    Ok(sandbox.hand_over(Message::Rules, &rules).at(Step::Landlock)?)
}

fn begin_rules(
    rules: &Rules,
    files: &MountPlan,
    opened: &[Option<OwnedFd>],
) -> Result<OwnedFd, Fault> {
    let failed = |failure: landlock::Failure| Fault::new(Step::Landlock, failure.errno());
    let ruleset = landlock::begin(rules).map_err(failed)?;
    for (entry, file) in files.entries.iter().zip(opened) {
        if let Some(file) = file {
            let file = (file.as_fd(), entry.what.is_directory());
            landlock::allow(rules, ruleset.as_fd(), &entry.target, file).map_err(failed)?;
        }
    }
    Ok(ruleset)
}

/// The control groups of the build, named after its lease: whoever holds that holds them.
fn control_groups(plan: &Plan, user: &User) -> Result<Option<Slot>, LaunchError> {
    let groups = plan.limits.as_ref().map(|limits| limits.groups.as_slice()).unwrap_or_default();
    if groups.is_empty() {
        return Ok(None);
    }
    user.name().map(|name| Ok(Slot::make(groups, name)?)).transpose()
}

fn start(
    plan: &Plan,
    user: &User,
    signals: &Signals,
    disk: Option<&Path>,
    client: &Client<'_>,
) -> Result<Watched, LaunchError> {
    let command = stage::Command::of(plan)?;
    let (sandbox, supervisor) = Link::pair().at(Step::Channels)?;
    let (gate, opener) = pipe_with(PipeFlags::CLOEXEC).at(Step::Channels)?;
    let (streams, output) = if plan.has(Layer::Descriptors) {
        let (streams, output) = Streams::open(plan.has(Layer::Harvest))?;
        (streams, Some(output))
    } else {
        (Streams::none(), None)
    };
    let guarded = plan.has(Layer::Leash) && !plan.has(Layer::Pid);
    if guarded {
        // Should the guardian be killed, what it watched over comes to us.
        set_child_subreaper(Some(rustix::process::getpid())).at(Step::Supervise)?;
    }
    // The sandbox makes the network namespace itself, while we prepare what it needs.
    let namespaces = plan.namespaces.difference(network::NAMESPACE);
    let started = match clone_into(namespaces).map_err(|errno| LaunchError::Refused { errno })? {
        Side::Parent(started) => started,
        Side::Child => {
            // The supervisor's end must not live on in here: its end is the lifeline.
            // The same goes for the lock that says that it lives.
            drop((sandbox, opener, streams));
            user.let_go();
            let (user, mask) = (user.inside(plan), signals.before());
            stage::enter(plan, &Ties { supervisor, gate, output, user, mask, command })
        }
    };
    drop((supervisor, gate, output));
    let prepared = map(plan, user, &sandbox, &started)
        .and_then(|()| prepare(plan, user, disk, &sandbox))
        .inspect_err(|_| supervise::end(&started));
    let prepared = prepared?;
    let watch = {
        let (user, sandbox, started) = (user.outside(), &sandbox, &started);
        Watch { plan, user, sandbox, started, signals, client }
    };
    let watched = watch.until_the_end(opener, streams).inspect_err(|_| supervise::end(&started));
    let ended = if guarded { user.end_processes() } else { Ok(()) };
    let mut watched = watched?;
    watched.note(ended);
    if let Some(slot) = prepared.slot {
        watched.outcome.account_for(slot.usage());
        match slot.remove() {
            // Without the layers that end it, something of the build may live on in there.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            other => watched.note(other.at(Step::ControlGroup).map_err(LaunchError::from)),
        }
    }
    watched.scratch = prepared.scratch.or(watched.scratch);
    Ok(watched)
}

/// Maps the user of the sandbox, and tells it so.
fn map(plan: &Plan, user: &User, sandbox: &Link, started: &Started) -> Result<(), LaunchError> {
    if let Some(inside) = plan.inside {
        userns::apply(started.pid, inside, user.outside())?;
    }
    Ok(sandbox.send(Message::Mapped).at(Step::AwaitGo)?)
}

/// The error for a fault, with the path that it is about: one of the plan's mounts, the program, or a
/// directory of the build's.
fn located(plan: &Plan, fault: Fault) -> LaunchError {
    if fault.step == Step::NetworkNamespace {
        return LaunchError::Refused { errno: fault.errno };
    }
    let entry = fault.item.and_then(|item| plan.mounts.as_ref()?.entries.get(usize::from(item)));
    let about = match fault.step {
        Step::Exec => Some(&plan.program),
        Step::WorkingDirectory => Some(&plan.directory),
        Step::CopySource => plan.trees.first().map(|tree| &tree.path),
        _ => None,
    };
    LaunchError::Step { fault, path: entry.map(|entry| &entry.target).or(about).cloned() }
}

/// Level `none`: the command in the place of this program.
fn become_payload(plan: &Plan) -> LaunchError {
    let mut command = Command::new(&plan.program);
    if let Some((name, arguments)) = plan.argv.split_first() {
        command.arg0(name).args(arguments);
    }
    command.env_clear().envs(plan.environment.variables.iter().map(|(name, value)| (name, value)));
    let error = command.current_dir(&plan.directory).exec();
    Fault::new(Step::Exec, Errno::from_io_error(&error).unwrap_or(Errno::IO)).into()
}

impl Finished {
    /// The build's private file system: `source`, `control`, `output`.
    #[must_use]
    pub fn scratch(&self) -> Option<BorrowedFd<'_>> {
        self.scratch.as_ref().map(Scratch::root)
    }

    /// Clears away what the build had, and gives the outcome.
    ///
    /// # Errors
    /// Something could not be removed; the next start or `bulkhead gc` tries again.
    pub fn clear(self) -> Result<Outcome, LaunchError> {
        if let Some(scratch) = self.scratch {
            scratch.remove().at(Step::Scratch)?;
        }
        self.user.release()?;
        Ok(self.outcome)
    }
}
