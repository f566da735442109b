//! What the trials of one run say about each other.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::{Control, Honest, Preconditions, Ruling, Seen, Verdict};
use crate::catalogue::attack::ControlAt;
use crate::gaps::Gaps;
use crate::oracle::Observation;
use crate::schedule::{Cell, Sandbox, Trial};

/// The rulings on all cells, in their order. Each cell's attempts stand at its place; a cell
/// without one is not to be run.
pub(super) fn rule(
    cells: &[Cell],
    attempts: &[Vec<Observation>],
    gaps: &BTreeMap<String, Gaps>,
    today: &str,
) -> Vec<Ruling> {
    let rulings = Rulings { cells, attempts, gaps, today };
    let controls: Vec<_> = (0..cells.len()).map(|index| rulings.without_others(index)).collect();
    (0..cells.len()).map(|index| rulings.with_others(index, &controls)).collect()
}

/// The rulings on all cells as if every other trial had gone as it should: what is wrong here is
/// a cell's own fault.
pub(super) fn rule_alone(cells: &[Cell], attempts: &[Vec<Observation>]) -> Vec<Ruling> {
    let rulings = Rulings { cells, attempts, gaps: &BTreeMap::new(), today: "" };
    let firm = Preconditions { control: Control::Escaped, honest: Honest::Built };
    let alone = |index| rulings.without_others(index).or_else(|| rulings.settle(index, &firm));
    (0..cells.len()).map(|index| alone(index).unwrap_or_else(Ruling::outside)).collect()
}

struct Rulings<'a> {
    cells: &'a [Cell],
    attempts: &'a [Vec<Observation>],
    gaps: &'a BTreeMap<String, Gaps>,
    today: &'a str,
}

impl Rulings<'_> {
    /// The ruling on an honest build, or on an attack at its control level: they need no preconditions.
    fn without_others(&self, index: usize) -> Option<Ruling> {
        let cell = self.cells.get(index)?;
        let attack = &cell.trial.attack;
        if !attack.is_benign() && !is_control(&cell.trial) {
            return None;
        }
        self.settle(index, &Preconditions { control: Control::Itself, honest: Honest::Untried })
    }

    fn with_others(&self, index: usize, controls: &[Option<Ruling>]) -> Ruling {
        if let Some(Some(ruling)) = controls.get(index) {
            return ruling.clone();
        }
        let preconditions = self.cells.get(index).map(|cell| Preconditions {
            control: self.control(cell, controls),
            honest: self.honest(cell, controls),
        });
        preconditions
            .and_then(|preconditions| self.settle(index, &preconditions))
            .unwrap_or_else(Ruling::outside)
    }

    fn settle(&self, index: usize, preconditions: &Preconditions) -> Option<Ruling> {
        let cell = self.cells.get(index)?;
        let trial = &cell.trial;
        let gaps = self.gaps.get(&trial.target);
        let (attack, level) = (&trial.attack.id.0, trial.level);
        let gap = gaps.and_then(|gaps| gaps.tolerating(attack, level, &trial.host, self.today));
        let reach = |observed| Verdict::reach(trial, cell.expected, preconditions, observed, gap);
        let attempts: Vec<_> = self.attempts.get(index)?.iter().map(reach).collect();
        Some(Verdict::settle(&attempts).unwrap_or_else(Ruling::outside))
    }

    fn control(&self, cell: &Cell, controls: &[Option<Ruling>]) -> Control {
        let elsewhere = matches!(cell.trial.attack.control(), ControlAt::Target(_));
        let same = |other: &Cell| {
            other.trial.attack.id == cell.trial.attack.id
                && is_control(&other.trial)
                && is_whole(&other.trial.sandbox)
                && other.trial.host == cell.trial.host
                && (elsewhere || other.trial.target == cell.trial.target)
        };
        let index = self.cells.iter().position(same);
        match index.and_then(|index| controls.get(index)?.as_ref()) {
            None => Control::Silent("it was not tried there".to_owned()),
            Some(ruling) if ruling.verdict == Verdict::Unsupported => {
                Control::Unsupported(why(ruling))
            }
            Some(ruling) if ruling.seen == Seen::Escaped && ruling.verdict == Verdict::Ok => {
                Control::Escaped
            }
            Some(ruling) => Control::Silent(why(ruling)),
        }
    }

    fn honest(&self, cell: &Cell, controls: &[Option<Ruling>]) -> Honest {
        let beside = self.cells.iter().zip(controls).filter(|(other, _)| {
            other.trial.attack.is_benign()
                && other.trial.level == cell.trial.level
                && other.trial.sandbox == cell.trial.sandbox
                && is_beside(cell, other)
        });
        let mut broken = Vec::new();
        let mut built = false;
        for (other, ruling) in beside {
            match ruling.as_ref().map(|ruling| ruling.verdict) {
                Some(Verdict::Ok) => {
                    built |= ruling.as_ref().is_some_and(|r| r.seen == Seen::Built);
                }
                Some(Verdict::Unsupported) | None => {}
                Some(_) => broken.push(other.trial.attack.id.0.clone()),
            }
        }
        match (broken.is_empty(), built) {
            (false, _) => Honest::Broken(broken),
            (true, true) => Honest::Built,
            (true, false) => Honest::Untried,
        }
    }
}

fn is_beside(one: &Cell, two: &Cell) -> bool {
    one.trial.target == two.trial.target && one.trial.host == two.trial.host
}

/// Whether the trial is where its attack must get through.
fn is_control(trial: &Trial) -> bool {
    match trial.attack.control() {
        ControlAt::Level(level) => level == trial.level,
        ControlAt::Target(target) => target == trial.target,
    }
}

/// A control is no trial of a sandbox that lacks layers.
fn is_whole(sandbox: &Sandbox) -> bool {
    matches!(sandbox, Sandbox::Command(_)) || *sandbox == Sandbox::OWN
}

fn why(ruling: &Ruling) -> String {
    ruling.reason.clone().unwrap_or_else(|| format!("it was {} there", ruling.seen))
}
