//! The sandbox's side of a launch: the order of confinement, written once.
//!
//! Everything here runs between `clone3` and the exec of the payload, in a process that has one
//! thread. Nothing is decided here; the plan says what is done, and this says when.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

use crate::ending::NOTHING_RUN;
use crate::layers::limits;
use crate::layers::mounts::{self, Base, MountPlan, NewRoot, Overlays, What};
use crate::layers::{
    descriptors, hostname, identity, leash, network, privileges, proc, session, userns,
};
use crate::overlay::AttachedScratch;
use crate::plan::Plan;
use crate::scratch::{Copied, FillError, Scratch};
use crate::step::{At, Fault, Step};
use crate::sys::clone::exit_at_once;
use crate::sys::mount::make_private;
use crate::wire::{Link, Message};
use crate::words::Layer::{
    Descriptors, Environment, Hostname, Leash, Network, Pid, Privileges, Proc, Session, Userns,
};

mod command;
mod init;
mod payload;
mod traces;

pub use command::Command;
use init::Init;

/// What ties a sandbox to its supervisor for as long as it lives.
#[derive(Debug)]
pub struct ChildContext {
    /// The way to the supervisor.
    pub supervisor: Link,
    /// Where the payload waits until it is let through, one byte; its end is the supervisor's.
    pub gate: OwnedFd,
    /// Where the payload prints to; the caller's own descriptors when not given.
    pub output: Option<Output>,
    /// The user to become, in the numbers of the sandbox.
    pub user: (u32, u32),
    /// The signals to block in the payload: those that were blocked in the caller.
    pub mask: nix::sys::signal::SigSet,
    /// What the payload's process becomes.
    pub command: Command,
}

/// What the supervisor has prepared while the sandbox was made.
#[derive(Debug, Default)]
struct Given {
    /// What a privileged supervisor makes and opens: the scratch file system, the new root, and
    /// mounts of the plan.
    mounts: Vec<OwnedFd>,
    /// The rules of Landlock for those mounts.
    rules: Option<OwnedFd>,
}

/// What the sandbox is in once it is confined.
#[derive(Debug, Default)]
struct ConfinedRoot {
    /// The new root.
    root: Option<NewRoot>,
    /// The rules of Landlock that the supervisor has begun.
    rules: Option<OwnedFd>,
}

/// The payload's ends of the pipes that it prints to and reads from.
#[derive(Debug)]
pub struct Output {
    /// Its standard output.
    pub standard_output: OwnedFd,
    /// Its standard error; the same pipe when not given.
    pub standard_error: Option<OwnedFd>,
    /// Its standard input; the null device when not given.
    pub standard_input: Option<OwnedFd>,
}

/// Confines this process as `plan` says, runs the payload in it and exits.
pub fn enter(plan: &Plan, context: &ChildContext) -> ! {
    end_at_a_defect();
    let ended = confine(plan, context)
        .and_then(|(init, confined)| init.run_until_payload_exits(plan, context, confined));
    let message = ended.map_or_else(Message::Failed, Message::Ended);
    // Should the supervisor be gone, there is nobody to tell, and the namespace ends all the same.
    let _ = context.supervisor.send(message);
    exit_at_once(0)
}

/// A panic ends the process at once. It would otherwise unwind into the copy of the supervisor that
/// this process began as, and do in its name what only the supervisor may.
fn end_at_a_defect() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |defect| {
        tell(defect);
        std::process::exit(i32::from(NOTHING_RUN))
    }));
}

