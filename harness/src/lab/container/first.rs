//! The container's first process: makes its mounts, becomes the container's own copy of the program, starts
//! the harness, and ends with it.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::FdFlags;
use sandbox::sys::descriptors::adopt;
use sandbox::sys::keyring;

use super::super::{LabError, at_step};
use super::{Errand, FIRST, INSIDE, MADE, PROGRAM, TEMPORARY, explained, tree};

/// What a program ends with that cannot do what it was started for.
const BROKEN: u8 = 70;
/// What it ends with where this machine cannot hold a run.
const UNABLE: u8 = 20;
/// More processes than all labs of a run need at once, and fewer than this machine feels.
const PROCESSES: usize = 2048;
/// How often they are counted, where no control groups bound them.
const COUNTED: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// Makes the container around this process, and goes on as its first one.
pub(super) fn make(errand: Option<Errand>) -> ExitCode {
    let Some(errand) = errand else { return ExitCode::from(BROKEN) };
    let (Some(report), Some(lifeline), Some(table)) =
        (adopt(errand.report), adopt(errand.lifeline), adopt(errand.table))
    else {
        return ExitCode::from(BROKEN);
    };
    let Err(error) = made(&errand, [&report, &lifeline, &table]);
    // Without the supervisor nobody is left who could be told.
    let _untold = fs::File::from(report).write_all(explained(&error).as_bytes());
    ExitCode::from(BROKEN)
}

/// Never returns but with an error.
fn made(
    errand: &Errand,
    [report, lifeline, table]: [&OwnedFd; 3],
) -> Result<std::convert::Infallible, LabError> {
    let killed = rustix::process::Signal::KILL;
    let tied = rustix::process::set_parent_process_death_signal(Some(killed)).map_err(Into::into);
    at_step("the tie to the supervisor", tied)?;
    // What the supervisor's caller has in its keyring is not for anybody in here; without keyrings in the
    // kernel there is none.
    let _none = keyring::join_new_session_keyring();
    let flags = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    at_step("the container's namespaces", unshare(flags).map_err(Into::into))?;
    tree::enter(&errand.folders)?;
    // Not everything that can be a working directory is shown, and many commands need none.
    if let Err(error) = std::env::set_current_dir(&errand.here) {
        let _unread = writeln!(
            io::stderr(),
            "harness: labs do not show the working directory {} ({error}); names are taken from / here",
            errand.here.display()
        );
    }
    for kept in [report, lifeline, table] {
        at_step(
            "its descriptors",
            rustix::io::fcntl_setfd(kept, FdFlags::empty()).map_err(Into::into),
        )?;
    }
    let mut copy = Command::new(PROGRAM);
    copy.arg(FIRST).args(errand.words());
    at_step("its first program", Err(copy.exec()))
}

/// Plays the first process of a container that is made.
pub(super) fn play(errand: Option<Errand>) -> ExitCode {
    let Some(errand) = errand else { return ExitCode::from(BROKEN) };
    match life(&errand) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nobody may read it any more.
            let _unread = writeln!(io::stderr(), "harness: the run was ended: {error}");
            ExitCode::from(UNABLE)
        }
    }
}

/// From the start of the harness to its end, or to that of the supervisor.
fn life(errand: &Errand) -> io::Result<u8> {
    let handed = [errand.lifeline, errand.report].map(adopt);
    let [Some(lifeline), Some(report)] = handed else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    for kept in [&lifeline, &report] {
        rustix::io::fcntl_setfd(kept, FdFlags::CLOEXEC)?;
    }
    rustix::io::write(&report, MADE)?;
    let watched = signals();
    watched.thread_block()?;
    let told = SignalFd::with_flags(&watched, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let harness = started(errand)?;
    loop {
        let mut ready = [PollFd::new(&told, PollFlags::IN), PollFd::new(&lifeline, PollFlags::IN)];
        let patience = (!errand.bounded).then_some(&COUNTED);
        match poll(&mut ready, patience) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [_, supervisor] = ready.map(|entry| !entry.revents().is_empty());
        if supervisor {
            // The supervisor is gone, and with this process everything goes.
            return Ok(BROKEN);
        }
        while let Some(signal) = told.read_signal()? {
            if let Some(signal) = super::supervisor::sent_by_a_process(&signal) {
                // It may have ended by now.
                let _ended = kill(harness, signal);
            }
        }
        if let Some(code) = reaped(harness)? {
            return Ok(code);
        }
        if !errand.bounded && processes() > PROCESSES {
            return Err(io::Error::other(format!(
                "its labs have more than {PROCESSES} processes, and no control group bounds them here"
            )));
        }
    }
}

/// What it takes from a descriptor: the deaths of children, and what ends a run.
pub(super) fn signals() -> SigSet {
    [Signal::SIGCHLD, Signal::SIGINT, Signal::SIGTERM].into_iter().collect()
}

/// Starts the harness.
fn started(errand: &Errand) -> io::Result<Pid> {
    let mut words = errand.command.iter();
    let mut command = Command::new(PROGRAM);
    command.arg0(words.next().ok_or(io::ErrorKind::InvalidInput)?);
    command.arg(INSIDE).arg(errand.owner.to_string()).arg(errand.table.to_string()).args(words);
    command.env("TMPDIR", TEMPORARY);
    let child = command.spawn()?;
    Ok(Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?))
}

/// Takes every dead process; the status of the harness if it is among them.
fn reaped(harness: Pid) -> io::Result<Option<u8>> {
    loop {
        let flags = Some(WaitPidFlag::WNOHANG);
        let (pid, code) = match waitpid(None, flags) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, code),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, 128 + signal as i32),
            Ok(WaitStatus::StillAlive) => return Ok(None),
            Ok(_) | Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        if pid == harness {
            return Ok(Some(u8::try_from(code).unwrap_or(BROKEN)));
        }
    }
}

/// How many processes there are in the container, each counted with its threads.
fn processes() -> usize {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_process =
        |name: &std::ffi::OsString| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok());
    let processes = entries.filter(|entry| is_process(&entry.file_name()));
    // A directory has two links, and one for each directory in it.
    let threads =
        |task: fs::Metadata| usize::try_from(task.nlink()).unwrap_or_default().saturating_sub(2);
    processes.map(|entry| fs::metadata(entry.path().join("task")).map_or(1, threads)).sum()
}
