//! Every rule by which a call ends, one sentence each, and every fact in every phase.

use rstest::rstest;
use rustix::io::Errno;

use super::*;
use crate::host::fakes;
use crate::layers::limits;
use crate::policy::limits::amounts::{Bytes, Count, Span};
use crate::policy::limits::{Demand, Limits};
use std::time::Duration;

use Phase::{BeforeGate, ClearingAway, Draining, Inspecting, Running};

const GIB: u64 = 1 << 30;

const fn ended(status: i32) -> Fact {
    Fact::Ended { status, cpu_limited: true }
}

const fn exited(status: i32) -> Fact {
    ended(status << 8)
}

fn not_run(why: NotRun) -> Fact {
    Fact::NotRun { step: None, cause: "there is no such command".to_owned(), why }
}

fn refused() -> Fact {
    let (file, why) = ("x.whl".to_owned(), "it is no archive".to_owned());
    Fact::Refused { file, why, sentence: "the output \"x.whl\" is refused".to_owned() }
}

fn unwritten(exchanged: bool) -> Fact {
    Fact::Unwritten { file: "outcome".to_owned(), why: "it is full".to_owned(), exchanged }
}

/// One of each kind of fact, and more of those whose value counts. A new kind does not compile here
/// before it has a row in the table below.
fn kind(fact: &Fact) -> &'static str {
    match fact {
        Fact::Signal(_) => "signal",
        Fact::Deaf(_) => "deaf",
        Fact::TimeUp(_) => "time up",
        Fact::LogFull(_) => "log full",
        Fact::CallerDied => "caller died",
        Fact::LetGo => "let go",
        Fact::LostSight => "lost sight",
        Fact::Ended { .. } => "ended",
        Fact::SandboxEnded(_) => "sandbox ended",
        Fact::KilledForMemory => "killed for memory",
        Fact::ForksRefused => "forks refused",
        Fact::NotRun { .. } => "not run",
        Fact::Refused { .. } => "refused",
        Fact::Unwritten { .. } => "unwritten",
    }
}

/// How many kinds there are.
const KINDS: usize = 14;

/// An end in a word: its kind, and its status where that is not clear.
fn word(end: &End) -> String {
    match end {
        End::Exited(status) => format!("exit {status}"),
        End::Signalled(number) => format!("signal {number}"),
        End::TimedOut(clock) => clock.name().to_owned(),
        End::OutOfMemory => "memory".to_owned(),
        End::TooManyProcesses => "processes".to_owned(),
        End::OutputRefused { file, .. } => format!("refused {file}"),
        End::NotStarted { status, .. } => format!("none {status}"),
    }
}

