//! The picture in the README is drawn from the committed report.

use std::fmt::Write as _;
use std::fs;

use harness::report::json;
use harness::report::schema::{At, Report};
use harness::verdict::Seen;
use sandbox::{Guarantee, Level};

use crate::tree::{read, root};

const BEGIN: &str = "<!-- matrix:begin -->\n";
const END: &str = "<!-- matrix:end -->";

/// How many entries of a folder were seen to end so at a level, of those that were tried there.
fn counted(report: &Report, folder: &str, level: Level, wanted: Seen) -> String {
    let prefix = format!("{folder}/");
    let entries = report.results.iter().filter(|(id, _)| id.starts_with(&prefix));
    let seen: Vec<_> = entries
        .filter_map(|(_, entry)| entry.cells.get(&At(level)))
        .map(|cell| cell.outcome)
        .collect();
    let tried = seen.iter().filter(|seen| !matches!(seen, Seen::NotRun | Seen::Error)).count();
    let count = seen.iter().filter(|seen| **seen == wanted).count();
    if tried == 0 { "–".to_owned() } else { format!("{count} of {tried}") }
}

fn drawn(report: &Report) -> String {
    let levels = Level::ALL.map(Level::name).join(" | ");
    let mut text = format!("| guarantee | {levels} |\n|---|---|---|---|---|\n");
    let row =
        |folder: &str, wanted| Level::ALL.map(|it| counted(report, folder, it, wanted)).join(" | ");
    for guarantee in Guarantee::ALL.map(Guarantee::name) {
        let cells = row(guarantee, Seen::Escaped);
        writeln!(text, "| [{guarantee}](docs/threat-model.md#{guarantee}) | {cells} |").unwrap();
    }
    writeln!(text, "| *honest builds that build* | {} |", row("benign", Seen::Built)).unwrap();
    text
}

#[test]
fn the_readme_shows_what_the_report_says() {
    let committed = root().join("reports/root/own.json");
    if !committed.is_file() {
        println!("skipped: no report is committed; `harness run --update` writes one");
        return;
    }
    let text = read("README.md");
    let (before, rest) = text.split_once(BEGIN).expect("the README marks where its matrix begins");
    let (shown, after) = rest.split_once(END).expect("the README marks where its matrix ends");
    let wanted = drawn(&json::read(&committed).unwrap());
    if shown != wanted && std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        fs::write(root().join("README.md"), format!("{before}{BEGIN}{wanted}{END}{after}"))
            .unwrap();
        return;
    }
    assert!(
        shown == wanted,
        "The README's picture is not the committed report's; `just bless` draws it anew:\n{wanted}"
    );
}

#[test]
fn cells_that_were_not_tried_do_not_count() {
    let text = r#"{ "schema": "harness.report/1", "host": "root", "target": "own", "results": {
        "files/a": { "fixture": "sha256:000000000000",
            "none": { "outcome": "escaped", "expected": "escaped", "verdict": "ok" },
            "full": { "outcome": "blocked", "expected": "blocked", "verdict": "ok" } },
        "files/b": { "fixture": "sha256:000000000000",
            "none": { "outcome": "not-run", "expected": "not-run", "verdict": "ok" },
            "full": { "outcome": "escaped", "expected": "blocked", "verdict": "unexpected-escape" } } } }"#;
    let report: Report = serde_json::from_str(text).unwrap();
    assert_eq!(counted(&report, "files", Level::None, Seen::Escaped), "1 of 1");
    assert_eq!(counted(&report, "files", Level::Full, Seen::Escaped), "1 of 2");
    assert_eq!(counted(&report, "files", Level::Network, Seen::Escaped), "–");
}
