//! The last steps before the command runs, in the process that becomes it.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::sys::signal::{SigmaskHow, sigprocmask};
use rustix::fs::{Access, CWD, Mode, OFlags, access, openat};
use rustix::io::Errno;
use rustix::process::fchdir;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use super::{ChildContext, Output};

use crate::ending::{NOTHING_RUN, NotRun};
use crate::layers::landlock::{Proof, Rules};
use crate::layers::mounts::Entry;
use crate::layers::{
    descriptors, identity, landlock, leash, limits, privileges, session, syscalls,
};
use crate::paths;
use crate::payload::Stdin;
use crate::plan::Plan;
use crate::step::{At, Fault, Step};
use crate::sys::descriptors::close_between;
use crate::sys::signals::restore;
use crate::wire::{Link, Message};
use crate::words::Layer::{Descriptors, Leash, Pid, Privileges, Session, Userns};

/// Gives up what the payload must not have, and becomes it. The files of the build are there when
/// the first process has sent its `word`.
pub(super) fn become_payload(plan: &Plan, context: &ChildContext, word: Link) -> ! {
    let Err(fault) =
        first_steps(plan, word).and_then(|rules| last_steps(plan, context, rules.as_ref()));
    // The supervisor reports the step; a command that is not there is an end like any other.
    let status = NotRun::of(fault).exit_status();
    let _ = context.supervisor.send(Message::Failed(fault));
    std::process::exit(i32::from(status))
}

/// What needs no file of the build, and the wait for them; gives the rules of Landlock that the
/// supervisor has begun.
fn first_steps(plan: &Plan, word: Link) -> Result<Option<OwnedFd>, Fault> {
    if plan.has(Session) {
        session::apply_terminal()?;
    }
    if plan.has(Privileges) && plan.has(Userns) {
        privileges::empty_bounding_set_if_allowed()?;
    }
    let received = word.receive().at(Step::AwaitGo)?;
    drop(word);
    match received {
        Some((Message::Go, rules)) => Ok(rules.into_iter().next()),
        Some(_) => Err(Fault::new(Step::AwaitGo, Errno::BADMSG)),
        // The first process has failed, and has said so.
        None => std::process::exit(0),
    }
}

fn last_steps(
    plan: &Plan,
    context: &ChildContext,
    begun: Option<&OwnedFd>,
) -> Result<Infallible, Fault> {
    standard_streams(plan, context).at(Step::StandardStreams)?;
    enter_directory(plan).at(Step::WorkingDirectory)?;
    if !plan.has(Userns) {
        if plan.has(Privileges) {
            // While there still is the capability to do so.
            privileges::empty_bounding_set_if_allowed()?;
            identity::apply(context.user)?;
        } else {
            // Landlock and the filter want `no_new_privs` or a capability; the exec drops it.
            privileges::kept_across(|| identity::apply(context.user))?;
        }
    }
    reach(plan)?;
    if plan.has(Leash) && !plan.has(Pid) {
        // The second line behind the guardian.
        leash::apply()?;
    }
    if let Some(bounds) = &plan.limits {
        limits::apply(bounds).at(Step::Rlimits)?;
    }
    if plan.has(Privileges) {
        privileges::apply()?;
    }
    if let Some(rules) = &plan.landlock {
        confine_files(plan, rules, begun)
            .map_err(|failure| Fault::new(Step::Landlock, failure.errno()))?;
    }
    if plan.has(Descriptors) {
        descriptors::seal()?;
        if plan.looks_at_itself() {
            descriptors::look()?;
        }
    }
    restore().at(Step::Exec)?;
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&context.mask), None).at(Step::Exec)?;
    if let Some(filter) = &plan.syscalls {
        // Last, for everything above needs calls that the payload may not make.
        syscalls::apply(filter).at(Step::Syscalls)?;
    }
    await_gate(context)?;
    context.command.execute().at(Step::Exec)
}

/// Enters the working directory; where it is the host's own, the one that was looked at.
fn enter_directory(plan: &Plan) -> Result<(), Errno> {
    let own = plan.mounts.is_none() || plan.relocation.is_some();
    let known = plan.known.get(&plan.directory).copied().filter(|_| own);
    fchdir(paths::reopen(&plan.directory, known, OFlags::PATH | OFlags::DIRECTORY)?)
}

/// Looks whether the user of the build, which this is now, comes to what it is given: that it cannot
/// read its script an interpreter would say in words of its own, and of all else the build at best.
fn reach(plan: &Plan) -> Result<(), Fault> {
    plan.needs.iter().enumerate().try_for_each(|(index, path)| {
        let enter = if path.is_dir() { Access::EXEC_OK } else { Access::empty() };
        let readable = access(path, Access::READ_OK | enter).at(Step::ReachNeeds);
        readable.map_err(|fault| fault.about(index))
    })
}

/// Applies the rules of Landlock. Those of what the supervisor has opened are in what it has begun.
fn confine_files(
    plan: &Plan,
    rules: &Rules,
    begun: Option<&OwnedFd>,
) -> Result<Proof, landlock::Failure> {
    let Some(begun) = begun else { return landlock::apply(rules) };
    let opened = |entry: &&Entry| entry.what.is_opened();
    let opened: Vec<_> =
        plan.mounts.iter().flat_map(|files| files.entries.iter().filter(opened)).collect();
    landlock::complete(rules, begun.as_fd(), |path| {
        opened.iter().any(|entry| entry.target.as_os_str().as_bytes() == path)
    })
}

fn standard_streams(plan: &Plan, context: &ChildContext) -> Result<(), Errno> {
    if plan.stdin == Stdin::Null {
        let null = openat(CWD, "/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        dup2_stdin(&null)?;
    }
    if let Some(pipes) = &context.output {
        let Output { standard_output, standard_error, standard_input } = pipes;
        dup2_stdout(standard_output)?;
        dup2_stderr(standard_error.as_ref().unwrap_or(standard_output))?;
        if let Some(standard_input) = standard_input {
            dup2_stdin(standard_input)?;
        }
        // This process has no other use for them, and the fewer it has the fewer are looked at.
        for pipe in pipes.descriptors() {
            close_between(pipe, pipe)?;
        }
    }
    Ok(())
}

/// Tells the supervisor that all is in place, and waits until it has seen for itself.
fn await_gate(context: &ChildContext) -> Result<(), Fault> {
    context.supervisor.send(Message::Ready).at(Step::Gate)?;
    loop {
        match rustix::io::read(&context.gate, &mut [0; 1]) {
            Ok(1) => return Ok(()),
            Err(Errno::INTR) => {}
            // It has seen something else than it should, or is dead.
            Ok(_) => std::process::exit(i32::from(NOTHING_RUN)),
            Err(errno) => return Err(Fault::new(Step::Gate, errno)),
        }
    }
}