/// A fact, and the end of a call to which it happened in each of the phases: before the gate to one of
/// which nothing else is known, while running to one whose payload exits with 1, and afterwards to one
/// whose payload has exited with 0.
fn table() -> Vec<(Fact, [&'static str; 5])> {
    use NotRun::{Interrupted, NotExecutable, NotFound, Refused};
    let own = "exit 0";
    vec![
        (Fact::Signal(15), ["none 143", "exit 1", "signal 15", "signal 15", "signal 15"]),
        (Fact::Signal(2), ["none 130", "exit 1", "signal 2", "signal 2", "signal 2"]),
        (Fact::Deaf(15), ["none 143", "signal 15", "signal 15", "signal 15", "signal 15"]),
        (Fact::TimeUp(Clock::Wall), ["none 124", "wall", "wall", "wall", "wall"]),
        (Fact::TimeUp(Clock::Silence), ["none 124", "silence", "silence", "silence", "silence"]),
        (Fact::TimeUp(Clock::Cpu), ["none 124", "cpu", "cpu", "cpu", "cpu"]),
        (Fact::LogFull(GIB), ["none 123", "refused log", own, own, own]),
        (Fact::CallerDied, ["none 143", "signal 15", "signal 15", "signal 15", "signal 15"]),
        (Fact::LetGo, ["none 137", "signal 9", "signal 9", "signal 9", "signal 9"]),
        (Fact::LostSight, ["none 137", "signal 9", own, own, own]),
        (exited(0), ["none 125", "exit 0", own, own, own]),
        (exited(3), ["none 125", "exit 3", own, own, own]),
        (ended(11), ["none 125", "signal 11", own, own, own]),
        (ended(24), ["none 125", "cpu", own, own, own]),
        (Fact::Ended { status: 24, cpu_limited: false }, ["none 125", "signal 24", own, own, own]),
        // Its word counts only where there is none of the payload's.
        (Fact::SandboxEnded(9), ["none 125", "exit 1", own, own, own]),
        (Fact::KilledForMemory, ["none 125", "memory", own, own, own]),
        (Fact::ForksRefused, ["none 125", "processes", own, own, own]),
        (not_run(Refused), ["none 125"; 5]),
        (not_run(NotFound), ["none 127"; 5]),
        (not_run(NotExecutable), ["none 126"; 5]),
        (not_run(Interrupted(End::TimedOut(Clock::Wall))), ["none 124"; 5]),
        (refused(), ["none 125", "exit 1", own, "refused x.whl", own]),
        (
            unwritten(false),
            ["none 125", "exit 1", "refused outcome", "refused outcome", "refused outcome"],
        ),
        (unwritten(true), ["refused outcome"; 5]),
    ]
}

/// A call to which `fact` happened in `phase`, as the table has it.
fn call(phase: Phase, fact: Fact) -> History {
    match phase {
        BeforeGate => vec![(phase, fact)],
        Running => vec![(phase, fact), (phase, exited(1))],
        _ => vec![(Running, exited(0)), (phase, fact)],
    }
}

#[test]
fn every_fact_in_every_phase_has_an_end() {
    let mut kinds: Vec<_> = table().iter().map(|(fact, _)| kind(fact)).collect();
    kinds.dedup();
    assert_eq!(kinds.len(), KINDS, "a row for each kind: {kinds:?}");
    for (fact, ends) in table() {
        for (phase, end) in Phase::ALL.into_iter().zip(ends) {
            let decided = decide(&call(phase, fact.clone()));
            assert_eq!(word(&decided), end, "{fact:?} {phase:?}");
        }
    }
}

/// Two facts in any two phases, in a call as the table has it.
fn every_pair() -> impl Iterator<Item = History> {
    let facts: Vec<_> = table().into_iter().map(|(fact, _)| fact).collect();
    let all = move |(phase, later): (Phase, Phase)| {
        let facts = facts.clone();
        facts.clone().into_iter().flat_map(move |first| {
            let facts = facts.clone();
            facts.into_iter().map(move |second| {
                let mut happened = call(phase, first.clone());
                happened.push((later, second));
                happened
            })
        })
    };
    let phases = Phase::ALL.into_iter().flat_map(|first| {
        let later = Phase::ALL.into_iter().filter(move |phase| *phase >= first);
        later.map(move |second| (first, second))
    });
    phases.flat_map(all)
}

#[test]
fn whatever_else_happens_no_rule_is_broken() {
    let mut count = 0;
    for happened in every_pair() {
        count += 1;
        let end = decide(&happened);
        let (what, word) = (format!("{happened:?}"), word(&end));
        let any = |wanted: fn(Phase, &Fact) -> bool| {
            happened.iter().any(|(phase, fact)| wanted(*phase, fact))
        };
        let replaced = any(|_, fact| matches!(fact, Fact::Unwritten { exchanged: true, .. }));
        if replaced {
            assert_eq!(word, "refused outcome", "whoever reads it is told anything: {what}");
            continue;
        }
        let before = any(|phase, fact| phase == BeforeGate && fact.end().is_some());
        if let (true, End::NotStarted { cause, .. }) = (before, &end) {
            let blamed = ["layer", "defect", "No such process", "could not"];
            assert!(!blamed.iter().any(|it| cause.contains(it)), "{cause}: {what}");
        }
        assert_eq!(word.starts_with("none"), before || is_not_run(&happened), "{what}");
        if end.is_success() {
            let own = |_, fact: &Fact| *fact == exited(0);
            assert!(any(own), "nobody says so but the payload: {what}");
            assert!(!any(|phase, fact| phase == Inspecting && *fact == refused()), "{what}");
            let is_over = any(|phase, fact| phase > Running && fact.end_of_call().is_some());
            assert!(!is_over && !any(|_, fact| *fact == unwritten(false)), "{what}");
        }
        if word == "memory" || word == "processes" {
            let by_us = any(|phase, fact| {
                phase == Running && fact.end().is_some() && *fact != Fact::LostSight
            });
            assert!(!by_us, "what was ended, or told to end, has not failed of a limit: {what}");
        }
        for kind in [Call::Run, Call::Hook] {
            let status = kind.exit_status(&end);
            let own = matches!(end, End::Exited(_)) && kind == Call::Hook;
            assert!(!own || status < OUTPUT_REFUSED, "{what}");
        }
    }
    assert!(count > 9000, "{count}");
}

fn is_not_run(happened: &[(Phase, Fact)]) -> bool {
    let known = happened.iter().any(|(phase, fact)| {
        let status = matches!(fact, Fact::Ended { .. } | Fact::SandboxEnded(_));
        *phase > BeforeGate && (status || fact.end().is_some())
    });
    let none = |(phase, fact): &(Phase, Fact)| {
        let status = matches!(fact, Fact::Ended { .. } | Fact::SandboxEnded(_));
        matches!(fact, Fact::NotRun { .. }) || (*phase == BeforeGate && status)
    };
    happened.iter().any(none) || !known
}

#[test]
fn of_a_call_of_which_nothing_is_known_nobody_believes_that_it_went_well() {
    assert_eq!(decide(&[]).exit_status(), NOTHING_RUN);
}

/// The rules that single facts do not show. The first two were broken once.
#[rstest]
#[case::a_signal_during_a_launch_is_not_what_fails_after_it(
    &[(BeforeGate, Fact::Signal(15)), (BeforeGate, not_run(NotRun::Refused))], "none 143")]
