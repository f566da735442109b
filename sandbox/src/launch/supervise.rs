//! Watching over a sandbox: its word, its death, the clock and the caller's signals.
#![forbid(unsafe_code)]

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal as NixSignal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    PidfdFlags, Signal, WaitOptions, getppid, pidfd_open, pidfd_send_signal, waitpid,
};

use super::deadline::Deadline;
use super::readback::Held;
use super::streams::Streams;
use super::{LaunchError, located};
use crate::outcome::{End, Outcome};
use crate::plan::Plan;
use crate::scratch::Scratch;
use crate::step::{At, Fault, Step};
use crate::sys::clone::Started;
use crate::wire::{Link, Message};
use crate::words::LayerSet;

/// Signals that are passed on to the payload.
const FORWARDED: [NixSignal; 6] = [
    NixSignal::SIGTERM,
    NixSignal::SIGINT,
    NixSignal::SIGHUP,
    NixSignal::SIGQUIT,
    NixSignal::SIGUSR1,
    NixSignal::SIGUSR2,
];

/// What a payload is ended with when nobody is left who wants it.
const SIGTERM: u8 = 15;

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

    /// The next signal that has come.
    fn next(&self) -> Result<Option<NixSignal>, Fault> {
        let signal = self.descriptor.read_signal().at(Step::Supervise)?;
        let number = signal.and_then(|signal| i32::try_from(signal.ssi_signo).ok());
        Ok(number.and_then(|number| NixSignal::try_from(number).ok()))
    }

    /// The signals that were blocked before.
    pub(super) const fn before(&self) -> SigSet {
        self.before
    }
}

/// Everything that a supervisor watches over.
pub(super) struct Watch<'a> {
    pub(super) plan: &'a Plan,
    /// The build's uid and gid, as the host sees them.
    pub(super) user: (u32, u32),
    pub(super) sandbox: &'a Link,
    pub(super) started: &'a Started,
    pub(super) signals: &'a Signals,
}

/// What a wait ends for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The sandbox is dead.
    Death,
    /// The caller has sent a signal.
    Signal,
    /// The sandbox has a word.
    Word,
    /// The caller is dead.
    Orphaned,
    /// The payload has printed, or what it has printed can be handed on.
    Output,
}

/// What has been heard of the sandbox so far.
#[derive(Default)]
struct Heard {
    failed: Option<Fault>,
    status: Option<i32>,
    scratch: Option<Scratch>,
    process: Option<OwnedFd>,
    held: Option<Held>,
    entered: bool,
    files: bool,
    ready: bool,
    enforced: LayerSet,
    cut_off: Option<End>,
}

impl Watch<'_> {
    /// Watches until the sandbox is dead, every process of it included, and everything that it
    /// printed is handed on. The payload is let through the gate that `opener` opens once every
    /// layer has been seen.
    pub(super) fn until_the_end(
        &self,
        opener: OwnedFd,
        mut streams: Streams,
    ) -> Result<(Outcome, Option<Scratch>), LaunchError> {
        let begun = Instant::now();
        let mut caller = if self.plan.ends_with_caller { caller()? } else { None };
        let mut clock = Deadline::new(self.plan, begun);
        let (mut heard, mut opener) = (Heard::default(), Some(opener));
        let mut open = true;
        loop {
            let happened = self.wait(open, caller.as_ref(), &streams, clock.left(&streams))?;
            if happened.contains(&Event::Orphaned) {
                caller = None;
                self.cut_off(End::Signalled(SIGTERM), &mut heard, &mut clock)?;
            }
            if happened.contains(&Event::Output) {
                streams.pass_on()?;
            }
            if happened.contains(&Event::Word) {
                open = heard.listen(self.sandbox)? != Word::Last;
                self.look(&mut heard, &mut opener)?;
            } else if happened.contains(&Event::Death) {
                break;
            }
            if happened.contains(&Event::Signal) {
                self.forward()?;
            }
            if let Some(end) = clock.is_up(self.plan, &streams) {
                self.cut_off(end, &mut heard, &mut clock)?;
            }
        }
        let waited = waitpid(Some(self.started.pid), WaitOptions::empty()).at(Step::Supervise)?;
        let elapsed = begun.elapsed();
        self.drain(&mut streams)?;
        heard.conclude(self.plan, waited.map_or(0, |(_, status)| status.as_raw()), elapsed)
    }

    /// Waits for anything to happen.
    fn wait(
        &self,
        open: bool,
        caller: Option<&OwnedFd>,
        streams: &Streams,
        left: Option<Timespec>,
    ) -> Result<Vec<Event>, Fault> {
        let mut ready = vec![
            PollFd::new(&self.started.pidfd, PollFlags::IN),
            PollFd::new(&self.signals.descriptor, PollFlags::IN),
        ];
        // What is not listened to is left out: that its other end is gone would be told for ever.
        if open {
            ready.push(PollFd::new(self.sandbox, PollFlags::IN));
        } else {
            ready.push(PollFd::new(&self.started.pidfd, PollFlags::IN));
        }
        ready.push(PollFd::new(caller.unwrap_or(&self.started.pidfd), PollFlags::IN));
        ready.extend(streams.wanted());
        match poll(&mut ready, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Fault::new(Step::Supervise, errno)),
        }
        let happened = |index: usize| ready.get(index).is_some_and(|d| !d.revents().is_empty());
        let events = [
            (Event::Death, happened(0)),
            (Event::Signal, happened(1)),
            (Event::Word, open && happened(2)),
            (Event::Orphaned, caller.is_some() && happened(3)),
            (Event::Output, ready.iter().skip(4).any(|d| !d.revents().is_empty())),
        ];
        Ok(events.into_iter().filter_map(|(event, happened)| happened.then_some(event)).collect())
    }

    /// Looks at the payload's process as soon as it is known, at its files when they are in place,
    /// and at the rest when it waits at the gate; lets it through if all is as it should be.
    fn look(&self, heard: &mut Heard, opener: &mut Option<OwnedFd>) -> Result<(), LaunchError> {
        if let Some(process) = heard.process.take() {
            heard.held = Some(Held::surroundings(self.plan, self.user, &process)?);
        }
        if let Some(held) = heard.held.as_mut().filter(|_| std::mem::take(&mut heard.entered)) {
            held.files(self.plan, self.user)?;
            heard.files = true;
        }
        if let Some(held) = heard.at_the_gate() {
            heard.enforced = held.process(self.plan, self.user)?;
            if let Some(opener) = opener.take() {
                rustix::io::write(&opener, b"g").at(Step::Gate)?;
            }
        }
        Ok(())
    }

    /// The payload has gone too far: first it is asked to end, then the sandbox is ended.
    fn cut_off(
        &self,
        end: End,
        heard: &mut Heard,
        clock: &mut Deadline,
    ) -> Result<(), LaunchError> {
        if heard.cut_off.is_some() {
            pidfd_send_signal(&self.started.pidfd, Signal::KILL).at(Step::Supervise)?;
            clock.never();
        } else {
            heard.cut_off = Some(end);
            self.send(NixSignal::SIGTERM)?;
            clock.soon();
        }
        Ok(())
    }

    fn forward(&self) -> Result<(), LaunchError> {
        while let Some(signal) = self.signals.next()? {
            self.send(signal)?;
        }
        Ok(())
    }

    fn send(&self, signal: NixSignal) -> Result<(), LaunchError> {
        let number = u8::try_from(signal as i32).unwrap_or_default();
        Ok(self.sandbox.send(Message::Signal(number)).at(Step::Supervise)?)
    }

    /// Hands on what is still in the pipes. The caller may be slow, and may give up by a signal.
    fn drain(&self, streams: &mut Streams) -> Result<(), LaunchError> {
        while streams.pass_on()? {}
        streams.stop();
        while !streams.are_empty() {
            let mut ready = vec![PollFd::new(&self.signals.descriptor, PollFlags::IN)];
            ready.extend(streams.wanted());
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Fault::new(Step::Supervise, errno).into()),
            }
            streams.pass_on()?;
            if self.signals.next()?.is_some() {
                break;
            }
        }
        Ok(())
    }
}

