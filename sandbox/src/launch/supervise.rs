//! Watching over a sandbox: its word, its death, the clock and the caller's signals.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal as NixSignal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    PidfdFlags, Signal, WaitOptions, getppid, pidfd_open, pidfd_send_signal, waitpid,
};

use super::deadline::Deadline;
use super::signals::Signals;
use super::streams::Streams;
use super::{Client, LaunchError, located, readback};
use crate::outcome::{End, Outcome};
use crate::plan::Plan;
use crate::scratch::Scratch;
use crate::step::{At, Fault, Step};
use crate::sys::clone::Started;
use crate::wire::{Link, Message};
use crate::words::LayerSet;

/// What a payload is ended with when nobody is left who wants it.
const SIGTERM: u8 = 15;
/// What a payload is ended with when it cannot be watched any more, or when whom it was launched for
/// has let go of it.
const SIGKILL: u8 = 9;

/// Everything that a supervisor watches over.
pub(super) struct Watch<'a> {
    pub(super) plan: &'a Plan,
    /// The build's uid and gid, as the host sees them.
    pub(super) user: (u32, u32),
    pub(super) sandbox: &'a Link,
    pub(super) started: &'a Started,
    pub(super) signals: &'a Signals,
    pub(super) client: &'a Client<'a>,
}

/// What woke the supervisor.
struct Happened {
    /// The sandbox is dead.
    dead: bool,
    /// It has a word.
    word: bool,
    /// Nobody is left who wants the build.
    gone: Option<Gone>,
}

/// Who wants a build no more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// The process that called is dead.
    Caller,
    /// Whom the build was launched for has let go of it.
    Client,
}

/// A payload that has run, all of its processes dead.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) outcome: Outcome,
    /// The private file system, where the sandbox has made it.
    pub(super) scratch: Option<Scratch>,
    /// What went wrong outside, the first of it. It does not make the payload one that has not run.
    pub(super) trouble: Option<LaunchError>,
}

impl Watched {
    /// Takes in what may have gone wrong after the payload.
    pub(super) fn note(&mut self, result: Result<(), LaunchError>) {
        self.trouble = self.trouble.take().or(result.err());
    }
}

/// What has been heard of the sandbox so far.
#[derive(Default)]
struct Heard {
    failed: Option<Fault>,
    status: Option<i32>,
    scratch: Option<Scratch>,
    process: Option<OwnedFd>,
    ready: bool,
    enforced: LayerSet,
    /// The gate was opened: from here on the payload may have run.
    let_through: bool,
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
    ) -> Result<Watched, LaunchError> {
        let begun = Instant::now();
        let mut heard = Heard::default();
        let attended = self.attend(begun, opener, &mut heard, &mut streams);
        let trouble = match attended {
            Ok(()) => None,
            Err(error) if heard.let_through => {
                let _ = pidfd_send_signal(&self.started.pidfd, Signal::KILL);
                heard.cut_off = Some(End::Signalled(SIGKILL));
                Some(error)
            }
            Err(error) => return Err(error),
        };
        let waited = waitpid(Some(self.started.pid), WaitOptions::empty()).at(Step::Supervise)?;
        let elapsed = begun.elapsed();
        let drained = self.drain(&mut streams);
        let status = waited.map_or(0, |(_, status)| status.as_raw());
        let mut watched = heard.conclude(self.plan, status, elapsed)?;
        watched.trouble = trouble.or(drained.err());
        Ok(watched)
    }

    /// Attends to whatever happens, until every process of the sandbox is dead.
    fn attend(
        &self,
        begun: Instant,
        opener: OwnedFd,
        heard: &mut Heard,
        streams: &mut Streams,
    ) -> Result<(), LaunchError> {
        let mut caller = if self.plan.ends_with_caller { caller()? } else { None };
        let mut clock = Deadline::new(self.plan, begun);
        let (mut opener, mut open) = (Some(opener), true);
        let mut client = self.client.lifeline();
        loop {
            let Happened { dead, word, gone } =
                self.wait(open, client, caller.as_ref(), streams, clock.left(streams))?;
            if gone == Some(Gone::Client) {
                client = None;
                heard.cut_off.get_or_insert(End::Signalled(SIGKILL));
                pidfd_send_signal(&self.started.pidfd, Signal::KILL).at(Step::Supervise)?;
            }
            if gone == Some(Gone::Caller) {
                caller = None;
                self.cut_off(End::Signalled(SIGTERM), heard, &mut clock)?;
            }
            streams.pass_on()?;
            if open && word {
                open = heard.listen(self.sandbox)? != Word::Last;
                if let Some(payload) = heard.at_the_gate() {
                    let pipes = streams.identities()?;
                    heard.enforced = readback::check(self.plan, self.user, &payload, &pipes)?;
                    if let Some(opener) = opener.take() {
                        rustix::io::write(&opener, b"g").at(Step::Gate)?;
                        heard.let_through = true;
                        self.client.tell();
                    }
                }
            } else if dead {
                return Ok(());
            }
            self.forward()?;
            if let Some(end) = clock.is_up(self.plan, streams) {
                self.cut_off(end, heard, &mut clock)?;
            }
        }
    }

    /// Waits for anything to happen.
    fn wait(
        &self,
        open: bool,
        client: Option<BorrowedFd<'_>>,
        caller: Option<&OwnedFd>,
        streams: &Streams,
        left: Option<Timespec>,
    ) -> Result<Happened, Fault> {
        let mut ready = vec![
            PollFd::new(&self.started.pidfd, PollFlags::IN),
            PollFd::new(self.signals, PollFlags::IN),
        ];
        // What is not listened to is asked for nothing.
        let listening = if open { PollFlags::IN } else { PollFlags::empty() };
        ready.push(PollFd::new(self.sandbox, listening));
        ready.push(PollFd::new(caller.unwrap_or(&self.started.pidfd), PollFlags::IN));
        let watched = client.unwrap_or(self.started.pidfd.as_fd());
        ready.push(PollFd::from_borrowed_fd(watched, PollFlags::IN));
        ready.extend(streams.wanted());
        match poll(&mut ready, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Fault::new(Step::Supervise, errno)),
        }
        let happened = |index: usize| ready.get(index).is_some_and(has_happened);
        let gone = if client.is_some() && happened(4) {
            Some(Gone::Client)
        } else {
            (caller.is_some() && happened(3)).then_some(Gone::Caller)
        };
        Ok(Happened { dead: happened(0), word: open && happened(2), gone })
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
            let mut ready = vec![PollFd::new(self.signals, PollFlags::IN)];
            let lifeline = self.client.lifeline();
            ready.extend(lifeline.map(|it| PollFd::from_borrowed_fd(it, PollFlags::IN)));
            ready.extend(streams.wanted());
            match poll(&mut ready, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Fault::new(Step::Supervise, errno).into()),
            }
            let first = usize::from(lifeline.is_some());
            let let_go = ready.get(1..=first).is_some_and(|it| it.iter().any(has_happened));
            streams.pass_on()?;
            if let_go || self.signals.next()?.is_some() {
                break;
            }
        }
        Ok(())
    }
}