/// The order of confinement.
fn confine(plan: &Plan, context: &ChildContext) -> Result<(Init, ConfinedRoot), Fault> {
    let ChildContext { supervisor, user, .. } = context;
    // While the supervisor prepares: what needs nothing of it. Until the user is changed this
    // process is root in the eyes of the kernel, so nothing of the payload's may be touched before.
    if plan.has(Descriptors) {
        descriptors::apply(&kept(context))?;
    }
    if plan.has(Network) {
        network::enter()?;
        network::apply()?;
    }
    if plan.has(Hostname) {
        hostname::apply()?;
    }

    // Who we are. Where directories on disk are to be opened it is the supervisor's user that does
    // so, who may read more than the one of the build.
    let at_once = plan.staging.is_none();
    await_mapping(supervisor)?;
    if at_once {
        become_user(plan, *user)?;
    }
    // Before the first fork, so that no process is ever outside.
    let cgroup_fds = await_cgroup_fds(supervisor)?;
    limits::join(cgroup_fds.iter().map(AsFd::as_fd)).at(Step::JoinControlGroup)?;
    drop(cgroup_fds);
    if plan.mounts.is_some() {
        mounts::begin_view_of_groups()?;
    }
    // The payload's process is started as soon as it is who it will be, and waits: what it gives up
    // by itself it gives up while the files are made.
    let init = at_once.then(|| Init::start(plan, context)).transpose()?;

    // What we see.
    let own = plan.mounts.as_ref().filter(|_| at_once).map(mounts::make_own).transpose()?;
    let given = await_preparation(supervisor)?;
    let root = enter_files(plan, supervisor, *user, own, given.mounts)?;
    if !at_once && plan.mounts.is_none() {
        become_user(plan, *user)?;
    }
    // What we may still do is given up by the payload's process: see `payload`. This one stays
    // able to end it, and lets go of the host's root meanwhile: see `init`.
    let init = init.map_or_else(|| Init::start(plan, context), Ok)?;
    Ok((init, ConfinedRoot { root, rules: given.rules }))
}

/// Makes the plan's files what this process sees, from what it has made itself and what it was
/// given.
fn enter_files(
    plan: &Plan,
    supervisor: &Link,
    user: (u32, u32),
    own: Option<Vec<Option<OwnedFd>>>,
    given: Vec<OwnedFd>,
) -> Result<Option<NewRoot>, Fault> {
    let Some(files) = &plan.mounts else { return Ok(None) };
    make_private().at(Step::PrivateMounts)?;
    let (laid_out, mut opened, attached, overlays) = match &plan.staging {
        Some(staging) => {
            let opened = mounts::open_entries(files, user, None)?;
            mounts::check(files, &plan.known, &opened)?;
            (None, opened, Scratch::reopen(staging)?, Overlays::Made)
        }
        None if plan.privileged => {
            let mut given = given.into_iter();
            let scratch = given.next().ok_or(Errno::BADMSG).at(Step::AwaitGo)?;
            let laid_out = if files.base == Base::Empty { given.next() } else { None };
            let opened = mounts::assign(files, given).at(Step::AwaitGo)?;
            (laid_out, opened, AttachedScratch::take(scratch).at(Step::Scratch)?, Overlays::Made)
        }
        None => {
            let (opened, attached) = open_by_ourselves(plan, files, supervisor, user)?;
            (None, opened, attached, Overlays::ToBeMade)
        }
    };
    mounts::open_scratch(files, &attached, &mut opened, overlays)?;
    if files.base == Base::Host {
        // Else it goes with the host's root.
        attached.leave().at(Step::Scratch)?;
    }
    if plan.staging.is_some() {
        become_user(plan, user)?;
    }
    let own = own.map_or_else(|| mounts::make_own(files), Ok)?;
    let laid_out = match laid_out {
        None if files.base == Base::Empty => Some(mounts::lay_out(files)?),
        given => given,
    };
    let root = NewRoot::of(files, laid_out)?;
    let empty = root.fill(files, own, opened)?;
    cover_proc_and_bound(plan, files, &root, empty)?;
    root.enter()?;
    Ok(Some(root))
}

/// Becomes the build's user, with what has to follow at once.
fn become_user(plan: &Plan, user: (u32, u32)) -> Result<(), Fault> {
    if plan.has(Userns) {
        identity::apply(user)?;
    }
    if plan.has(Leash) && plan.has(Pid) {
        leash::apply()?;
    } else if plan.has(Leash) {
        leash::stand_guard()?;
    }
    if plan.has(Session) {
        session::apply_keyring()?;
    }
    if plan.has(Environment) {
        traces::wipe()?;
    }
    Ok(())
}

/// Covers what `/proc` tells and does, forbids namespaces inside this one, and bounds what its user
/// may take of the caller's.
fn cover_proc_and_bound(
    plan: &Plan,
    files: &MountPlan,
    root: &NewRoot,
    empty: Option<OwnedFd>,
) -> Result<(), Fault> {
    let bound = files.entries.iter().any(|entry| entry.what == What::BoundProc);
    if plan.has(Privileges) && plan.has(Userns) && !bound {
        privileges::forbid_nesting(root.proc()?.as_fd())?;
    }
    for (name, most) in plan.counts() {
        userns::bound(root.proc()?.as_fd(), name, *most).at(Step::BoundCounts)?;
    }
    if plan.has(Proc) && plan.has(Pid) && files.entries.iter().any(|e| e.what == What::Proc) {
        proc::mask(root.proc()?.as_fd(), root.directory(), empty)?;
    }
    Ok(())
}

