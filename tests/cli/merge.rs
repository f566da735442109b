//! `merge` and `verify`: many runs made into one answer.

use harness::oracle::Observation;
use harness::schedule::Trial;
use sandbox::Level;

use crate::checkout::{Checkout, correct, escaped};

/// Runs both shards of a checkout.
fn shards(checkout: &Checkout) {
    for (share, out) in [("slice:1/2", "one"), ("slice:2/2", "two")] {
        assert_eq!(checkout.harness(&["run", "--partition", share, "--out", out]).status, 0);
    }
}

#[test]
fn merged_shards_have_the_bytes_of_one_run() {
    let checkout = Checkout::new();
    shards(&checkout);
    let end = checkout.harness(&["merge", "one", "two", "--out", "all"]);
    assert_eq!((end.status, end.out.as_str()), (0, ""), "{end:?}");
    checkout.harness(&["run"]);
    for file in ["root/own.json", "MATRIX.md", "index.html"] {
        let whole = checkout.read(&format!("target/harness/{file}"));
        assert_eq!(checkout.read(&format!("all/{file}")), whole, "{file}");
    }
}

#[test]
fn shards_that_overlap_or_miss_or_are_of_another_catalogue_are_refused() {
    let checkout = Checkout::new();
    shards(&checkout);
    let refused = |dirs: &[&str], told: &str| {
        let args: Vec<_> = ["merge"].iter().chain(dirs).chain(&["--out", "all"]).copied().collect();
        let end = checkout.harness(&args);
        assert_eq!(end.status, 2, "{end:?}");
        assert!(end.err.contains(told), "{end:?}");
        assert!(!checkout.has("all"));
    };
    refused(&["one"], "secrets/netrc-read of own on root is in no shard");
    refused(&["one", "one"], "files/cron-drop of own on root is in one and in another shard");
    refused(&["one", "three"], "three holds no report");
    checkout
        .write("attacks/files/cron-drop/backend.py", "import kit  # changed\nkit.mark(\"open\")\n");
    refused(&["one", "two"], "files/cron-drop was another one when it was run");
    checkout.write("two/root/own.json", "{ \"schema\": \"harness.report/9\" }");
    refused(&["one", "two"], "is of the form `harness.report/9`");
}

#[test]
fn an_attack_that_shows_the_same_every_time_is_verified() {
    let checkout = Checkout::new();
    let end = checkout.harness(&["verify", "files/cron-drop", "--times", "3"]);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(end.out.contains("   3 × files/cron-drop of own at full: blocked (ok)\n"), "{end:?}");
}

/// Gets through now and then.
fn wavering(trial: &Trial) -> Observation {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static TRIALS: AtomicUsize = AtomicUsize::new(0);
    let at_full = trial.attack.id.0 == "files/cron-drop" && trial.level == Level::Full;
    if at_full && TRIALS.fetch_add(1, Ordering::Relaxed) == 1 {
        escaped(trial)
    } else {
        correct(trial)
    }
}

#[test]
fn an_attack_that_wavers_is_told_with_its_counts() {
    let checkout = Checkout::new();
    let end = checkout.pretending(&["verify", "files/cron-drop", "--times", "3"], wavering);
    assert_eq!(end.status, 10, "{end:?}");
    assert!(end.out.contains("   2 × files/cron-drop of own at full: blocked (ok)\n"), "{end:?}");
    assert!(end.out.contains("   1 × files/cron-drop of own at full: escaped"), "{end:?}");
}

#[test]
fn what_was_verified_can_be_had_as_json() {
    let end = Checkout::new().harness(&["verify", "files/cron-drop", "--times", "2", "--json"]);
    let cells: serde_json::Value = serde_json::from_str(&end.out).unwrap();
    let all = cells.as_array().unwrap();
    let full = all.iter().find(|cell| {
        cell["level"] == "full" && cell["cell"].as_str().unwrap().starts_with("files/")
    });
    assert_eq!(full.unwrap()["shown"][0]["times"], 2);
}
