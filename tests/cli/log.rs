//! `harness log`: when the committed reports last told something else.

use crate::checkout::{Checkout, correct};
use crate::git::{commit, git};
use harness::oracle::Observation;
use harness::schedule::Trial;
use sandbox::Level;

/// A sandbox that lets one attack through.
fn leaky(trial: &Trial) -> Observation {
    if trial.attack.id.0 == "files/cron-drop" && trial.level == Level::Full {
        return correct(&Trial { level: Level::None, ..trial.clone() });
    }
    correct(trial)
}

fn lines(checkout: &Checkout, args: &[&str]) -> Vec<String> {
    let end = checkout.harness(&[&["log"], args].concat());
    assert_eq!(end.status, 0, "{end:?}");
    end.out.lines().map(str::to_owned).collect()
}

#[test]
fn each_commit_in_which_a_cell_was_another_is_told_the_newest_first() {
    let checkout = Checkout::new();
    checkout.write(".gitignore", "target/\n");
    git(&checkout, &["init", "-q", "-b", "main"]);
    for (pretend, subject) in [
        (correct as fn(&Trial) -> Observation, "Begin"),
        (leaky, "Lose\u{1b}[2J it"),
        (leaky, "Write a document"),
        (correct, "Mend it"),
    ] {
        checkout.pretending(&["run", "--update"], pretend);
        checkout.write("document", subject);
        commit(&checkout, subject);
    }
    checkout.write("reports/root/own.json", "<<<<<<<\n");
    commit(&checkout, "Break the report");
    let told = lines(&checkout, &["files/cron-drop", "-t", "own@full"]);
    let (mended, lost, new) = (&told[0], &told[1], &told[2]);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        mended.ends_with("own@full on root: was escaped (unexpected-escape), is blocked (Mend it)"),
        "{mended}"
    );
    assert!(lost.contains("was blocked, is escaped (unexpected-escape) (Lose"), "{lost}");
    assert!(!lost.contains('\u{1b}'), "{lost:?}");
    assert!(new.ends_with("is new: blocked (Begin)"), "{new}");
    // Everything at once, and as another program reads it.
    assert!(lines(&checkout, &["files/cron-drop"]).len() > 3);
    let json = lines(&checkout, &["files/cron-drop", "-t", "own@full", "--json"]).concat();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["before"], "escaped (unexpected-escape)");
    assert_eq!(json[0]["after"], "blocked");
    assert_eq!(json[0]["commit"].as_str().unwrap().len(), 40);
}

#[test]
fn where_nothing_is_told_that_is_said() {
    let checkout = Checkout::new();
    git(&checkout, &["init", "-q", "-b", "main"]);
    commit(&checkout, "Begin");
    let told = lines(&checkout, &["files/cron-drop", "--host", "user"]);
    assert_eq!(told, ["no committed report tells of files/cron-drop there"]);
    let end = checkout.harness(&["log", "files/cron-dorp"]);
    assert_eq!(end.status, 2);
    assert!(end.err.contains("files/cron-drop"), "{end:?}");
}
