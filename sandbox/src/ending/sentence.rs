//! The sentence for an end that is not the build's own: what ended it and, of a limit, its value and
//! its switch.
#![forbid(unsafe_code)]

use std::fmt;
use std::time::Duration;

use rustix::process::Resource;

use super::{Call, Fact, LOG, NOTHING_RUN, OUTPUT_REFUSED, Phase};
use crate::layers::limits::Bounds;
use crate::outcome::{Clock, End};
use crate::policy::limits::amounts::{Bytes, Span};

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

/// How to have more time.
const fn remedy(end: &End) -> &'static str {
    match end {
        End::TimedOut(Clock::Wall) => "; raise `--timeout`",
        End::TimedOut(Clock::Silence) => "; raise `--silence`",
        _ => "",
    }
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
    format!("the build printed more than {} bytes; raise `--log`", Bytes(limit))
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
    let time = |of: fn(&Bounds) -> Option<Duration>| {
        bounds.and_then(of).map_or_else(String::new, |time| format!(" of {}", Span(time)))
    };
    let clause = match end {
        End::TimedOut(Clock::Wall) => {
            format!("its time{} was up; raise `--timeout`", time(|it| it.wall_time))
        }
        End::TimedOut(Clock::Silence) => format!(
            "it printed nothing for longer than its limit{}; raise `--silence`",
            time(|it| it.silence)
        ),
        End::TimedOut(Clock::Cpu) => format!(
            "a process used up its processor time{}; raise `cpu-time` in the policy's `[limits]`",
            time(processor_time)
        ),
        End::OutOfMemory => {
            let memory = bounds.and_then(|it| it.memory);
            let memory = memory.map_or_else(String::new, |size| format!(" of {}", Bytes(size)));
            format!("its memory{memory} was used up; raise `--memory`")
        }
        End::TooManyProcesses => {
            let most = bounds.and_then(|it| it.processes);
            let most = most.map_or_else(String::new, |most| format!(", {most}"));
            format!("it had as many processes as it may{most}; raise `--pids`")
        }
        End::Signalled(SIGXFSZ) => {
            let size = bounds.and_then(|it| it.ceiling(Resource::Fsize));
            let size = size.map_or_else(String::new, |size| format!(" of {}", Bytes(size)));
            format!(
                "a file may have reached the largest size{size}; raise `file-size` in the policy's \
                 `[limits]`"
            )
        }
        End::OutputRefused { file, why } if file == LOG => why.clone(),
        _ => return None,
    };
    Some(format!("the build was ended: {clause}"))
}

fn processor_time(bounds: &Bounds) -> Option<Duration> {
    bounds.ceiling(Resource::Cpu).map(Duration::from_secs)
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