/// Without privilege outside, paths are opened and copied in here, with no more rights than the
/// caller has; the supervisor gets the scratch file system, to read the outputs from. Paths come
/// first, before anything lies over them.
fn open_by_ourselves(
    plan: &Plan,
    files: &MountPlan,
    supervisor: &Link,
    user: (u32, u32),
) -> Result<(Vec<Option<OwnedFd>>, AttachedScratch), Fault> {
    let memory = plan.limits.as_ref().and_then(|limits| limits.memory);
    let scratch = Scratch::make(None, user, memory)?;
    let copied = scratch.fill(&plan.trees, plan.sharing, user, memory, &mut || true);
    tell_of_copy(supervisor, &copied)?;
    copied.map_err(|error| error.fault())?;
    supervisor.send_with(Message::Scratch, &[scratch.root()]).at(Step::Scratch)?;
    let opened = mounts::open_entries(files, user, None)?;
    mounts::check(files, &plan.known, &opened)?;
    let attached = scratch.mount().and_then(AttachedScratch::take).at(Step::Scratch)?;
    Ok((opened, attached))
}

/// Tells what was left out of a copy, or what it failed at.
fn tell_of_copy(supervisor: &Link, copied: &Result<Copied, FillError>) -> Result<(), Fault> {
    let text = match copied {
        Ok(copied) => copied.left_out.join("\n"),
        Err(FillError::Copy(error)) => error.to_string(),
        Err(FillError::Step(_)) => return Ok(()),
    };
    if text.is_empty() {
        return Ok(());
    }
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    let file = rustix::fs::memfd_create("said", flags).at(Step::CopySource)?;
    rustix::io::write(&file, text.as_bytes()).at(Step::CopySource)?;
    supervisor.send_with(Message::Copied, &[file.as_fd()]).at(Step::CopySource)
}

/// Waits until the supervisor has mapped the user of the sandbox.
fn await_mapping(supervisor: &Link) -> Result<(), Fault> {
    match word(supervisor)? {
        (Message::Mapped, _) => Ok(()),
        _ => Err(Fault::new(Step::AwaitGo, Errno::BADMSG)),
    }
}

/// Waits for the control groups to join.
fn await_cgroup_fds(supervisor: &Link) -> Result<Vec<OwnedFd>, Fault> {
    match word(supervisor)? {
        (Message::CgroupFds, cgroup_fds) => Ok(cgroup_fds),
        _ => Err(Fault::new(Step::AwaitGo, Errno::BADMSG)),
    }
}

/// Waits until the supervisor has prepared everything, and takes it over.
fn await_preparation(supervisor: &Link) -> Result<Given, Fault> {
    let mut given = Given::default();
    loop {
        match word(supervisor)? {
            (Message::Mounts, mounts) => given.mounts.extend(mounts),
            (Message::Rules, rules) => given.rules = rules.into_iter().next(),
            (Message::Go, _) => return Ok(given),
            _ => return Err(Fault::new(Step::AwaitGo, Errno::BADMSG)),
        }
    }
}

fn word(supervisor: &Link) -> Result<(Message, Vec<OwnedFd>), Fault> {
    let word = supervisor.receive().at(Step::AwaitGo)?;
    // The supervisor died, or gave up. Nothing of the payload's has happened, and nothing will.
    word.map_or_else(|| std::process::exit(0), Ok)
}

/// The descriptors that the sandbox itself still needs.
fn kept(context: &ChildContext) -> Vec<RawFd> {
    let output = context.output.iter().flat_map(Output::descriptors);
    let own = [context.supervisor.as_fd().as_raw_fd(), context.gate.as_raw_fd()];
    let mut kept: Vec<_> = output.chain(own).collect();
    kept.sort_unstable();
    kept
}

impl Output {
    fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let Self { standard_output, standard_error, standard_input } = self;
        let pipes = std::iter::once(standard_output).chain(standard_error).chain(standard_input);
        pipes.map(AsRawFd::as_raw_fd)
    }
}
