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
use super::readback::Held;
use super::signals::Signals;
use super::streams::Streams;
use super::{Client, LaunchError, located};
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

/// What a wait ends for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    /// The sandbox is dead.
    Death,
    /// The caller has sent a signal.
    Signal,
    /// The sandbox has a word.
    Word,
    /// The process that called is dead.
    Orphaned,
    /// Whom the build was launched for has let go of it.
    LetGo,
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
        watched.trouble = watched.trouble.or(trouble).or(drained.err());
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
            let happened =
                self.wait(open, client, caller.as_ref(), streams, clock.left(streams))?;
            if happened.contains(&Event::LetGo) {
                client = None;
                heard.cut_off.get_or_insert(End::Signalled(SIGKILL));
                pidfd_send_signal(&self.started.pidfd, Signal::KILL).at(Step::Supervise)?;
            } else if happened.contains(&Event::Orphaned) {
                caller = None;
                self.cut_off(End::Signalled(SIGTERM), heard, &mut clock)?;
            }
            if happened.contains(&Event::Output) {
                streams.pass_on()?;
            }
            if happened.contains(&Event::Word) {
                open = heard.listen(self.sandbox)? != Word::Last;
                self.look(heard, &mut opener, streams)?;
            } else if happened.contains(&Event::Death) {
                return Ok(());
            }
            if happened.contains(&Event::Signal) {
                self.forward()?;
            }
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
    ) -> Result<Vec<Event>, Fault> {
        let mut ready = vec![
            PollFd::new(&self.started.pidfd, PollFlags::IN),
            PollFd::new(self.signals, PollFlags::IN),
        ];
        // What is not listened to is left out: that its other end is gone would be told for ever.
        if open {
            ready.push(PollFd::new(self.sandbox, PollFlags::IN));
        } else {
            ready.push(PollFd::new(&self.started.pidfd, PollFlags::IN));
        }
        ready.push(PollFd::new(caller.unwrap_or(&self.started.pidfd), PollFlags::IN));
        let watched = client.unwrap_or(self.started.pidfd.as_fd());
        ready.push(PollFd::from_borrowed_fd(watched, PollFlags::IN));
        ready.extend(streams.wanted());
        match poll(&mut ready, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Fault::new(Step::Supervise, errno)),
        }
        let happened = |index: usize| ready.get(index).is_some_and(has_happened);
        let events = [
            (Event::Death, happened(0)),
            (Event::Signal, happened(1)),
            (Event::Word, open && happened(2)),
            (Event::Orphaned, caller.is_some() && happened(3)),
            (Event::LetGo, client.is_some() && happened(4)),
            (Event::Output, ready.iter().skip(5).any(has_happened)),
        ];
        Ok(events.into_iter().filter_map(|(event, happened)| happened.then_some(event)).collect())
    }

    /// Looks at the payload's process as soon as it is known, at its files when they are in place,
    /// and at the rest when it waits at the gate; lets it through if all is as it should be.
    fn look(
        &self,
        heard: &mut Heard,
        opener: &mut Option<OwnedFd>,
        streams: &Streams,
    ) -> Result<(), LaunchError> {
        if let Some(process) = heard.process.take() {
            heard.held =
                Some(Held::surroundings(self.plan, self.user, &process, streams.identities()?)?);
        }
        if let Some(held) = heard.held.as_mut().filter(|_| std::mem::take(&mut heard.entered)) {
            held.files(self.plan, self.user)?;
        }
        if let Some(held) = heard.at_the_gate() {
            heard.enforced = held.process(self.plan, self.user)?;
            if let Some(opener) = opener.take() {
                rustix::io::write(&opener, b"g").at(Step::Gate)?;
                heard.let_through = true;
                self.client.tell();
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
        if self.ready { self.held.take_if(|held| held.has_entered()) } else { None }
    }

    fn conclude(self, plan: &Plan, init: i32, elapsed: Duration) -> Result<Watched, LaunchError> {
        if let Some(fault) = self.failed {
            let error = located(plan, fault);
            if !self.let_through || fault.step != Step::Supervise {
                return Err(error);
            }
            // The sandbox lost sight of a payload that was let through already, and took it along.
            let mut outcome = Outcome::new(End::Signalled(SIGKILL), elapsed);
            outcome.enforced = self.enforced;
            return Ok(Watched { outcome, scratch: self.scratch, trouble: Some(error) });
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