/// A descriptor for the process that called, unless it is dead already or whoever adopts orphans.
///
/// By descriptor, for `PR_SET_PDEATHSIG` means a thread, and a front end may start hooks in one that
/// ends.
fn caller() -> Result<Option<OwnedFd>, Fault> {
    let parent = getppid().filter(|parent| !parent.is_init());
    let Some(parent) = parent else { return Ok(None) };
    let descriptor = pidfd_open(parent, PidfdFlags::empty()).at(Step::Supervise)?;
    Ok(Some(descriptor).filter(|_| getppid() == Some(parent)))
}

#[derive(PartialEq, Eq)]
enum Word {
    More,
    Last,
}

impl Heard {
    /// Takes in one message. The payload's descriptor is there to be taken once it is ready.
    fn listen(&mut self, sandbox: &Link) -> Result<Word, LaunchError> {
        let Some((message, mut descriptors)) = sandbox.receive().at(Step::Supervise)? else {
            return Ok(Word::Last);
        };
        match message {
            // The first failure is the cause; what follows from it is not.
            Message::Failed(fault) => self.failed = self.failed.or(Some(fault)),
            Message::Ended(status) => self.status = Some(status),
            Message::Scratch => self.scratch = descriptors.pop().map(Scratch::received),
            Message::Payload => self.process = descriptors.pop(),
            Message::Entered => self.entered = true,
            Message::Ready => self.ready = true,
            Message::Go
            | Message::Mapped
            | Message::Doors
            | Message::Mounts
            | Message::Rules
            | Message::Signal(_) => {
                return Err(Fault::new(Step::Supervise, Errno::BADMSG).into());
            }
        }
        Ok(Word::More)
    }

    /// The payload's process, once it waits at the gate; only once.
    fn at_the_gate(&mut self) -> Option<Held> {
        if self.ready && self.files { self.held.take() } else { None }
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
        let end = match (self.cut_off, self.status) {
            (Some(end), _) => end,
            (None, Some(status)) => End::from_wait_status(status).or_out_of_cpu_time(),
            // Somebody outside ended the whole sandbox, as an out-of-memory killer does.
            (None, None) if init != 0 => End::from_wait_status(init),
            (None, None) => return Err(LaunchError::Silent),
        };
        let mut outcome = Outcome::new(end, elapsed);
        outcome.enforced = self.enforced;
        Ok((outcome, self.scratch))
    }
}

/// Ends a sandbox whose launch went wrong, and waits until nothing of it is left.
pub(super) fn end(started: &Started) {
    // It may be dead already; then there is nothing to signal and only its status to fetch.
    let _ = pidfd_send_signal(&started.pidfd, Signal::KILL);
    let _ = waitpid(Some(started.pid), WaitOptions::empty());
}
