//! What differs between two reports, and what a partial run changes in a whole one.
#![forbid(unsafe_code)]

use std::fmt;

use sandbox::Level;

use super::OWN;
use super::schema::{At, Cell, Entry, Report};
use crate::verdict::Verdict;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The entry of the catalogue.
    pub attack: String,
    /// What is different about it.
    pub change: Change,
}

/// The kinds of difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The old report does not have the entry.
    EntryAdded,
    /// The new report does not have the entry.
    EntryRemoved,
    /// Its folder has another digest.
    Fixture,
    /// The old report does not have the cell.
    CellAdded(Level),
    /// The new report does not have the cell.
    CellRemoved(Level),
    /// The cell says something else.
    Cell {
        /// Where.
        level: Level,
        /// What it said.
        old: Box<Cell>,
        /// What it says.
        new: Box<Cell>,
    },
}

impl Change {
    /// Whether something that was shown is no longer shown.
    #[must_use]
    pub const fn loses_coverage(&self) -> bool {
        matches!(self, Self::EntryRemoved | Self::CellRemoved(_))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { attack, change } = self;
        match change {
            Change::EntryAdded => write!(f, "{attack}: is new"),
            Change::EntryRemoved => write!(f, "{attack}: is gone"),
            Change::Fixture => write!(f, "{attack}: its files have changed"),
            Change::CellAdded(level) => write!(f, "{attack} at {level}: is new"),
            Change::CellRemoved(level) => write!(f, "{attack} at {level}: is gone"),
            Change::Cell { level, old, new } => {
                if said(old) == said(new) {
                    write!(f, "{attack} at {level}: is {} as before", said(new))?;
                } else {
                    write!(f, "{attack} at {level}: was {}, is {}", said(old), said(new))?;
                }
                details(old, new).iter().try_for_each(|detail| write!(f, "; {detail}"))
            }
        }
    }
}

/// How much of the catalogue the newer of two reports is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of it: what it does not have is gone.
    Whole,
    /// A selection: what it does not have was not asked for.
    Part,
}

/// Everything in which `new` differs from `old`. A cell that is unsupported on either machine is
/// not compared.
#[must_use]
pub fn between(old: &Report, new: &Report, scope: Scope) -> Vec<Difference> {
    let mut found = Vec::new();
    for (attack, entry) in &new.results {
        let changes = match old.results.get(attack) {
            None => vec![Change::EntryAdded],
            Some(before) => entries(before, entry, scope),
        };
        let named = |change| Difference { attack: attack.clone(), change };
        found.extend(changes.into_iter().map(named));
    }
    if scope == Scope::Whole {
        let gone = old.results.keys().filter(|attack| !new.results.contains_key(*attack));
        let named =
            |attack: &String| Difference { attack: attack.clone(), change: Change::EntryRemoved };
        found.extend(gone.map(named));
        found.sort_by(|one, two| one.attack.cmp(&two.attack));
    }
    found
}

/// The report to commit after `new` where there was none: without the cells that went wrong.
#[must_use]
pub fn acceptable(new: &Report) -> Report {
    let mut acceptable = new.clone();
    for entry in acceptable.results.values_mut() {
        entry.cells.retain(|_, cell| !went_wrong(&new.target, cell));
    }
    acceptable.results.retain(|_, entry| !entry.cells.is_empty());
    acceptable
}

/// The cells of `new` that went wrong, which is never accepted.
pub fn refused(new: &Report) -> impl Iterator<Item = (&str, Level, &Cell)> {
    let cells = new.results.iter().flat_map(|(attack, entry)| {
        entry.cells.iter().map(move |(At(level), cell)| (attack.as_str(), *level, cell))
    });
    cells.filter(|(_, _, cell)| went_wrong(&new.target, cell))
}

/// The report to commit after `new`: cells that this machine could not try, or that went wrong,
/// are kept as they were, and so is what a selection left out.
#[must_use]
pub fn merged(old: &Report, new: &Report, scope: Scope) -> Report {
    let mut merged = new.clone();
    for (attack, before) in &old.results {
        match merged.results.get_mut(attack) {
            None if scope == Scope::Part => {
                merged.results.insert(attack.clone(), before.clone());
            }
            None => {}
            Some(entry) => keep(&new.target, before, entry, scope),
        }
    }
    acceptable(&merged)
}

