//! The sentence for an end that is not the build's own: which limit, its value, its switch.
#![forbid(unsafe_code)]

use std::time::Duration;

use rustix::process::Resource;

use crate::layers::limits::Bounds;
use crate::outcome::{Clock, End};
use crate::plan::Plan;
use crate::policy::limits::amounts::{Bytes, Span};
use crate::policy::syscalls::Choice;

/// What ends a process that makes a file too large (`getrlimit(2)`).
const SIGXFSZ: u8 = 25;

/// The limit that ended a build, what it was under `bounds`, and how to raise it.
pub(super) fn sentence(end: &End, bounds: Option<&Bounds>) -> Option<String> {
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
        End::OutputRefused { file, why } if file == "log" => why.clone(),
        _ => return None,
    };
    Some(format!("the build was ended: {clause}"))
}

/// What a program with `AddressSanitizer` or `LeakSanitizer`, which a failed build has named, lacks here.
pub(super) fn of_sanitizers(end: &End, plan: &Plan) -> Option<String> {
    if !matches!(end, End::Exited(1..) | End::Signalled(_)) {
        return None;
    }
    let traced = plan.choices.is_none_or(|(chosen, _)| chosen.has(Choice::Tracing));
    let roomy = plan.limits.as_ref().is_none_or(|it| it.ceiling(Resource::As).is_none());
    let leaks = "LeakSanitizer needs `tracing = true` in the `[syscalls]` of a `--policy`";
    let addresses =
        "AddressSanitizer needs `--memory none`, for here memory is bounded by address space";
    let lacks: Vec<_> =
        [(traced, leaks), (roomy, addresses)].into_iter().filter(|(has, _)| !has).collect();
    let lacks: Vec<_> = lacks.into_iter().map(|(_, text)| text).collect();
    (!lacks.is_empty()).then(|| {
        format!("the build failed, and it printed the name of a sanitizer: {}", lacks.join("; "))
    })
}

fn processor_time(bounds: &Bounds) -> Option<Duration> {
    bounds.ceiling(Resource::Cpu).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::host::fakes;
    use crate::layers::limits;
    use crate::payload::Payload;
    use crate::policy::Policy;
    use crate::policy::levels::Level;
    use crate::policy::limits::amounts::Count;
    use crate::policy::limits::{Demand, Limits};

    #[test]
    fn every_end_by_a_limit_names_it_its_value_and_its_switch() {
        let policy = Limits {
            memory: Demand::Exactly(Bytes(64 << 20)),
            processes: Demand::Exactly(Count(7)),
            wall_time: Demand::Exactly(Span(Duration::from_secs(3))),
            silence: Demand::Exactly(Span(Duration::from_secs(2))),
            cpu_time: Demand::Exactly(Span(Duration::from_secs(5))),
            file_size: Demand::Exactly(Bytes(3 << 10)),
            ..Limits::default()
        };
        let bounds = limits::resolve(&policy, &fakes::root().limits).unwrap();
        let log = End::OutputRefused {
            file: "log".into(),
            why: "it printed more than 9; raise `--log`".into(),
        };
        for (end, value, switch) in [
            (End::TimedOut(Clock::Wall), "3s", "`--timeout`"),
            (End::TimedOut(Clock::Silence), "2s", "`--silence`"),
            (End::TimedOut(Clock::Cpu), "5s", "`cpu-time`"),
            (End::OutOfMemory, "64M", "`--memory`"),
            (End::TooManyProcesses, "7", "`--pids`"),
            (End::Signalled(25), "3K", "`file-size`"),
            (log, "9", "`--log`"),
        ] {
            let told = sentence(&end, Some(&bounds)).unwrap();
            assert!(told.contains(value) && told.contains(switch), "{told}");
            assert!(sentence(&end, None).unwrap().contains(switch), "also where nothing is known");
        }
        let other = End::OutputRefused { file: "x.whl".into(), why: "bad".into() };
        for own in [End::Exited(1), End::Signalled(9), other] {
            assert_eq!(sentence(&own, Some(&bounds)), None, "{own}");
        }
    }
    #[test]
    fn what_a_sanitizer_lacks_is_told_with_its_switches() {
        let told = |policy: &Policy, end: &End| {
            let payload = Payload::command(vec!["x".into()], "/w".into(), vec![]).unwrap();
            let host = fakes::root();
            of_sanitizers(end, &Plan::resolve(policy, Path::new("/x"), &payload, &host).unwrap())
        };
        let mut policy = Policy::preset(Level::Full);
        let sentence = told(&policy, &End::Exited(1)).unwrap();
        assert!(sentence.contains("`tracing = true`"), "{sentence}");
        assert_eq!(told(&policy, &End::Exited(0)), None);
        policy.syscalls = policy.syscalls.set(Choice::Tracing, true);
        assert_eq!(told(&policy, &End::Signalled(6)), None);
    }
}
