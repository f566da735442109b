//! A disposable host for one trial: mounts, network, victims, plants, and a pid 1 that ends it.
#![forbid(unsafe_code)]

pub mod container;
pub mod dns;
pub mod engine;
pub mod file_watch;
pub mod groups;
pub mod host_tree;
pub mod icmp;
pub mod init;
pub mod inside;
pub mod keeper;
pub mod layout;
pub mod listeners;
pub mod mounts;
pub mod netlink;
pub mod network;
pub mod outside;
pub mod pace;
pub mod packet;
pub mod plants;
pub mod processes;
pub mod profile;
pub mod refusals;
pub mod root;
pub mod run_temp_dir;
pub mod shell;
pub mod snapshot;
pub mod staging;
pub mod terminal;
pub mod users;
pub mod victim;
pub mod wire;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use groups::Groups;
use processes::Processes;
use root::Root;
use terminal::Terminal;
use wire::{LabCommand, LabEvent, Living, Spec, receive, send};

/// Why there is no lab.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A step of its making failed.
    #[error("the lab cannot be made: {step}: {source}")]
    Step {
        /// Which.
        step: String,
        /// Why.
        source: io::Error,
    },
    /// Its network is not what it must be; nothing was run.
    #[error("the lab's network is not closed: {0}")]
    Network(String),
    /// Its first process gave up.
    #[error("the lab cannot be entered: {0}")]
    Init(String),
    /// It does not end.
    #[error("{0}")]
    Alive(String),
    /// The container around all labs cannot be made; its first process says why.
    #[error("{0}")]
    Container(String),
}

/// Names the step that an error belongs to.
///
/// # Errors
/// The error, with the step's name.
pub fn at_step<T>(step: &str, result: io::Result<T>) -> Result<T, LabError> {
    result.map_err(|source| LabError::Step { step: step.to_owned(), source })
}

/// A running lab. Dropping it ends every process in it.
#[derive(Debug)]
pub struct Lab {
    init: Child,
    control: OwnedFd,
    /// The front end's standard output.
    pub out: File,
    /// The front end's standard error.
    pub err: File,
    /// The front end's events.
    pub events: File,
    /// Everything that runs in it.
    pub processes: Processes,
    /// Its victims.
    pub victims: Vec<Living>,
    /// Its keys: plant and serial number.
    pub keys: Vec<(String, i64)>,
    /// The front end's terminal, where it has one.
    pub terminal: Option<Terminal>,
    /// Around everything; removed last.
    pub groups: Groups,
    /// It has ended, or nobody waits any more.
    is_over: bool,
}

/// How long a lab may take until it is ready. One that is costs nothing of it.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long its processes may take to die, once they were told to and nothing holds them up.
const DYING: Duration = Duration::from_secs(15);
/// How often somebody looks meanwhile whether they are frozen again.
const PAUSE: Duration = Duration::from_millis(100);

/// Moves the calling thread, which must be a trial's own, into mounts, a network, an IPC and a host
/// name of the lab, and proves that no route leads out.
///
/// # Errors
/// The step that failed, or what is wrong with the network.
pub fn seclude() -> Result<(), LabError> {
    at_step("mounts of its own", mounts::part())?;
    let flags = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    // The file creation mask belongs to the thread then, and what a manifest says is what holds.
    at_step("namespaces", unshare(flags | CloneFlags::CLONE_FS).map_err(Into::into))?;
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    at_step("the loopback device", network::raise())?;
    network::prove_closed().map_err(LabError::Network)
}

impl Lab {
    /// Starts the first process from the calling thread, whose namespaces it inherits, and waits
    /// until the victims live. It runs from the lab's own copy of the harness. `users` is the user
    /// namespace in which all of it is to be, where it is not that of the harness.
    ///
    /// # Errors
    /// The step that failed.
    pub fn open(
        root: &Root,
        groups: Groups,
        users: Option<BorrowedFd<'_>>,
        mut spec: Spec,
    ) -> Result<Self, LabError> {
        spec.mounts = root.trees().iter().map(|tree| tree.at.to_owned()).collect();
        spec.mounts.push(layout::BULKHEAD.to_owned());
        spec.shown = root.shown().iter().map(|(path, _)| path.clone()).collect();
        let program = at_step("the program", root.program())?;
        spec.joins = groups.joins().count();
        spec.bounded = groups.are_bounded();
        let (out, out_end) = at_step("a pipe", pipe())?;
        let (err, err_end) = at_step("a pipe", pipe())?;
        let (events, events_end) = at_step("a pipe", pipe())?;
        // From here on this thread can start processes, but no threads: see unshare(2).
        at_step("a process namespace", unshare(CloneFlags::CLONE_NEWPID).map_err(Into::into))?;
        let (control, mut init) = at_step("the first process", start(program.as_fd()))?;
        let processes = at_step("its /proc", Processes::unknown(init.id()));
        // Whatever goes wrong with the end of one that cannot be used: this went wrong first.
        let processes = processes.inspect_err(|_| drop(ended(&mut init, &groups)))?;
        let mut lab = Self {
            processes,
            init,
            control,
            out: out.into(),
            err: err.into(),
            events: events.into(),
            victims: Vec::new(),
            keys: Vec::new(),
            terminal: None,
            groups,
            is_over: false,
        };
        let mut descriptors = vec![out_end.as_fd(), err_end.as_fd(), events_end.as_fd()];
        descriptors.extend(lab.groups.joins());
        descriptors.extend(root.trees().iter().map(|tree| tree.given.as_fd()));
        descriptors.push(program.as_fd());
        descriptors.extend(root.shown().iter().map(|(_, mount)| mount.as_fd()));
        descriptors.extend(users);
        at_step("its description", send(&lab.control, &spec, &descriptors))?;
        lab.wait_until_ready()?;
        Ok(lab)
    }

