//! The sentence for an end that is not the build's own: what ended it and, of a limit, its value and
//! its switch.
#![forbid(unsafe_code)]

use std::fmt;

use super::{Call, Fact, LOG, NOTHING_RUN, OUTPUT_REFUSED, Phase};
use crate::layers::limits::Bounds;
use crate::outcome::{Clock, End};
use crate::policy::limits::Limit;
use crate::policy::limits::amounts::Bytes;

/// What ends a process that makes a file too large (`getrlimit(2)`).
const SIGXFSZ: u8 = 25;

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "exited with status {code}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut(clock) => write!(f, "ended at its limit of {} time", clock.name()),
            Self::OutOfMemory => f.write_str("ended because its memory was used up"),
            Self::TooManyProcesses => f.write_str("failed at its limit of processes"),
            Self::OutputRefused { file, why } => write!(f, "ran, but {file} was refused: {why}"),
            Self::NotStarted { cause, .. } => write!(f, "was not started: {cause}"),
        }
    }
}

/// That `end` has ended a call before its payload ran.
pub(crate) fn interrupted(end: &End) -> String {
    format!("the call {end} before the command was started{}", remedy(end))
}

/// How to have more of what has ended a call.
fn remedy(end: &End) -> String {
    limit_of(end).map_or_else(String::new, |limit| format!("; raise {}", limit.remedy()))
}

/// The limit that ended a build, if one did.
#[must_use]
pub fn limit_of(end: &End) -> Option<Limit> {
    Some(match end {
        End::TimedOut(Clock::Wall) => Limit::Timeout,
        End::TimedOut(Clock::Silence) => Limit::Silence,
        End::TimedOut(Clock::Cpu) => Limit::CpuTime,
        End::OutOfMemory => Limit::Memory,
        End::TooManyProcesses => Limit::Pids,
        End::Signalled(SIGXFSZ) => Limit::FileSize,
        End::OutputRefused { file, .. } if file == LOG => Limit::Log,
        _ => return None,
    })
}

/// That the sandbox ended before its payload ran, and nobody knows of anything that has ended it.
pub(crate) fn silent(end: &End) -> String {
    format!(
        "the sandbox {end} before the command was started; if nobody ended it (the kernel's log tells \
         of memory that ran out), this is a defect of bulkhead"
    )
}

/// Why a build whose log may have `limit` bytes was ended.
pub(super) fn log_is_full(limit: u64) -> String {
    format!("the build printed more than {} bytes; raise {}", Bytes(limit), Limit::Log.remedy())
}

/// What a call says of its end, where that is not the command's own or may be mistaken for one that is
/// not. `bounds` are the limits of the build to which all that `happened`.
#[must_use]
pub fn of_call(
    call: Call,
    end: &End,
    happened: &[(Phase, Fact)],
    bounds: Option<&Bounds>,
) -> Option<String> {
    of_handing_over(end, happened)
        .or_else(|| of_limit(end, bounds))
        .or_else(|| of_status(call, end))
}

/// The limit that ended a build, what it was under `bounds`, and how to raise it.
#[must_use]
pub fn of_limit(end: &End, bounds: Option<&Bounds>) -> Option<String> {
    let limit = limit_of(end)?;
    let (before, behind) = limit.row().said?;
    let value = bounds.and_then(|bounds| bounds.text_of(limit));
    let value = value.map_or_else(String::new, |value| format!(" of {value}"));
    Some(format!("the build was ended: {before}{value}{behind}; raise {}", limit.remedy()))
}

/// Why nothing was handed over, where that has decided the end.
fn of_handing_over(end: &End, happened: &[(Phase, Fact)]) -> Option<String> {
    happened.iter().filter(|(phase, _)| *phase == Phase::Inspecting).find_map(
        |(_, fact)| match fact {
            Fact::Refused { file, why, sentence } => {
                let decided = End::OutputRefused { file: file.clone(), why: why.clone() };
                (decided == *end).then(|| sentence.clone())
            }
            fact => (fact.end_of_call().as_ref() == Some(end))
                .then(|| format!("the call {end} before anything was handed over{}", remedy(end))),
        },
    )
}

/// That a status is the command's own, although it looks like one of the program's.
fn of_status(call: Call, end: &End) -> Option<String> {
    match (call, end) {
        (Call::Hook, End::Exited(own @ OUTPUT_REFUSED..)) => Some(format!(
            "the hook itself exited with status {own}, which says nothing here; no output was refused, \
             and the status is {}",
            call.exit_status(end)
        )),
        (Call::Run, End::Exited(own @ OUTPUT_REFUSED..=NOTHING_RUN)) => Some(format!(
            "the command itself exited with status {own}; it ran, and nothing of it was refused"
        )),
        _ => None,
    }
}