fn entries(old: &Entry, new: &Entry, scope: Scope) -> Vec<Change> {
    let mut changes = Vec::new();
    if old.fixture != new.fixture {
        changes.push(Change::Fixture);
    }
    for level in Level::ALL {
        let change = match (old.cells.get(&At(level)), new.cells.get(&At(level))) {
            (Some(old), Some(new)) if !is_compared(old) || !is_compared(new) || old == new => None,
            (Some(old), Some(new)) => {
                Some(Change::Cell { level, old: Box::new(old.clone()), new: Box::new(new.clone()) })
            }
            (None, Some(_)) => Some(Change::CellAdded(level)),
            (Some(_), None) if scope == Scope::Whole => Some(Change::CellRemoved(level)),
            _ => None,
        };
        changes.extend(change);
    }
    changes
}

fn keep(target: &str, old: &Entry, new: &mut Entry, scope: Scope) {
    // Cells of another source tree say nothing about this one.
    let same = old.fixture == new.fixture;
    for (at, before) in &old.cells {
        match new.cells.get_mut(at) {
            Some(cell) if (!is_compared(cell) || went_wrong(target, cell)) && same => {
                *cell = before.clone();
            }
            None if scope == Scope::Part && same => {
                new.cells.insert(*at, before.clone());
            }
            _ => {}
        }
    }
}

fn is_compared(cell: &Cell) -> bool {
    cell.verdict != Verdict::Unsupported
}

/// Whether a cell proves nothing: something broke, was cut off, came out differently each time, or
/// was not shown to work. That is about one run, and no record of a sandbox. That honest builds do not
/// build in a sandbox of somebody else's is one.
fn went_wrong(target: &str, cell: &Cell) -> bool {
    matches!(cell.verdict, Verdict::Error | Verdict::Unstable | Verdict::Vacuous)
        && (target == OWN || !cell.is_of_unusable())
}

/// What else of a cell is another.
fn details(old: &Cell, new: &Cell) -> Vec<String> {
    let list =
        |words: &[String]| if words.is_empty() { "nothing".to_owned() } else { words.join(" ") };
    // Those of a trial that was not blocked are not on record.
    let same = old.outcome == new.outcome;
    let marks = |cell: &Cell| if same { list(&cell.marks) } else { String::new() };
    let reason = |cell: &Cell| cell.reason.clone().unwrap_or_else(|| "none".to_owned());
    let fields = [
        ("expected", old.expected.to_string(), new.expected.to_string()),
        ("saw", list(&old.saw), list(&new.saw)),
        ("marks", marks(old), marks(new)),
        ("reason", reason(old), reason(new)),
    ];
    let changed = fields.into_iter().filter(|(_, old, new)| old != new);
    changed.map(|(name, old, new)| format!("{name}: {old} → {new}")).collect()
}

