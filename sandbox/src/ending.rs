//! How a call ends: [`decide`] takes everything that happened, each with the phase in which it did, and
//! gives the end. No other place chooses an end, an exit status or the sentence for one.
//!
//! What happens is seen in many places; each notes a [`Fact`] and nothing else.
#![forbid(unsafe_code)]

use rustix::io::Errno;

use crate::outcome::{Clock, End};
use crate::step::{Fault, Step};

mod sentence;

pub(crate) use sentence::{interrupted, silent};
pub use sentence::{limit_of, of_call, of_limit};

/// An output was refused. From this status on they are the program's own.
pub const OUTPUT_REFUSED: u8 = 123;
/// A time was up.
pub const TIMED_OUT: u8 = 124;
/// Nothing was run.
pub const NOTHING_RUN: u8 = 125;
/// The command cannot be executed, as shells have it.
pub const NOT_EXECUTABLE: u8 = 126;
/// The command is not there, as shells have it.
pub const NOT_FOUND: u8 = 127;
/// With the number of a signal added: that signal ended the command, as shells have it.
pub const SIGNALLED: u8 = 128;
/// What a hook is said to have ended with that chose one of the program's own.
const NOT_ITS_OWN: u8 = 1;

/// What is refused where a build printed more than it may.
const LOG: &str = "log";

/// The numbers of the signals that tell a call to end (`signal(7)`): SIGHUP, SIGINT, SIGQUIT, SIGTERM.
const ENDING: [u8; 4] = [1, 2, 3, SIGTERM];
const SIGKILL: u8 = 9;
const SIGTERM: u8 = 15;
/// What ends a process that has used up its processor time (`getrlimit(2)`).
const SIGXCPU: u8 = 24;

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// From its beginning until the payload is let through.
    BeforeGate,
    /// The payload runs.
    Running,
    /// Every process of the build is dead, and the rest of the log is handed on.
    Draining,
    /// What the build made is looked into, copied out and handed over.
    Inspecting,
    /// What the build had is removed.
    ClearingAway,
}

impl Phase {
    /// Each, in order.
    pub const ALL: [Self; 5] =
        [Self::BeforeGate, Self::Running, Self::Draining, Self::Inspecting, Self::ClearingAway];

    /// Whether a call that is in this phase ends by the signal of this number, which is one of those
    /// that are passed on and that the caller does not ignore. Before the gate every one does, for there
    /// is nobody yet who could take it.
    #[must_use]
    pub fn is_ended_by(self, signal: u8) -> bool {
        self == Self::BeforeGate || ENDING.contains(&signal)
    }
}

/// One thing that happened to a call and bears on its end.
///
/// Of what ends a call (a signal, a clock, a dead caller, a client that lets go) one is noted in a phase
/// only if it has cost that phase something: the payload did not run, was ended, its log has lost its
/// end, nothing was handed over, something was not removed. The exception is a [signal](Self::Signal)
/// while the payload runs: it is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A signal of this number came that ends a call.
    Signal(u8),
    /// The payload was passed that signal and did not end in time, so that it was killed.
    Deaf(u8),
    /// A time was up.
    TimeUp(Clock),
    /// The build printed more than so many bytes.
    LogFull(u64),
    /// The process that called is dead.
    CallerDied,
    /// Whom the build was launched for has let go of it.
    LetGo,
    /// The payload could not be watched any longer, and was killed.
    LostSight,
    /// The payload ended.
    Ended {
        /// Its status of `waitpid(2)`.
        status: i32,
        /// The processor time of its processes was limited.
        cpu_limited: bool,
    },
    /// The first process of the sandbox ended with this status of `waitpid(2)` before it had told how
    /// the payload did.
    SandboxEnded(i32),
    /// The kernel killed a process of the build because memory ran out.
    KilledForMemory,
    /// The kernel refused the build a process.
    ForksRefused,
    /// The payload was not run.
    NotRun {
        /// The step of the launch that failed; none where it was refused before.
        step: Option<&'static str>,
        /// Why, as a sentence.
        cause: String,
        /// What of that the exit status tells.
        why: NotRun,
    },
    /// An output was refused, or could not be looked at.
    Refused {
        /// The file.
        file: String,
        /// Why.
        why: String,
        /// The sentence for it.
        sentence: String,
    },
    /// The outcome could not be written.
    Unwritten {
        /// The file that it was to be in.
        file: String,
        /// Why not.
        why: String,
        /// The build has put another file in its place, which may say anything.
        exchanged: bool,
    },
}

/// Why a payload was not run, as far as the exit status tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotRun {
    /// The call is wrong, the demand is refused, or a step failed.
    Refused,
    /// There is no such command.
    NotFound,
    /// The command cannot be executed.
    NotExecutable,
    /// The call was ended before.
    Interrupted(End),
}

