//! The committed reports, and one in which everything is as bad as it can be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use harness::catalogue::attack::Expected;
use harness::report::json;
use harness::report::schema::{At, Cell, Entry, REPORT, Report};
use harness::verdict::{Seen, Verdict};
use sandbox::Level;

/// Words that mean something to a terminal, to Markdown, to HTML, to XML, or to a CI service.
pub(crate) const HOSTILE: &str = "</td><script>window.owned = 1</script><img src=x onerror=owned=1>\u{1b}[31m\
     \u{1b}]0;title\u{7}\u{1b}]8;;http://evil.invalid\u{1b}\\\u{202e}\u{2066}\n::set-output name=a::b\n\
     ##[error]c\n##vso[task.setvariable]d\n]]>&'\"%0A | `x` \0\u{fffe}\u{ffff}\u{8}\r::add-mask::e";

/// The folder of the committed reports.
pub(crate) fn reports_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("reports")
}

/// Every committed report.
pub(crate) fn committed() -> Vec<Report> {
    let mut found = Vec::new();
    for host in std::fs::read_dir(reports_dir()).unwrap().map(|entry| entry.unwrap().path()) {
        let files = std::fs::read_dir(host).into_iter().flatten();
        for file in files.map(|entry| entry.unwrap().path()) {
            let is_json = file.extension().is_some_and(|it| it == "json");
            let is_report = !file.file_stem().unwrap().to_str().unwrap().ends_with(".ablation");
            if is_json && is_report {
                found.push(json::read_if_there(&file).unwrap().unwrap());
            }
        }
    }
    found.sort_by(|a, b| (&a.host, &a.target).cmp(&(&b.host, &b.target)));
    assert!(found.len() > 2, "there are reports to look at");
    found
}

/// A report with every verdict, each with a reason that an attack could have written.
pub(crate) fn hostile() -> Report {
    let cell = |verdict: Verdict| Cell {
        outcome: if verdict == Verdict::Ok { Seen::Blocked } else { Seen::Escaped },
        expected: Expected::Blocked,
        verdict,
        saw: vec![HOSTILE.to_owned()],
        marks: vec![HOSTILE.to_owned()],
        reason: Some(HOSTILE.to_owned()),
    };
    let entry = |verdict: Verdict| Entry {
        fixture: "sha256:3b6e0c9d41aa".to_owned(),
        cells: Level::ALL.into_iter().map(|level| (At(level), cell(verdict))).collect(),
    };
    let named = |verdict: Verdict| (format!("secrets/{verdict}"), entry(verdict));
    let mut results: BTreeMap<_, _> = Verdict::ALL.into_iter().map(named).collect();
    results.insert(format!("secrets/x{HOSTILE}"), entry(Verdict::UnexpectedEscape));
    Report {
        schema: REPORT.to_owned(),
        host: "root".to_owned(),
        target: "own".to_owned(),
        subject: Some(HOSTILE.to_owned()),
        results,
    }
}
