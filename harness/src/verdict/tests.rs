//! Every rule by which a cell is judged, one sentence each.

use std::sync::Arc;

use rstest::rstest;
use sandbox::{Guarantee, Layer, LayerSet, Level};

use super::*;
use crate::catalogue::attack::{Attack, OracleKind, OracleSpec, Purpose, Severity};
use crate::oracle::{Finding, SelfTest};
use crate::recipe::Recipe;
use crate::schedule::{Sandbox, Trial};
use crate::target::{HookEnd, Run};

fn attack() -> Attack {
    Attack {
        oracles: vec![OracleSpec { id: "token".to_owned(), kind: OracleKind::ProcessSurvives }],
        ..Attack::bare(
            "secrets/netrc",
            Purpose::Attack {
                guarantee: Guarantee::Secrets,
                severity: Severity::High,
                stopped_by: LayerSet::of(&[Layer::Mounts]),
            },
            &["open"],
        )
    }
}

fn trial() -> Trial {
    Trial {
        attack: Arc::new(attack()),
        target: "own".to_owned(),
        level: Level::Full,
        host: "root".to_owned(),
        sandbox: Sandbox::OWN,
    }
}

fn finding(oracle: &str, declared: bool) -> Finding {
    Finding { oracle: oracle.to_owned(), declared, evidence: "evidence".to_owned() }
}

/// An attempt in which everything arrived, every self-test passed, and nothing was seen.
fn quiet() -> Observation {
    Observation {
        run: Run { marks: vec!["open".to_owned()], built: true, ..Run::default() },
        self_tests: vec![SelfTest { oracle: "token".to_owned(), failure: None }],
        ..Observation::default()
    }
}

fn fired() -> Observation {
    Observation { findings: vec![finding("token", true)], ..quiet() }
}

/// Preconditions on which a cell may be blocked.
fn firm() -> Preconditions {
    Preconditions { control: Control::Escaped, honest: Honest::Built }
}

fn control() -> Preconditions {
    Preconditions { control: Control::Itself, honest: Honest::Built }
}

fn reach(
    expected: Expected,
    preconditions: &Preconditions,
    observed: &Observation,
) -> (Seen, Verdict) {
    let ruling = Verdict::reach(&trial(), expected, preconditions, observed, None);
    assert_eq!(
        ruling.reason.is_none(),
        ruling.verdict == Verdict::Ok,
        "exactly what is not as expected has a reason: {ruling:?}"
    );
    (ruling.seen, ruling.verdict)
}

type Change = fn(&mut Observation);

const DEAF: Change = |o| o.self_tests[0].failure = Some("silence".to_owned());
const UNTESTED: Change = |o| o.self_tests.clear();
const NO_MARK: Change = |o| o.run.marks.clear();
const CUT_OFF: Change = |o| o.run.timed_out = true;
const BROKEN: Change = |o| o.run.broken = Some("the front end broke".to_owned());
const CONTAMINATED: Change = |o| o.contaminated = Some("a mount is left".to_owned());
const UNSUPPORTED: Change = |o| o.unsupported = Some("no compiler".to_owned());
const REFUSED: Change = |o| {
    o.run.refused = Some("bulkhead: no".to_owned());
    o.run.marks.clear();
};
const REFUSED_LATE: Change = |o| o.run.refused = Some("bulkhead: no".to_owned());
const TRIPWIRE: Change = |o| o.findings.push(finding("tripwire/write", false));
const FIRED: Change = |o| o.findings.push(finding("token", true));
const NOT_BUILT: Change = |o| {
    o.run.built = false;
    o.run.hooks.push(HookEnd {
        hook: "build_wheel".to_owned(),
        returned: false,
        exception: Some("OSError".to_owned()),
    });
};

fn changed(changes: &[Change]) -> Observation {
    let mut observed = quiet();
    for change in changes {
        change(&mut observed);
    }
    observed
}

