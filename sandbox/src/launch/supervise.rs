//! Watching over a sandbox: its word, its death, the clock and the caller's signals.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions, pidfd_send_signal, waitpid};

use super::{LaunchError, located};
use crate::outcome::{Clock, End, Outcome};
use crate::plan::Plan;
use crate::scratch::Scratch;
use crate::step::{At, Fault, Step};
use crate::sys::clone::Started;
use crate::wire::{Link, Message};

/// Signals that are passed on to the payload.
const FORWARDED: [NixSignal; 6] = [
    NixSignal::SIGTERM,
    NixSignal::SIGINT,
    NixSignal::SIGHUP,
    NixSignal::SIGQUIT,
    NixSignal::SIGUSR1,
    NixSignal::SIGUSR2,
];

/// How long a payload has between SIGTERM and SIGKILL when its time is up.
const GRACE: Duration = Duration::from_secs(2);

/// The caller's signals, turned into something to read.
#[derive(Debug)]
pub(super) struct Signals {
    before: SigSet,
    descriptor: SignalFd,
}

impl Signals {
    /// Blocks the signals that are passed on, so that none can end this process half-way.
    pub(super) fn block() -> Result<Self, Fault> {
        let set: SigSet = FORWARDED.into_iter().collect();
        let before =
            set.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK).at(Step::Channels)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let descriptor = SignalFd::with_flags(&set, flags).at(Step::Channels)?;
        Ok(Self { before, descriptor })
    }

    /// The signals that were blocked before.
    pub(super) const fn before(&self) -> SigSet {
        self.before
    }
}

/// What has been heard of the sandbox so far.
#[derive(Default)]
struct Heard {
    failed: Option<Fault>,
    status: Option<i32>,
    scratch: Option<Scratch>,
    timed_out: bool,
}

/// Watches until the sandbox is dead, every process of it included.
pub(super) fn watch(
    plan: &Plan,
    sandbox: &Link,
    started: &Started,
    signals: &Signals,
) -> Result<(Outcome, Option<Scratch>), LaunchError> {
    let begun = Instant::now();
    let mut deadline =
        plan.limits.as_ref().and_then(|limits| limits.wall_time).map(|time| begun + time);
    let mut heard = Heard::default();
    let mut open = true;
    loop {
        let mut ready = [
            PollFd::new(&started.pidfd, PollFlags::IN),
            PollFd::new(&signals.descriptor, PollFlags::IN),
            PollFd::new(sandbox, PollFlags::IN),
        ];
        let count = if open { 3 } else { 2 };
        match poll(ready.get_mut(..count).unwrap_or_default(), left(deadline).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Fault::new(Step::Supervise, errno).into()),
        }
        let [dead, _, word] = ready.map(|descriptor| !descriptor.revents().is_empty());
        if open && word {
            open = heard.listen(sandbox)?;
        } else if dead {
            break;
        }
        forward(sandbox, signals)?;
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            deadline = cut_off(&mut heard, sandbox, started)?;
        }
    }
    let reaped = waitpid(Some(started.pid), WaitOptions::empty()).at(Step::Supervise)?;
    let status = reaped.map_or(0, |(_, status)| status.as_raw());
    heard.conclude(plan, status, begun.elapsed())
}

/// The payload's time is up: first it is asked to end, then the sandbox is ended.
fn cut_off(
    heard: &mut Heard,
    sandbox: &Link,
    started: &Started,
) -> Result<Option<Instant>, LaunchError> {
    if heard.timed_out {
        pidfd_send_signal(&started.pidfd, Signal::KILL).at(Step::Supervise)?;
        return Ok(None);
    }
    heard.timed_out = true;
    send(sandbox, NixSignal::SIGTERM)?;
    Ok(Some(Instant::now() + GRACE))
}

fn left(deadline: Option<Instant>) -> Option<Timespec> {
    let left = deadline?.saturating_duration_since(Instant::now());
    Some(Timespec::try_from(left).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 }))
}

fn forward(sandbox: &Link, signals: &Signals) -> Result<(), LaunchError> {
    while let Some(signal) = signals.descriptor.read_signal().at(Step::Supervise)? {
        let known = i32::try_from(signal.ssi_signo).ok().and_then(|n| NixSignal::try_from(n).ok());
        if let Some(signal) = known {
            send(sandbox, signal)?;
        }
    }
    Ok(())
}

fn send(sandbox: &Link, signal: NixSignal) -> Result<(), LaunchError> {
    let number = u8::try_from(signal as i32).unwrap_or_default();
    Ok(sandbox.send(Message::Signal(number)).at(Step::Supervise)?)
}

impl Heard {
    /// Takes in one message; gives whether more can come.
    fn listen(&mut self, sandbox: &Link) -> Result<bool, LaunchError> {
        let Some((message, descriptor)) = sandbox.receive().at(Step::Supervise)? else {
            return Ok(false);
        };
        match message {
            // The first failure is the cause; what follows from it is not.
            Message::Failed(fault) => self.failed = self.failed.or(Some(fault)),
            Message::Ended(status) => self.status = Some(status),
            Message::Scratch => self.scratch = descriptor.map(Scratch::received),
            Message::Go | Message::Signal(_) => {
                return Err(Fault::new(Step::Supervise, Errno::BADMSG).into());
            }
        }
        Ok(true)
    }

    fn conclude(
        self,
        plan: &Plan,
        init: i32,
        elapsed: Duration,
    ) -> Result<(Outcome, Option<Scratch>), LaunchError> {
        if let Some(fault) = self.failed {
            return Err(located(plan, fault));
        }
        let end = match self.status {
            _ if self.timed_out => End::TimedOut(Clock::Wall),
            Some(status) => End::from_wait_status(status),
            // Somebody outside ended the whole sandbox, as an out-of-memory killer does.
            None if init != 0 => End::from_wait_status(init),
            None => return Err(LaunchError::Silent),
        };
        Ok((Outcome::new(end, elapsed), self.scratch))
    }
}

/// Ends a sandbox whose launch went wrong, and waits until nothing of it is left.
pub(super) fn end(started: &Started) {
    // It may be dead already; then there is nothing to signal and only its status to fetch.
    let _ = pidfd_send_signal(&started.pidfd, Signal::KILL);
    let _ = waitpid(Some(started.pid), WaitOptions::empty());
}
