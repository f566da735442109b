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
    /// The way to the supervisor.
    pub supervisor: Link,
    /// The user to become, in the numbers of the sandbox.
    pub user: (u32, u32),
    /// The mounts that a privileged supervisor has opened, one place per entry of the plan.
    pub opened: Option<Vec<Option<OwnedFd>>>,
    /// The control groups to join.
    pub slot: Option<Slot>,
    /// The signals to block in the payload: those that were blocked in the caller.
    pub mask: nix::sys::signal::SigSet,
}

/// Confines this process as `plan` says, runs the payload in it and exits.
pub fn enter(plan: &Plan, inheritance: Inheritance) -> ! {
    let Inheritance { supervisor, user, opened, slot, mask } = inheritance;
    let ended = confine(plan, &supervisor, user, opened, slot.as_ref())
        .and_then(|()| init::reign(plan, &supervisor, user, &mask));
    let message = ended.map_or_else(Message::Failed, Message::Ended);
    // Should the supervisor be gone, there is nobody to tell, and the namespace ends all the same.
    let _ = supervisor.send(message);
    std::process::exit(0)
}

/// The order of confinement.
fn confine(
    plan: &Plan,
    supervisor: &Link,
    user: (u32, u32),
    opened: Option<Vec<Option<OwnedFd>>>,
    slot: Option<&Slot>,
) -> Result<(), Fault> {
    // Who we are. Until the user is changed this process is root in the eyes of the kernel, so
    // nothing of the payload's may be touched before.
    if plan.has(Descriptors) {
        descriptors::apply(&kept(supervisor, opened.as_deref(), slot))?;
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
            Some(mounts::open_entries(files, Some(scratch.root()))?)
        }
        _ => opened,
    };
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

    // What we see.
    if plan.has(Hostname) {
        hostname::apply()?;
    }
    if plan.has(Network) {
        network::apply()?;
    }
    if let Some(files) = &plan.mounts {
        enter_files(plan, files, supervisor, user, opened)?;
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
    scratch.fill(&plan.trees, user)?;
    supervisor.send_with(Message::Scratch, Some(scratch.root())).at(Step::Scratch)?;
    mounts::open_entries(files, Some(scratch.root()))
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
fn kept(supervisor: &Link, opened: Option<&[Option<OwnedFd>]>, slot: Option<&Slot>) -> Vec<RawFd> {
    let mounts = opened.unwrap_or_default().iter().flatten().map(AsRawFd::as_raw_fd);
    let doors = slot.into_iter().flat_map(Slot::doors).map(|door| door.as_raw_fd());
    let mut kept: Vec<_> = mounts.chain(doors).chain([supervisor.as_fd().as_raw_fd()]).collect();
    kept.sort_unstable();
    kept
}