fn has_happened(descriptor: &PollFd<'_>) -> bool {
    !descriptor.revents().is_empty()
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
        let Some((message, descriptor)) = sandbox.receive().at(Step::Supervise)? else {
            return Ok(Word::Last);
        };
        match message {
            // The first failure is the cause; what follows from it is not.
            Message::Failed(fault) => self.failed = self.failed.or(Some(fault)),
            Message::Ended(status) => self.status = Some(status),
            Message::Scratch => self.scratch = descriptor.map(Scratch::received),
            Message::Payload => self.process = descriptor,
            Message::Ready => self.ready = true,
            Message::Go | Message::Signal(_) => {
                return Err(Fault::new(Step::Supervise, Errno::BADMSG).into());
            }
        }
        Ok(Word::More)
    }

    /// The payload's process, once it waits at the gate; only once.
    fn at_the_gate(&mut self) -> Option<OwnedFd> {
        if self.ready { self.process.take() } else { None }
    }

    fn conclude(self, plan: &Plan, init: i32, elapsed: Duration) -> Result<Watched, LaunchError> {
        if let Some(fault) = self.failed {
            return Err(located(plan, fault));
        }
        let end = match (self.cut_off, self.status) {
            (Some(end), _) => end,
            (None, Some(status)) => End::from_wait_status(status).or_out_of_cpu_time(),
            // Somebody outside ended the whole sandbox, as an out-of-memory killer does.
            (None, None) => End::from_wait_status(init),
        };
        let was_cut_off = matches!(end, End::TimedOut(_) | End::OutputRefused { .. });
        if !self.let_through && !was_cut_off {
            return Err(LaunchError::Silent { end });
        }
        let mut outcome = Outcome::new(end, elapsed);
        outcome.enforced = self.enforced;
        Ok(Watched { outcome, scratch: self.scratch, trouble: None })
    }
}

/// Ends a sandbox whose launch went wrong, and waits until nothing of it is left.
pub(super) fn end(started: &Started) {
    // It may be dead already; then there is nothing to signal and only its status to fetch.
    let _ = pidfd_send_signal(&started.pidfd, Signal::KILL);
    let _ = waitpid(Some(started.pid), WaitOptions::empty());
}