#[rstest]
#[case::all_conditions_hold(&[], Seen::Blocked, Verdict::Ok)]
#[case::the_build_may_fail_after_the_marks(&[NOT_BUILT], Seen::Blocked, Verdict::Ok)]
#[case::silence_until_the_deadline_shows_nothing(&[CUT_OFF], Seen::Error, Verdict::Error)]
#[case::what_fired_before_the_deadline_shows_nothing(&[CUT_OFF, FIRED], Seen::Error, Verdict::Error)]
#[case::nor_does_a_tripwire(&[CUT_OFF, TRIPWIRE], Seen::Error, Verdict::Error)]
#[case::nor_does_a_refusal(&[CUT_OFF, REFUSED], Seen::Error, Verdict::Error)]
#[case::what_was_not_started_is_not_cut_off(&[CUT_OFF, UNSUPPORTED], Seen::NotRun, Verdict::Unsupported)]
#[case::a_missing_mark_proves_nothing(&[NO_MARK], Seen::Error, Verdict::Vacuous)]
#[case::a_deaf_oracle_proves_nothing(&[DEAF], Seen::Error, Verdict::Vacuous)]
#[case::an_untested_oracle_proves_nothing(&[UNTESTED], Seen::Error, Verdict::Vacuous)]
#[case::a_broken_front_end_is_an_error(&[BROKEN], Seen::Error, Verdict::Error)]
#[case::a_contaminated_host_is_an_error(&[CONTAMINATED], Seen::Error, Verdict::Error)]
#[case::a_refusal_is_unsupported(&[REFUSED], Seen::NotRun, Verdict::Unsupported)]
#[case::a_missing_need_is_unsupported(&[UNSUPPORTED], Seen::NotRun, Verdict::Unsupported)]
#[case::a_refusal_after_a_mark_is_a_lie(&[REFUSED_LATE], Seen::Error, Verdict::Error)]
#[case::an_oracle_fires(&[FIRED], Seen::Escaped, Verdict::UnexpectedEscape)]
#[case::a_tripwire_fires(&[TRIPWIRE], Seen::Escaped, Verdict::UnexpectedEscape)]
#[case::an_escape_outweighs_a_missing_mark(&[NO_MARK, FIRED], Seen::Escaped, Verdict::UnexpectedEscape)]
#[case::an_escape_outweighs_a_deaf_oracle(&[DEAF, FIRED], Seen::Escaped, Verdict::UnexpectedEscape)]
#[case::an_escape_outweighs_a_broken_front_end(&[BROKEN, FIRED], Seen::Escaped, Verdict::UnexpectedEscape)]
#[case::an_escape_outweighs_a_refusal(&[REFUSED, FIRED], Seen::Escaped, Verdict::UnexpectedEscape)]
#[case::an_escape_outweighs_contamination(&[CONTAMINATED, FIRED], Seen::Escaped, Verdict::UnexpectedEscape)]
fn where_it_must_be_stopped(
    #[case] changes: &[Change],
    #[case] seen: Seen,
    #[case] verdict: Verdict,
) {
    let observed = changed(changes);
    assert_eq!(reach(Expected::Blocked, &firm(), &observed), (seen, verdict));
}

#[rstest]
#[case::the_control_stayed_silent(
    Preconditions { control: Control::Silent("no".to_owned()), ..firm() }
)]
#[case::it_is_its_own_control(Preconditions { control: Control::Itself, ..firm() })]
#[case::an_honest_build_broke(
    Preconditions { honest: Honest::Broken(vec!["benign/wheel".to_owned()]), ..firm() }
)]
#[case::no_honest_build_was_tried(Preconditions { honest: Honest::Untried, ..firm() })]
fn where_a_precondition_fails_nothing_is_blocked(#[case] preconditions: Preconditions) {
    assert_eq!(reach(Expected::Blocked, &preconditions, &quiet()), (Seen::Error, Verdict::Vacuous));
    assert_eq!(
        reach(Expected::Blocked, &preconditions, &fired()),
        (Seen::Escaped, Verdict::UnexpectedEscape),
        "an escape needs no preconditions"
    );
}

#[rstest]
#[case::it_does(&[FIRED], Seen::Escaped, Verdict::Ok)]
#[case::a_failing_build_does_not_undo_it(&[FIRED, NOT_BUILT], Seen::Escaped, Verdict::Ok)]
#[case::a_broken_front_end_does_not_undo_it(&[FIRED, BROKEN], Seen::Escaped, Verdict::Ok)]
#[case::a_tripwire_beside_it_changes_nothing(&[FIRED, TRIPWIRE], Seen::Escaped, Verdict::Ok)]
#[case::an_attack_that_never_bites_is_vacuous(&[], Seen::Error, Verdict::Vacuous)]
#[case::firing_without_the_mark_is_vacuous(&[FIRED, NO_MARK], Seen::Error, Verdict::Vacuous)]
#[case::a_deaf_oracle_that_fires_is_vacuous(&[FIRED, DEAF], Seen::Error, Verdict::Vacuous)]
#[case::what_fired_before_the_deadline_shows_nothing(&[FIRED, CUT_OFF], Seen::Error, Verdict::Error)]
#[case::silence_until_the_deadline_shows_nothing(&[CUT_OFF], Seen::Error, Verdict::Error)]
#[case::a_tripwire_alone_is_vacuous(&[TRIPWIRE], Seen::Error, Verdict::Vacuous)]
#[case::a_contaminated_host_is_an_error(&[FIRED, CONTAMINATED], Seen::Error, Verdict::Error)]
#[case::a_broken_front_end_is_an_error(&[BROKEN], Seen::Error, Verdict::Error)]
#[case::a_refusal_is_unsupported(&[REFUSED], Seen::NotRun, Verdict::Unsupported)]
#[case::a_missing_need_is_unsupported(&[UNSUPPORTED], Seen::NotRun, Verdict::Unsupported)]
fn at_its_control_level_it_must_get_through(
    #[case] changes: &[Change],
    #[case] seen: Seen,
    #[case] verdict: Verdict,
) {
    let observed = changed(changes);
    assert_eq!(reach(Expected::Escaped, &control(), &observed), (seen, verdict));
}

