//! The inspector: hostile bytes are read here, in a process that could do nothing with them.
//!
//! It is this program once more, started by the supervisor when every process of the build is dead,
//! with an empty environment. Before it gets the first byte it gives up everything but memory, time
//! and one socket: the order stands in `confine`, and is the same for every plan. The supervisor
//! reads it back before it asks anything.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sched::{CloneFlags, unshare};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::fs::{Mode, OFlags};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{chroot, fchdir};

use crate::ending::NOTHING_RUN;
use crate::harvest::{Limits, examine};
use crate::layers::{descriptors, identity, landlock, leash, limits, privileges, session};
use crate::step::{At, Fault, Step};
use crate::wire::{Confinement, Line, Word};
use crate::words::Layer;

mod filter;

/// How many descriptors it can have: the standard ones, the socket, and what it is asked about.
const DESCRIPTORS: u64 = 16;

/// Serves the supervisor at standard input until that has no more questions, and gives the exit
/// status: 125 where this process was not started by one.
#[must_use]
pub fn serve() -> u8 {
    let served = take_line().and_then(|line| answer(&line));
    if served.is_ok() { 0 } else { NOTHING_RUN }
}

fn take_line() -> Result<Line, Errno> {
    let socket: OwnedFd = fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    rustix::net::sockopt::socket_type(&socket)?;
    Ok(Line::from(socket))
}

fn answer(line: &Line) -> Result<(), Errno> {
    let Some((Word::Confine(wanted), given)) = line.receive()? else { return Err(Errno::BADMSG) };
    match confine(line, &wanted, given) {
        Ok(landlock) => line.write(&Word::Confined(landlock))?,
        Err(fault) => {
            line.write(&Word::Failed(fault))?;
            return Err(fault.errno);
        }
    }
    let bounds = Limits::default();
    while let Some((word, files)) = line.receive()? {
        let (Word::Question(question), Some(file)) = (word, files.into_iter().next()) else {
            return Err(Errno::BADMSG);
        };
        let opinion = examine(&question, &mut File::from(file), &bounds);
        line.write(&Word::Opinion(opinion))?;
    }
    Ok(())
}

/// The order of confinement. Gives whether Landlock was there to be applied.
fn confine(line: &Line, wanted: &Confinement, given: Vec<OwnedFd>) -> Result<bool, Fault> {
    let mut kept: Vec<_> = given.iter().map(AsRawFd::as_raw_fd).collect();
    kept.push(line.as_fd().as_raw_fd());
    kept.sort_unstable();
    descriptors::apply(&kept)?;
    let mut given = given.into_iter();
    let root = given.next().filter(|_| wanted.rooted);
    // The memory that it takes is the build's.
    limits::join(given.as_slice().iter().map(AsFd::as_fd)).at(Step::JoinControlGroup)?;
    drop(given);
    session::apply_terminal()?;
    let mut places = vec![];
    if let Some(users) = wanted.namespaces {
        let users = if users { CloneFlags::CLONE_NEWUSER } else { CloneFlags::empty() };
        unshare(NAMESPACES | users).at(Step::InspectorNamespaces)?;
        for (kind, _) in APART {
            places.push(place(&format!("/proc/self/ns/{kind}")).at(Step::InspectorNamespaces)?);
        }
    }
    if let Some(root) = root {
        fchdir(&root).at(Step::InspectorRoot)?;
        chroot(".").at(Step::InspectorRoot)?;
        places.push(place("/").at(Step::InspectorRoot)?);
    }
    let shown: Vec<_> = places.iter().map(AsFd::as_fd).collect();
    line.send(&Word::Entered, &shown).at(Step::Inspector)?;
    drop(places);
    privileges::empty_bounding_set_if_allowed()?;
    if let Some(user) = wanted.user {
        identity::drop_groups()?;
        identity::apply(user)?;
    }
    leash::apply()?;
    privileges::apply()?;
    bound(wanted).at(Step::Rlimits)?;
    let landlock =
        confine_files().map_err(|failure| Fault::new(Step::Landlock, failure.errno()))?;
    filter::apply().at(Step::Syscalls)?;
    Ok(landlock)
}

/// Nobody to talk to, and no object that others could see.
const NAMESPACES: CloneFlags =
    CloneFlags::CLONE_NEWNET.union(CloneFlags::CLONE_NEWIPC).union(CloneFlags::CLONE_NEWUTS);

/// These namespaces as `/proc/PID/ns` names them, with the layer that each is part of; in this order it
/// shows them.
pub const APART: [(&str, Layer); 3] =
    [("net", Layer::Network), ("ipc", Layer::Ipc), ("uts", Layer::Hostname)];

/// A descriptor that only names what is at `path`.
fn place(path: &str) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
}

/// What it is bounded by, with the row of `proc_pid_limits(5)` that shows it: what is wanted, or less
/// where this process, which is its supervisor or itself, has less.
///
/// # Errors
/// The errno of `getrlimit(2)`.
pub fn bounds(wanted: &Confinement) -> io::Result<Vec<(Resource, &'static str, u64)>> {
    let all = [
        // With 1 no core goes to a program either (`core(5)`).
        (Resource::RLIMIT_CORE, "Max core file size", 1),
        (Resource::RLIMIT_CPU, "Max cpu time", wanted.cpu),
        (Resource::RLIMIT_FSIZE, "Max file size", 0),
        (Resource::RLIMIT_NOFILE, "Max open files", DESCRIPTORS),
        (Resource::RLIMIT_NPROC, "Max processes", 0),
        (Resource::RLIMIT_AS, "Max address space", wanted.memory),
        (Resource::RLIMIT_MEMLOCK, "Max locked memory", 0),
    ];
    let least = |(resource, row, bound): (Resource, &'static str, u64)| {
        // What is unlimited is the largest number.
        let (_, own) = getrlimit(resource)?;
        Ok((resource, row, own.min(bound)))
    };
    all.into_iter().map(least).collect()
}

fn bound(wanted: &Confinement) -> io::Result<()> {
    let mut bounds = bounds(wanted)?.into_iter();
    bounds.try_for_each(|(resource, _, bound)| Ok(setrlimit(resource, bound, bound)?))
}

/// No file at all may be opened, no port bound or connected to.
fn confine_files() -> Result<bool, landlock::Failure> {
    match landlock::resolve(&[], true, landlock::probe()) {
        Ok(rules) => landlock::apply(&rules).map(|_proof| true),
        Err(_none) => Ok(false),
    }
}
