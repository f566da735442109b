//! What a supervisor has heard of a sandbox, and what became of its payload.
#![forbid(unsafe_code)]

use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::signal::Signal as NixSignal;
use rustix::io::Errno;
use rustix::process::Resource;

use super::readback::PausedPayload;
use super::signals::number;
use super::tracer::Tracer;
use super::{LaunchError, located};
use crate::ending::{self, Fact, History, Phase};
use crate::outcome::{End, Outcome};
use crate::plan::Plan;
use crate::scratch::Scratch;
use crate::step::{At, Fault, Step};
use crate::wire::{Link, Message};
use crate::words::LayerSet;

/// A payload that has run, all of its processes dead.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) outcome: Outcome,
    /// What of that which happened bears on its end.
    pub(super) history: History,
    /// The private file system, where the sandbox has made it.
    pub(super) scratch: Option<Scratch>,
    /// What went wrong outside, the first of it. It does not make the payload one that has not run.
    pub(super) trouble: Option<LaunchError>,
    /// It printed the name of a sanitizer.
    pub(super) named_sanitizer: bool,
    /// Who follows its processes.
    pub(super) tracer: Option<Tracer>,
}

impl Watched {
    /// The payload by whose launch and run all that `happened`.
    fn of(heard: Heard, happened: History, elapsed: Duration) -> Self {
        let mut outcome = Outcome::new(ending::decide(&happened), elapsed);
        outcome.enforced = heard.enforced;
        let (scratch, tracer) = (heard.scratch, heard.tracer);
        Self { outcome, history: happened, scratch, trouble: None, named_sanitizer: false, tracer }
    }

    /// Notes what else has happened.
    pub(super) fn note(&mut self, phase: Phase, fact: Fact) {
        self.history.push((phase, fact));
        self.outcome.end = ending::decide(&self.history);
    }

    /// The same, with what may have gone wrong after the payload.
    pub(super) fn noting(self, result: Result<(), LaunchError>) -> Self {
        Self { trouble: self.trouble.or(result.err()), ..self }
    }
}

/// How far the payload has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Gate {
    /// Not every layer was seen.
    #[default]
    Closed,
    /// Every layer was seen.
    Reached,
    /// The gate was opened: from here on the payload may have run.
    Open,
}

/// What has been heard of the sandbox so far.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) failed: Option<Fault>,
    pub(super) status: Option<i32>,
    pub(super) scratch: Option<Scratch>,
    /// The payload's process, until it is looked at.
    pub(super) process: Option<OwnedFd>,
    /// The same, from then on.
    pub(super) looked_at: Option<OwnedFd>,
    pub(super) held: Option<PausedPayload>,
    pub(super) entered: bool,
    pub(super) ready: bool,
    pub(super) enforced: LayerSet,
    pub(super) gate: Gate,
    /// What the payload was first told to end for, by the supervisor.
    pub(super) cut_off: Option<Fact>,
    /// The first signal that told a payload to end which was let through.
    pub(super) told: Option<NixSignal>,
    /// The payload could not be watched to its end.
    pub(super) lost: bool,
    /// What the sandbox said of a copy.
    pub(super) copied: String,
    pub(super) signals: Vec<NixSignal>,
    /// Who follows the payload's processes.
    pub(super) tracer: Option<Tracer>,
}

