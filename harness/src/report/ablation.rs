//! What each layer is worth: depth for every attack, and the layers that no attack tests.
#![forbid(unsafe_code)]

pub mod picture;

use std::collections::{BTreeMap, BTreeSet};

use sandbox::Layer;

use super::Redactor;
use super::schema::ablation::{ABLATION, Ablated, Ablation, By, Shown, Trial};
use crate::schedule::ablation;
use crate::verdict::{Seen, Settled, Verdict};

/// What the trials of an ablation show.
#[must_use]
pub fn of(settled: &[Settled], host: &str, redactor: &Redactor) -> Ablation {
    let mut attacks = BTreeMap::new();
    for one in settled {
        let trial = &one.cell.trial;
        // The control and the honest builds speak through the verdicts on the others.
        if trial.attack.is_benign() || !one.cell.asked {
            continue;
        }
        let entry = attacks.entry(trial.attack.id.0.clone()).or_insert_with(|| Ablated {
            fixture: trial.attack.fixture.clone(),
            depth: 0,
            bare: Trial { outcome: Shown::Unclear, reason: None },
            alone: BTreeMap::new(),
        });
        let shown = shown(one, redactor);
        match ablation::left(&trial.attack, &trial.sandbox) {
            None => entry.bare = shown,
            Some(layer) => {
                entry.depth += usize::from(shown.outcome == Shown::Blocked);
                entry.alone.insert(By(layer), shown);
            }
        }
    }
    Ablation {
        schema: ABLATION.to_owned(),
        host: host.to_owned(),
        target: ablation::TARGET.to_owned(),
        attacks,
    }
}

/// The ablation to commit after `new`: what a selection left out is kept.
#[must_use]
pub fn merged(old: &Ablation, new: &Ablation) -> Ablation {
    let mut merged = old.clone();
    merged.attacks.extend(new.attacks.clone());
    merged
}

/// The layers that stop no attack alone: nobody would notice if they were not there.
#[must_use]
pub fn untested(ablation: &Ablation) -> Vec<Layer> {
    let blocked = |one: &Ablated| -> Vec<Layer> {
        let alone = one.alone.iter().filter(|(_, trial)| trial.outcome == Shown::Blocked);
        alone.map(|(By(layer), _)| *layer).collect()
    };
    let tested: BTreeSet<_> = ablation.attacks.values().flat_map(blocked).collect();
    Layer::ALL.into_iter().filter(|layer| !tested.contains(layer)).collect()
}

/// What contradicts the `stopped_by` of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// Something else stops it too, which nobody named.
    StoppedByOthers,
    /// This layer does not stop it alone.
    NotAlone(Layer),
    /// Nothing can be said: where, and why.
    Unclear(Option<Layer>, String),
}

/// Every contradiction, by attack.
#[must_use]
pub fn contradictions(ablation: &Ablation) -> Vec<(&str, Contradiction)> {
    let mut found = Vec::new();
    for (id, one) in &ablation.attacks {
        let reason = |trial: &Trial| trial.reason.clone().unwrap_or_default();
        match one.bare.outcome {
            Shown::Blocked => found.push((id.as_str(), Contradiction::StoppedByOthers)),
            Shown::Unclear => {
                found.push((id.as_str(), Contradiction::Unclear(None, reason(&one.bare))));
            }
            Shown::Escaped | Shown::Refused => {}
        }
        for (By(layer), trial) in &one.alone {
            match trial.outcome {
                Shown::Escaped => found.push((id.as_str(), Contradiction::NotAlone(*layer))),
                Shown::Unclear => {
                    let unclear = Contradiction::Unclear(Some(*layer), reason(trial));
                    found.push((id.as_str(), unclear));
                }
                Shown::Blocked | Shown::Refused => {}
            }
        }
    }
    found
}

fn shown(one: &Settled, redactor: &Redactor) -> Trial {
    let ruling = &one.ruling;
    let outcome = match (ruling.verdict, ruling.seen) {
        (Verdict::Unsupported, _) => Shown::Refused,
        (_, Seen::Blocked) => Shown::Blocked,
        (_, Seen::Escaped) => Shown::Escaped,
        _ => Shown::Unclear,
    };
    let silent = matches!(outcome, Shown::Blocked | Shown::Escaped);
    let reason = ruling.reason.as_deref().filter(|_| !silent);
    Trial { outcome, reason: reason.map(|reason| redactor.line(reason)) }
}

#[cfg(test)]
mod tests {
    use super::super::specimen;
    use super::*;

    #[test]
    fn a_layer_that_stops_nothing_alone_is_untested() {
        let ablation = specimen::ablation();
        let untested = untested(&ablation);
        assert!(!untested.contains(&Layer::Mounts) && untested.contains(&Layer::Identity));
        assert_eq!(untested.len(), Layer::ALL.len() - 2, "mounts and leash are tested");
    }

    #[test]
    fn what_contradicts_a_manifest_is_told() {
        assert_eq!(
            contradictions(&specimen::ablation()),
            [
                ("files/cron", Contradiction::StoppedByOthers),
                ("secrets/netrc-read", Contradiction::NotAlone(Layer::Identity)),
            ]
        );
    }

    #[test]
    fn a_partial_update_keeps_the_rest() {
        let old = specimen::ablation();
        let mut new = old.clone();
        new.attacks.retain(|id, _| id == "files/cron");
        assert_eq!(merged(&old, &new), old);
    }
}
