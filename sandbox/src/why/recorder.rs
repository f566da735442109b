//! What the processes of a build met, written down while they run, within bounds.
//!
//! Of millions of calls few are of interest: those that failed. What is met again is counted. What the
//! host has at a path is not asked while the build runs: how long it takes until a call is answered
//! would tell the build what it must not know.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::calls::{self, Deed, Shape};
use super::host;
use super::obstacles::{Failed, Obstacle, ROOT, Shortage, Trace};
use super::{address, remote};
use crate::plan::{Plan, Relocation};
use crate::policy::syscalls::numbers::Call;
use crate::policy::syscalls::{Architecture, Decision, Syscalls, Table};
use crate::sys::ptrace::At;

/// The flag of `clone(2)` that keeps a new process from being followed.
const UNTRACED: u64 = 0x0080_0000;
/// The files in which a program looks up the address of a host.
const RESOLVERS: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

#[derive(Clone, Copy, Debug)]
struct Thread {
    process: i32,
    call: Option<(u64, [u64; 6], u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Process {
    number: u64,
    parent: u64,
}

/// What of a plan is needed to tell what matters.
#[derive(Debug)]
struct View {
    table: Table,
    /// The filter is on.
    filtered: bool,
    /// What belongs to the build: what is not there it has not made, or removed.
    own: Vec<PathBuf>,
    /// But for its home, which stands for another.
    home: Option<PathBuf>,
    /// The build does not see all of the host.
    hidden: bool,
}

/// Writes down what the processes of a build meet.
#[derive(Debug)]
pub struct Recorder {
    view: View,
    threads: HashMap<i32, Thread>,
    processes: HashMap<i32, Process>,
    next: u64,
    clock: u64,
    trace: Trace,
}

impl Recorder {
    /// One for a build under `plan`; none where the calls of this architecture are not known.
    #[must_use]
    pub fn new(plan: &Plan) -> Option<Self> {
        let choices = plan.choices.map(|(choices, _)| choices);
        let table = Table::of(choices.unwrap_or(Syscalls::EVERYTHING), Architecture::native()?);
        let moved = plan.relocation.iter().map(Relocation::root).map(Path::to_owned);
        let trees = plan.trees.iter().map(|tree| tree.path.clone());
        let home = plan.environment.variables.iter().find(|(name, _)| name == "HOME");
        let view = View {
            table,
            filtered: plan.choices.is_some(),
            own: trees.chain(moved).collect(),
            home: home.map(|(_, value)| PathBuf::from(value)),
            hidden: plan.mounts.is_some() || plan.landlock.is_some(),
        };
        let (threads, processes) = (HashMap::new(), HashMap::new());
        Some(Self { view, threads, processes, next: ROOT, clock: 0, trace: Trace::default() })
    }

    /// What was written down.
    #[must_use]
    pub fn finish(self) -> Trace {
        self.trace
    }

    /// The thread `pid` has stopped `at` a system call.
    pub fn call(&mut self, pid: i32, at: At) {
        let thread = self.thread(pid);
        match at {
            At::Entry { number, arguments, architecture } => {
                self.threads.insert(
                    pid,
                    Thread { call: Some((number, arguments, architecture)), ..thread },
                );
            }
            At::Exit(value) => {
                self.threads.insert(pid, Thread { call: None, ..thread });
                if let Some((number, arguments, architecture)) = thread.call {
                    self.answered(pid, thread, (number, arguments, architecture), value);
                }
            }
            At::Elsewhere => {}
        }
    }

    /// The thread `former` of a process has become another program, and with that the process itself,
    /// `pid`.
    pub fn executed(&mut self, pid: i32, former: i32) {
        if former != pid {
            self.threads.remove(&former);
        }
        self.thread(pid);
    }

    /// The thread `pid` is dead, with that status of `waitpid(2)`. Gives whether it was the build's
    /// first process.
    pub fn ended(&mut self, pid: i32, status: i32) -> bool {
        self.threads.remove(&pid);
        let Some(Process { number, parent }) = self.processes.remove(&pid) else { return false };
        if status != 0 {
            self.trace.fail(Failed { process: number, parent });
        }
        number == ROOT
    }

    /// The thread of that number, known from now on.
    fn thread(&mut self, pid: i32) -> Thread {
        if let Some(known) = self.threads.get(&pid) {
            return *known;
        }
        let (process, parent) = remote::family(pid).unwrap_or((pid, 0));
        let thread = Thread { process, call: None };
        self.threads.insert(pid, thread);
        if !self.processes.contains_key(&process) {
            let parent = self.processes.get(&parent).map_or(0, |parent| parent.number);
            self.processes.insert(process, Process { number: self.next, parent });
            self.next += 1;
        }
        thread
    }

    fn answered(
        &mut self,
        pid: i32,
        thread: Thread,
        (number, arguments, architecture): (u64, [u64; 6], u32),
        value: i64,
    ) {
        if architecture != self.view.table.architecture.audit() {
            return;
        }
        let Ok(number) = u32::try_from(number) else { return };
        let entries = &self.view.table.entries;
        let known = entries.binary_search_by_key(&number, |entry| entry.number).ok();
        let call = known.and_then(|at| entries.get(at)).map(|entry| entry.call);
        let met = match i32::try_from(value.saturating_neg()) {
            Ok(errno @ 1..4096) => self.failed(pid, (number, call), &arguments, errno),
            _ => call.and_then(|call| self.succeeded(pid, call, &arguments)),
        };
        if let Some(obstacle) = met {
            self.meet(obstacle, thread, pid);
        }
    }

    /// What a call that succeeded tells.
    fn succeeded(&mut self, pid: i32, call: Call, arguments: &[u64; 6]) -> Option<Obstacle> {
        let first = arguments.first().copied().unwrap_or_default();
        if call.name == "clone" && first & UNTRACED != 0 {
            self.trace.out_of_sight += 1;
        }
        let opens = matches!(call.name, "open" | "openat");
        let shape = calls::shape(call.name).filter(|_| opens)?;
        let address = argument(arguments, shape.path);
        // Long enough for the longest of them and its end.
        let read = remote::bytes(pid, address, 17);
        let text = read.split(|byte| *byte == 0).next().unwrap_or_default();
        RESOLVERS.iter().any(|path| path.as_bytes() == text).then_some(Obstacle::Lookup)
    }

    /// What a call that failed tells.
    fn failed(
        &mut self,
        pid: i32,
        (number, call): (u32, Option<Call>),
        arguments: &[u64; 6],
        errno: i32,
    ) -> Option<Obstacle> {
        let name = call.map_or("a call without a name", |call| call.name);
        let by_filter = match self.view.table.decide(number, arguments) {
            Decision::Refuse(refused) => self.view.filtered && refused as i32 == errno,
            _ => false,
        };
        let error = Errno::from_raw_os_error(errno);
        if by_filter {
            let missed = error == Errno::NOSYS && !calls::has_a_substitute(name);
            return (missed || error != Errno::NOSYS).then_some(Obstacle::Refused(name, errno));
        }
        if let Some(limit) = limit(name, error) {
            return Some(Obstacle::Limit(limit));
        }
        if matches!(name, "connect" | "sendto") {
            return self.connected(pid, name, arguments, error);
        }
        if name == "fchown" && error == Errno::PERM {
            let descriptor = i32::try_from(argument(arguments, 0)).ok()?;
            return remote::directory(pid, descriptor).map(Obstacle::Owner);
        }
        let shape = calls::shape(name)?;
        let path = path(pid, shape, arguments)?;
        self.stumbled(&path, deed(pid, shape.deed, arguments), error)
    }

    fn connected(
        &self,
        pid: i32,
        name: &str,
        arguments: &[u64; 6],
        error: Errno,
    ) -> Option<Obstacle> {
        let at = if name == "connect" { 1 } else { 4 };
        let length = usize::try_from(argument(arguments, at + 1)).ok()?.min(address::LONGEST);
        let bytes = remote::bytes(pid, argument(arguments, at), length);
        match address::read(&bytes)? {
            address::Address::Path(path) => {
                host::normal(&path).filter(|path| !self.is_own(path)).map(Obstacle::NoSocket)
            }
            address::Address::Network(text) => {
                let pending = [Errno::INPROGRESS, Errno::AGAIN, Errno::INTR, Errno::ALREADY];
                (!pending.contains(&error))
                    .then(|| Obstacle::NotReached(text, error.raw_os_error()))
            }
        }
    }

    /// What it means that a path could not be used so.
    fn stumbled(&self, path: &Path, deed: Deed, error: Errno) -> Option<Obstacle> {
        if is_noise(path) {
            return None;
        }
        match (deed, error) {
            (Deed::Change, Errno::XDEV) => return Some(Obstacle::Across(path.to_owned())),
            (Deed::Own, Errno::PERM) => return Some(Obstacle::Owner(path.to_owned())),
            (Deed::Change, Errno::ROFS | Errno::ACCESS | Errno::PERM) => {
                return Some(Obstacle::NotWritten(path.to_owned(), error.raw_os_error()));
            }
            _ => {}
        }
        if !self.view.hidden || self.is_own(path) {
            return None;
        }
        match error {
            Errno::NOENT | Errno::NOTDIR => Some(match deed {
                Deed::Change => Obstacle::Gone(path.to_owned()),
                Deed::Execute => Obstacle::NotExecuted(path.to_owned()),
                _ => Obstacle::Missing(path.to_owned()),
            }),
            Errno::ACCESS => Some(Obstacle::Closed(path.to_owned())),
            _ => None,
        }
    }

    fn is_own(&self, path: &Path) -> bool {
        let in_home = self.view.home.as_ref().is_some_and(|home| path.starts_with(home));
        !in_home && self.view.own.iter().any(|tree| path.starts_with(tree))
    }

    fn meet(&mut self, obstacle: Obstacle, thread: Thread, pid: i32) {
        self.clock += 1;
        let process = self.processes.get(&thread.process).map_or(0, |process| process.number);
        self.trace.meet(obstacle, (process, self.clock), || remote::name(pid));
    }
}

fn argument(arguments: &[u64; 6], index: u8) -> u64 {
    arguments.get(usize::from(index)).copied().unwrap_or_default()
}

/// A descriptor, of which the kernel reads the low half alone.
fn descriptor(argument: u64) -> i32 {
    u32::try_from(argument & 0xffff_ffff).unwrap_or_default().cast_signed()
}

/// The path that a call names, from the root and without `..`.
fn path(pid: i32, shape: Shape, arguments: &[u64; 6]) -> Option<PathBuf> {
    const HERE: i32 = -100;
    let text = remote::text(pid, argument(arguments, shape.path))?;
    if text.is_absolute() {
        return host::normal(&text);
    }
    let from = shape.directory.map_or(HERE, |index| descriptor(argument(arguments, index)));
    host::normal(&remote::directory(pid, from)?.join(text))
}

/// What a call does with its path: one of looking, changing, executing and giving away.
fn deed(pid: i32, deed: Deed, arguments: &[u64; 6]) -> Deed {
    /// `W_OK` of `access(2)`.
    const WRITE: u64 = 2;
    let changes = match deed {
        Deed::Open(index) => calls::writes(argument(arguments, index)),
        Deed::OpenHow(index) => {
            remote::word(pid, argument(arguments, index)).is_some_and(calls::writes)
        }
        Deed::Ask(index) => argument(arguments, index) & WRITE != 0,
        other => return other,
    };
    if changes { Deed::Change } else { Deed::Look }
}

/// The limit that a call has met, if it was one.
fn limit(name: &str, error: Errno) -> Option<Shortage> {
    match error {
        Errno::NOMEM => Some(Shortage::Memory),
        Errno::AGAIN if calls::makes_a_process(name) => Some(Shortage::Processes),
        Errno::MFILE | Errno::NFILE => Some(Shortage::OpenFiles),
        Errno::FBIG => Some(Shortage::FileSize),
        Errno::NOSPC | Errno::DQUOT => Some(Shortage::Space),
        _ => None,
    }
}

/// What programs look for as they begin, and can do without: numbers of processes differ, caches of
/// byte code are made where they may be, and a service for names may run or not.
fn is_noise(path: &Path) -> bool {
    let begins = [
        "/proc",
        "/run/nscd",
        "/var/run/nscd",
        "/etc/ld.so.preload",
        "/etc/host.conf",
        "/etc/gai.conf",
    ];
    begins.iter().any(|begin| path.starts_with(begin))
        || path.iter().any(|name| name == "__pycache__")
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
