//! What the trials of one run say about each other.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::{Control, Honest, Preconditions, Ruling, Seen, Verdict};
use crate::catalogue::attack::ControlAt;
use crate::gaps::Gaps;
use crate::oracle::Observation;
use crate::schedule::{Cell, Sandbox, Trial};

/// The rulings on all cells of a run, in their order. Each cell's attempts stand at its place; a cell
/// without one is not to be run.
#[must_use]
pub fn rule(
    cells: &[Cell],
    attempts: &[Vec<Observation>],
    gaps: &BTreeMap<String, Gaps>,
    today: &str,
) -> Vec<Ruling> {
    let rulings = Rulings { cells, attempts, gaps, today };
    let controls: Vec<_> = (0..cells.len()).map(|index| rulings.without_others(index)).collect();
    let ruling = |index: usize| {
        let control = controls.get(index).cloned().flatten();
        let settled = || rulings.settle(index, &rulings.preconditions(index, &controls)?);
        control.or_else(settled).unwrap_or_else(Ruling::outside)
    };
    (0..cells.len()).map(ruling).collect()
}

/// The rulings on all cells as if every other trial had gone as it should: what is wrong here is
/// a cell's own fault.
#[must_use]
pub fn rule_alone(cells: &[Cell], attempts: &[Vec<Observation>]) -> Vec<Ruling> {
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

    /// What the other trials say about this cell.
    fn preconditions(&self, index: usize, controls: &[Option<Ruling>]) -> Option<Preconditions> {
        let cell = self.cells.get(index)?;
        let (control, honest) = (self.control(cell, controls), self.honest(cell, controls));
        Some(Preconditions { control, honest })
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;
    use sandbox::{Guarantee, Layer, LayerSet, Level};

    use super::*;
    use crate::catalogue::attack::{Attack, Expected, OracleKind, OracleSpec, Purpose, Severity};
    use crate::oracle::{Finding, SelfTest};
    use crate::target::Run;

    type Change = fn(&mut Trial);

    const HOST: Change = |trial| trial.host = "docker".to_owned();
    const TARGET: Change = |trial| trial.target = "other".to_owned();
    const LEVEL: Change = |trial| trial.level = Level::Proposal;
    const WEAKENED: Change = |trial| {
        let without = LayerSet::of(&[Layer::Pid]);
        trial.sandbox = Sandbox::Own { without, identity: None, why: false };
    };

    fn attack() -> Attack {
        let stopped_by = LayerSet::of(&[Layer::Mounts]);
        let purpose =
            Purpose::Attack { guarantee: Guarantee::Secrets, severity: Severity::High, stopped_by };
        let oracle = OracleSpec { id: "token".to_owned(), kind: OracleKind::ProcessSurvives };
        Attack { oracles: vec![oracle], ..Attack::bare("secrets/netrc", purpose, &["open"]) }
    }

    fn honest() -> Attack {
        Attack::bare("benign/wheel", Purpose::Benign, &[])
    }

    /// A cell of our own sandbox that is changed, and the one attempt at it.
    fn tried(
        (attack, level): (Attack, Level),
        expected: Expected,
        change: Change,
        fires: bool,
    ) -> (Cell, Vec<Observation>) {
        let finding =
            Finding { oracle: "token".to_owned(), declared: true, evidence: "seen".to_owned() };
        let observed = Observation {
            run: Run { marks: attack.run.marks.clone(), built: !fires, ..Run::default() },
            findings: if fires { vec![finding] } else { vec![] },
            self_tests: vec![SelfTest { oracle: "token".to_owned(), failure: None }],
            ..Observation::default()
        };
        let mut trial = Trial {
            attack: Arc::new(attack),
            target: "own".to_owned(),
            level,
            host: "root".to_owned(),
            sandbox: Sandbox::OWN,
        };
        change(&mut trial);
        (Cell { trial, expected, asked: true }, vec![observed])
    }

    fn verdicts(tried: impl IntoIterator<Item = (Cell, Vec<Observation>)>) -> Vec<Verdict> {
        let (cells, attempts): (Vec<_>, Vec<_>) = tried.into_iter().unzip();
        let rulings = rule(&cells, &attempts, &BTreeMap::new(), "");
        rulings.into_iter().map(|ruling| ruling.verdict).collect()
    }

    const NOTHING: Change = |_| {};

    #[rstest]
    #[case::of_the_same(NOTHING, Verdict::Ok)]
    #[case::of_another_host(HOST, Verdict::Vacuous)]
    #[case::of_another_sandbox(TARGET, Verdict::Vacuous)]
    #[case::of_one_without_a_layer(WEAKENED, Verdict::Vacuous)]
    fn an_attack_is_shown_to_work_by_its_own_control_alone(
        #[case] other: Change,
        #[case] verdict: Verdict,
    ) {
        let found = verdicts([
            tried((attack(), Level::None), Expected::Escaped, other, true),
            tried((attack(), Level::None), Expected::Escaped, NOTHING, false),
            tried((attack(), Level::Full), Expected::Blocked, NOTHING, false),
            tried((honest(), Level::Full), Expected::Built, NOTHING, false),
        ]);
        assert_eq!((found[0], found[2]), (Verdict::Ok, verdict));
    }

    #[rstest]
    #[case::of_the_same(NOTHING, Verdict::Ok)]
    #[case::of_another_host(HOST, Verdict::Vacuous)]
    #[case::of_another_sandbox(TARGET, Verdict::Vacuous)]
    #[case::of_another_level(LEVEL, Verdict::Vacuous)]
    #[case::of_one_without_a_layer(WEAKENED, Verdict::Vacuous)]
    fn honest_builds_speak_for_their_own_sandbox_alone(
        #[case] other: Change,
        #[case] verdict: Verdict,
    ) {
        let found = verdicts([
            tried((attack(), Level::None), Expected::Escaped, NOTHING, true),
            tried((attack(), Level::Full), Expected::Blocked, NOTHING, false),
            tried((honest(), Level::Full), Expected::Built, other, false),
        ]);
        assert_eq!((found[1], found[2]), (verdict, Verdict::Ok));
    }

    #[test]
    fn one_honest_build_that_breaks_outweighs_one_that_builds() {
        let found = verdicts([
            tried((attack(), Level::None), Expected::Escaped, NOTHING, true),
            tried((attack(), Level::Full), Expected::Blocked, NOTHING, false),
            tried((honest(), Level::Full), Expected::Built, NOTHING, false),
            tried((honest(), Level::Full), Expected::Built, NOTHING, true),
        ]);
        assert_eq!(found[1], Verdict::Vacuous);
    }
}