/// The text in a file of the sandbox's, which has run nothing of the payload's.
fn said(file: &OwnedFd) -> std::io::Result<String> {
    const LONGEST: usize = 64 << 10;
    let mut bytes = vec![0; LONGEST];
    let length = rustix::io::pread(file, &mut bytes, 0)?;
    bytes.truncate(length);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether there may be more to hear of the sandbox.
#[derive(PartialEq, Eq)]
pub(super) enum Word {
    More,
    Last,
}

impl Heard {
    /// Takes in one message. The payload's descriptor is there to be taken once it is ready.
    pub(super) fn listen(&mut self, sandbox: &Link) -> Result<Word, LaunchError> {
        let Some((message, mut descriptors)) = sandbox.receive().at(Step::Supervise)? else {
            return Ok(Word::Last);
        };
        match message {
            // The first failure is the cause; what follows from it is not.
            Message::Failed(fault) => self.failed = self.failed.or(Some(fault)),
            Message::Ended(status) => self.status = Some(status),
            Message::Scratch => self.scratch = descriptors.pop().map(Scratch::received),
            Message::Copied => {
                let text = descriptors.pop().as_ref().map(said).transpose().at(Step::CopySource)?;
                self.copied = text.unwrap_or_default();
            }
            Message::Payload => self.process = descriptors.pop(),
            Message::Entered => self.entered = true,
            Message::Ready => self.ready = true,
            Message::Go
            | Message::Mapped
            | Message::CgroupFds
            | Message::Mounts
            | Message::Rules
            | Message::Signal(_) => {
                return Err(Fault::new(Step::Supervise, Errno::BADMSG).into());
            }
        }
        Ok(Word::More)
    }

    /// The payload's process, once it waits at the gate; only once.
    pub(super) fn at_the_gate(&mut self) -> Option<PausedPayload> {
        if self.ready { self.held.take_if(|held| held.has_entered()) } else { None }
    }

    /// What a launch comes to that ends at the gate.
    pub(super) fn rehearsed(self, elapsed: Duration) -> Watched {
        let well = Fact::Ended { status: 0, cpu_limited: false };
        Watched::of(self, vec![(Phase::Running, well)], elapsed)
    }

    /// What has happened by the time when the sandbox is dead, whose first process ended with the
    /// status `init`.
    fn history(&self, plan: &Plan, init: i32) -> History {
        let phase = if self.gate == Gate::Open { Phase::Running } else { Phase::BeforeGate };
        let limits = plan.limits.as_ref();
        let cpu_limited = limits.is_some_and(|it| it.ceiling(Resource::Cpu).is_some());
        let ended = self.status.map(|status| Fact::Ended { status, cpu_limited });
        // The sandbox may lose sight of a payload that was let through, too, and takes it along.
        let lost = self.failed.is_some_and(|fault| fault.step == Step::Supervise);
        let lost = self.gate == Gate::Open && (self.lost || lost);
        let facts = [
            self.told.map(|signal| Fact::Signal(number(signal))),
            self.cut_off.clone(),
            lost.then_some(Fact::LostSight),
            Some(ended.unwrap_or(Fact::SandboxEnded(init))),
        ];
        facts.into_iter().flatten().map(|fact| (phase, fact)).collect()
    }

    /// What became of the payload, once the sandbox is dead.
    ///
    /// # Errors
    /// It did not run.
    pub(super) fn conclude(
        self,
        plan: &Plan,
        init: i32,
        elapsed: Duration,
    ) -> Result<Watched, LaunchError> {
        let happened = self.history(plan, init);
        let interrupted =
            ending::interruption(&happened).map(|end| LaunchError::Interrupted { end });
        let failed = self.failed.map(|fault| match fault.step {
            Step::CopySource if !self.copied.is_empty() => LaunchError::Copy(self.copied.clone()),
            _ => located(plan, fault),
        });
        if self.gate != Gate::Open {
            let end = End::from_wait_status(self.status.unwrap_or(init));
            let silent = LaunchError::Silent { end };
            return Err(ending::blamed(interrupted, failed, silent));
        }
        let mut watched = Watched::of(self, happened, elapsed);
        match failed {
            Some(error) if error.step() != Step::Supervise => Err(error),
            trouble => {
                watched.trouble = trouble;
                Ok(watched)
            }
        }
    }
}

/// The first step that a sandbox has said to have failed, of all that it said and nobody has heard. It
/// must be dead.
pub(super) fn last_fault(sandbox: &Link) -> Option<Fault> {
    while let Ok(Some((message, _))) = sandbox.receive() {
        if let Message::Failed(fault) = message {
            return Some(fault);
        }
    }
    None
}
