//! Watching over a sandbox: its word, its death, the clock and the caller's signals.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::sys::signal::Signal as NixSignal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions, pidfd_send_signal, waitpid};

use super::deadline::Deadline;
use super::heard::{Gate, Heard, Watched, Word};
use super::patience::{GRACE, Patience};
use super::readback::{PausedPayload, is_ending};
use super::signals::number;
use super::streams::Streams;
use super::tracer::Tracer;
use super::{Client, LaunchError};
use crate::ending::{Fact, Phase};
use crate::plan::Plan;
use crate::step::{At, Fault, Step};
use crate::sys::clone::Started;
use crate::wire::{Link, Message};

/// Everything that a supervisor watches over.
pub(super) struct Watch<'a> {
    pub(super) plan: &'a Plan,
    /// The build's uid and gid, as the host sees them.
    pub(super) user: (u32, u32),
    /// The name of its control groups.
    pub(super) name: Option<&'a str>,
    pub(super) sandbox: &'a Link,
    pub(super) started: &'a Started,
    pub(super) patience: &'a mut Patience,
    pub(super) client: &'a Client<'a>,
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

impl Watch<'_> {
    /// Watches until the sandbox is dead, every process of it included, and everything that it
    /// printed is handed on. The payload is let through the gate that `opener` opens once every
    /// layer has been seen.
    pub(super) fn until_the_end(
        &mut self,
        opener: OwnedFd,
        mut streams: Streams,
    ) -> Result<Watched, LaunchError> {
        let begun = Instant::now();
        let mut heard = Heard::default();
        let attended = self.attend(opener, &mut heard, &mut streams);
        let trouble = match attended {
            Ok(()) => None,
            Err(error) if heard.gate == Gate::Open => {
                let _ = pidfd_send_signal(&self.started.pidfd, Signal::KILL);
                heard.lost = true;
                Some(error)
            }
            Err(error) => return Err(error),
        };
        let waited = waitpid(Some(self.started.pid), WaitOptions::empty()).at(Step::Supervise)?;
        let elapsed = begun.elapsed();
        let drained = self.drain(&mut heard, &mut streams);
        let status = waited.map_or(0, |(_, status)| status.as_raw());
        if heard.gate == Gate::Reached && !self.client.wants_the_payload() {
            return Ok(heard.rehearsed(elapsed));
        }
        let mut watched = heard.conclude(self.plan, status, elapsed)?;
        if let (Ok(false) | Err(_), Some(fact)) = (&drained, self.patience.over()) {
            watched.note(Phase::Draining, fact.clone());
        }
        watched.trouble = watched.trouble.or(trouble).or(drained.err());
        watched.named_sanitizer = streams.named_sanitizer();
        Ok(watched)
    }

    /// Attends to whatever happens, until every process of the sandbox is dead.
    fn attend(
        &self,
        opener: OwnedFd,
        heard: &mut Heard,
        streams: &mut Streams,
    ) -> Result<(), LaunchError> {
        let mut clock = Deadline::new(self.plan, self.patience.deadline());
        let (mut opener, mut open) = (Some(opener), true);
        let (mut client, mut caller) = (self.patience.lifeline(), self.patience.caller());
        loop {
            if heard.gate == Gate::Open {
                streams.begin();
            }
            let happened = self.wait(open, client, caller, streams, clock.left(streams))?;
            if happened.contains(&Event::LetGo) {
                client = None;
                heard.cut_off.get_or_insert(Fact::LetGo);
                pidfd_send_signal(&self.started.pidfd, Signal::KILL).at(Step::Supervise)?;
            } else if happened.contains(&Event::Orphaned) {
                caller = None;
                heard.signals.push(NixSignal::SIGTERM);
                self.cut_off(Fact::CallerDied, heard, &mut clock)?;
            }
            if happened.contains(&Event::Output) {
                streams.pass_on()?;
            }
            if happened.contains(&Event::Word) {
                open = heard.listen(self.sandbox)? != Word::Last;
                self.look_if_alive(heard, &mut opener, streams)?;
            } else if happened.contains(&Event::Death) {
                return Ok(());
            }
            if happened.contains(&Event::Signal) {
                self.forward(heard, &mut clock)?;
            }
            if let Some(fact) = clock.is_up(streams) {
                // Who was told to end already is not told again.
                let deaf = heard.told.filter(|_| heard.cut_off.is_none());
                heard.cut_off =
                    deaf.map(|signal| Fact::Deaf(number(signal))).or(heard.cut_off.take());
                self.cut_off(fact, heard, &mut clock)?;
            }
        }
    }

    /// Waits for anything to happen.
    fn wait(
        &self,
        open: bool,
        client: Option<BorrowedFd<'_>>,
        caller: Option<BorrowedFd<'_>>,
        streams: &Streams,
        left: Option<Timespec>,
    ) -> Result<Vec<Event>, Fault> {
        let mut ready = vec![
            PollFd::new(&self.started.pidfd, PollFlags::IN),
            PollFd::new(self.patience.signals(), PollFlags::IN),
        ];
        // What is not listened to is left out: that its other end is gone would be told for ever.
        if open {
            ready.push(PollFd::new(self.sandbox, PollFlags::IN));
        } else {
            ready.push(PollFd::new(&self.started.pidfd, PollFlags::IN));
        }
        for watched in [caller, client] {
            let watched = watched.unwrap_or(self.started.pidfd.as_fd());
            ready.push(PollFd::from_borrowed_fd(watched, PollFlags::IN));
        }
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

    /// Looks, and believes what it sees of the living only. What is about to end shows nothing of what
    /// it was: then the word of the sandbox counts, or else its end.
    fn look_if_alive(
        &self,
        heard: &mut Heard,
        opener: &mut Option<OwnedFd>,
        streams: &Streams,
    ) -> Result<(), LaunchError> {
        let Err(error) = self.look(heard, opener, streams) else { return Ok(()) };
        while heard.failed.is_none() && self.has_word()? {
            if heard.listen(self.sandbox)? == Word::Last {
                break;
            }
        }
        let ends = heard.failed.is_some() || heard.looked_at.as_ref().is_some_and(is_ending);
        if heard.gate == Gate::Open || !ends {
            return Err(error);
        }
        heard.held = None;
        Ok(())
    }

    /// Whether the sandbox has a word that was not heard yet, or is dead.
    fn has_word(&self) -> Result<bool, Fault> {
        let mut ready = [PollFd::new(self.sandbox, PollFlags::IN)];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        Ok(poll(&mut ready, Some(&at_once)).at(Step::Supervise)? > 0)
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
            let process = heard.looked_at.insert(process);
            heard.held = Some(PausedPayload::surroundings(
                self.plan,
                self.user,
                process,
                streams.identities()?,
            )?);
        }
        if let Some(held) = heard.held.as_mut().filter(|_| std::mem::take(&mut heard.entered)) {
            held.files(self.plan, self.user)?;
        }
        if let Some(held) = heard.at_the_gate() {
            heard.enforced = held.process(self.plan, self.user, self.name)?;
            heard.gate = Gate::Reached;
            let left_out: Vec<_> = heard.copied.lines().map(str::to_owned).collect();
            self.client.say_left_out(&left_out);
            // Without a word through the gate the payload's process ends there.
            let wanted = self.client.wants_the_payload();
            // While the gate can still be opened, so that the process waits there and is not about to
            // end should this fail.
            let follow = wanted && self.client.follows() && opener.is_some();
            if let Some(process) = heard.looked_at.as_ref().filter(|_| follow) {
                heard.tracer = Some(Tracer::follow(self.plan, process)?);
            }
            if let Some(opener) = opener.take().filter(|_| wanted) {
                self.client.tell_before(self.plan);
                rustix::io::write(&opener, b"g").at(Step::Gate)?;
                heard.gate = Gate::Open;
                self.client.tell(self.plan);
            }
        }
        Ok(())
    }

    /// The payload has gone too far: first it is asked to end, then the sandbox is ended.
    fn cut_off(
        &self,
        fact: Fact,
        heard: &mut Heard,
        clock: &mut Deadline,
    ) -> Result<(), LaunchError> {
        if heard.cut_off.is_some() {
            pidfd_send_signal(&self.started.pidfd, Signal::KILL).at(Step::Supervise)?;
            clock.never();
        } else {
            heard.cut_off = Some(fact);
            self.send(NixSignal::SIGTERM)?;
            clock.soon();
        }
        Ok(())
    }

    /// Passes the caller's signals on. One that comes before the payload was let through ends the
    /// launch, as it would end any program that has nothing to finish.
    /// A payload that is let through ends as it likes, and soon.
    fn forward(&self, heard: &mut Heard, clock: &mut Deadline) -> Result<(), LaunchError> {
        while let Some(signal) = self.patience.signals().next()? {
            heard.signals.push(signal);
            if heard.gate == Gate::Open {
                self.send(signal)?;
                let ends = Phase::Running.is_ended_by(number(signal))
                    && !self.patience.signals().are_ignored(signal);
                if ends && heard.told.is_none() && heard.cut_off.is_none() {
                    heard.told = Some(signal);
                    clock.soon();
                }
            } else if !self.patience.signals().are_ignored(signal)
                && let Some(error) = LaunchError::interrupted_by(&Fact::Signal(number(signal)))
            {
                return Err(error);
            }
        }
        Ok(())
    }

    fn send(&self, signal: NixSignal) -> Result<(), LaunchError> {
        Ok(self.sandbox.send(Message::Signal(number(signal))).at(Step::Supervise)?)
    }

    /// Hands on what is still in the pipes. The caller may be slow, and may give up by whatever ends a
    /// call, the signals among it that came while the payload ran. Where the payload was ended, nobody
    /// is waited for longer than a little. Gives whether everything was handed on.
    fn drain(&mut self, heard: &mut Heard, streams: &mut Streams) -> Result<bool, LaunchError> {
        if heard.gate != Gate::Closed {
            self.patience.has_run(std::mem::take(&mut heard.signals));
        }
        let was_ended = heard.cut_off.is_some() || heard.lost;
        let latest = was_ended.then(|| Instant::now() + GRACE);
        Ok(streams.drain(self.patience, latest)?)
    }
}

fn has_happened(descriptor: &PollFd<'_>) -> bool {
    !descriptor.revents().is_empty()
}
