//! What a CI system of GitHub shows: annotations at the manifests, and a step summary.
#![forbid(unsafe_code)]

use std::fmt::Write;

use sandbox::Level;

use super::diff::{self, Scope};
use super::matrix;
use super::redact;
use super::schema::{At, Cell, Report};
use super::{ListedCell, listed_cells};
use crate::verdict::{Seen, Verdict};

/// No summary is longer; GitHub refuses one of a megabyte.
const SUMMARY: usize = 200 * 1024;
/// What ends one that was cut.
const CUT: &str = "\n\nThe rest does not fit here; see the artefact of this run.\n";
/// No more names in one part of the news.
const NEWS: usize = 20;
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

/// What has changed against the base, the totals, and the matrix as far as GitHub takes it.
#[must_use]
pub fn summary(reports: &[Report], base: &[Report]) -> String {
    let mut text = String::new();
    news(&mut text, reports, base);
    text.push_str(&matrix::render(reports));
    if text.len() > SUMMARY {
        let mut end = SUMMARY - CUT.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let end = text.get(..end).and_then(|head| head.rfind('\n')).unwrap_or(0);
        text.truncate(end);
        text.push_str(CUT);
    }
    text
}

/// What is new against the base, worst first.
fn news(text: &mut String, reports: &[Report], base: &[Report]) {
    let known = |one: &ListedCell<'_>| -> Option<&Cell> {
        let old = base
            .iter()
            .find(|old| old.host == one.report.host && old.target == one.report.target)?;
        old.results.get(one.id)?.cells.get(&At(one.level))
    };
    let (mut escapes, mut closed, mut worthless) = (Vec::new(), Vec::new(), Vec::new());
    for one in listed_cells(reports) {
        let old = known(&one).map(|cell| cell.outcome);
        let sandbox = one.level != Level::None;
        let name =
            format!("{} at {} of {} on {}", one.id, one.level, one.report.target, one.report.host);
        match one.cell.outcome {
            Seen::Escaped if one.cell.verdict == Verdict::UnexpectedEscape => escapes.push(name),
            // One that is expected is news where the base has seen it stopped.
            Seen::Escaped if sandbox && old == Some(Seen::Blocked) => escapes.push(name),
            Seen::Blocked if sandbox && old == Some(Seen::Escaped) => closed.push(name),
            _ => match one.cell.verdict {
                Verdict::Vacuous | Verdict::Unstable | Verdict::Error => worthless.push(name),
                _ => {}
            },
        }
    }
    let mut lost = Vec::new();
    for new in reports {
        let Some(old) = base.iter().find(|old| old.host == new.host && old.target == new.target)
        else {
            continue;
        };
        for difference in diff::between(old, new, Scope::Whole) {
            if difference.change.loses_coverage() {
                lost.push(format!("{difference} ({} on {})", new.target, new.host));
            }
        }
    }
    let parts = [
        ("New escapes", escapes),
        ("Closed gaps", closed),
        ("Lost coverage", lost),
        ("Trials that prove nothing", worthless),
    ];
    // Writing into a string cannot fail.
    if parts.iter().all(|(_, names)| names.is_empty()) {
        let _ = writeln!(text, "**Nothing new**: no escape, no closed gap, no lost coverage.\n");
    }
    for (title, names) in parts.iter().filter(|(_, names)| !names.is_empty()) {
        let _ = writeln!(text, "## {title}: {}\n", names.len());
        for name in names.iter().take(NEWS) {
            let _ = writeln!(text, "- {}", redact::markdown(name));
        }
        if names.len() > NEWS {
            let _ = writeln!(text, "- and {} more", names.len() - NEWS);
        }
        text.push('\n');
    }
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
    fn a_summary_begins_with_what_is_new_against_the_base() {
        let base = report();
        assert!(summary(&[report()], &[report()]).starts_with("**Nothing new**"));
        let mut new = report();
        let cells = &mut new.results.get_mut("secrets/netrc-read").unwrap().cells;
        let full = cells.get_mut(&At(Level::Full)).unwrap();
        (full.outcome, full.verdict) = (Seen::Escaped, Verdict::UnexpectedEscape);
        let proposal = cells.get_mut(&At(Level::Network)).unwrap();
        (proposal.outcome, proposal.verdict) = (Seen::Blocked, Verdict::UnexpectedBlock);
        new.results.remove("remnants/account");
        let text = summary(&[new], &[base]);
        let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
        assert!(text.starts_with("## New escapes: 1\n\n- secrets/netrc-read at full"), "{text}");
        assert!(at("## Closed gaps: 1") < at("## Lost coverage: 1"), "{text}");
        assert!(at("- remnants/account: is gone") < at("# What gets through"), "{text}");
    }

    #[test]
    fn a_summary_that_is_too_long_is_cut_at_a_line() {
        let mut report = report();
        let entry = report.results["secrets/netrc-read"].clone();
        for number in 0..3000 {
            report.results.insert(format!("secrets/attack-{number}"), entry.clone());
        }
        let text = summary(&[report], &[]);
        assert!(text.len() <= SUMMARY && text.ends_with("artefact of this run.\n"));
    }
}
