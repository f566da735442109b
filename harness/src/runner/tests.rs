//! The sequence with conductors that only pretend.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};

use sandbox::{Guarantee, Layer, LayerSet, Level};

use super::*;
use crate::catalogue::attack::{Attack, OracleKind, OracleSpec, Purpose, Severity};
use crate::gaps::Gap;
use crate::oracle::{Finding, SelfTest};
use crate::recipe::Recipe;
use crate::report::{self, Redactor};
use crate::schedule::{Contender, Sandbox, Selection};
use crate::verdict::Seen;
use progress::Silent;

fn attack(id: &str) -> Attack {
    let guarantee = id.split('/').next().unwrap().parse::<Guarantee>().unwrap();
    let stopped_by = LayerSet::of(&[Layer::Mounts]);
    let purpose = Purpose::Attack { guarantee, severity: Severity::High, stopped_by };
    let oracle = OracleSpec { id: "token".to_owned(), kind: OracleKind::ProcessSurvives };
    Attack { oracles: vec![oracle], ..Attack::bare(id, purpose, &["open"]) }
}

fn schedule() -> Schedule {
    let entries = [
        attack("secrets/netrc"),
        attack("files/cron"),
        Attack::bare("benign/wheel", Purpose::Benign, &[]),
    ];
    let own = Contender {
        name: "own".to_owned(),
        host: "root".to_owned(),
        levels: Level::ALL.into_iter().collect(),
        layers: Level::layers,
        sandbox: Sandbox::OWN,
    };
    Schedule::of(&entries.into_iter().collect(), &[own], &Selection::default()).unwrap()
}

/// What a correct sandbox would show.
fn correct(trial: &Trial) -> Observation {
    let escapes = !trial.attack.is_benign() && trial.level != Level::Full;
    let finding = Finding {
        oracle: "token".to_owned(),
        declared: true,
        evidence: "the token is in the wheel".to_owned(),
    };
    Observation {
        run: Run { marks: trial.attack.run.marks.clone(), built: true, ..Run::default() },
        findings: if escapes { vec![finding] } else { vec![] },
        self_tests: vec![SelfTest { oracle: "token".to_owned(), failure: None }],
        ..Observation::default()
    }
}

fn is(trial: &Trial, id: &str, level: Level) -> bool {
    trial.attack.id.0 == id && trial.level == level
}

fn run_with(conduct: &Conduct<'_>, gaps: &BTreeMap<String, Gaps>) -> Vec<Settled> {
    let setting = Setting {
        conduct,
        slots: 3,
        stop: &AtomicBool::new(false),
        progress: &Silent,
        times: NonZeroUsize::MIN,
        shuffle: None,
        gaps,
        today: "2027-01-01",
    };
    run(&schedule(), &setting).unwrap()
}

fn settle(conduct: &Conduct<'_>) -> Vec<Settled> {
    run_with(conduct, &BTreeMap::new())
}

fn of<'s>(settled: &'s [Settled], id: &str, level: Level) -> &'s Settled {
    settled.iter().find(|one| is(&one.cell.trial, id, level)).unwrap()
}

fn verdict(settled: &[Settled], id: &str, level: Level) -> Verdict {
    of(settled, id, level).ruling.verdict
}

#[test]
fn a_correct_sandbox_is_as_expected_everywhere() {
    let settled = settle(&|trial, _| correct(trial));
    assert_eq!(settled.len(), 12);
    for one in &settled {
        assert_eq!(one.ruling.verdict, Verdict::Ok, "{one:?}");
        assert_eq!(one.attempts.len(), 1);
    }
    assert_eq!(of(&settled, "files/cron", Level::Full).ruling.seen, Seen::Blocked);
}

#[test]
fn an_attack_that_never_bites_is_vacuous_at_every_level() {
    let settled = settle(&|trial, _| {
        let mut observed = correct(trial);
        observed.findings.retain(|_| trial.attack.id.0 != "files/cron");
        observed
    });
    for level in Level::ALL {
        assert_eq!(verdict(&settled, "files/cron", level), Verdict::Vacuous, "{level}");
        assert_eq!(verdict(&settled, "secrets/netrc", level), Verdict::Ok, "{level}");
    }
    let reason = of(&settled, "files/cron", Level::Full).ruling.reason.clone().unwrap();
    assert!(reason.starts_with("not shown to work at its control level: "), "{reason}");
}

