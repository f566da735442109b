//! What a run leaves behind: the report that is committed, and the record that is not.
#![forbid(unsafe_code)]

pub mod ablation;
mod columns;
pub mod coverage;
pub mod diff;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
mod listed;
pub mod matrix;
pub mod pages;
pub mod publish;
pub mod sarif;
pub mod schema;
pub mod schemas;
#[cfg(test)]
mod specimen;
pub mod svg;
mod totals;

use std::collections::BTreeMap;
use std::path::Path;

use crate::oracle::Observation;
pub use crate::redact;
use crate::schedule::Sandbox;
use crate::verdict::{Ruling, Seen, Settled, Verdict};

use redact::Canaries;
use schema::{At, AttemptRecord, Cell, Entry, REPORT, Report, TrialRecord};

/// What our own sandbox is called in reports.
const OWN: &str = "own";
/// How much of a log the record keeps.
const LOG_TAIL: usize = 4096;

/// What must not be said as it is: canaries, and where the caller's home lies.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    canaries: Canaries,
    home: Option<String>,
}

impl Redactor {
    /// About the canaries of these trials, and this home.
    #[must_use]
    pub fn about(settled: &[Settled], home: Option<&Path>) -> Self {
        let observations = settled.iter().flat_map(|settled| &settled.attempts);
        let canaries = observations.flat_map(|observed| &observed.canaries).map(String::as_str);
        let home = home.and_then(Path::to_str).filter(|home| home.len() > 1).map(str::to_owned);
        Self { canaries: Canaries::of(canaries), home }
    }

    /// About the canaries of one trial.
    #[must_use]
    pub fn of(observed: &Observation, home: Option<&Path>) -> Self {
        let canaries = Canaries::of(observed.canaries.iter().map(String::as_str));
        Self { canaries, ..Self::about(&[], home) }
    }

    /// The canaries.
    #[must_use]
    pub const fn canaries(&self) -> &Canaries {
        &self.canaries
    }

    /// The text as it may be said.
    #[must_use]
    pub fn say(&self, text: &str) -> String {
        let text = self.canaries.withheld(&redact::plain(text.as_bytes()));
        match &self.home {
            Some(home) => text.replace(&format!("{home}/"), "{home}/"),
            None => text,
        }
    }

    /// The same on one line.
    #[must_use]
    pub fn line(&self, text: &str) -> String {
        redact::one_line(&self.say(text))
    }
}

/// One report for each host and target, sorted. A sandbox that was only brought along, as the
/// control of some attack on another, has none.
#[must_use]
pub fn reports(settled: &[Settled], redactor: &Redactor) -> Vec<Report> {
    let mut reports: BTreeMap<(&str, &str), Report> = BTreeMap::new();
    for Settled { cell, ruling, .. } in settled.iter().filter(|one| !one.cell.is_elsewhere()) {
        let trial = &cell.trial;
        let report = reports.entry((&trial.host, &trial.target)).or_insert_with(|| Report {
            schema: REPORT.to_owned(),
            host: trial.host.clone(),
            target: trial.target.clone(),
            subject: None,
            results: BTreeMap::new(),
        });
        if let Sandbox::Command(recipe) = &trial.sandbox {
            report.subject = recipe.subject.as_deref().map(|subject| redactor.line(subject));
        }
        let entry = report.results.entry(trial.attack.id.0.clone()).or_insert_with(|| Entry {
            fixture: trial.attack.fixture.clone(),
            cells: BTreeMap::new(),
        });
        entry.cells.insert(At(trial.level), recorded(ruling, redactor));
    }
    reports.into_values().collect()
}

/// What the record says of every trial, in the order of the schedule.
#[must_use]
pub fn trials(settled: &[Settled], redactor: &Redactor) -> Vec<TrialRecord> {
    let record = |settled: &Settled| {
        let ok = settled.ruling.verdict == Verdict::Ok;
        let attempts = &settled.attempts;
        TrialRecord {
            attack: settled.cell.trial.attack.id.0.clone(),
            target: settled.cell.trial.target.clone(),
            host: settled.cell.trial.host.clone(),
            level: settled.cell.trial.level.name(),
            verdict: settled.ruling.verdict.name(),
            reason: settled.ruling.reason.as_deref().map(|reason| redactor.line(reason)),
            attempts: attempts.iter().map(|observed| attempt(observed, ok, redactor)).collect(),
        }
    };
    settled.iter().map(record).collect()
}

/// One cell of a report, and where it stands.
pub(crate) struct ListedCell<'a> {
    pub(crate) report: &'a Report,
    pub(crate) id: &'a str,
    pub(crate) level: sandbox::Level,
    pub(crate) cell: &'a Cell,
}

/// Every cell of these reports, in order.
pub(crate) fn listed_cells<'a>(reports: &'a [Report]) -> impl Iterator<Item = ListedCell<'a>> {
    reports.iter().flat_map(|report| {
        report.results.iter().flat_map(move |(id, entry)| {
            let one = move |(At(level), cell): (&'a At, &'a Cell)| ListedCell {
                report,
                id,
                level: *level,
                cell,
            };
            entry.cells.iter().map(one)
        })
    })
}

fn recorded(ruling: &Ruling, redactor: &Redactor) -> Cell {
    let names = |names: &[String]| names.iter().map(|name| redactor.line(name)).collect();
    Cell {
        outcome: ruling.seen,
        expected: ruling.expected,
        verdict: ruling.verdict,
        saw: names(&ruling.saw),
        // Where an attack got through, the marks say nothing that the oracle does not.
        marks: if ruling.seen == Seen::Blocked { names(&ruling.marks) } else { Vec::new() },
        reason: ruling.reason.as_deref().map(|reason| redactor.line(reason)),
    }
}

fn attempt(observed: &Observation, ok: bool, redactor: &Redactor) -> AttemptRecord {
    let run = &observed.run;
    let hooks = run.hooks.iter().map(|end| match &end.exception {
        _ if end.returned => format!("{} returned", end.hook),
        Some(exception) => format!("{} raised {exception}", end.hook),
        None => format!("{} did not return", end.hook),
    });
    let findings = observed.findings.iter().map(|one| format!("{}: {}", one.oracle, one.evidence));
    let troubles = [&observed.unsupported, &observed.contaminated, &run.refused, &run.broken];
    let tail = run.log.len().saturating_sub(LOG_TAIL);
    let log = String::from_utf8_lossy(run.log.get(tail..).unwrap_or_default());
    AttemptRecord {
        took_ms: run.elapsed.as_millis(),
        marks: run.marks.iter().map(|mark| redactor.line(mark)).collect(),
        hooks: hooks.map(|text| redactor.line(&text)).collect(),
        findings: findings.map(|text| redactor.line(&text)).collect(),
        timed_out: run.timed_out,
        built: run.built,
        trouble: troubles.into_iter().flatten().next().map(|text| redactor.line(text)),
        hearsay: run.hearsay.iter().map(|text| redactor.line(text)).collect(),
        log: if ok { String::new() } else { redactor.say(&log) },
    }
}
