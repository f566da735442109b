//! `harness ablate`: which layers stop which attack alone.

use harness::oracle::Observation;
use harness::schedule::{Sandbox, Trial};
use harness::target::Run;
use sandbox::{Layer, LayerSet, Level};

use crate::checkout::{Checkout, escaped, quiet};

/// The layers that are on in a trial.
fn on(trial: &Trial) -> LayerSet {
    let Sandbox::Own { without, .. } = trial.sandbox else { return LayerSet::EMPTY };
    trial.level.layers().iter().filter(|layer| !without.has(*layer)).collect()
}

/// A sandbox whose layers do what manifests say of them.
fn layered(trial: &Trial) -> Observation {
    let stopped = !trial.attack.stopped_by().and(on(trial)).is_empty();
    if stopped || trial.attack.is_benign() { quiet(trial) } else { escaped(trial) }
}

/// One in which `landlock` stops everything, though nobody names it.
fn secretly_landlocked(trial: &Trial) -> Observation {
    if on(trial).has(Layer::Landlock) { quiet(trial) } else { layered(trial) }
}

/// One whose `identity` stops nothing.
fn without_identity(trial: &Trial) -> Observation {
    let only_identity =
        trial.attack.stopped_by().and(on(trial)) == LayerSet::of(&[Layer::Identity]);
    if only_identity && !trial.attack.is_benign() { escaped(trial) } else { layered(trial) }
}

/// One that refuses to run without `mounts`.
fn refusing(trial: &Trial) -> Observation {
    if trial.level == Level::None || on(trial).has(Layer::Mounts) {
        return layered(trial);
    }
    let refused = Some("`mounts` is needed by `landlock`".to_owned());
    Observation { run: Run { refused, ..Run::default() }, ..Observation::default() }
}

#[test]
fn depth_counts_the_layers_that_stop_an_attack_alone() {
    let checkout = Checkout::new();
    let end = checkout.pretending(&["ablate"], layered);
    assert_eq!(end.status, 12, "most layers are untested: {end:?}");
    assert!(end.out.contains("untested: `userns` stops no attack alone\n"), "{end:?}");
    assert!(end.out.contains("2 attacks on root: 1 of depth 1, 1 of depth 2\n"), "{end:?}");
    insta::assert_snapshot!("ablation", checkout.read("target/harness/root/own.ablation.json"));
    assert!(checkout.read("target/harness/ABLATION.md").contains("## own on root"));
    assert!(!checkout.has("reports"));
}

#[test]
fn a_layer_that_nobody_names_is_noticed() {
    let end = Checkout::new().pretending(&["ablate", "-E", "files/"], secretly_landlocked);
    assert_eq!(end.status, 11, "{end:?}");
    assert!(end.out.contains("files/cron-drop: is stopped without all of its `stopped_by`"));
}

#[test]
fn a_layer_that_stops_nothing_alone_lowers_the_depth() {
    let checkout = Checkout::new();
    let end = checkout.pretending(&["ablate", "-E", "secrets/"], without_identity);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(end.out.contains("secrets/netrc-read: `identity` is named, but does not stop it"));
    assert!(checkout.read("target/harness/root/own.ablation.json").contains("\"depth\": 1"));
}

#[test]
fn a_refused_combination_is_reported_as_such() {
    let checkout = Checkout::new();
    let end = checkout.pretending(&["ablate", "-E", "files/"], refusing);
    assert_eq!(end.status, 0, "{end:?}");
    let text = checkout.read("target/harness/root/own.ablation.json");
    assert!(
        text.contains("\"bare\": { \"outcome\": \"refused\", \"reason\": \"`mounts` is needed")
    );
}

#[test]
fn an_update_is_what_the_next_check_wants_to_see() {
    let checkout = Checkout::new();
    let args = |stance| ["ablate", "-E", "secrets/ | files/", stance];
    assert_eq!(checkout.pretending(&args("--check"), layered).status, 13);
    assert_eq!(checkout.pretending(&args("--update"), layered).status, 0);
    assert_eq!(checkout.pretending(&args("--check"), layered).status, 0);
    let end = checkout.pretending(&args("--check"), without_identity);
    assert_eq!(end.status, 13);
    assert!(end.out.contains("secrets/netrc-read: depth was 2, is 1"), "{end:?}");
}