impl NotRun {
    /// What the failure of a step comes to.
    #[must_use]
    pub const fn of(fault: Fault) -> Self {
        match (fault.step, fault.errno) {
            (Step::Exec, Errno::NOENT) => Self::NotFound,
            (Step::Exec, Errno::ACCESS | Errno::NOEXEC | Errno::ISDIR) => Self::NotExecutable,
            _ => Self::Refused,
        }
    }

    /// The exit status that tells it.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Refused => NOTHING_RUN,
            Self::NotFound => NOT_FOUND,
            Self::NotExecutable => NOT_EXECUTABLE,
            Self::Interrupted(end) => end.exit_status(),
        }
    }
}

/// Who is told the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Whoever called `bulkhead run`.
    Run,
    /// A front end, which called `bulkhead hook`.
    Hook,
}

impl Call {
    /// The exit status of a call of this kind that has come to `end`. From 123 on they say what became
    /// of a hook's outputs, so that no hook can claim a refusal that never was.
    #[must_use]
    pub const fn exit_status(self, end: &End) -> u8 {
        match (self, end) {
            (Self::Hook, End::Exited(OUTPUT_REFUSED..)) => NOT_ITS_OWN,
            (_, end) => end.exit_status(),
        }
    }
}

impl End {
    /// The exit status that tells of this end, by itself.
    #[must_use]
    pub const fn exit_status(&self) -> u8 {
        match self {
            Self::Exited(code) => *code,
            Self::Signalled(signal) => SIGNALLED.saturating_add(*signal),
            Self::TimedOut(_) => TIMED_OUT,
            // The kernel does it with SIGKILL.
            Self::OutOfMemory | Self::TooManyProcesses => SIGNALLED + SIGKILL,
            Self::OutputRefused { .. } => OUTPUT_REFUSED,
            Self::NotStarted { status, .. } => *status,
        }
    }

    /// What it comes to that this has ended a call before its payload ran.
    fn before_its_payload(&self) -> Self {
        let step = Some(Step::Supervise.text());
        Self::NotStarted { step, cause: interrupted(self), status: self.exit_status() }
    }

    /// The end that a status of `waitpid(2)` tells of.
    #[must_use]
    pub fn from_wait_status(status: i32) -> Self {
        let signal = u8::try_from(status & 0x7f).unwrap_or_default();
        let code = u8::try_from(status >> 8 & 0xff).unwrap_or_default();
        if signal == 0 { Self::Exited(code) } else { Self::Signalled(signal) }
    }
}

impl Fact {
    /// The end of what it ends; none of what ends nothing by itself.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        Some(match self {
            Self::Signal(number) | Self::Deaf(number) => End::Signalled(*number),
            Self::TimeUp(clock) => End::TimedOut(*clock),
            Self::LogFull(limit) => {
                End::OutputRefused { file: LOG.to_owned(), why: sentence::log_is_full(*limit) }
            }
            Self::CallerDied => End::Signalled(SIGTERM),
            Self::LetGo | Self::LostSight => End::Signalled(SIGKILL),
            _ => return None,
        })
    }

    /// The same, of what may end a call in any of its phases.
    fn end_of_call(&self) -> Option<End> {
        let ends = matches!(
            self,
            Self::Signal(_) | Self::Deaf(_) | Self::TimeUp(_) | Self::CallerDied | Self::LetGo
        );
        self.end().filter(|_| ends)
    }
}

/// Everything that happened to a call, in the order in which it was seen.
pub type History = Vec<(Phase, Fact)>;

/// How the call ended to which all that happened. The facts may stand in any order, but of two that say
/// the same of a phase the first counts.
#[must_use]
pub fn decide(happened: &[(Phase, Fact)]) -> End {
    let ran = || at_the_payloads_end(happened).map(|end| afterwards(happened, end));
    // Of a call of which nothing is known nobody may believe that it went well.
    let unknown = || sandbox_ended(0);
    in_the_end(happened, not_started(happened).or_else(ran).unwrap_or_else(unknown))
}

/// What ended a call before its payload ran, if something did.
#[must_use]
pub fn interruption(happened: &[(Phase, Fact)]) -> Option<End> {
    of_phase(happened, Phase::BeforeGate).find_map(Fact::end)
}

/// Which of the things that went wrong before the gate is told. What ended the call comes first, for all
/// else may follow from it. What failed inside the sandbox comes before what failed outside.
pub fn blamed<E>(interruption: Option<E>, inside: Option<E>, outside: E) -> E {
    interruption.or(inside).unwrap_or(outside)
}

fn of_phase(happened: &[(Phase, Fact)], wanted: Phase) -> impl Iterator<Item = &Fact> {
    happened.iter().filter(move |(phase, _)| *phase == wanted).map(|(_, fact)| fact)
}

fn has(happened: &[(Phase, Fact)], wanted: &Fact) -> bool {
    happened.iter().any(|(_, fact)| fact == wanted)
}

