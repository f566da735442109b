//! The supervisor's side of a launch: it prepares, starts, watches and clears away.
//!
//! The caller must have one thread: the sandbox goes on with a copy of it. The `bulkhead` program
//! has; a library user starts that program.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::set_child_subreaper;

use crate::ending::{Fact, History, Phase};
use crate::host::kernel_file::number_of;
use crate::layers::landlock::Rules;
use crate::layers::limits::slot::{Slot, Usage};
use crate::layers::mounts::{Base, MountPlan};
use crate::layers::userns::owner;
use crate::layers::{identity, landlock, mounts, network, userns};
use crate::outcome::Outcome;
use crate::plan::{Plan, PlanKind};
use crate::policy::IdentityChoice;
use crate::scratch::{self, Copied, Scratch};
use crate::stage::{self, ChildContext};
use crate::step::{At, Fault, Step};
use crate::sys::clone::{self, Side, Started};
use crate::why::Trace;
use crate::wire::{Link, Message};
use crate::words::Layer;

mod beginning;
mod client;
mod deadline;
mod error;
mod finished;
mod heard;
mod input;
mod inspection;
mod launcher;
mod links;
mod patience;
mod readback;
pub mod rehearsal;
mod signals;
mod streams;
mod supervise;
mod tracer;
mod user;

pub use beginning::Beginning;
pub use client::Client;
pub use error::LaunchError;
pub(crate) use error::OWNED;
pub use inspection::{COMMAND as INSPECT, Inspection};
pub use launcher::{Ended, Launcher, LauncherError, Running, Standard};

use heard::Watched;
use patience::Patience;
use streams::Streams;
use supervise::Watch;
use tracer::Tracer;
use user::User;

/// A launch that is over, with everything that is to be collected from it.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// What went wrong outside of it while it ran, or afterwards.
    pub trouble: Option<LaunchError>,
    /// It printed the name of a sanitizer. That is the build's word, for a hint and nothing else.
    pub named_sanitizer: bool,
    /// What its processes met, where they were followed.
    pub trace: Option<Trace>,
    /// What happened to it that bears on its end.
    history: History,
    /// The private file system, while no process can change it any more.
    scratch: Option<Scratch>,
    /// Something of that stays, and its record with it.
    is_left: bool,
    user: User,
    slot: Option<Slot>,
    patience: Patience,
}

/// Runs the plan's payload to its end, for `client`.
///
/// # Errors
/// The payload did not run; nothing is left of the attempt.
pub fn run(plan: &Plan, client: &Client<'_>) -> Result<Finished, LaunchError> {
    if plan.kind == PlanKind::Bare {
        return Err(become_payload(plan));
    }
    let mut patience = Patience::begin(plan, client)?;
    patience.check()?;
    if plan.has(Layer::Identity) && (plan.privileged || plan.identity != IdentityChoice::Caller) {
        identity::drop_groups()?;
    }
    let mut user = User::acquire(plan)?;
    let disk = place_on_disk(plan)?;
    // The record comes first, so that neither a process nor a directory on disk is ever without one.
    let recorded = user.begin(plan, disk.as_deref()).and_then(|()| patience.check());
    let started =
        recorded.and_then(|()| start(plan, &mut user, &mut patience, disk.as_deref(), client));
    match started {
        Ok((Watched { outcome, history, scratch, trouble, named_sanitizer, tracer }, slot)) => {
            let (is_left, trace) = (false, tracer.and_then(Tracer::finish));
            Ok(Finished {
                outcome,
                trouble,
                named_sanitizer,
                trace,
                history,
                scratch,
                is_left,
                user,
                slot,
                patience,
            })
        }
        Err(error) => {
            // A signal may have done something to others of its group too.
            let error = error.blamed(patience.check().err(), None);
            // While the lease still names it, so that a kill at this point leaves nothing either.
            let removed = disk.as_deref().map(|disk| clear(disk, &mut patience));
            if removed.is_none_or(|removed| removed.is_ok()) {
                user.release()?;
            }
            Err(error)
        }
    }
}

