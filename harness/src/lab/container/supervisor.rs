//! Outside of the container: starts it, hands on the signals that end a run, and sees to its end.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::libc::{SI_KERNEL, signalfd_siginfo};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags};
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

use super::super::keeper::Keeper;
use super::super::{LabError, at_step, groups, pipe, wait};
use super::{Errand, MADE, MAKES, text};

/// How long the making of a container may take.
const MAKING: Duration = Duration::from_mins(1);
/// How long everything in it may take to end once it was told to at once.
const ENDING: Duration = Duration::from_secs(15);
/// How long its first process may take once it has begun to end, before it is killed.
const SOON: Duration = Duration::from_secs(5);
/// How long everything may take to die: the kernel does that.
const DYING: Duration = Duration::from_secs(30);
/// How often somebody looks meanwhile whether something is frozen.
const PAUSE: Duration = Duration::from_millis(100);
/// What comes this soon after another is the same request, which came by two ways: a shell that ends a
/// job tells every process of it.
const ONCE: Duration = Duration::from_millis(500);

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The harness in it ended with this status.
    With(u8),
    /// Everything in it was killed, because the user wanted to stop and it did not end by itself.
    Killed,
    /// Something in it does not end, though it was killed; this is the container's first process.
    Never(u32),
}

/// Runs the command `args` in a container, started in `here`, which may write to `folders` and nowhere else.
/// The `keeper` goes last: what it ends is what labs have left in their groups.
/// The calling process has one thread.
///
/// # Errors
/// When no container can be made; nothing of the command has run then.
pub fn supervise(
    args: &[OsString],
    here: &Path,
    folders: &[PathBuf],
    _keeper: &Keeper,
) -> Result<Ended, LabError> {
    // From here on they are taken from the descriptor.
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    at_step("the signals", signals.thread_block().map_err(Into::into))?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let told = at_step("the signals", SignalFd::with_flags(&signals, flags).map_err(Into::into))?;
    let (ends, _lifeline) = at_step("a pipe", pipe())?;
    let (report, report_end) = at_step("a pipe", pipe())?;
    let table = at_step("the table of mounts", File::open("/proc/self/mountinfo"))?;
    let errand = Errand {
        owner: std::process::id(),
        lifeline: ends.as_raw_fd(),
        table: table.as_raw_fd(),
        report: report_end.as_raw_fd(),
        bounded: groups::are_lent(),
        here: here.to_owned(),
        folders: folders.to_vec(),
        command: args.to_vec(),
    };
    let own = at_step("its own processes", File::open("/proc/self/ns/pid"))?;
    at_step("a process namespace", unshare(CloneFlags::CLONE_NEWPID).map_err(Into::into))?;
    let first = started(&errand, [ends, table.into(), report_end]);
    // What this process starts from now on is where it is itself.
    let back = setns(own, CloneFlags::CLONE_NEWPID).map_err(Into::into);
    let mut container =
        at_step("its first process", first.and_then(|first| Container::of(first, report)))?;
    at_step("its own processes", back)?;
    match at_step("its making", container.made(&told))? {
        Making::Made => at_step("its end", container.watch(&told)),
        Making::Failed(sentence) => Err(LabError::Container(sentence)),
        Making::Stopped => at_step("its end", container.end(true)),
    }
}

/// What came of the making of a container.
enum Making {
    Made,
    /// What its first process complains of.
    Failed(String),
    /// The user wants to stop.
    Stopped,
}

/// Starts the process that makes the container.
fn started(errand: &Errand, handed: [OwnedFd; 3]) -> io::Result<Child> {
    // There is one thread here, so that nothing else is started while they can be inherited.
    for descriptor in &handed {
        rustix::io::fcntl_setfd(descriptor, FdFlags::empty())?;
    }
    let child = Command::new("/proc/self/exe").arg(MAKES).args(errand.words()).spawn();
    drop(handed);
    child
}

/// The signal of a message that a process sent. One that a terminal sends has reached every process of
/// the job already, and is handed on to none.
pub(super) fn sent_by_a_process(message: &signalfd_siginfo) -> Option<Signal> {
    let signal = Signal::try_from(i32::try_from(message.ssi_signo).ok()?).ok()?;
    (message.ssi_code != SI_KERNEL && signal != Signal::SIGCHLD).then_some(signal)
}