/// The end of a payload that did not run.
fn not_started(happened: &[(Phase, Fact)]) -> Option<End> {
    let failure = happened.iter().find_map(|(_, fact)| match fact {
        Fact::NotRun { step, cause, why } => {
            let (step, cause, status) = (*step, cause.clone(), why.exit_status());
            Some(End::NotStarted { step, cause, status })
        }
        _ => None,
    });
    // A command that was let through, and then could not be executed, did not run either.
    let later = || happened.iter().find_map(|(_, fact)| fact.end_of_call());
    let interruption = interruption(happened).or_else(|| failure.as_ref().and_then(|_| later()));
    let ended = || of_phase(happened, Phase::BeforeGate).find_map(wait_status).map(sandbox_ended);
    interruption.map(|end| end.before_its_payload()).or(failure).or_else(ended)
}

/// The end of a payload whose sandbox ended before it ran, with that status of `waitpid(2)`.
fn sandbox_ended(status: i32) -> End {
    let step = Some(Step::Supervise.text());
    let cause = silent(&End::from_wait_status(status));
    End::NotStarted { step, cause, status: NOTHING_RUN }
}

const fn wait_status(fact: &Fact) -> Option<i32> {
    match fact {
        Fact::Ended { status, .. } | Fact::SandboxEnded(status) => Some(*status),
        _ => None,
    }
}

/// The end of a payload that ran: what it was ended for, or else its own, which the kernel's counters
/// may explain. None where nothing of it is known.
fn at_the_payloads_end(happened: &[(Phase, Fact)]) -> Option<End> {
    let was_told = of_phase(happened, Phase::Running).any(|fact| matches!(fact, Fact::Signal(_)));
    let mut others =
        of_phase(happened, Phase::Running).filter(|fact| !matches!(fact, Fact::Signal(_)));
    match others.find_map(|fact| Some((fact, fact.end()?))) {
        // Why it could not be watched may be that something was killed.
        Some((Fact::LostSight, end)) => Some(explained(happened, end)),
        Some((_, end)) => Some(end),
        // Who is told to end may end as it likes, and does so for that reason.
        None if was_told => own_end(happened),
        None => own_end(happened).map(|own| explained(happened, own)),
    }
}

/// The payload's own end, or that of the whole sandbox, which somebody outside has ended as an
/// out-of-memory killer does. Where neither is known, what else has ended the call.
fn own_end(happened: &[(Phase, Fact)]) -> Option<End> {
    let of_payload = || {
        happened.iter().find_map(|(_, fact)| match fact {
            Fact::Ended { status, cpu_limited } => Some((*status, *cpu_limited)),
            _ => None,
        })
    };
    let of_sandbox = || happened.iter().find_map(|(_, fact)| Some((wait_status(fact)?, false)));
    let Some((status, cpu_limited)) = of_payload().or_else(of_sandbox) else {
        return happened.iter().find_map(|(_, fact)| fact.end());
    };
    Some(match End::from_wait_status(status) {
        End::Signalled(SIGXCPU) if cpu_limited => End::TimedOut(Clock::Cpu),
        end => end,
    })
}

/// A payload that failed, and ran into a limit, has failed of that.
fn explained(happened: &[(Phase, Fact)], end: End) -> End {
    match end {
        End::Exited(1..) | End::Signalled(_) if has(happened, &Fact::KilledForMemory) => {
            End::OutOfMemory
        }
        End::Exited(1..) | End::Signalled(_) if has(happened, &Fact::ForksRefused) => {
            End::TooManyProcesses
        }
        end => end,
    }
}

/// What becomes of the end of a payload in the phases that follow.
fn afterwards(happened: &[(Phase, Fact)], end: End) -> End {
    let over = |phase| of_phase(happened, phase).find_map(Fact::end_of_call);
    let refused = || {
        of_phase(happened, Phase::Inspecting).find_map(|fact| match fact {
            Fact::Refused { file, why, .. } => Some((file.clone(), why.clone())),
            _ => None,
        })
    };
    let mut end = end;
    // A log without its end is not that of a command that has ended.
    if let (End::Exited(_), Some(over)) = (&end, over(Phase::Draining)) {
        end = over;
    }
    // Nothing else is looked into than what a command made that ended well.
    if end == End::Exited(0) {
        end = match (over(Phase::Inspecting), refused()) {
            (Some(over), _) => over,
            (None, Some((file, why))) => End::OutputRefused { file, why },
            (None, None) => end,
        };
    }
    if let (End::Exited(_), Some(over)) = (&end, over(Phase::ClearingAway)) {
        end = over;
    }
    end
}

/// Who reads a file that was put in the place of the outcome may be told anything, whatever the build
/// ended with; where it could not be written, the build is not well at least.
fn in_the_end(happened: &[(Phase, Fact)], end: End) -> End {
    let unwritten = happened.iter().find_map(|(_, fact)| match fact {
        Fact::Unwritten { file, why, exchanged } if *exchanged || end == End::Exited(0) => {
            Some((file.clone(), why.clone()))
        }
        _ => None,
    });
    unwritten.map_or(end, |(file, why)| End::OutputRefused { file, why })
}

#[cfg(test)]
mod tests;