/// Removes the directory `path` of a build that was not started.
fn clear(path: &Path, patience: &mut Patience) -> Result<(), scratch::Left> {
    scratch::remove_directory(path, &mut patience.clearing())
}

/// The new directory for what of the build lies on disk.
fn place_on_disk(plan: &Plan) -> Result<Option<PathBuf>, LaunchError> {
    if plan.staging.is_some() {
        return Ok(plan.staging.clone());
    }
    let place = plan.scratch.as_deref().filter(|_| plan.privileged && plan.mounts.is_some());
    Ok(place.map(scratch::new_path).transpose().at(Step::Scratch)?)
}

/// Prepares everything, hands it to the sandbox and tells it to go on. Gives the scratch file system
/// that is to be kept until the end.
fn prepare(
    plan: &Plan,
    user: &User,
    disk: Option<&Path>,
    slot: Option<&mut Slot>,
    (sandbox, patience): (&Link, &mut Patience),
    client: &Client<'_>,
) -> Result<Option<Scratch>, LaunchError> {
    let cgroup_fds: Vec<_> = slot.iter().flat_map(|slot| slot.cgroup_fds()).collect();
    sandbox.send_with(Message::CgroupFds, &cgroup_fds).at(Step::ControlGroup)?;
    let memory = plan.limits.as_ref().and_then(|limits| limits.memory);
    let go_on = &mut || patience.go_on();
    let scratch = match plan.mounts.as_ref().filter(|_| plan.privileged) {
        None => {
            let (trees, relocation) = (&plan.trees, plan.relocation.as_ref());
            let owner = user.outside();
            let stage = |path| Scratch::stage(path, trees, relocation, owner, memory, go_on);
            let (scratch, copied) = disk.map(stage).transpose()?.unzip();
            note_copy(&copied.unwrap_or_default(), slot, client)?;
            scratch
        }
        Some(files) => {
            let mut scratch = Scratch::make(disk, user.outside(), memory)?;
            let owner = user.outside();
            let copied = scratch.fill(&plan.trees, plan.sharing, owner, memory, go_on)?;
            note_copy(&copied, slot.filter(|_| disk.is_none()), client)?;
            hand_over_mounts(plan, files, user, &scratch, sandbox)?;
            sandbox.send(Message::Go).at(Step::OpenMount)?;
            scratch.detach().at(Step::Scratch)?;
            return Ok(Some(scratch));
        }
    };
    sandbox.send(Message::Go).at(Step::OpenMount)?;
    Ok(scratch)
}