#[rstest]
#[case::it_is_stopped_all_the_same(&[], Seen::Blocked, Verdict::UnexpectedBlock)]
#[case::a_missing_mark_proves_nothing(&[NO_MARK], Seen::Error, Verdict::Vacuous)]
#[case::a_deaf_oracle_proves_nothing(&[DEAF], Seen::Error, Verdict::Vacuous)]
#[case::it_gets_through(&[FIRED], Seen::Escaped, Verdict::Ok)]
fn at_another_level_without_a_layer_against_it(
    #[case] changes: &[Change],
    #[case] seen: Seen,
    #[case] verdict: Verdict,
) {
    let observed = changed(changes);
    assert_eq!(reach(Expected::Escaped, &firm(), &observed), (seen, verdict));
}

fn recipe() -> Recipe {
    Recipe { version: vec![], requires: vec![], ..Recipe::bare("box", Level::Full) }
}

#[rstest]
#[case::on_a_host_that_refuses("docker", Verdict::Unsupported)]
#[case::on_one_that_does_not("root", Verdict::Vacuous)]
fn a_control_that_cannot_run_a_build_shows_nothing(#[case] host: &str, #[case] verdict: Verdict) {
    let sandbox = Sandbox::Command(Arc::new(recipe()));
    let trial = Trial { host: host.to_owned(), sandbox, ..trial() };
    let observed = changed(&[FIRED, NO_MARK]);
    let ruling = Verdict::reach(&trial, Expected::Escaped, &control(), &observed, None);
    assert_eq!(ruling.verdict, verdict);
}

#[rstest]
#[case::it_was_tried_in_full(Level::None, "docker", &[], Verdict::Unsupported)]
#[case::it_was_not_tried(Level::None, "docker", &[NO_MARK], Verdict::Vacuous)]
#[case::nobody_could_have_seen_it(Level::None, "docker", &[DEAF], Verdict::Vacuous)]
#[case::it_ran_out_of_time(Level::None, "docker", &[CUT_OFF], Verdict::Error)]
#[case::a_sandbox_was_there(Level::Proposal, "docker", &[], Verdict::Vacuous)]
#[case::the_host_refuses_nothing(Level::None, "root", &[], Verdict::Vacuous)]
fn what_a_host_stops_without_a_sandbox_says_nothing_about_one(
    #[case] level: Level,
    #[case] host: &str,
    #[case] changes: &[Change],
    #[case] verdict: Verdict,
) {
    let trial = Trial { level, host: host.to_owned(), ..trial() };
    let observed = changed(changes);
    let ruling = Verdict::reach(&trial, Expected::Escaped, &control(), &observed, None);
    assert_eq!(ruling.verdict, verdict);
    assert_ne!(ruling.seen, Seen::Blocked);
}

#[rstest]
#[case::it_builds(&[], Seen::Built, Verdict::Ok)]
#[case::it_does_not_build(&[NOT_BUILT], Seen::Error, Verdict::Error)]
#[case::it_misses_a_mark(&[NO_MARK], Seen::Error, Verdict::Vacuous)]
#[case::its_front_end_did_not_end(&[CUT_OFF], Seen::Error, Verdict::Error)]
#[case::a_tripwire_fires(&[TRIPWIRE], Seen::Error, Verdict::Error)]
#[case::the_front_end_breaks(&[BROKEN], Seen::Error, Verdict::Error)]
#[case::the_host_is_contaminated(&[CONTAMINATED], Seen::Error, Verdict::Error)]
#[case::the_target_refuses(&[REFUSED], Seen::NotRun, Verdict::Unsupported)]
#[case::a_need_is_missing(&[UNSUPPORTED], Seen::NotRun, Verdict::Unsupported)]
fn an_honest_build_must_build(
    #[case] changes: &[Change],
    #[case] seen: Seen,
    #[case] verdict: Verdict,
) {
    let observed = changed(changes);
    assert_eq!(reach(Expected::Built, &firm(), &observed), (seen, verdict));
}

/// An attack that consists of not ending.
fn that_waits() -> Trial {
    let mut attack = attack();
    attack.run.waits = true;
    Trial { attack: Arc::new(attack), ..trial() }
}

