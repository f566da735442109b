//! Layers on trial: which attack is tried against the strongest level without which layers.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use sandbox::policy::IdentityChoice;
use sandbox::{Layer, LayerSet, Level};

use super::filter::{Filter, Known, View};
use super::{Cell, NothingSelected, Sandbox, Schedule, Trial};
use crate::catalogue::Catalogue;
use crate::catalogue::attack::{Attack, ControlAt, Expected};

/// The sandbox whose layers are on trial.
pub const TARGET: &str = "own";

/// Every trial of an ablation, in order.
///
/// For each attack: its control; `full` without all of its `stopped_by`, where it must escape;
/// and, for each of these layers, `full` without the others. Every honest build runs in every
/// configuration.
///
/// # Errors
/// When there is nothing to try: why.
pub fn schedule(
    catalogue: &Catalogue,
    filter: Option<&Filter>,
    known: &Known,
    host: &str,
) -> Result<Schedule, NothingSelected> {
    let view = View { place: Some((TARGET, host)), known };
    let wanted = |attack: &&Arc<Attack>| {
        is_stopped(attack) && filter.is_none_or(|filter| filter.finds(attack, &view))
    };
    let attacks: Vec<_> = catalogue.entries().filter(wanted).collect();
    if attacks.is_empty() {
        return Err(match filter {
            None => NothingSelected::EmptyCatalogue,
            Some(filter) => NothingSelected::Filter {
                expression: filter.to_string(),
                looked_at: catalogue.entries().count(),
            },
        });
    }
    let experiments = Experiments { host };
    let mut configurations = BTreeMap::new();
    let mut cells = Vec::new();
    for attack in attacks {
        cells.extend(experiments.control(attack));
        for (off, expected) in configurations_of(attack) {
            let sandbox = weakened(attack, off);
            cells.push(experiments.cell(attack, sandbox.clone(), expected));
            configurations.insert(name(&sandbox), sandbox);
        }
    }
    for honest in catalogue.entries().filter(|entry| entry.is_benign()) {
        let built = |sandbox| experiments.cell(honest, sandbox, Expected::Built);
        cells.extend(configurations.values().cloned().map(built));
    }
    Ok(Schedule { cells })
}

/// Whether the strongest level is expected to stop the attack by its layers. A hole that only
/// another sandbox opens says nothing about any layer of ours, and neither does one that the program
/// shuts at every level, as the manifest says where it expects a block without a layer for it.
#[must_use]
pub fn is_stopped(attack: &Attack) -> bool {
    let weak = [Level::Network, Level::Proposal];
    let is_shut = weak.iter().all(|level| {
        let exception = attack.expect.get(level).map(|exception| exception.outcome);
        exception == Some(Expected::Blocked) && attack.stopped_by().and(level.layers()).is_empty()
    });
    !attack.is_benign()
        && !is_shut
        && matches!(attack.control(), ControlAt::Level(level) if level != Level::Full)
        && attack.expected(Level::Full, LayerSet::ALL) == Expected::Blocked
}

/// Without all layers that must stop it, then with each of them alone.
fn configurations_of(attack: &Attack) -> impl Iterator<Item = (LayerSet, Expected)> {
    let all = attack.stopped_by();
    let alone = all.iter().map(move |layer| (all.without(layer), Expected::Blocked));
    [(all, Expected::Escaped)].into_iter().chain(alone)
}

/// Our own sandbox without the layers `off`, each in the form that it has where the attack gets
/// through. Mostly that is no form at all. But a layer that the control level has as well, and
/// that opens the hole there, cannot close it by being absent: it takes the form it has there. The
/// identity alone has several, and one of them below the level `full`.
fn weakened(attack: &Attack, off: LayerSet) -> Sandbox {
    let kept = match attack.control() {
        ControlAt::Level(control) => off.and(control.layers()),
        ControlAt::Target(_) => LayerSet::EMPTY,
    };
    if kept.has(Layer::Identity) {
        let without = off.without(Layer::Identity);
        return Sandbox::Own { without, identity: Some(IdentityChoice::Useradd), why: false };
    }
    Sandbox::Own { without: off, identity: None, why: false }
}

/// The layers that a sandbox of ours does not have in their own form, as a text.
#[must_use]
pub fn name(sandbox: &Sandbox) -> String {
    match sandbox {
        Sandbox::Own { without, identity: None, .. } => without.to_string(),
        Sandbox::Own { without, identity: Some(identity), .. } => {
            format!("{without} --identity {}", identity.name()).trim_start().to_owned()
        }
        Sandbox::Command(recipe) => recipe.name.clone(),
    }
}

