//! Layers on trial: which attack is tried against the strongest level without which layers.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use sandbox::{Layer, LayerSet, Level};

use super::filter::{Filter, Known, View};
use super::{Cell, NothingSelected, Sandbox, Schedule, Trial};
use crate::catalogue::Catalogue;
use crate::catalogue::attack::{Attack, Expected};

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
    let bench = Bench { host };
    let mut configurations = BTreeMap::new();
    let mut cells = Vec::new();
    for attack in attacks {
        cells.push(bench.control(attack));
        for (without, expected) in configurations_of(attack) {
            configurations.insert(without.to_string(), without);
            cells.push(bench.cell(attack, without, expected));
        }
    }
    for honest in catalogue.entries().filter(|entry| entry.is_benign()) {
        let built = |without| bench.cell(honest, without, Expected::Built);
        cells.extend(configurations.values().copied().map(built));
    }
    Ok(Schedule { cells })
}

/// Whether the strongest level is expected to stop the attack by its layers.
#[must_use]
pub fn is_stopped(attack: &Attack) -> bool {
    !attack.is_benign()
        && attack.control() != Level::Full
        && attack.expected(Level::Full, LayerSet::ALL) == Expected::Blocked
}

/// Without all layers that must stop it, then with each of them alone.
fn configurations_of(attack: &Attack) -> impl Iterator<Item = (LayerSet, Expected)> {
    let all = attack.stopped_by();
    let alone = all.iter().map(move |layer| (all.without(layer), Expected::Blocked));
    [(all, Expected::Escaped)].into_iter().chain(alone)
}

/// The layer that alone is left of those that must stop the attack; none when all are off.
#[must_use]
pub fn left(attack: &Attack, without: LayerSet) -> Option<Layer> {
    attack.stopped_by().iter().find(|layer| !without.has(*layer))
}

struct Bench<'a> {
    host: &'a str,
}

impl Bench<'_> {
    fn cell(&self, attack: &Arc<Attack>, without: LayerSet, expected: Expected) -> Cell {
        let trial = Trial {
            attack: Arc::clone(attack),
            target: TARGET.to_owned(),
            level: Level::Full,
            host: self.host.to_owned(),
            sandbox: Sandbox::Own { without },
        };
        Cell { trial, expected, asked: true }
    }

    fn control(&self, attack: &Arc<Attack>) -> Cell {
        let mut cell = self.cell(attack, LayerSet::EMPTY, Expected::Escaped);
        cell.trial.level = attack.control();
        Cell { asked: false, ..cell }
    }
}

#[cfg(test)]
mod tests {
    use sandbox::Guarantee;

    use super::*;
    use crate::catalogue::attack::{Purpose, Severity};

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
        [
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
            let Sandbox::Own { without } = &cell.trial.sandbox else { return String::new() };
            let Trial { attack, level, .. } = &cell.trial;
            format!("{}@{level} -{{{without}}} {}", attack.id, cell.expected)
        };
        assert_eq!(
            schedule.cells.iter().map(told).collect::<Vec<_>>(),
            [
                "remnants/orphan@network -{} escaped",
                "remnants/orphan@full -{leash} escaped",
                "remnants/orphan@full -{} blocked",
                "secrets/netrc@none -{} escaped",
                "secrets/netrc@full -{identity mounts} escaped",
                "secrets/netrc@full -{mounts} blocked",
                "secrets/netrc@full -{identity} blocked",
                "benign/wheel@full -{} built",
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
        assert_eq!(left(netrc, LayerSet::of(&[Layer::Mounts])), Some(Layer::Identity));
        assert_eq!(left(netrc, netrc.stopped_by()), None);
    }

    #[test]
    fn a_selection_that_finds_nothing_says_so() {
        let filter: Filter = "files/".parse().unwrap();
        let error = schedule(&catalogue(), Some(&filter), &Known::default(), "root").unwrap_err();
        assert!(matches!(error, NothingSelected::Filter { looked_at: 4, .. }));
    }
}
