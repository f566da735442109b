//! XML as `JUnit` has it: a test case for every cell, for whoever shows such things.
#![forbid(unsafe_code)]

use std::fmt::Write;

use super::redact;
use super::schema::{Cell, Report};
use super::{ListedCell, listed_cells};
use crate::catalogue::attack::Expected;
use crate::verdict::Verdict;

/// The suites of all reports.
#[must_use]
pub fn render(reports: &[Report]) -> String {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for report in reports {
        let cells: Vec<_> = listed_cells(std::slice::from_ref(report)).collect();
        let name = redact::markup(&format!("{} on {}", report.target, report.host));
        let count = |wanted: fn(&Cell) -> bool| cells.iter().filter(|one| wanted(one.cell)).count();
        line(
            &mut text,
            &format!(
                "<testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
                cells.len(),
                count(is_failure),
                count(is_skipped)
            ),
        );
        for one in &cells {
            case(&mut text, one);
        }
        line(&mut text, "</testsuite>");
    }
    text + "</testsuites>\n"
}

fn case(text: &mut String, one: &ListedCell<'_>) {
    let (id, level) = (redact::markup(one.id), one.level);
    let class = redact::markup(&format!("{}.{}", one.report.host, one.report.target));
    let head = format!("<testcase classname=\"{class}\" name=\"{id} at {level}\"");
    let reason = redact::markup(one.cell.reason.as_deref().unwrap_or_default());
    let verdict = one.cell.verdict;
    if is_failure(one.cell) {
        line(
            text,
            &format!("{head}><failure type=\"{verdict}\" message=\"{reason}\"/></testcase>"),
        );
    } else if is_skipped(one.cell) {
        line(text, &format!("{head}><skipped message=\"{reason}\"/></testcase>"));
    } else {
        line(text, &format!("{head}/>"));
    }
}

const fn is_failure(cell: &Cell) -> bool {
    !matches!(cell.verdict, Verdict::Ok | Verdict::KnownGap | Verdict::Unsupported)
}

fn is_skipped(cell: &Cell) -> bool {
    cell.verdict == Verdict::Unsupported || cell.expected == Expected::NotRun
}

fn line(text: &mut String, line: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::specimen::report;
    use super::*;

    #[test]
    fn every_cell_is_a_case_and_what_was_not_tried_is_skipped() {
        let mut report = report();
        for cell in report.results.get_mut("secrets/netrc-read").unwrap().cells.values_mut() {
            cell.verdict = Verdict::UnexpectedEscape;
            cell.reason = Some("a \"b\" <c>".to_owned());
        }
        let text = render(&[report]);
        assert!(text.contains("tests=\"12\" failures=\"4\" skipped=\"3\""), "{text}");
        assert!(text.contains("message=\"a &quot;b&quot; &lt;c&gt;\""), "{text}");
    }
}