/// An attack whose hole only another sandbox opens, and whether it gets through there.
fn settle_with_control_elsewhere(bites: bool) -> Vec<Settled> {
    let mut leak = attack("remnants/leak");
    leak.run.levels = vec![Level::Full];
    leak.run.control = Some("box".to_owned());
    let entries = [leak, Attack::bare("benign/wheel", Purpose::Benign, &[])];
    let own = Contender {
        name: "own".to_owned(),
        host: "root".to_owned(),
        levels: [Level::Full].into(),
        layers: Level::layers,
        sandbox: Sandbox::OWN,
    };
    let recipe = Arc::new(Recipe::bare("box", Level::Proposal));
    let schedule = Schedule::of(&entries.into_iter().collect(), &[own], &Selection::default());
    let schedule = schedule.unwrap().with_controls(&[("box".to_owned(), recipe)].into());
    let conduct = |trial: &Trial, _| {
        let mut observed = correct(trial);
        observed.findings.retain(|_| bites && trial.target == "box");
        observed
    };
    let setting = Setting {
        conduct: &conduct,
        slots: 1,
        stop: &AtomicBool::new(false),
        progress: &Silent,
        times: NonZeroUsize::MIN,
        shuffle: None,
        gaps: &BTreeMap::new(),
        today: "2027-01-01",
    };
    run(&schedule, &setting).unwrap()
}

#[test]
fn a_hole_that_only_another_sandbox_opens_is_shown_there_and_reported_here_alone() {
    let settled = settle_with_control_elsewhere(true);
    assert_eq!(of(&settled, "remnants/leak", Level::Proposal).ruling.seen, Seen::Escaped);
    assert_eq!(of(&settled, "remnants/leak", Level::Full).ruling.seen, Seen::Blocked);
    let reports = report::reports(&settled, &Redactor::default());
    assert_eq!(reports.len(), 1, "the other sandbox was not on trial");
    assert_eq!(reports[0].results["remnants/leak"].cells.len(), 1);

    let settled = settle_with_control_elsewhere(false);
    assert_eq!(verdict(&settled, "remnants/leak", Level::Full), Verdict::Vacuous);
}

#[test]
fn an_honest_build_that_breaks_takes_every_block_of_its_level_with_it() {
    let settled = settle(&|trial, _| {
        let mut observed = correct(trial);
        observed.run.built = !is(trial, "benign/wheel", Level::Full);
        observed
    });
    assert_eq!(verdict(&settled, "benign/wheel", Level::Full), Verdict::Error);
    for id in ["files/cron", "secrets/netrc"] {
        assert_eq!(verdict(&settled, id, Level::Full), Verdict::Vacuous);
        assert_eq!(
            verdict(&settled, id, Level::Proposal),
            Verdict::Ok,
            "escapes need no preconditions"
        );
    }
}

#[test]
fn only_the_trial_at_fault_gets_a_second_attempt() {
    let settled = settle(&|trial, _| {
        let mut observed = correct(trial);
        observed.run.built = !is(trial, "benign/wheel", Level::Full);
        observed
    });
    for one in &settled {
        let at_fault = is(&one.cell.trial, "benign/wheel", Level::Full);
        assert_eq!(one.attempts.len(), if at_fault { 2 } else { 1 }, "{one:?}");
    }
}

#[test]
fn a_conductor_that_panics_spoils_its_own_trial_only() {
    let settled = settle(&|trial, _| {
        assert!(!is(trial, "files/cron", Level::Full), "out of cheese");
        correct(trial)
    });
    let spoilt = of(&settled, "files/cron", Level::Full);
    assert_eq!(spoilt.ruling.verdict, Verdict::Error);
    assert!(spoilt.ruling.reason.as_deref().unwrap().contains("out of cheese"));
    assert_eq!(settled.iter().filter(|one| one.ruling.verdict != Verdict::Ok).count(), 1);
}

