//! What a run writes, and how it is held against what is committed.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::exit::Exit;
use super::failure::Failure;
use super::views::Views;
use super::workspace;
use crate::report::diff::{self, Scope};
use crate::report::publish::{Page, publish};
use crate::report::schema::{Record, Report};
use crate::report::{self, Redactor, json};
use crate::verdict::Settled;

/// What a difference from the committed reports means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// It is told.
    Tell,
    /// It is a failure.
    Check,
    /// It is accepted.
    Update,
}

/// What a run writes, and what it is compared with.
pub(super) struct ReportWriter<'a> {
    pub(super) out: PathBuf,
    pub(super) committed: Option<PathBuf>,
    pub(super) stance: Stance,
    pub(super) scope: Scope,
    pub(super) redactor: Redactor,
    pub(super) settled: &'a [Settled],
    pub(super) views: Views<'a>,
}

/// What came of the comparison with the committed reports.
pub(super) struct Comparison {
    pub(super) text: String,
    pub(super) exit: Exit,
}

impl ReportWriter<'_> {
    /// Writes everything, after all of it was rendered and looked through for canaries.
    pub(super) fn write(&self, record: &Record) -> Result<Comparison, Failure> {
        let reports = report::reports(self.settled, &self.redactor);
        let mut comparison = Comparison { text: String::new(), exit: Exit::Ok };
        let mut pages = Vec::new();
        for report in &reports {
            pages.push(page(&self.out, report)?);
        }
        pages.extend(self.views.pages(&self.out, &reports)?);
        pages.push(Page { file: self.out.join("run.json"), text: json::render_record(record)? });
        if let Some(dir) = &self.committed {
            let accepted = self.compare(dir, &reports, &mut comparison)?;
            if self.stance == Stance::Update {
                pages.extend(self.updated(dir, accepted)?);
            } else if self.stance == Stance::Check {
                self.views_are_current(dir, &mut comparison)?;
            }
        }
        publish(&pages, self.redactor.canaries())?;
        Ok(comparison)
    }

    /// The pages that an update writes: the reports, and the views of all that are committed.
    fn updated(&self, dir: &Path, accepted: Vec<Report>) -> Result<Vec<Page>, Failure> {
        let mut pages =
            accepted.iter().map(|report| page(dir, report)).collect::<Result<Vec<_>, _>>()?;
        let mut all: BTreeMap<(String, String), Report> = BTreeMap::new();
        for report in workspace::library(dir)?.into_iter().chain(accepted) {
            all.insert((report.host.clone(), report.target.clone()), report);
        }
        let all: Vec<_> = all.into_values().collect();
        pages.extend(self.views.pages(dir, &all)?);
        Ok(pages)
    }

    /// Complains of every view that does not say what the committed reports say.
    fn views_are_current(&self, dir: &Path, comparison: &mut Comparison) -> Result<(), Failure> {
        for page in self.views.pages(dir, &workspace::library(dir)?)? {
            if std::fs::read_to_string(&page.file).unwrap_or_default() == page.text {
                continue;
            }
            let name = page.file.strip_prefix(dir).unwrap_or(&page.file).display();
            let line = "does not say what the reports say; `--update` writes it";
            let _ = writeln!(comparison.text, "reports/{name} {line}");
            comparison.exit = Exit::worst(&[comparison.exit, Exit::Differs]);
        }
        Ok(())
    }

    /// The reports as they would be committed.
    fn compare(
        &self,
        dir: &Path,
        reports: &[Report],
        comparison: &mut Comparison,
    ) -> Result<Vec<Report>, Failure> {
        let mut accepted = Vec::new();
        for report in reports {
            if self.stance == Stance::Update {
                comparison.refuses(report);
            }
            let file = workspace::place(dir, report);
            let name = format!("reports/{}/{}.json", report.host, report.target);
            let Some(old) = json::read_if_there(&file)? else {
                comparison.differs(self.stance, &format!("{name} is not there yet"), &[]);
                accepted.push(diff::acceptable(report));
                continue;
            };
            let merged = diff::merged(&old, report, self.scope);
            let differences = diff::between(&old, report, self.scope);
            if !differences.is_empty() {
                let verb = if self.stance == Stance::Update { "changes" } else { "differs" };
                comparison.differs(self.stance, &format!("{name} {verb}:"), &differences);
            } else if merged != old {
                comparison.differs(
                    self.stance,
                    &format!("{name} is not as a run would write it"),
                    &[],
                );
            }
            if self.stance == Stance::Check
                && differences.iter().any(|one| one.change.loses_coverage())
            {
                comparison.exit = Exit::worst(&[comparison.exit, Exit::Worthless]);
            }
            accepted.push(merged);
        }
        Ok(accepted)
    }
}

impl Comparison {
    /// Says which cells are not written, and why.
    fn refuses(&mut self, report: &Report) {
        for (attack, level, cell) in diff::refused(report) {
            let reason = cell.reason.as_deref().unwrap_or("it went wrong");
            let _ = writeln!(
                self.text,
                "not written: {attack} at {level} of {} on {}: {}: {reason}",
                report.target, report.host, cell.verdict
            );
        }
    }

    fn differs(&mut self, stance: Stance, what: &str, differences: &[diff::Difference]) {
        const SHOWN: usize = 20;
        let _ = writeln!(self.text, "{what}");
        for difference in differences.iter().take(SHOWN) {
            let _ = writeln!(self.text, "    {difference}");
        }
        if differences.len() > SHOWN {
            let _ = writeln!(self.text, "    and {} more", differences.len() - SHOWN);
        }
        if stance == Stance::Check {
            self.exit = Exit::worst(&[self.exit, Exit::Differs]);
        }
    }
}

fn page(dir: &Path, report: &Report) -> Result<Page, Failure> {
    Ok(Page { file: workspace::place(dir, report), text: json::render(report)? })
}
