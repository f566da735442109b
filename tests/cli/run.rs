//! `harness run`: what it writes and how it ends.

use std::sync::atomic::Ordering;

use harness::oracle::Observation;
use harness::schedule::Trial;
use harness::target::Run;
use harness::target::spent::{Phase, Stopwatch};
use rstest::rstest;
use sandbox::Level;

use crate::checkout::{CANARY, Checkout, Pretend, correct, escaped, quiet};

fn cron_at_full(trial: &Trial) -> bool {
    trial.attack.id.0 == "files/cron-drop" && trial.level == Level::Full
}

fn leaky(trial: &Trial) -> Observation {
    if cron_at_full(trial) { escaped(trial) } else { correct(trial) }
}

fn markless(trial: &Trial) -> Observation {
    let mut observed = correct(trial);
    if cron_at_full(trial) {
        observed.run.marks.clear();
    }
    observed
}

fn overzealous(trial: &Trial) -> Observation {
    let stopped = trial.attack.id.0 == "files/cron-drop" && trial.level == Level::Network;
    if stopped { quiet(trial) } else { correct(trial) }
}

fn broken_at_full(trial: &Trial) -> Observation {
    let mut observed = correct(trial);
    observed.run.built = trial.level != Level::Full;
    observed
}

fn contaminating(trial: &Trial) -> Observation {
    let mut observed = correct(trial);
    if cron_at_full(trial) {
        observed.contaminated = Some("kernel.core_pattern has changed".to_owned());
    }
    observed
}

fn refusing_full(trial: &Trial) -> Observation {
    if trial.level != Level::Full {
        return correct(trial);
    }
    let refused =
        Some("bulkhead: user namespaces are off; set user.max_user_namespaces".to_owned());
    Observation { run: Run { refused, ..Run::default() }, ..Observation::default() }
}

#[rstest]
#[case::all_as_expected(correct, 0)]
#[case::an_escape(leaky, 10)]
#[case::a_block_too_many(overzealous, 11)]
#[case::a_mark_is_missing(markless, 12)]
#[case::nothing_honest_builds(broken_at_full, 21)]
#[case::the_host_has_changed(contaminating, 22)]
#[case::a_level_is_refused(refusing_full, 0)]
fn every_kind_of_end_has_its_status(#[case] pretend: Pretend, #[case] status: u8) {
    let end = Checkout::new().pretending(&["run"], pretend);
    assert_eq!(end.status, status, "{end:?}");
}

#[test]
fn only_what_is_not_as_expected_is_printed() {
    let end = Checkout::new().pretending(&["run", "-j", "1"], leaky);
    insta::assert_snapshot!("leaky", end.out);
    let end = Checkout::new().pretending(&["run", "-j", "1"], refusing_full);
    insta::assert_snapshot!("refused", end.out);
}

/// As [`correct`], with all of its time spent on hooks.
fn slow_at_full(trial: &Trial) -> Observation {
    let mut observed = correct(trial);
    if cron_at_full(trial) {
        let mut stopwatch = Stopwatch::start();
        std::thread::sleep(std::time::Duration::from_millis(30));
        stopwatch.lap(Phase::Hooks);
        observed.run.spent = stopwatch.spent();
    }
    observed
}

#[test]
fn where_the_time_went_is_told_when_it_is_asked_for() {
    let checkout = Checkout::new();
    let text = |args: &[&str]| checkout.pretending(args, slow_at_full).out;
    assert!(!text(&["run"]).contains("Where the time went"));
    let told = text(&["run", "--timings"]);
    let row = |name: &str| told.lines().find(|line| line.contains(name)).unwrap_or_default();
    assert!(row("hooks, in their sandbox").contains("100 %"), "{told}");
    assert!(row("making the lab").contains(" 0 %"), "{told}");
    let slowest = told.lines().find(|line| line.contains("most of it")).unwrap_or_default();
    assert!(slowest.contains("files/cron-drop at full of own on root"), "{told}");
}

#[test]
fn a_level_that_is_all_that_was_asked_and_cannot_be_run_is_a_failure() {
    let mut checkout = Checkout::new();
    assert_eq!(checkout.pretending(&["run", "-t", "own@full"], refusing_full).status, 20);
    checkout.require_isolation = true;
    assert_eq!(checkout.pretending(&["run"], refusing_full).status, 12);
}

