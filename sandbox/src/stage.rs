//! The sandbox's side of a launch: the order of confinement, written once.
//!
//! Everything here runs between `clone3` and the exec of the payload, in a process that has one
//! thread. Nothing is decided here; the plan says what is done, and this says when.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use rustix::io::Errno;

use crate::layers::limits::{self, slot::Slot};
use crate::layers::mounts::{self, MountPlan, NewRoot, What};
use crate::layers::{descriptors, hostname, identity, leash, network, privileges, proc, session};
use crate::plan::Plan;
use crate::scratch::Scratch;
use crate::step::{At, Fault, Step};
use crate::wire::{Link, Message};
use crate::words::Layer::{
    Descriptors, Environment, Hostname, Leash, Network, Pid, Privileges, Proc, Session, Userns,
};

mod init;
mod payload;
mod traces;

/// What the sandbox takes over from its supervisor.
#[derive(Debug)]
pub struct Inheritance {
    /// What ties it to the supervisor for as long as it lives.
    pub ties: Ties,
    /// The mounts that a privileged supervisor has opened, one place per entry of the plan.
    pub opened: Option<Vec<Option<OwnedFd>>>,
    /// The control groups to join.
    pub slot: Option<Slot>,
}

/// What ties a sandbox to its supervisor for as long as it lives.
#[derive(Debug)]
pub struct Ties {
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
}

/// The payload's ends of the pipes that it prints to.
#[derive(Debug)]
pub struct Output {
    /// Its standard output.
    pub standard_output: OwnedFd,
    /// Its standard error; the same pipe when not given.
    pub standard_error: Option<OwnedFd>,
}

/// Confines this process as `plan` says, runs the payload in it and exits.
pub fn enter(plan: &Plan, inheritance: Inheritance) -> ! {
    end_at_a_defect();
    let Inheritance { ties, opened, slot } = inheritance;
    let ended = confine(plan, &ties, opened, slot.as_ref()).and_then(|()| {
        drop(slot);
        init::reign(plan, &ties)
    });
    let message = ended.map_or_else(Message::Failed, Message::Ended);
    // Should the supervisor be gone, there is nobody to tell, and the namespace ends all the same.
    let _ = ties.supervisor.send(message);
    std::process::exit(0)
}

/// A panic ends the process at once. It would otherwise unwind into the copy of the supervisor that
/// this process began as, and do in its name what only the supervisor may.
fn end_at_a_defect() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |defect| {
        tell(defect);
        std::process::exit(125)
    }));
}

/// The order of confinement.
fn confine(
    plan: &Plan,
    ties: &Ties,
    opened: Option<Vec<Option<OwnedFd>>>,
    slot: Option<&Slot>,
) -> Result<(), Fault> {
    let Ties { supervisor, user, .. } = ties;
    // Who we are. Until the user is changed this process is root in the eyes of the kernel, so
    // nothing of the payload's may be touched before.
    if plan.has(Descriptors) {
        descriptors::apply(&kept(ties, opened.as_deref(), slot))?;
    }
    await_go(supervisor)?;
    if let Some(slot) = slot {
        // Before the first fork, so that no process is ever outside.
        limits::join(slot.doors()).at(Step::JoinControlGroup)?;
    }
    let opened = match (&plan.staging, &plan.mounts) {
        // As the user that the supervisor has, who may read more than the one of the build.
        (Some(staging), Some(files)) => {
            let scratch = Scratch::reopen(staging)?;
            Some(mounts::open_entries(files, Some(scratch.root()), None)?)
        }
        _ => opened,
    };
    if plan.has(Userns) {
        identity::apply(*user)?;
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

    // What we see.
    if plan.has(Hostname) {
        hostname::apply()?;
    }
    if plan.has(Network) {
        network::apply()?;
    }
    if let Some(files) = &plan.mounts {
        enter_files(plan, files, supervisor, *user, opened)?;
    }
    // What we may still do is given up by the payload's process: see `payload`. This one stays
    // able to end it.
    Ok(())
}

fn enter_files(
    plan: &Plan,
    files: &MountPlan,
    supervisor: &Link,
    user: (u32, u32),
    opened: Option<Vec<Option<OwnedFd>>>,
) -> Result<(), Fault> {
    let opened = match opened {
        Some(opened) => opened,
        None => open_by_ourselves(plan, files, supervisor, user)?,
    };
    let root = NewRoot::build(files, opened)?;
    let bound = files.entries.iter().any(|entry| entry.what == What::BoundProc);
    if plan.has(Privileges) && plan.has(Userns) && !bound {
        privileges::forbid_nesting(root.proc()?.as_fd())?;
    }
    if plan.has(Proc) && plan.has(Pid) && files.entries.iter().any(|e| e.what == What::Proc) {
        proc::mask(root.proc()?.as_fd(), root.directory())?;
    }
    root.enter()
}

/// Without privilege outside, paths are opened and copied in here, with no more rights than the
/// caller has; the supervisor gets the scratch file system, to read the outputs from.
fn open_by_ourselves(
    plan: &Plan,
    files: &MountPlan,
    supervisor: &Link,
    user: (u32, u32),
) -> Result<Vec<Option<OwnedFd>>, Fault> {
    let scratch = Scratch::make(None, user)?;
    scratch.fill(&plan.trees, plan.sharing, user)?;
    supervisor.send_with(Message::Scratch, Some(scratch.root())).at(Step::Scratch)?;
    mounts::open_entries(files, Some(scratch.root()), None)
}

fn await_go(supervisor: &Link) -> Result<(), Fault> {
    match supervisor.receive().at(Step::AwaitGo)? {
        Some((Message::Go, _)) => Ok(()),
        Some(_) => Err(Fault::new(Step::AwaitGo, Errno::BADMSG)),
        // The supervisor died. Nothing has happened yet, and nothing will.
        None => std::process::exit(0),
    }
}

/// The descriptors that the sandbox itself still needs.
fn kept(ties: &Ties, opened: Option<&[Option<OwnedFd>]>, slot: Option<&Slot>) -> Vec<RawFd> {
    let mounts = opened.unwrap_or_default().iter().flatten().map(AsRawFd::as_raw_fd);
    let doors = slot.into_iter().flat_map(Slot::doors).map(|door| door.as_raw_fd());
    let output = ties.output.iter().flat_map(Output::descriptors);
    let own = [ties.supervisor.as_fd().as_raw_fd(), ties.gate.as_raw_fd()];
    let mut kept: Vec<_> = mounts.chain(doors).chain(output).chain(own).collect();
    kept.sort_unstable();
    kept
}

impl Output {
    fn descriptors(&self) -> impl Iterator<Item = RawFd> {
        let Self { standard_output, standard_error } = self;
        std::iter::once(standard_output).chain(standard_error).map(AsRawFd::as_raw_fd)
    }
}