/// The container, as its supervisor holds it.
struct Container {
    first: Child,
    process: OwnedFd,
    /// On which its first process says that it is there, and ends when that one does.
    report: OwnedFd,
}

impl Container {
    fn of(mut first: Child, report: OwnedFd) -> io::Result<Self> {
        let process = pidfd_open(Pid::from_child(&first), PidfdFlags::empty());
        match process {
            Ok(process) => Ok(Self { first, process, report }),
            Err(error) => {
                // What failed first is what is told.
                let _ended = first.kill();
                Err(error.into())
            }
        }
    }

    /// Waits until it is made.
    fn made(&mut self, told: &SignalFd) -> io::Result<Making> {
        let mut said = Vec::new();
        let deadline = Instant::now() + MAKING;
        loop {
            let mut watched =
                [PollFd::new(&self.report, PollFlags::IN), PollFd::new(told, PollFlags::IN)];
            if !wait(&mut watched, deadline)? {
                let sentence = format!(
                    "the lab cannot be made in {} s: see whether a mount of this machine does not answer",
                    MAKING.as_secs()
                );
                return Ok(Making::Failed(sentence));
            }
            if let [_, signalled] = watched
                && !signalled.revents().is_empty()
            {
                return Ok(Making::Stopped);
            }
            let mut part = [0; 4096];
            let length = rustix::io::read(&self.report, &mut part)?;
            let part = part.get(..length).unwrap_or_default();
            if part.is_empty() && said.is_empty() {
                let sentence = "the lab cannot be made: who was to make it ended without a word";
                return Ok(Making::Failed(sentence.to_owned()));
            } else if part.is_empty() {
                return Ok(Making::Failed(text(said)));
            } else if part.ends_with(MADE) {
                return Ok(Making::Made);
            }
            said.extend_from_slice(part);
        }
    }

    /// Hands on what ends a run, until it has ended.
    fn watch(&mut self, told: &SignalFd) -> io::Result<Ended> {
        let mut asked: Vec<Instant> = Vec::new();
        loop {
            let mut watched = [
                PollFd::new(&self.process, PollFlags::IN),
                PollFd::new(&self.report, PollFlags::IN),
                PollFd::new(told, PollFlags::IN),
            ];
            // Without a second request there is no deadline: what has none of its own is asked again.
            let begin = asked.get(1).copied().unwrap_or_else(Instant::now);
            let in_time = wait(&mut watched, begin + ENDING)?;
            let [ended, going, signalled] = watched.map(|entry| !entry.revents().is_empty());
            let forced = !in_time && asked.len() > 1;
            if ended || going || forced {
                return self.end(forced);
            }
            while signalled && let Some(message) = told.read_signal()? {
                if asked.last().is_none_or(|last| last.elapsed() > ONCE) {
                    asked.push(Instant::now());
                }
                if let Some(signal) = sent_by_a_process(&message) {
                    self.send(signal)?;
                }
            }
        }
    }

    fn send(&self, signal: Signal) -> io::Result<()> {
        let signal = match signal {
            Signal::SIGINT => rustix::process::Signal::INT,
            _ => rustix::process::Signal::TERM,
        };
        match pidfd_send_signal(&self.process, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sees to its end, which has begun or is `forced`. What is frozen does not even die.
    fn end(&mut self, forced: bool) -> io::Result<Ended> {
        let begin = Instant::now();
        if forced {
            self.first.kill()?;
        }
        let mut watched = [PollFd::new(&self.process, PollFlags::IN)];
        // By itself it ends with the status of the harness.
        while !wait(&mut watched, Instant::now() + PAUSE)? {
            groups::thaw_all_of(std::process::id());
            if begin.elapsed() > DYING {
                return Ok(Ended::Never(self.first.id()));
            }
            if begin.elapsed() > SOON {
                self.first.kill()?;
            }
        }
        let status = self.status()?;
        Ok(if forced { Ended::Killed } else { Ended::With(status) })
    }

    fn status(&mut self) -> io::Result<u8> {
        let status = self.first.wait()?;
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Ok(u8::try_from(code).unwrap_or(u8::MAX))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Whatever led here: nothing of it is left behind. One that has ended needs nothing more.
        let _ended = self.first.kill();
    }
}