#[test]
fn a_run_writes_its_reports_beside_the_build_and_never_into_reports() {
    let checkout = Checkout::new();
    assert_eq!(checkout.harness(&["run"]).status, 0);
    insta::assert_snapshot!("own_json", checkout.read("target/harness/root/own.json"));
    assert!(checkout.read("target/harness/root/MATRIX.md").contains("### files"));
    let record: serde_json::Value =
        serde_json::from_str(&checkout.read("target/harness/run.json")).unwrap();
    assert_eq!(record["machine"]["python"], "3.11.2");
    assert_eq!(record["trials"].as_array().unwrap().len(), 12);
    assert!(!checkout.has("reports"));
}

#[test]
fn the_report_is_the_same_for_any_number_of_jobs() {
    let (one, many) = (Checkout::new(), Checkout::new());
    one.harness(&["run", "-j", "1"]);
    many.harness(&["run", "-j", "7"]);
    for file in ["root/own.json", "MATRIX.md"] {
        let file = format!("target/harness/{file}");
        assert_eq!(one.read(&file), many.read(&file));
    }
}

#[test]
fn an_update_is_what_the_next_check_wants_to_see() {
    let checkout = Checkout::new();
    assert_eq!(checkout.harness(&["run", "--check"]).status, 13, "nothing is committed yet");
    assert_eq!(checkout.harness(&["run", "--update"]).status, 0);
    let end = checkout.harness(&["run", "--check"]);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(
        checkout.read("reports/root/MATRIX.md").contains("| cron-drop |"),
        "nowhere to link to"
    );
    checkout.write("docs/attacks/README.md", "");
    assert_eq!(checkout.harness(&["run", "--update"]).status, 0);
    let link = "[cron-drop](../../docs/attacks/files/cron-drop.md)";
    assert!(checkout.read("reports/root/MATRIX.md").contains(link));
    let link = "[cron-drop](../../../docs/attacks/files/cron-drop.md)";
    assert!(checkout.read("target/harness/root/MATRIX.md").contains(link));
}

#[test]
fn a_check_notices_a_new_attack_a_changed_file_and_a_stale_matrix() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    checkout.write("reports/MATRIX.md", "old");
    let end = checkout.harness(&["run", "--check"]);
    assert_eq!(end.status, 13);
    assert!(end.out.contains("reports/MATRIX.md does not say what the reports say"), "{end:?}");
    assert_eq!(checkout.harness(&["run", "--update"]).status, 0);
    checkout.attack("files/pth", "[\"mounts\"]");
    checkout
        .write("attacks/files/cron-drop/backend.py", "import kit  # changed\nkit.mark(\"open\")\n");
    let end = checkout.harness(&["run", "--check"]);
    assert_eq!(end.status, 13);
    assert!(end.out.contains("files/pth: is new"), "{end:?}");
    assert!(end.out.contains("files/cron-drop: its files have changed"), "{end:?}");
    assert_eq!(checkout.read("reports/root/own.json").matches("files/pth").count(), 0);
    assert_eq!(checkout.harness(&["run"]).status, 0, "a plain run only tells");
}

#[test]
fn a_check_notices_that_coverage_was_lost() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    std::fs::remove_dir_all(checkout.path().join("attacks/files/cron-drop")).unwrap();
    let end = checkout.harness(&["run", "--check"]);
    assert_eq!(end.status, 12);
    assert!(end.out.contains("files/cron-drop: is gone"), "{end:?}");
}

#[test]
fn an_escape_outweighs_a_differing_report() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    let end = checkout.pretending(&["run", "--check"], leaky);
    assert_eq!(end.status, 10);
    assert!(
        end.out.contains("files/cron-drop at full: was blocked, is escaped (unexpected-escape)"),
        "{end:?}"
    );
}

#[test]
fn a_partial_update_keeps_what_it_did_not_try() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    let before = checkout.read("reports/root/own.json");
    let end = checkout.harness(&["run", "--update", "-t", "own@full", "-E", "secrets/"]);
    assert_eq!(end.status, 0);
    assert_eq!(checkout.read("reports/root/own.json"), before);
    let end = checkout.pretending(&["run", "--update"], refusing_full);
    assert_eq!(end.status, 0, "{end:?}");
    assert_eq!(checkout.read("reports/root/own.json"), before, "unsupported cells are kept");
}