#[test]
fn what_goes_wrong_once_is_unstable_and_never_ok() {
    let seen = Mutex::new(0);
    let settled = settle(&|trial, _| {
        let mut observed = correct(trial);
        if is(trial, "files/cron", Level::Full) {
            let mut seen = seen.lock().unwrap();
            *seen += 1;
            if *seen == 1 {
                observed.run.marks.clear();
            }
        }
        observed
    });
    let one = of(&settled, "files/cron", Level::Full);
    assert_eq!((one.ruling.verdict, one.attempts.len()), (Verdict::Unstable, 2));
}

#[test]
fn what_is_tried_three_times_has_to_go_well_three_times() {
    let seen = Mutex::new(BTreeMap::new());
    let conduct = |trial: &Trial, _: usize| {
        let mut seen = seen.lock().unwrap();
        let times: &mut usize = seen.entry((trial.attack.id.0.clone(), trial.level)).or_default();
        *times += 1;
        let escapes = *times == 3 && is(trial, "files/cron", Level::Full);
        if escapes {
            correct(&Trial { level: Level::None, ..trial.clone() })
        } else {
            correct(trial)
        }
    };
    let setting = Setting {
        conduct: &conduct,
        slots: 3,
        stop: &AtomicBool::new(false),
        progress: &Silent,
        times: NonZeroUsize::new(3).unwrap(),
        shuffle: None,
        gaps: &BTreeMap::new(),
        today: "2027-01-01",
    };
    let settled = run(&schedule(), &setting).unwrap();
    let tried = settled.iter().filter(|one| one.cell.expected != Expected::NotRun);
    assert!(
        tried.clone().all(|one| one.attempts.len() == 3),
        "each is tried as often as is wanted"
    );
    let wrong: Vec<_> = tried.filter(|one| one.ruling.verdict != Verdict::Ok).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].ruling.verdict, Verdict::UnexpectedEscape);
}

#[test]
fn an_escape_is_not_tried_a_second_time() {
    let settled = settle(&|trial, _| {
        let mut observed = correct(trial);
        if is(trial, "files/cron", Level::Full) {
            observed.findings = correct(&Trial { level: Level::None, ..trial.clone() }).findings;
        }
        observed
    });
    let one = of(&settled, "files/cron", Level::Full);
    assert_eq!((one.ruling.verdict, one.attempts.len()), (Verdict::UnexpectedEscape, 1));
}

#[test]
fn a_gap_of_the_target_is_found_for_its_cell() {
    let gap = Gap {
        attack: "files/cron".to_owned(),
        level: Level::Full,
        hosts: vec![],
        reason: "not built yet".to_owned(),
        record: "#3".to_owned(),
        until: Some("2027-01-01".to_owned()),
    };
    let gaps = Gaps { gaps: vec![gap], ..Gaps::default() };
    let escape = |trial: &Trial, _: usize| {
        let mut observed = correct(trial);
        if trial.level == Level::Full && !trial.attack.is_benign() {
            observed.findings = correct(&Trial { level: Level::None, ..trial.clone() }).findings;
        }
        observed
    };
    let settled = run_with(&escape, &BTreeMap::from([("own".to_owned(), gaps)]));
    assert_eq!(verdict(&settled, "files/cron", Level::Full), Verdict::KnownGap);
    assert_eq!(verdict(&settled, "secrets/netrc", Level::Full), Verdict::UnexpectedEscape);
}

#[test]
fn a_level_that_the_target_refuses_is_unsupported_and_not_blocked() {
    let settled = settle(&|trial, _| {
        if trial.level != Level::Full {
            return correct(trial);
        }
        let refused = Some("bulkhead: no namespaces here".to_owned());
        Observation { run: Run { refused, ..Run::default() }, ..Observation::default() }
    });
    for id in ["benign/wheel", "files/cron", "secrets/netrc"] {
        let one = of(&settled, id, Level::Full);
        assert_eq!(
            (one.ruling.seen, one.ruling.verdict, one.attempts.len()),
            (Seen::NotRun, Verdict::Unsupported, 1)
        );
    }
}

