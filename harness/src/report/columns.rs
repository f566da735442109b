//! The columns of a table of reports: levels of our own sandbox, and other sandboxes.
#![forbid(unsafe_code)]

use sandbox::Level;

use super::OWN;
use super::schema::{At, Cell, Report};

/// A column: its heading, its report, and its level; none for a sandbox with one way of being
/// started, which has the strongest of its report.
pub(super) struct Column<'a> {
    pub(super) heading: String,
    pub(super) report: &'a Report,
    pub(super) level: Option<Level>,
}

impl Column<'_> {
    /// The cell of an entry.
    pub(super) fn cell(&self, id: &str) -> Option<&Cell> {
        let cells = &self.report.results.get(id)?.cells;
        match self.level {
            Some(level) => cells.get(&At(level)),
            None => cells.get(self.strongest()?),
        }
    }

    /// The strongest level that the report knows; what stands at others are controls.
    fn strongest(&self) -> Option<&At> {
        self.report.results.values().flat_map(|entry| entry.cells.keys()).max()
    }
}

/// The columns of a host: the levels of our own sandbox first.
pub(super) fn columns<'a>(reports: &[&'a Report]) -> Vec<Column<'a>> {
    let (own, rivals): (Vec<_>, Vec<_>) =
        reports.iter().copied().partition(|report| report.target == OWN);
    let levels = own.into_iter().flat_map(|report| {
        let column = move |level: Level| Column {
            heading: level.name().to_owned(),
            report,
            level: Some(level),
        };
        Level::ALL.into_iter().map(column)
    });
    let rivals = rivals.into_iter().map(|report| {
        let heading = report.subject.as_deref().unwrap_or(&report.target);
        Column { heading: heading.to_owned(), report, level: None }
    });
    levels.chain(rivals).collect()
}
