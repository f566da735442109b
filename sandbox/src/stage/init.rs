//! The first process of the sandbox: it starts the payload, reaps whatever loses its parent and
//! ends when the payload ends, or when the supervisor does.
#![forbid(unsafe_code)]

use std::os::fd::AsFd;

use nix::sys::signal::{SigSet, SigmaskHow, Signal as NixSignal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitOptions, kill_process, set_child_subreaper,
    set_dumpable_behavior, wait,
};

use super::{ChildContext, ConfinedRoot, payload};
use crate::identity::processes;
use crate::layers::mounts::NewRoot;
use crate::plan::Plan;
use crate::policy::IdentityChoice;
use crate::scratch;
use crate::step::{At, Fault, Step};
use crate::sys::clone::{Side, Started, fork};
use crate::wire::{Link, Message};
use crate::words::Layer;

/// The first process, with the payload's process started.
#[derive(Debug)]
pub(super) struct Init {
    payload: Started,
    /// The way to it.
    word: Link,
    signals: SignalFd,
}

impl Init {
    /// Starts the payload's process, which goes as far as it can without the files of the build.
    pub(super) fn start(plan: &Plan, context: &ChildContext) -> Result<Self, Fault> {
        if plan.has(Layer::Leash) && !plan.has(Layer::Pid) {
            // Without a process namespace, what loses its parent must come back here to be ended.
            set_child_subreaper(Some(rustix::process::getpid())).at(Step::ForkPayload)?;
        }
        let mut children = SigSet::empty();
        children.add(NixSignal::SIGCHLD);
        sigprocmask(SigmaskHow::SIG_BLOCK, Some(&children), None).at(Step::ForkPayload)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&children, flags).at(Step::ForkPayload)?;
        let (word, heard) = Link::pair().at(Step::ForkPayload)?;
        match fork().at(Step::ForkPayload)? {
            Side::Parent(payload) => {
                // So that the supervisor can look at what is around it in good time.
                let process = [payload.pidfd.as_fd()];
                context.supervisor.send_with(Message::Payload, &process).at(Step::ForkPayload)?;
                Ok(Self { payload, word, signals })
            }
            Side::Child => {
                // Its end must be heard, so nobody else may hold the other side.
                drop((word, signals));
                payload::become_payload(plan, context, heard)
            }
        }
    }

    /// Runs the payload within `confined` and gives its status of `waitpid(2)`.
    pub(super) fn run_until_payload_exits(
        self,
        plan: &Plan,
        context: &ChildContext,
        confined: ConfinedRoot,
    ) -> Result<i32, Fault> {
        let ChildContext { supervisor, user, .. } = context;
        let Self { payload, word, signals } = self;
        let rules: Vec<_> = confined.rules.iter().map(AsFd::as_fd).collect();
        word.send_with(Message::Go, &rules).at(Step::ForkPayload)?;
        drop(word);
        if plan.has(Layer::Privileges) {
            // From here on no process of the payload's user may look into this one (`ptrace(2)`). The
            // payload waits at the gate until the supervisor has the next message.
            set_dumpable_behavior(DumpableBehavior::NotDumpable).at(Step::ForkPayload)?;
        }
        // The kernel takes its time over this, in which the payload's process gives up the rest of
        // what it must not have.
        confined.root.map_or(Ok(()), NewRoot::let_go)?;
        supervisor.send(Message::Entered).at(Step::ForkPayload)?;
        let status = watch(plan, supervisor, &payload, &signals, *user)?;
        if plan.has(Layer::Leash) && !plan.has(Layer::Pid) {
            processes::end_descendants();
        }
        Ok(status)
    }
}

fn watch(
    plan: &Plan,
    supervisor: &Link,
    payload: &Started,
    signals: &SignalFd,
    user: (u32, u32),
) -> Result<i32, Fault> {
    let mut listening = true;
    loop {
        if let Some(status) = reap(payload.pid).at(Step::Supervise)? {
            return Ok(status);
        }
        let link = PollFd::new(supervisor, PollFlags::IN);
        let death = PollFd::new(signals, PollFlags::IN);
        let mut ready = [death, link];
        let count = if listening { 2 } else { 1 };
        match poll(ready.get_mut(..count).unwrap_or_default(), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Fault::new(Step::Supervise, errno)),
        }
        while signals.read_signal().at(Step::Supervise)?.is_some() {}
        let [_, link] = &ready;
        if listening && !link.revents().is_empty() {
            listening = obey(plan, supervisor, payload, user)?;
        }
    }
}

/// Does what the supervisor asks for; without one, ends the sandbox. Gives whether it still lives.
fn obey(
    plan: &Plan,
    supervisor: &Link,
    payload: &Started,
    user: (u32, u32),
) -> Result<bool, Fault> {
    match supervisor.receive().at(Step::Supervise)? {
        Some((Message::Signal(number), _)) => {
            if let Some(signal) = Signal::from_named_raw(i32::from(number)) {
                // A payload that is dead already needs no signal.
                let _ = kill_process(payload.pid, signal);
            }
            Ok(true)
        }
        Some(_) => Ok(true),
        None if plan.has(Layer::Leash) => {
            if !plan.has(Layer::Pid) {
                guard(plan, user);
            }
            std::process::exit(0)
        }
        None => Ok(false),
    }
}

/// Reaps all that is dead, and gives the payload's status once it is among them.
fn reap(payload: Pid) -> Result<Option<i32>, Errno> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == payload => return Ok(Some(status.as_raw())),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(None),
            Err(errno) => return Err(errno),
        }
    }
}

/// What a guardian does when the supervisor is dead: nothing of the build is to be left. What it
/// does not get done, the next holder of the lease does.
fn guard(plan: &Plan, user: (u32, u32)) {
    processes::end_descendants();
    let _ = match (plan.identity, processes::own_mark()) {
        _ if plan.inside.is_some() => Ok(()),
        (IdentityChoice::Lease, Some(mark)) => processes::end_marked(user.0, mark),
        (IdentityChoice::Useradd, _) => processes::end_all_of(user.0),
        (IdentityChoice::Lease | IdentityChoice::Caller, _) => Ok(()),
    };
    if let Some(staging) = &plan.staging {
        // What stays is named by the record of the dead supervisor.
        let _ = scratch::remove_directory(staging, &mut || true);
    }
}