#[test]
fn no_two_trials_share_a_slot_at_the_same_time() {
    let busy = [const { AtomicBool::new(false) }; 3];
    let settled = settle(&|trial, slot| {
        assert!(!busy[slot].swap(true, Ordering::SeqCst), "slot {slot} is taken");
        thread::yield_now();
        busy[slot].store(false, Ordering::SeqCst);
        correct(trial)
    });
    assert!(settled.iter().all(|one| one.ruling.verdict == Verdict::Ok), "{settled:?}");
}

#[test]
fn an_interrupted_run_gives_no_verdicts() {
    let stop = AtomicBool::new(false);
    let conduct = |trial: &Trial, _: usize| {
        stop.store(true, Ordering::Relaxed);
        correct(trial)
    };
    let setting = Setting {
        conduct: &conduct,
        slots: 1,
        stop: &stop,
        progress: &Silent,
        times: NonZeroUsize::MIN,
        shuffle: None,
        gaps: &BTreeMap::new(),
        today: "2027-01-01",
    };
    assert_eq!(run(&schedule(), &setting).unwrap_err(), Interrupted { done: 1, of: 12 });
}

#[test]
fn the_report_is_the_same_for_any_order_and_number_of_slots() {
    let text = |settled: &[Settled]| {
        let reports = report::reports(settled, &Redactor::default());
        report::json::render(&reports[0]).unwrap()
    };
    let mut settled = settle(&|trial, _| correct(trial));
    let first = text(&settled);
    settled.reverse();
    assert_eq!(text(&settled), first);
    settled.rotate_left(5);
    assert_eq!(text(&settled), first);
}

#[test]
fn a_seed_decides_the_order_and_no_verdict() {
    let begun = |seed: Option<u64>| {
        let order = Mutex::new(Vec::new());
        let conduct = |trial: &Trial, _: usize| {
            order.lock().unwrap().push(format!("{} {}", trial.attack.id, trial.level));
            correct(trial)
        };
        let setting = Setting {
            conduct: &conduct,
            slots: 1,
            stop: &AtomicBool::new(false),
            progress: &Silent,
            times: NonZeroUsize::MIN,
            shuffle: seed,
            gaps: &BTreeMap::new(),
            today: "2027-01-01",
        };
        let settled = run(&schedule(), &setting).unwrap();
        let reports = report::reports(&settled, &Redactor::default());
        (order.into_inner().unwrap(), report::json::render(&reports[0]).unwrap())
    };
    let (plain, report) = begun(None);
    let (mut first, same_report) = begun(Some(7));
    assert_eq!(begun(Some(7)).0, first, "the seed decides");
    assert_ne!(first, plain);
    assert_ne!(begun(Some(8)).0, first);
    assert_eq!(same_report, report);
    first.sort();
    let mut plain = plain;
    plain.sort();
    assert_eq!(first, plain, "every trial once");
}

#[test]
fn no_canary_reaches_the_report_or_the_record() {
    const CANARY: &str = "bulkhead-canary-0f3a";
    let settled = settle(&|trial, _| {
        let mut observed = correct(trial);
        observed.canaries.push(CANARY.to_owned());
        observed.run.hearsay.push(format!("said {CANARY}"));
        observed.run.log = format!("\u{1b}[31mlog {CANARY}\nnext line").into_bytes();
        if trial.level == Level::Full {
            observed.run.broken = Some(format!("broke over {CANARY}"));
        }
        observed
    });
    let redactor = Redactor::about(&settled, None);
    let reports = report::reports(&settled, &redactor);
    let trials = report::trials(&settled, &redactor);
    let text =
        report::json::render(&reports[0]).unwrap() + &serde_json::to_string(&trials).unwrap();
    assert!(!redactor.canaries().are_in(text.as_bytes()), "{text}");
    assert!(text.contains("next line") && !text.contains('\u{1b}'), "{text}");
}