const GAPS: &str = "[[gap]]\nattack = \"files/cron-drop\"\nlevel = \"full\"\n\
                    reason = \"mounts are not built yet\"\nissue = \"#3\"\n";

#[test]
fn a_gap_is_tolerated_as_long_as_it_is_open() {
    let checkout = Checkout::new();
    checkout.write("harness/targets/own/gaps.toml", GAPS);
    let end = checkout.pretending(&["run"], leaky);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(
        end.out.contains("known-gap  files/cron-drop at full\n    mounts are not built yet (#3)")
    );
    let end = checkout.harness(&["run"]);
    assert_eq!(end.status, 11);
    assert!(end.out.contains("the gap of files/cron-drop at full is closed: remove it"), "{end:?}");
}

#[test]
fn an_expired_gap_tolerates_nothing() {
    let checkout = Checkout::new();
    let gaps = format!("{GAPS}until = 2020-01-01\n");
    checkout.write("harness/targets/own/gaps.toml", &gaps);
    let end = checkout.pretending(&["run"], leaky);
    assert_eq!(end.status, 10);
    assert!(end.out.contains("was tolerated until 2020-01-01"), "{end:?}");
}

#[test]
fn a_malformed_file_of_gaps_is_reported_with_its_line() {
    let checkout = Checkout::new();
    checkout.write("harness/targets/own/gaps.toml", &GAPS.replace("reason", "reson"));
    let end = checkout.harness(&["run"]);
    assert_eq!(end.status, 3);
    assert!(end.err.contains("harness/targets/own/gaps.toml:4:1: error[E0101]"), "{end:?}");
}

#[test]
fn a_canary_in_an_oracles_name_keeps_everything_from_being_written() {
    let talkative = |trial: &Trial| {
        let mut observed = correct(trial);
        observed.canaries = vec!["benign/honest-wheel".to_owned()];
        observed
    };
    let checkout = Checkout::new();
    let end = checkout.pretending(&["run", "--update"], talkative);
    assert_eq!(end.status, 70);
    assert!(end.err.contains("would hold a live canary, so nothing was written"), "{end:?}");
    assert!(!checkout.has("target") && !checkout.has("reports"));
}

#[test]
fn what_a_build_prints_is_told_without_its_canary() {
    let talkative = |trial: &Trial| {
        let mut observed = markless(trial);
        observed.run.log = format!("token {CANARY}\nlast line").into_bytes();
        observed
    };
    let checkout = Checkout::new();
    assert_eq!(checkout.pretending(&["run"], talkative).status, 12);
    let record = checkout.read("target/harness/run.json");
    assert!(record.contains("[withheld: holds a canary]\\nlast line"), "{record}");
    assert!(!record.contains(CANARY));
}

#[test]
fn an_interrupted_run_writes_nothing() {
    let checkout = Checkout::new();
    checkout.stop.store(true, Ordering::Relaxed);
    let end = checkout.harness(&["run"]);
    assert_eq!(end.status, 130);
    assert_eq!(end.err, "harness: interrupted after 0 of 12 trials; nothing was written\n");
    assert!(!checkout.has("target"));
}

#[test]
fn a_machine_that_cannot_conduct_trials_says_why() {
    let checkout = Checkout::new();
    let end = checkout.from(checkout.path().to_owned(), &["run"], None);
    assert_eq!(end.status, 20);
    assert_eq!(
        end.err,
        "harness: this machine cannot run the trials: the lab needs root; start it as root in a \
         container\n"
    );
}

#[test]
fn an_output_that_cannot_be_written_is_one_sentence() {
    let checkout = Checkout::new();
    checkout.write("file", "");
    let end = checkout.harness(&["run", "--out", "file"]);
    assert_eq!(end.status, 20);
    assert!(
        end.err.ends_with("root/own.json cannot be written: Not a directory (os error 20)\n")
            || end.err.contains("cannot be written: "),
        "{end:?}"
    );
}

