//! What a run amounts to: the exit status that its verdicts deserve.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use sandbox::Level;

use super::exit::Exit;
use crate::catalogue::attack::Expected;
use crate::verdict::{Seen, Settled, Verdict};

/// The exit status of these verdicts.
pub(super) fn of(settled: &[Settled], stale_gaps: usize, require_isolation: bool) -> Exit {
    let mut exits: Vec<_> =
        settled.iter().map(|one| of_verdict(one.ruling.verdict, require_isolation)).collect();
    let contaminated = |one: &Settled| one.attempts.iter().any(|one| one.contaminated.is_some());
    if settled.iter().any(contaminated) {
        exits.push(Exit::Contaminated);
    }
    if stale_gaps > 0 {
        exits.push(Exit::UnexpectedBlock);
    }
    if is_broken(settled) {
        exits.push(Exit::TargetBroke);
    }
    let mut asked = settled.iter().filter(|one| is_asked(one)).peekable();
    if asked.peek().is_some() && asked.all(|one| one.ruling.verdict == Verdict::Unsupported) {
        exits.push(Exit::MachineCannot);
    }
    Exit::worst(&exits)
}

/// The exit status of one verdict.
pub(super) const fn of_verdict(verdict: Verdict, require_isolation: bool) -> Exit {
    match verdict {
        Verdict::Ok | Verdict::KnownGap => Exit::Ok,
        Verdict::UnexpectedEscape => Exit::UnexpectedEscape,
        Verdict::UnexpectedBlock => Exit::UnexpectedBlock,
        Verdict::Unsupported if !require_isolation => Exit::Ok,
        Verdict::Vacuous | Verdict::Unstable | Verdict::Error | Verdict::Unsupported => {
            Exit::Worthless
        }
    }
}

/// Whether an attack got through a sandbox, expected or not. What is at no level a sandbox, or is
/// tried as a control alone, is none.
pub(super) fn escapes(settled: &[Settled]) -> bool {
    settled.iter().any(|one| is_asked(one) && is_escape(one))
}

/// Whether this trial is one of an attack that got through a sandbox.
pub(super) fn is_escape(one: &Settled) -> bool {
    let trial = &one.cell.trial;
    trial.level != Level::None && !trial.attack.is_benign() && one.ruling.seen == Seen::Escaped
}

fn is_asked(one: &Settled) -> bool {
    one.cell.asked && one.cell.expected != Expected::NotRun
}

/// Whether some target builds nothing honest at a level, while elsewhere it, or no sandbox at
/// all, does: then it is not a build that is at fault.
fn is_broken(settled: &[Settled]) -> bool {
    let honest: Vec<_> = settled
        .iter()
        .filter(|one| one.cell.trial.attack.is_benign())
        .filter(|one| one.ruling.verdict != Verdict::Unsupported)
        .collect();
    let levels_where = |built: bool| -> BTreeSet<_> {
        let wanted = honest.iter().filter(|one| (one.ruling.verdict == Verdict::Ok) == built);
        wanted.map(|one| place(one)).collect()
    };
    let (good, bad) = (levels_where(true), levels_where(false));
    !good.is_empty() && bad.iter().any(|level| level.2 != Level::None && !good.contains(level))
}

fn place(one: &Settled) -> (&str, &str, Level) {
    let trial = &one.cell.trial;
    (&trial.host, &trial.target, trial.level)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rstest::rstest;

    use super::*;
    use crate::catalogue::attack::{Attack, Purpose};
    use crate::oracle::Observation;
    use crate::schedule::{Cell, Sandbox, Trial};
    use crate::verdict::Ruling;

    fn one(level: Level, verdict: Verdict) -> Settled {
        let trial = Trial {
            attack: Arc::new(Attack::bare("benign/wheel", Purpose::Benign, &[])),
            target: "own".to_owned(),
            level,
            host: "root".to_owned(),
            sandbox: Sandbox::OWN,
        };
        Settled {
            cell: Cell { trial, expected: Expected::Built, asked: true },
            attempts: vec![],
            ruling: Ruling { verdict, ..Ruling::outside() },
        }
    }

    #[rstest]
    #[case(Verdict::Ok, 0)]
    #[case(Verdict::KnownGap, 0)]
    #[case(Verdict::UnexpectedEscape, 10)]
    #[case(Verdict::UnexpectedBlock, 11)]
    #[case(Verdict::Vacuous, 12)]
    #[case(Verdict::Unstable, 12)]
    #[case(Verdict::Error, 12)]
    #[case(Verdict::Unsupported, 0)]
    fn every_verdict_has_its_status(#[case] verdict: Verdict, #[case] code: u8) {
        let settled = [one(Level::None, Verdict::Ok), one(Level::None, verdict)];
        assert_eq!(of(&settled, 0, false).code(), code);
    }

    #[test]
    fn what_cannot_be_run_fails_where_isolation_is_required() {
        let settled = [one(Level::None, Verdict::Ok), one(Level::Full, Verdict::Unsupported)];
        assert_eq!(of(&settled, 0, true), Exit::Worthless);
        assert_eq!(of(&settled[1..], 0, false), Exit::MachineCannot, "nothing else was asked");
    }

    #[test]
    fn a_target_that_builds_nothing_at_a_level_broke() {
        let broke = [one(Level::None, Verdict::Ok), one(Level::Full, Verdict::Error)];
        assert_eq!(of(&broke, 0, false), Exit::TargetBroke);
        let partly = [
            one(Level::None, Verdict::Ok),
            one(Level::Full, Verdict::Error),
            one(Level::Full, Verdict::Ok),
        ];
        assert_eq!(of(&partly, 0, false), Exit::Worthless);
        let everywhere = [one(Level::None, Verdict::Error), one(Level::Full, Verdict::Error)];
        assert_eq!(of(&everywhere, 0, false), Exit::Worthless);
    }

    #[test]
    fn an_escape_through_a_sandbox_is_one_whatever_was_expected_and_a_control_is_none() {
        let attack = |level, seen, asked| {
            let mut one = one(level, Verdict::Ok);
            let purpose = Purpose::Attack {
                guarantee: sandbox::Guarantee::Files,
                severity: crate::catalogue::attack::Severity::High,
                stopped_by: sandbox::LayerSet::EMPTY,
            };
            one.cell.trial.attack = Arc::new(Attack::bare("files/x", purpose, &[]));
            one.cell.asked = asked;
            one.ruling.seen = seen;
            one
        };
        let escaped = attack(Level::Full, Seen::Escaped, true);
        assert!(escapes(&[escaped]));
        let control = attack(Level::None, Seen::Escaped, true);
        let blocked = attack(Level::Full, Seen::Blocked, true);
        let aside = attack(Level::Full, Seen::Escaped, false);
        assert!(!escapes(&[control, blocked, aside, one(Level::Full, Verdict::Ok)]));
    }

    #[test]
    fn a_contaminated_host_and_a_stale_gap_are_not_overlooked() {
        let mut spoilt = one(Level::None, Verdict::Ok);
        assert_eq!(of(std::slice::from_ref(&spoilt), 1, false), Exit::UnexpectedBlock);
        let contaminated = Some("a mount is left".to_owned());
        spoilt.attempts.push(Observation { contaminated, ..Observation::default() });
        assert_eq!(of(&[spoilt], 1, false), Exit::Contaminated);
    }
}