/// The layer that alone is left of those that must stop the attack; none when all are off.
#[must_use]
pub fn left(attack: &Attack, sandbox: &Sandbox) -> Option<Layer> {
    let Sandbox::Own { without, identity, .. } = sandbox else { return None };
    let off = if identity.is_some() { without.with(Layer::Identity) } else { *without };
    attack.stopped_by().iter().find(|layer| !off.has(*layer))
}

struct Experiments<'a> {
    host: &'a str,
}

impl Experiments<'_> {
    fn cell(&self, attack: &Arc<Attack>, sandbox: Sandbox, expected: Expected) -> Cell {
        let trial = Trial {
            attack: Arc::clone(attack),
            target: TARGET.to_owned(),
            level: Level::Full,
            host: self.host.to_owned(),
            sandbox,
        };
        Cell { trial, expected, asked: true }
    }

    fn control(&self, attack: &Arc<Attack>) -> Option<Cell> {
        let ControlAt::Level(level) = attack.control() else { return None };
        let mut cell = self.cell(attack, Sandbox::OWN, Expected::Escaped);
        cell.trial.level = level;
        Some(Cell { asked: false, ..cell })
    }
}

#[cfg(test)]
mod tests {
    use sandbox::Guarantee;

    use super::*;
    use crate::catalogue::attack::{Exception, Purpose, Severity};

    fn catalogue() -> Catalogue {
        let attack = |id: &str, layers: &[Layer]| {
            let stopped_by = LayerSet::of(layers);
            let (guarantee, severity) = (Guarantee::Secrets, Severity::High);
            Attack::bare(id, Purpose::Attack { guarantee, severity, stopped_by }, &["m"])
        };
        let mut orphan = attack("remnants/orphan", &[Layer::Leash]);
        orphan.run.levels = vec![Level::Network, Level::Full];
        let mut early = attack("files/early", &[Layer::Mounts]);
        early.run.levels = vec![Level::None];
        let mut account = attack("remnants/account", &[Layer::Identity]);
        account.run.levels = vec![Level::Proposal, Level::Full];
        let mut shut = attack("files/shut", &[Layer::Mounts]);
        for level in [Level::Network, Level::Proposal] {
            let reason = "the program itself".to_owned();
            shut.expect.insert(level, Exception { outcome: Expected::Blocked, reason });
        }
        let mut elsewhere = attack("remnants/elsewhere", &[]);
        elsewhere.run.control = Some("box".to_owned());
        [
            account,
            elsewhere,
            shut,
            attack("secrets/netrc", &[Layer::Identity, Layer::Mounts]),
            orphan,
            early,
            Attack::bare("benign/wheel", Purpose::Benign, &[]),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn every_attack_is_tried_without_its_layers_and_with_each_of_them_alone() {
        let schedule = schedule(&catalogue(), None, &Known::default(), "root").unwrap();
        let told = |cell: &Cell| {
            let Trial { attack, level, sandbox, .. } = &cell.trial;
            format!("{}@{level} -{{{}}} {}", attack.id, name(sandbox), cell.expected)
        };
        assert_eq!(
            schedule.cells.iter().map(told).collect::<Vec<_>>(),
            [
                "remnants/account@proposal -{} escaped",
                "remnants/account@full -{--identity useradd} escaped",
                "remnants/account@full -{} blocked",
                "remnants/orphan@network -{} escaped",
                "remnants/orphan@full -{leash} escaped",
                "remnants/orphan@full -{} blocked",
                "secrets/netrc@none -{} escaped",
                "secrets/netrc@full -{identity mounts} escaped",
                "secrets/netrc@full -{mounts} blocked",
                "secrets/netrc@full -{identity} blocked",
                "benign/wheel@full -{} built",
                "benign/wheel@full -{--identity useradd} built",
                "benign/wheel@full -{identity} built",
                "benign/wheel@full -{identity mounts} built",
                "benign/wheel@full -{leash} built",
                "benign/wheel@full -{mounts} built",
            ]
        );
    }

    #[test]
    fn the_layer_that_is_left_is_named() {
        let catalogue = catalogue();
        let netrc = catalogue.get("secrets/netrc").unwrap();
        let left = |attack: &Attack, off| left(attack, &weakened(attack, off));
        assert_eq!(left(netrc, LayerSet::of(&[Layer::Mounts])), Some(Layer::Identity));
        assert_eq!(left(netrc, netrc.stopped_by()), None);
        let account = catalogue.get("remnants/account").unwrap();
        assert_eq!(left(account, account.stopped_by()), None);
        assert_eq!(left(account, LayerSet::EMPTY), Some(Layer::Identity));
    }

    #[test]
    fn a_selection_that_finds_nothing_says_so() {
        let filter: Filter = "files/".parse().unwrap();
        let error = schedule(&catalogue(), Some(&filter), &Known::default(), "root").unwrap_err();
        assert!(matches!(error, NothingSelected::Filter { looked_at: 7, .. }));
    }
}
