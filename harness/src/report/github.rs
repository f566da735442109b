//! What a CI system of GitHub shows: annotations at the manifests, and a step summary.
#![forbid(unsafe_code)]

use std::fmt::Write;

use super::listed_cells;
use super::matrix;
use super::redact;
use super::schema::Report;
use crate::verdict::Verdict;

/// No summary is longer; GitHub refuses one of a megabyte.
const SUMMARY: usize = 200 * 1024;
/// No more annotations: GitHub shows ten of a kind for a step.
const ANNOTATIONS: usize = 50;

/// One workflow command for each cell that is not as expected.
#[must_use]
pub fn annotations(reports: &[Report]) -> String {
    let mut text = String::new();
    let off = listed_cells(reports).filter(|one| {
        !matches!(one.cell.verdict, Verdict::Ok | Verdict::KnownGap | Verdict::Unsupported)
    });
    for one in off.take(ANNOTATIONS) {
        let title = format!("{} at {} of {}", one.cell.verdict, one.level, one.report.target);
        let reason = one.cell.reason.as_deref().unwrap_or("no reason was given");
        // Writing into a string cannot fail.
        let _ = writeln!(
            text,
            "::error file=attacks/{}/attack.toml,title={}::{}",
            property(one.id),
            property(&title),
            data(reason)
        );
    }
    text
}

/// The matrix, as long as GitHub takes it.
#[must_use]
pub fn summary(reports: &[Report]) -> String {
    let mut text = matrix::render(reports);
    if text.len() > SUMMARY {
        let mut end = SUMMARY;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let end = text.get(..end).and_then(|head| head.rfind('\n')).unwrap_or(0);
        text.truncate(end);
        text.push_str("\n\nThe rest does not fit here; see the artefact of this run.\n");
    }
    text
}

/// A text after `::`: nothing in it may end the line or begin another command.
fn data(text: &str) -> String {
    redact::one_line(text).replace('%', "%25")
}

/// A value before `::`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::specimen::report;
    use super::*;

    fn hostile() -> Report {
        let mut report = report();
        for cell in report.results.get_mut("secrets/netrc-read").unwrap().cells.values_mut() {
            cell.verdict = Verdict::UnexpectedEscape;
            cell.reason = Some("x\n::set-output name=a::b %0A".to_owned());
        }
        report
    }

    #[test]
    fn an_attack_cannot_speak_to_the_ci_system() {
        let text = annotations(&[hostile()]);
        assert_eq!(text.lines().count(), 4);
        assert!(text.lines().all(|line| line.starts_with("::error file=attacks/secrets/")));
        assert!(text.contains("::x : :set-output name=a::b %250A"), "{text}");
    }

    #[test]
    fn a_summary_that_is_too_long_is_cut_at_a_line() {
        let mut report = report();
        let entry = report.results["secrets/netrc-read"].clone();
        for number in 0..3000 {
            report.results.insert(format!("secrets/attack-{number}"), entry.clone());
        }
        let text = summary(&[report]);
        assert!(text.len() <= SUMMARY + 80 && text.ends_with("artefact of this run.\n"));
    }
}