/// Says what was left out of a copy, and counts what it takes for the build.
fn note_copy(
    copied: &Copied,
    slot: Option<&mut Slot>,
    client: &Client<'_>,
) -> Result<(), LaunchError> {
    client.say_left_out(&copied.left_out);
    Ok(slot.map_or(Ok(()), |slot| slot.charge(copied.bytes))?)
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
    let mut opened = mounts::open_entries(files, user.outside(), shown_as).map_err(located)?;
    mounts::check(files, &plan.known, &opened).map_err(located)?;
    let mount = scratch.mount().at(Step::Scratch)?;
    let moved = mounts::make_overlays(files, mount.as_fd(), &mut opened).map_err(located)?;
    let scratch = moved.unwrap_or(mount);
    let rules = plan.landlock.as_ref().map(|rules| begin_rules(rules, files, &opened));
    let rules = rules.transpose()?;
    let root = (files.base == Base::Empty).then(|| mounts::lay_out(files).map_err(located));
    let root = root.transpose()?;
    let mounts = std::iter::once(&scratch).chain(&root).chain(opened.iter().flatten());
    let mounts: Vec<_> = mounts.map(AsFd::as_fd).collect();
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

/// The control groups of the build, named after its lease or claim: whoever holds that holds them.
fn control_groups(plan: &Plan, user: &User) -> Result<Option<Slot>, LaunchError> {
    let groups = plan.groups();
    if groups.is_empty() {
        return Ok(None);
    }
    user.name().map(|name| Ok(Slot::make(groups, name)?)).transpose()
}

fn start(
    plan: &Plan,
    user: &mut User,
    patience: &mut Patience,
    disk: Option<&Path>,
    client: &Client<'_>,
) -> Result<(Watched, Option<Slot>), LaunchError> {
    let command = stage::Command::of(plan)?;
    let (sandbox, supervisor) = Link::pair().at(Step::Channels)?;
    let (gate, opener) = pipe_with(PipeFlags::CLOEXEC).at(Step::Channels)?;
    let (streams, output) = if plan.has(Layer::Descriptors) {
        let own = (plan.identity != IdentityChoice::Caller).then(|| user.outside());
        let (streams, output) = Streams::open(plan.has(Layer::Harvest), plan.stdin, own)?;
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
    user.mark()?;
    let owner = plan.owns_namespace.then(|| user.outside());
    let started = match owner::start(namespaces, owner)? {
        Side::Parent(started) => started,
        Side::Child => {
            // The supervisor's end must not live on in here: its end is the lifeline.
            // The same goes for the lock that says that it lives.
            drop((sandbox, opener, streams));
            user.let_go();
            let (user, mask) = (user.inside(plan), patience.signals().before());
            stage::enter(plan, &ChildContext { supervisor, gate, output, user, mask, command })
        }
    };
    drop((supervisor, gate, output));
    let mut slot = None;
    // Not before there are namespaces: where they are refused the caller's directories stay untouched.
    let watched = user
        .take_over(plan)
        .and_then(|()| map(plan, user, &sandbox, &started))
        .and_then(|()| {
            slot = control_groups(plan, user)?;
            prepare(plan, user, disk, slot.as_mut(), (&sandbox, patience), client)
        })
        .and_then(|scratch| {
            let (name, sandbox, started) = (user.name(), &sandbox, &started);
            let user = user.outside();
            let mut watch = Watch { plan, user, name, sandbox, started, patience, client };
            let watched = watch.until_the_end(opener, streams)?;
            Ok(Watched { scratch: scratch.or(watched.scratch), ..watched })
        })
        .map_err(|error| {
            clone::end(&started);
            let inside = heard::last_fault(&sandbox).map(|fault| located(plan, fault));
            error.blamed(None, inside)
        });
    let ended = if guarded { user.end_processes() } else { Ok(()) };
    let mut watched = match watched {
        Ok(watched) => watched.noting(ended),
        Err(error) => {
            // Nothing of it runs any more, so that the groups are empty.
            let _ = slot.map(Slot::remove);
            return Err(error);
        }
    };
    if let Some(slot) = &slot {
        let Usage { killed_for_memory, forks_refused, peak_memory } = slot.usage();
        watched.outcome.peak_memory = peak_memory;
        for (count, fact) in
            [(killed_for_memory, Fact::KilledForMemory), (forks_refused, Fact::ForksRefused)]
        {
            if count > 0 {
                watched.note(Phase::Running, fact);
            }
        }
        watched = watched.noting(slot.check().map_err(LaunchError::from));
    }
    Ok((watched, slot))
}

/// Maps the user of the sandbox, and tells it so.
fn map(plan: &Plan, user: &User, sandbox: &Link, started: &Started) -> Result<(), LaunchError> {
    if let Some(inside) = plan.inside {
        let number = number_of(&started.pidfd).at(Step::MapIds)?;
        userns::apply(&number, inside, user.outside())?;
    }
    Ok(sandbox.send(Message::Mapped).at(Step::AwaitGo)?)
}

/// The error for a fault, with the path that it is about: one of the plan's mounts, the program, or a
/// directory of the build's.
fn located(plan: &Plan, fault: Fault) -> LaunchError {
    if fault.step == Step::NetworkNamespace {
        return LaunchError::Refused { errno: fault.errno };
    }
    if fault.step == Step::ReachNeeds {
        let path = fault.item.and_then(|item| plan.needs.get(usize::from(item))).cloned();
        return LaunchError::Step { fault, path };
    }
    let entry = fault.item.and_then(|item| plan.mounts.as_ref()?.entries.get(usize::from(item)));
    if let (Step::MountEntry, Errno::LOOP, Some(entry)) = (fault.step, fault.errno, entry) {
        return LaunchError::Link(links::sentence(&entry.target));
    }
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