#[rstest]
#[case::it_is_stopped(&[], Seen::Blocked, Verdict::Ok)]
#[case::its_clock_was_looked_at_afterwards(&[CUT_OFF], Seen::Blocked, Verdict::Ok)]
#[case::it_gets_through(&[CUT_OFF, FIRED], Seen::Escaped, Verdict::UnexpectedEscape)]
#[case::it_was_never_tried(&[CUT_OFF, NO_MARK], Seen::Error, Verdict::Vacuous)]
#[case::nobody_could_look(&[CUT_OFF, DEAF], Seen::Error, Verdict::Vacuous)]
fn an_attack_that_consists_of_not_ending_may_be_cut_off(
    #[case] changes: &[Change],
    #[case] seen: Seen,
    #[case] verdict: Verdict,
) {
    let reach = |expected, preconditions: &Preconditions| {
        let ruling =
            Verdict::reach(&that_waits(), expected, preconditions, &changed(changes), None);
        (ruling.seen, ruling.verdict)
    };
    assert_eq!(reach(Expected::Blocked, &firm()), (seen, verdict));
    let control = reach(Expected::Escaped, &control());
    assert_eq!(control.1 == Verdict::Ok, seen == Seen::Escaped, "{control:?}");
}

#[test]
fn where_its_control_cannot_be_run_an_attack_is_unsupported() {
    let control = Control::Unsupported("no compiler".to_owned());
    let found = reach(Expected::Blocked, &Preconditions { control, ..firm() }, &quiet());
    assert_eq!(found, (Seen::NotRun, Verdict::Unsupported));
}

#[test]
fn outside_its_levels_nothing_counts() {
    assert_eq!(reach(Expected::NotRun, &firm(), &fired()), (Seen::NotRun, Verdict::Ok));
}

fn gap() -> Gap {
    Gap {
        attack: "secrets/netrc".to_owned(),
        level: Level::Full,
        hosts: vec![],
        reason: "not built yet".to_owned(),
        record: "#3".to_owned(),
        until: None,
    }
}

#[test]
fn a_gap_turns_an_escape_whose_oracle_fired_into_a_known_one() {
    let gap = gap();
    let ruling = |observed: &Observation| {
        Verdict::reach(&trial(), Expected::Blocked, &firm(), observed, Some(&gap))
    };
    assert_eq!(ruling(&fired()).verdict, Verdict::KnownGap);
    assert_eq!(ruling(&fired()).reason.as_deref(), Some("not built yet (#3)"));
    assert_eq!(ruling(&quiet()).verdict, Verdict::Ok, "a gap does not invent an escape");
    let mut stray = quiet();
    TRIPWIRE(&mut stray);
    assert_eq!(ruling(&stray).verdict, Verdict::UnexpectedEscape, "nobody declared this one");
}

#[test]
fn what_was_seen_is_listed_sorted_and_once() {
    let mut observed = fired();
    observed.findings.push(finding("a", true));
    observed.findings.push(finding("token", true));
    let ruling = Verdict::reach(&trial(), Expected::Escaped, &control(), &observed, None);
    assert_eq!(ruling.saw, ["a", "token"]);
}

fn ruled(verdict: Verdict) -> Ruling {
    Ruling { verdict, seen: Seen::Blocked, expected: Expected::Blocked, ..Ruling::outside() }
}

#[rstest]
#[case::one_attempt_stands(&[Verdict::Ok], Verdict::Ok)]
#[case::equal_attempts_stand(&[Verdict::Error, Verdict::Error], Verdict::Error)]
#[case::nor_does_one_that_came_first(&[Verdict::Ok, Verdict::Vacuous], Verdict::Unstable)]
#[case::a_good_one_betters_nothing(&[Verdict::Vacuous, Verdict::Ok], Verdict::Unstable)]
#[case::one_escape_is_enough(&[Verdict::Vacuous, Verdict::UnexpectedEscape], Verdict::UnexpectedEscape)]
#[case::an_escape_is_not_undone(&[Verdict::UnexpectedEscape, Verdict::Ok], Verdict::UnexpectedEscape)]
#[case::an_unknown_escape_outweighs_a_known(&[Verdict::KnownGap, Verdict::UnexpectedEscape], Verdict::UnexpectedEscape)]
fn another_attempt_may_only_worsen(#[case] attempts: &[Verdict], #[case] settled: Verdict) {
    let attempts: Vec<_> = attempts.iter().copied().map(ruled).collect();
    assert_eq!(Verdict::settle(&attempts).unwrap().verdict, settled);
}

#[test]
fn no_attempt_is_no_ruling() {
    assert_eq!(Verdict::settle(&[]), None);
}
