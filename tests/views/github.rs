//! What GitHub is told: annotations that only we can have written, and a summary that it takes.

use harness::catalogue::Catalogue;
use harness::report::{github, matrix};
use harness::verdict::Verdict;

use crate::specimen::{HOSTILE, committed, hostile};

#[test]
fn every_line_is_one_annotation_of_ours() {
    let text = github::annotations(&[hostile()]);
    assert!(text.lines().count() > 8, "{text}");
    for line in text.lines() {
        assert!(line.starts_with("::error file=attacks/secrets/"), "{line}");
        // The runner finds a command at the start of a line, and `##[` anywhere in it.
        assert!(!line.contains("##[") && !line.contains("##vso["), "{line}");
        assert!(!line.contains(['\u{1b}', '\r', '\u{202e}']), "{line:?}");
    }
    assert_eq!(
        github::annotations(&committed()).lines().filter(|line| !line.starts_with("::")).count(),
        0
    );
}

#[test]
fn a_summary_fits_even_when_every_reason_is_as_long_as_it_can_be() {
    let mut report = hostile();
    let entry = report.results.values().next().unwrap().clone();
    for number in 0..4000 {
        report.results.insert(format!("secrets/a-{number:05}-{}", "x".repeat(60)), entry.clone());
    }
    assert!(matrix::render(std::slice::from_ref(&report)).len() > 200 * 1024, "it has to be cut");
    assert!(github::summary(&[report], &[], &Catalogue::default()).len() <= 200 * 1024);
    // Where an honest build fails, what shows nothing is told first, as it should be.
    let mut sound = committed();
    sound.retain(|report| {
        let mut cells = report.results.values().flat_map(|entry| entry.cells.values());
        cells.all(|cell| cell.verdict != Verdict::Vacuous)
    });
    let whole = github::summary(&sound, &sound, &Catalogue::default());
    assert!(whole.len() <= 200 * 1024, "{}", whole.len());
    assert!(whole.starts_with("**Nothing new**"), "{whole}");
    let first = whole.lines().find(|line| line.starts_with("## On "));
    assert_eq!(first, Some("## On root"), "what is refused to nobody comes first");
    assert!(whole.contains("\n## On ubuntu\n"), "the totals of every host fit");
}

#[test]
fn a_summary_holds_no_markup_of_an_attacks_own() {
    let text = github::summary(&[hostile()], &[], &Catalogue::default());
    assert!(
        !text.contains("<script") && !text.contains("<img") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(HOSTILE.contains("<script"), "it was there");
}