#[case::a_log_that_was_cut_off_is_not_called_out_of_memory(
    &[(Running, Fact::LogFull(GIB)), (Running, ended(15)), (Running, Fact::KilledForMemory)], "refused log")]
#[case::nor_is_a_build_whose_client_has_let_go_of_it(
    &[(Running, Fact::LetGo), (Running, Fact::SandboxEnded(9)), (Running, Fact::KilledForMemory)], "signal 9")]
#[case::nor_one_that_was_told_to_end_and_did(
    &[(Running, Fact::Signal(15)), (Running, ended(15)), (Running, Fact::KilledForMemory)], "signal 15")]
#[case::nor_one_that_was_deaf_to_that(
    &[(Running, Fact::Signal(15)), (Running, Fact::Deaf(15)), (Running, Fact::KilledForMemory)], "signal 15")]
#[case::nor_one_whose_time_was_up(
    &[(Running, Fact::TimeUp(Clock::Wall)), (Running, ended(15)), (Running, Fact::KilledForMemory)], "wall")]
#[case::nor_one_that_used_up_its_processor_time(
    &[(Running, ended(24)), (Running, Fact::KilledForMemory)], "cpu")]
#[case::nor_one_that_got_over_it(
    &[(Running, exited(0)), (Running, Fact::KilledForMemory)], "exit 0")]
#[case::memory_explains_more_than_processes(
    &[(Running, exited(1)), (Running, Fact::ForksRefused), (Running, Fact::KilledForMemory)], "memory")]
#[case::the_whole_sandbox_may_be_killed_for_memory(
    &[(Running, Fact::SandboxEnded(9)), (Running, Fact::KilledForMemory)], "memory")]