    fn wait_until_ready(&mut self) -> Result<(), LabError> {
        match self.packet(Instant::now() + PATIENCE) {
            Ok(Some((LabEvent::Ready { victims, keys }, descriptors))) => {
                self.victims = victims;
                self.keys = keys;
                let mut ends = descriptors.into_iter();
                let proc = ends.next().ok_or(io::ErrorKind::UnexpectedEof.into());
                let proc = proc.and_then(|proc| Processes::shown_by(proc.as_fd()));
                self.processes = at_step("its /proc", proc)?;
                if let (Some(keyboard), Some(line)) = (ends.next(), ends.next()) {
                    self.terminal = Some(at_step("its terminal", Terminal::of(keyboard, line))?);
                }
                Ok(())
            }
            Ok(Some((LabEvent::Failed(sentence), _))) => Err(LabError::Init(sentence)),
            Ok(Some(_)) => Err(LabError::Init("it spoke out of turn".to_owned())),
            Ok(None) => Err(LabError::Init("it ended, or was not ready in time".to_owned())),
            Err(source) => Err(LabError::Step { step: "waiting for it".to_owned(), source }),
        }
    }

    /// The next news until `deadline`; `None` when there is none, or the lab is gone.
    ///
    /// # Errors
    /// Those of poll(2) and recvmsg(2).
    pub fn news(&self, deadline: Instant) -> io::Result<Option<LabEvent>> {
        Ok(self.packet(deadline)?.map(|(news, _)| news))
    }

    fn packet(&self, deadline: Instant) -> io::Result<Option<(LabEvent, Vec<OwnedFd>)>> {
        let mut watched = [PollFd::new(&self.control, PollFlags::IN)];
        if !wait(&mut watched, deadline)? {
            return Ok(None);
        }
        receive(&self.control)
    }

    /// The socket on which news arrive.
    #[must_use]
    pub fn control(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    /// Starts the front end.
    ///
    /// # Errors
    /// Those of sendmsg(2).
    pub fn start(&self) -> io::Result<()> {
        send(&self.control, &LabCommand::Start, &[])
    }

    /// Ends every process of the lab, and returns once the last one is dead, with the groups in
    /// which it was.
    ///
    /// # Errors
    /// When the first process cannot be waited for, or does not end in time.
    pub fn close(mut self) -> Result<Groups, LabError> {
        self.end()?;
        Ok(std::mem::take(&mut self.groups))
    }

    fn end(&mut self) -> Result<(), LabError> {
        self.is_over = true;
        ended(&mut self.init, &self.groups)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if !self.is_over {
            let _reaped = self.end();
        }
    }
}

/// Ends a first process, and waits for it. The kernel lets it be waited for only when its whole namespace
/// is dead.
fn ended(init: &mut Child, groups: &Groups) -> Result<(), LabError> {
    // It may be dead already; then there is nothing to kill.
    let _dead = init.kill();
    let id = rustix::process::Pid::from_child(init);
    let process = rustix::process::pidfd_open(id, rustix::process::PidfdFlags::empty());
    let process = at_step("its end", process.map_err(Into::into))?;
    let begin = Instant::now();
    loop {
        let mut watched = [PollFd::new(&process, PollFlags::IN)];
        if at_step("its end", wait(&mut watched, Instant::now() + PAUSE))? {
            return at_step("its end", init.wait().map(drop));
        }
        groups.thaw();
        if begin.elapsed() > DYING {
            let pid = init.id();
            return Err(LabError::Alive(format!(
                "the lab's first process, {pid}, does not end: see what holds up its children \
                 (/proc/PID/wchan, a frozen control group), and end them"
            )));
        }
    }
}

/// Starts the first process; its standard input is the other end of the returned socket.
fn start(program: BorrowedFd<'_>) -> io::Result<(OwnedFd, Child)> {
    let (ours, theirs) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    // The new process has this descriptor until it has become that program.
    let mut init = Command::new(format!("/proc/self/fd/{}", program.as_raw_fd()));
    init.arg(ROLE).env_clear().current_dir("/");
    init.stdin(Stdio::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
    Ok((ours, init.spawn()?))
}

/// A pipe whose ends no other program inherits: read end, write end.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?)
}

/// Waits until one of `watched` is ready; false when none is by `deadline`.
///
/// # Errors
/// Those of poll(2).
pub fn wait(watched: &mut [PollFd<'_>], deadline: Instant) -> io::Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let patience = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(watched, Some(&patience)) {
            Ok(ready) => return Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The argument by which the program knows that it is to be a lab's first process.
const ROLE: &str = "__lab";

/// Plays the part that the harness started this process for, if it did; `main` asks first of all.
#[must_use]
pub fn played() -> Option<ExitCode> {
    // The variable comes first: a victim's arguments are the manifest's.
    if std::env::var_os(victim::ROLE).is_some() {
        return Some(victim::play());
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if Path::new(&name).file_name().is_some_and(|name| name == "bulkhead") {
        return Some(sandbox::program::main());
    }
    match arguments.next()? {
        role if role == ROLE => Some(init::play()),
        role if role == init::INSIDE => Some(init::play_inside()),
        role if role == users::ROLE => Some(users::play()),
        role if role == keeper::ROLE => Some(keeper::play()),
        role => container::played(&role),
    }
}