#[test]
fn a_run_tells_its_result_for_each_level_where_the_page_is_and_what_to_do_next() {
    let checkout = Checkout::new();
    let good = checkout.harness(&["run"]);
    for line in [
        "    none: 2 of 2 got through, as the control must; 1 honest build built\n",
        "    full: 0 of 2 got through; 1 honest build built\n",
        "Page: target/harness/index.html; ",
        "Next: harness show files/cron-drop\n",
    ] {
        assert!(good.out.contains(line), "{line}: {}", good.out);
    }
    let bad = checkout.pretending(&["run", "-t", "own@full"], |trial| match trial.level {
        Level::Full if trial.attack.id.0 == "files/cron-drop" => escaped(trial),
        _ => correct(trial),
    });
    assert!(bad.out.starts_with("unexpected-escape  files/cron-drop at full\n"), "{}", bad.out);
    assert!(bad.out.ends_with("Next: harness debug files/cron-drop -t own@full\n"), "{}", bad.out);
    let shown = checkout.harness(&["show", "files/cron-drop"]);
    assert!(shown.out.contains("last run    none escaped"), "{}", shown.out);
    assert!(shown.out.contains("full escaped (unexpected-escape: `left` fired: "), "{}", shown.out);
}

#[test]
fn a_build_that_broke_is_told_with_the_last_line_of_its_traceback() {
    let end = Checkout::new().pretending(&["run", "-E", "files/"], |trial| {
        let mut seen = quiet(trial);
        if !trial.attack.is_benign() {
            seen.run.marks.clear();
            seen.run.log = b"x\nTraceback (most recent call last):\n  File \"backend.py\"\n\
                             NameError: name 'kti' is not defined\nmore\n"
                .to_vec();
        }
        seen
    });
    assert_eq!(end.status, 12, "{end:?}");
    assert!(
        end.out.contains("; the build said: NameError: name 'kti' is not defined\n"),
        "{end:?}"
    );
    assert!(end.out.contains("Next: harness debug files/cron-drop -t own@"), "{end:?}");
    assert!(end.out.contains("prove nothing") || end.out.contains("proves nothing"), "{end:?}");
}

#[test]
fn an_honest_build_that_breaks_is_marked_beside_what_got_through() {
    let end = Checkout::new().pretending(&["run", "-t", "own@full"], |trial| match trial.level {
        Level::Full if trial.attack.is_benign() => {
            let mut seen = quiet(trial);
            seen.run.built = false;
            seen
        }
        _ => correct(trial),
    });
    let told = "    full: 0 of 2 got through; 1 of 1 honest build did NOT build, so nothing counts \
                as blocked; 2 prove nothing\n";
    assert!(end.out.contains(told), "{}", end.out);
}

#[test]
fn where_results_cannot_be_written_no_trial_begins() {
    let checkout = Checkout::new();
    checkout.write("taken", "a file");
    let end = checkout.harness(&["run", "--out", "taken/results"]);
    assert_eq!(end.status, 20, "{end:?}");
    assert!(end.err.contains("taken/results cannot be written: ") && !end.err.contains("trials"));
}

#[test]
fn progress_is_told_in_plain_lines_where_there_is_no_terminal() {
    let end = Checkout::new().harness(&["run", "-j", "1"]);
    // A line every ten seconds, and none of these trials takes long.
    assert_eq!(end.err, "12 of 12 trials\n", "{end:?}");
}

#[rstest]
#[case::filter(&["-E", "secrets/ & files/"], "none of 3 attacks and honest builds is found")]
#[case::share(&["--partition", "slice:3/3"], "the catalogue has only 2 attacks, so share 3 of 3 is empty")]
fn nothing_selected_is_a_failure_with_its_reason(#[case] args: &[&str], #[case] why: &str) {
    let checkout = Checkout::new();
    let end = checkout.harness(&[&["run"], args].concat());
    assert_eq!(end.status, 4);
    assert!(end.err.contains(why), "{end:?}");
    assert!(!checkout.has("target"));
}

#[test]
fn a_share_tries_its_own_attacks_and_every_honest_build() {
    let checkout = Checkout::new();
    assert_eq!(checkout.harness(&["run", "--partition", "slice:2/2"]).status, 0);
    let report = checkout.read("target/harness/root/own.json");
    assert!(report.contains("secrets/netrc-read") && report.contains("benign/honest-wheel"));
    assert!(!report.contains("files/cron-drop"));
}