#[case::who_is_told_to_end_may_end_as_it_likes(
    &[(Running, Fact::Signal(15)), (Running, exited(3))], "exit 3")]
#[case::the_first_that_ends_it_counts(
    &[(Running, Fact::TimeUp(Clock::Silence)), (Running, Fact::CallerDied)], "silence")]
#[case::a_command_that_cannot_be_executed_did_not_run(
    &[(Running, not_run(NotRun::NotFound))], "none 127")]
#[case::nor_if_its_call_was_ended_meanwhile(
    &[(Running, Fact::Signal(15)), (Running, not_run(NotRun::NotFound))], "none 143")]
#[case::a_log_without_its_end_is_not_that_of_a_command_that_ended(
    &[(Running, exited(3)), (Draining, Fact::TimeUp(Clock::Wall))], "wall")]
#[case::but_one_that_was_killed_was_killed(
    &[(Running, ended(11)), (Draining, Fact::TimeUp(Clock::Wall))], "signal 11")]
#[case::what_ends_the_inspection_comes_before_what_it_finds(
    &[(Running, exited(0)), (Inspecting, refused()), (Inspecting, Fact::Signal(15))], "signal 15")]
#[case::nothing_is_looked_into_of_a_command_that_failed(
    &[(Running, exited(3)), (Inspecting, refused())], "exit 3")]
#[case::what_is_left_behind_does_not_undo_a_refusal(
    &[(Running, exited(0)), (Inspecting, refused()), (ClearingAway, Fact::Signal(15))], "refused x.whl")]
#[case::a_failed_build_needs_no_outcome_to_be_believed(
    &[(Running, exited(3)), (ClearingAway, unwritten(false))], "exit 3")]
fn what_comes_of_several(#[case] happened: &[(Phase, Fact)], #[case] end: &str) {
    assert_eq!(word(&decide(happened)), end);
    let mut reversed = happened.to_vec();
    reversed.reverse();
    let facts = happened.iter().filter_map(|(_, fact)| fact.end()).count();
    // Of two that end the same phase the first counts; nothing else depends on the order.
    if facts < 2 {
        assert_eq!(word(&decide(&reversed)), end, "in the other order");
    }
}

#[rstest]
#[case(15, [true, true, true, true, true])]
#[case(2, [true, true, true, true, true])]
#[case(1, [true, true, true, true, true])]
#[case(3, [true, true, true, true, true])]
#[case::user_one(10, [true, false, false, false, false])]
#[case::user_two(12, [true, false, false, false, false])]
fn a_signal_ends_a_call_in_these_phases(#[case] signal: u8, #[case] ends: [bool; 5]) {
    assert_eq!(Phase::ALL.map(|phase| phase.is_ended_by(signal)), ends);
}

#[rstest]
#[case(Step::Exec, Errno::NOENT, 127)]
#[case(Step::Exec, Errno::ACCESS, 126)]
#[case(Step::Exec, Errno::NOEXEC, 126)]
#[case(Step::Exec, Errno::ISDIR, 126)]
#[case(Step::Exec, Errno::NOMEM, 125)]
#[case(Step::Pivot, Errno::NOENT, 125)]
fn a_step_that_failed_has_a_status(#[case] step: Step, #[case] errno: Errno, #[case] status: u8) {
    assert_eq!(NotRun::of(Fault::new(step, errno)).exit_status(), status);
}

#[test]
fn a_status_of_wait_becomes_the_exit_status_of_shells() {
    assert_eq!(End::from_wait_status(0).exit_status(), 0);
    assert_eq!(End::from_wait_status(3 << 8).exit_status(), 3);
    assert_eq!(End::from_wait_status(9).exit_status(), 137);
    assert_eq!(End::from_wait_status(15 | 0x80).exit_status(), 143);
    assert_eq!(End::TimedOut(Clock::Wall).exit_status(), 124);
}

