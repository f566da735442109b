//! What a CI system of GitHub shows: annotations at the manifests, and a step summary.
#![forbid(unsafe_code)]

use std::fmt::Write;

use sandbox::Level;
use sandbox::plain::plural;

use super::diff::{self, Change, Difference, Scope};
use super::matrix;
use super::redact;
use super::schema::{At, Report};
use super::{ListedCell, listed_cells};
use crate::catalogue::{BENIGN, Catalogue};
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

/// What has changed against the base, the totals, and the matrix as far as GitHub takes it. An
/// attack of the base is lost only where this catalogue has it no more: a run may be of a part.
#[must_use]
pub fn summary(reports: &[Report], base: &[Report], catalogue: &Catalogue) -> String {
    let mut text = String::new();
    news(&mut text, reports, base, catalogue);
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
#[derive(Default)]
struct News {
    escapes: Vec<String>,
    broken: Vec<String>,
    closed: Vec<String>,
    lost: Vec<String>,
    worthless: Vec<String>,
    /// Trials of the base that this run was not asked for.
    left_out: usize,
}

impl News {
    /// Puts a cell where it belongs; `old` is what the base has of its sandbox and host.
    fn cell(&mut self, one: &ListedCell<'_>, old: Option<&Report>) {
        let before = old.and_then(|old| old.results.get(one.id)?.cells.get(&At(one.level)));
        let (seen, was) = (one.cell.outcome, before.map(|cell| cell.outcome));
        let is_honest = one.id.split('/').next() == Some(BENIGN);
        let sandbox = one.level != Level::None;
        let name = named(one);
        match (seen, one.cell.verdict) {
            (Seen::Escaped, Verdict::UnexpectedEscape) => self.escapes.push(name),
            // One that is expected is news where the base has seen it stopped, or not at all.
            (Seen::Escaped, _) if sandbox && was == Some(Seen::Blocked) => self.escapes.push(name),
            (Seen::Escaped, Verdict::KnownGap) if old.is_some() && was.is_none() => {
                self.escapes.push(format!("{name}, on record as a gap"));
            }
            (Seen::Blocked, _) if sandbox && was == Some(Seen::Escaped) => self.closed.push(name),
            (Seen::Error, _) if is_honest => self.broken.push(name),
            (Seen::NotRun, _) if was.is_some_and(is_seen) => {
                let was = was.map_or("", Seen::name);
                let why = one.cell.reason.as_deref().unwrap_or("it was not run");
                self.lost.push(format!("{name}: was {was}, and now {why}"));
            }
            (_, Verdict::Vacuous | Verdict::Unstable | Verdict::Error) => self.worthless.push(name),
            _ => {}
        }
    }

    /// What the base has and this report has not.
    fn missing(&mut self, old: &Report, new: &Report, catalogue: &Catalogue) {
        for Difference { attack, change } in diff::between(old, new, Scope::Whole) {
            match change {
                Change::EntryRemoved if catalogue.get(&attack).is_none() => {
                    self.lost.push(format!("{attack} of {} on {}: is gone", new.target, new.host));
                }
                Change::EntryRemoved => {
                    self.left_out += old.results.get(&attack).map_or(0, |entry| entry.cells.len());
                }
                Change::CellRemoved(_) => self.left_out += 1,
                _ => {}
            }
        }
    }
}

/// Whether such an outcome shows something.
const fn is_seen(outcome: Seen) -> bool {
    matches!(outcome, Seen::Escaped | Seen::Blocked | Seen::Built)
}

fn named(one: &ListedCell<'_>) -> String {
    format!("{} at {} of {} on {}", one.id, one.level, one.report.target, one.report.host)
}

fn news(text: &mut String, reports: &[Report], base: &[Report], catalogue: &Catalogue) {
    let before =
        |new: &Report| base.iter().find(|old| old.host == new.host && old.target == new.target);
    let mut news = News::default();
    for one in listed_cells(reports) {
        news.cell(&one, before(one.report));
    }
    for new in reports {
        if let Some(old) = before(new) {
            news.missing(old, new, catalogue);
        }
    }
    let parts = [
        ("New escapes", news.escapes),
        ("Honest builds that do not build", news.broken),
        ("Closed gaps", news.closed),
        ("Lost coverage", news.lost),
        ("Trials that prove nothing", news.worthless),
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
    if news.left_out > 0 {
        let trials = plural(news.left_out, "trial");
        let _ = writeln!(text, "{trials} of the base were not asked for in this run.\n");
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
    use super::super::schema::Cell;
    use super::super::specimen::report;
    use super::*;
    use crate::catalogue::attack::{Attack, Purpose};

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

    fn told(new: Report, base: Report) -> String {
        summary(&[new], &[base], &Catalogue::default())
    }

    fn cell<'r>(report: &'r mut Report, id: &str, level: Level) -> &'r mut Cell {
        report.results.get_mut(id).unwrap().cells.get_mut(&At(level)).unwrap()
    }

    #[test]
    fn a_summary_begins_with_what_is_new_against_the_base() {
        assert!(told(report(), report()).starts_with("**Nothing new**"));
        let mut new = report();
        let full = cell(&mut new, "secrets/netrc-read", Level::Full);
        (full.outcome, full.verdict) = (Seen::Escaped, Verdict::UnexpectedEscape);
        let network = cell(&mut new, "secrets/netrc-read", Level::Network);
        (network.outcome, network.verdict) = (Seen::Blocked, Verdict::UnexpectedBlock);
        let broken = cell(&mut new, "benign/honest-wheel", Level::Full);
        (broken.outcome, broken.verdict) = (Seen::Error, Verdict::Error);
        new.results.remove("remnants/account");
        let text = told(new, report());
        let at = |words: &str| text.find(words).unwrap_or_else(|| panic!("{words}: {text}"));
        assert!(text.starts_with("## New escapes: 1\n\n- secrets/netrc-read at full"), "{text}");
        assert!(at("## Honest builds that do not build: 1") < at("## Closed gaps: 1"), "{text}");
        assert!(at("## Closed gaps: 1") < at("## Lost coverage: 1"), "{text}");
        assert!(at("- remnants/account of own on root: is gone") < at("# What gets through"));
    }

    #[test]
    fn what_was_seen_once_and_cannot_be_tried_any_more_is_lost() {
        let mut new = report();
        let full = cell(&mut new, "secrets/netrc-read", Level::Full);
        (full.outcome, full.verdict) = (Seen::NotRun, Verdict::Unsupported);
        full.reason = Some("Landlock is off".to_owned());
        let text = told(new, report());
        let lost = "## Lost coverage: 1\n\n- secrets/netrc-read at full of own on root: was \
                    blocked, and now Landlock is off\n";
        assert!(text.starts_with(lost), "{text}");
    }

    #[test]
    fn a_gap_that_the_base_does_not_have_is_a_new_escape() {
        let mut base = report();
        base.results.remove("remnants/account");
        let text = told(report(), base);
        let name = "- remnants/account at full of own on root, on record as a gap\n";
        assert!(text.starts_with(&format!("## New escapes: 1\n\n{name}")), "{text}");
        let first = summary(&[report()], &[], &Catalogue::default());
        assert!(first.starts_with("**Nothing new**"), "there is nothing to compare with: {first}");
    }

    #[test]
    fn what_a_run_was_not_asked_for_is_counted_and_not_lost() {
        let mut new = report();
        new.results.remove("remnants/account");
        for entry in new.results.values_mut() {
            entry.cells.retain(|at, _| *at == At(Level::Full));
        }
        let known = Attack::bare("remnants/account", Purpose::Benign, &[]);
        let catalogue = [known].into_iter().collect();
        let text = summary(&[new], &[report()], &catalogue);
        assert!(text.starts_with("**Nothing new**"), "{text}");
        assert!(
            text.contains("\n10 trials of the base were not asked for in this run.\n"),
            "{text}"
        );
    }

    #[test]
    fn a_summary_that_is_too_long_is_cut_at_a_line() {
        let mut report = report();
        let entry = report.results["secrets/netrc-read"].clone();
        for number in 0..3000 {
            report.results.insert(format!("secrets/attack-{number}"), entry.clone());
        }
        let text = summary(&[report], &[], &Catalogue::default());
        assert!(text.len() <= SUMMARY && text.ends_with("artefact of this run.\n"));
    }
}