fn said(cell: &Cell) -> String {
    match cell.verdict {
        Verdict::Ok => cell.outcome.to_string(),
        verdict => format!("{} ({verdict})", cell.outcome),
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::{cell, report};
    use super::*;
    use crate::catalogue::attack::Expected;
    use crate::verdict::Seen;

    const NETRC: &str = "secrets/netrc-read";

    fn at(report: &mut Report, level: Level) -> &mut Cell {
        report.results.get_mut(NETRC).unwrap().cells.get_mut(&At(level)).unwrap()
    }

    fn unsupported() -> Cell {
        Cell { verdict: Verdict::Unsupported, ..cell(Seen::NotRun, Expected::Blocked) }
    }

    fn told(old: &Report, new: &Report, scope: Scope) -> Vec<String> {
        between(old, new, scope).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_report_does_not_differ_from_itself() {
        assert_eq!(told(&report(), &report(), Scope::Whole), Vec::<String>::new());
    }

    #[test]
    fn a_regression_is_one_line() {
        let mut new = report();
        let escape =
            Cell { verdict: Verdict::UnexpectedEscape, ..cell(Seen::Escaped, Expected::Blocked) };
        *at(&mut new, Level::Full) = escape;
        assert_eq!(
            told(&report(), &new, Scope::Whole),
            ["secrets/netrc-read at full: was blocked, is escaped (unexpected-escape)"]
        );
    }

    #[test]
    fn what_was_seen_the_marks_and_the_reason_are_compared_too() {
        type Change = fn(&mut Cell);
        let changes: [(Change, &str); 3] = [
            (|cell| cell.saw.push("netrc-opened".to_owned()), "saw: nothing → netrc-opened"),
            (|cell| cell.marks.clear(), "marks: open-netrc → nothing"),
            (|cell| cell.reason = Some("it is late".to_owned()), "reason: none → it is late"),
        ];
        for (change, detail) in changes {
            let mut new = report();
            change(at(&mut new, Level::Full));
            let told = told(&report(), &new, Scope::Part);
            assert_eq!(
                told,
                [format!("secrets/netrc-read at full: is blocked as before; {detail}")]
            );
        }
    }

    #[test]
    fn a_cell_that_is_unsupported_on_either_machine_is_not_compared() {
        let mut new = report();
        *at(&mut new, Level::Full) = unsupported();
        assert_eq!(told(&report(), &new, Scope::Whole), Vec::<String>::new());
        assert_eq!(told(&new, &report(), Scope::Whole), Vec::<String>::new());
    }

    #[test]
    fn what_a_selection_leaves_out_is_not_gone() {
        let mut new = report();
        new.results.remove("benign/honest-wheel");
        new.results.get_mut(NETRC).unwrap().cells.remove(&At(Level::None));
        assert_eq!(told(&report(), &new, Scope::Part), Vec::<String>::new());
        assert_eq!(
            told(&report(), &new, Scope::Whole),
            ["benign/honest-wheel: is gone", "secrets/netrc-read at none: is gone"]
        );
    }

    #[test]
    fn an_update_keeps_what_this_machine_could_not_try() {
        let mut new = report();
        *at(&mut new, Level::Full) = unsupported();
        new.results.remove("benign/honest-wheel");
        assert_eq!(merged(&report(), &new, Scope::Part), report());
        let whole = merged(&report(), &new, Scope::Whole);
        assert!(!whole.results.contains_key("benign/honest-wheel"));
        assert_eq!(whole.results[NETRC], report().results[NETRC]);
    }

    #[test]
    fn what_went_wrong_is_never_accepted() {
        for verdict in [Verdict::Error, Verdict::Unstable, Verdict::Vacuous] {
            let mut new = report();
            *at(&mut new, Level::Full) = Cell { verdict, ..cell(Seen::Error, Expected::Blocked) };
            assert_eq!(refused(&new).map(|one| one.1).collect::<Vec<_>>(), [Level::Full]);
            for scope in [Scope::Whole, Scope::Part] {
                assert_eq!(merged(&report(), &new, scope), report());
            }
            assert_eq!(told(&report(), &new, Scope::Whole).len(), 1, "it is told all the same");
            // Where nothing was known before, nothing is written, also of another source tree.
            let without = acceptable(&new);
            assert!(!without.results[NETRC].cells.contains_key(&At(Level::Full)));
            new.results.get_mut(NETRC).unwrap().fixture = "sha256:ffffffffffff".to_owned();
            let merged = merged(&report(), &new, Scope::Whole);
            assert!(!merged.results[NETRC].cells.contains_key(&At(Level::Full)));
        }
    }

    #[test]
    fn that_nothing_builds_in_the_sandbox_of_somebody_else_is_accepted() {
        let vacuous = |reason: &str| Cell {
            verdict: Verdict::Vacuous,
            reason: Some(reason.to_owned()),
            ..cell(Seen::Error, Expected::Blocked)
        };
        let unusable = vacuous("honest builds do not build at this level: benign/honest-wheel");
        let broken = Cell {
            verdict: Verdict::Error,
            reason: Some("the honest build did not build: it was refused".to_owned()),
            ..cell(Seen::Error, Expected::Built)
        };
        for (target, accepted) in [("box", true), ("own", false)] {
            let mut new = report();
            new.target = target.to_owned();
            *at(&mut new, Level::Full) = unusable.clone();
            let honest = new.results.get_mut("benign/honest-wheel").unwrap();
            honest.cells.insert(At(Level::Full), broken.clone());
            assert_eq!(refused(&new).count() == 0, accepted, "{target}");
            let kept = acceptable(&new).results[NETRC].cells.contains_key(&At(Level::Full));
            assert_eq!(kept, accepted, "{target}");
            // Nothing else is.
            *at(&mut new, Level::Full) = vacuous("the mark `open` did not arrive");
            assert_eq!(refused(&new).map(|one| one.0).last(), Some(NETRC));
        }
    }

    #[test]
    fn an_update_keeps_no_cell_of_another_source_tree() {
        let mut new = report();
        new.results.get_mut(NETRC).unwrap().fixture = "sha256:ffffffffffff".to_owned();
        *at(&mut new, Level::Full) = unsupported();
        assert_eq!(
            merged(&report(), &new, Scope::Part).results[NETRC].cells[&At(Level::Full)],
            unsupported()
        );
    }
}