#[test]
fn of_three_that_may_be_blamed_the_cause_is() {
    assert_eq!(blamed(Some("a signal"), Some("a step"), "what followed"), "a signal");
    assert_eq!(blamed(None, Some("a step"), "what followed"), "a step");
    assert_eq!(blamed(None, None, "a layer"), "a layer");
}

fn said(call: Call, happened: &[(Phase, Fact)]) -> Option<String> {
    of_call(call, &decide(happened), happened, None)
}

#[test]
fn a_call_says_one_sentence_where_its_end_is_not_the_commands_own() {
    for happened in every_pair() {
        let end = decide(&happened);
        let (run, hook) = (said(Call::Run, &happened), said(Call::Hook, &happened));
        let silent = match end {
            // The cause is said by whoever gives it on.
            End::NotStarted { .. } => true,
            End::Exited(status) => status < OUTPUT_REFUSED,
            // Of an outcome that was not written its own error tells.
            End::OutputRefused { ref file, .. } => file == "outcome",
            End::Signalled(_) => !happened.iter().any(|(phase, fact)| {
                *phase == Inspecting && fact.end_of_call().as_ref() == Some(&end)
            }),
            End::TimedOut(_) | End::OutOfMemory | End::TooManyProcesses => false,
        };
        assert_eq!(run.is_none(), silent, "{run:?}: {happened:?}");
        assert_eq!(run, hook, "{happened:?}");
    }
    let own = |call| said(call, &[(Running, exited(124))]).unwrap();
    assert!(own(Call::Run).contains("the command itself exited with status 124"));
    assert!(own(Call::Hook).contains("the hook itself exited with status 124"));
    assert_eq!(Call::Hook.exit_status(&End::Exited(124)), 1);
    assert_eq!(Call::Run.exit_status(&End::Exited(124)), 124);
}

#[test]
fn what_kept_a_build_from_handing_over_is_said() {
    let over = [(Running, exited(0)), (Inspecting, Fact::TimeUp(Clock::Wall))];
    let over = said(Call::Hook, &over).unwrap();
    assert!(over.contains("before anything was handed over; raise `--timeout`"), "{over}");
    let found = said(Call::Hook, &[(Running, exited(0)), (Inspecting, refused())]).unwrap();
    assert_eq!(found, "the output \"x.whl\" is refused");
}

#[test]
fn every_end_by_a_limit_names_it_its_value_and_its_switch() {
    let policy = Limits {
        memory: Demand::Exactly(Bytes(64 << 20)),
        pids: Demand::Exactly(Count(7)),
        timeout: Demand::Exactly(Span(Duration::from_secs(3))),
        silence: Demand::Exactly(Span(Duration::from_secs(2))),
        cpu_time: Demand::Exactly(Span(Duration::from_secs(5))),
        file_size: Demand::Exactly(Bytes(3 << 10)),
        log: Demand::Exactly(Bytes(9)),
        ..Limits::default()
    };
    let bounds = limits::resolve(&policy, &fakes::root().limits).unwrap();
    let log = Fact::LogFull(9).end().unwrap();
    for (end, value, switch) in [
        (End::TimedOut(Clock::Wall), "3s", "`--timeout`"),
        (End::TimedOut(Clock::Silence), "2s", "`--silence`"),
        (End::TimedOut(Clock::Cpu), "5s", "`cpu-time`"),
        (End::OutOfMemory, "64M", "`--memory`"),
        (End::TooManyProcesses, "7", "`--pids`"),
        (End::Signalled(25), "3K", "`file-size`"),
        (log, "9", "`--log`"),
    ] {
        let told = of_limit(&end, Some(&bounds)).unwrap();
        assert!(told.contains(value) && told.contains(switch), "{told}");
        assert!(of_limit(&end, None).unwrap().contains(switch), "also where nothing is known");
    }
    let other = End::OutputRefused { file: "x.whl".into(), why: "bad".into() };
    for own in [End::Exited(1), End::Signalled(9), other] {
        assert_eq!(of_limit(&own, Some(&bounds)), None, "{own}");
    }
}
