//! What is read of entries without a mistake, and what is expected of them.

use std::time::Duration;

use harness::catalogue::attack::{ControlAt, Expected, Hook, PlantKind, Severity};
use harness::catalogue::attack::{OracleKind, Purpose};
use rstest::rstest;
use sandbox::{Guarantee, Layer, LayerSet, Level};

use crate::entry::{Attacks, MANIFEST};

const BENIGN: &str = r#"schema = 1
id = "benign/honest-wheel"
title = "A wheel of one module"
summary = "What every sandbox must let through."
needs = ["loopback", "shm", "tmp"]

[run]
hooks = ["build_wheel"]
timeout = "10s"
"#;

#[test]
fn a_manifest_is_read_as_it_is_written() {
    let catalogue = Attacks::with_manifest("", "").open().unwrap();
    let attack = catalogue.get("secrets/netrc-read").unwrap();
    assert_eq!(
        attack.purpose,
        Purpose::Attack {
            guarantee: Guarantee::Secrets,
            severity: Severity::High,
            stopped_by: LayerSet::of(&[Layer::Identity, Layer::Mounts]),
        }
    );
    assert_eq!(attack.run.hooks, [Hook::BuildWheel]);
    assert_eq!(attack.run.timeout, Duration::from_secs(10));
    assert_eq!(attack.run.marks, ["open-netrc"]);
    let PlantKind::File { path, mode, content } = &attack.plants[0].kind else {
        panic!("{:?}", attack.plants)
    };
    assert_eq!((path.as_str(), *mode, content.as_str()), ("{home}/.netrc", 0o600, "{canary}\n"));
    assert!(
        matches!(&attack.oracles[0].kind, OracleKind::CanaryInArtefact { plant } if plant == "netrc")
    );
    assert_eq!(attack.references[0].date.as_deref(), Some("2021-04-15"));
    assert!(attack.fixture.starts_with("sha256:"));
}

#[test]
fn an_honest_build_is_expected_to_build_at_every_level() {
    let attacks = Attacks::new();
    attacks.entry("benign/honest-wheel", BENIGN);
    let catalogue = attacks.open().unwrap();
    let build = catalogue.get("benign/honest-wheel").unwrap();
    assert!(build.is_benign());
    for level in Level::ALL {
        assert_eq!(build.expected(level, level.layers()), Expected::Built);
    }
}

#[rstest]
#[case::a_layer_of_the_level_stops_it(r#"["identity"]"#, "", [
    Expected::Escaped, Expected::Escaped, Expected::Blocked, Expected::Blocked,
])]
#[case::any_layer_is_enough(r#"["network", "mounts"]"#, "", [
    Expected::Escaped, Expected::Blocked, Expected::Blocked, Expected::Blocked,
])]
#[case::only_full_has_it(r#"["mounts"]"#, "", [
    Expected::Escaped, Expected::Escaped, Expected::Escaped, Expected::Blocked,
])]
#[case::outside_its_levels_it_is_not_run(r#"["mounts"]"#, r#"levels = ["proposal", "full"]"#, [
    Expected::NotRun, Expected::NotRun, Expected::Escaped, Expected::Blocked,
])]
fn expectations_derive_from_the_layers(
    #[case] stopped_by: &str,
    #[case] levels: &str,
    #[case] expected: [Expected; 4],
) {
    let manifest = MANIFEST
        .replace(r#"["identity", "mounts"]"#, stopped_by)
        .replace("marks ", &format!("{levels}\nmarks "));
    let attacks = Attacks::new();
    attacks.entry("secrets/netrc-read", &manifest);
    let catalogue = attacks.open().unwrap();
    let attack = catalogue.get("secrets/netrc-read").unwrap();
    assert_eq!(Level::ALL.map(|level| attack.expected(level, level.layers())), expected);
}

#[test]
fn an_exception_wins_over_the_derivation_at_its_level_alone() {
    let manifest = MANIFEST.replace("marks ", "levels = [\"proposal\", \"full\"]\nmarks ")
        + "[expect.proposal]\noutcome = \"escaped\"\nreason = \"it makes the account\"\n";
    let attacks = Attacks::new();
    attacks.entry("secrets/netrc-read", &manifest);
    let catalogue = attacks.open().unwrap();
    let attack = catalogue.get("secrets/netrc-read").unwrap();
    assert_eq!(attack.control(), ControlAt::Level(Level::Proposal));
    let at = |level: Level| attack.expected(level, level.layers());
    assert_eq!(at(Level::Proposal), Expected::Escaped);
    assert_eq!(at(Level::Full), Expected::Blocked);
}

#[test]
fn a_hole_that_only_another_sandbox_opens_is_stopped_by_no_layer() {
    let elsewhere = MANIFEST.replace("marks ", "control = \"useradd-script\"\nmarks ");
    let attacks = Attacks::new();
    attacks.entry("secrets/netrc-read", &elsewhere);
    assert!(attacks.mistakes().contains("error[E0104]: only another sandbox opens the hole"));

    let manifest = elsewhere.replace("stopped_by = [\"identity\", \"mounts\"]\n", "");
    attacks.entry("secrets/netrc-read", &manifest);
    let catalogue = attacks.open().unwrap();
    let attack = catalogue.get("secrets/netrc-read").unwrap();
    assert_eq!(attack.control(), ControlAt::Target("useradd-script"));
    let at = |level: Level| attack.expected(level, level.layers());
    assert_eq!(Level::ALL.map(at), [Expected::Blocked; 4]);
}

#[test]
fn what_is_enforced_decides_and_not_the_name_of_the_level() {
    let catalogue = Attacks::with_manifest("", "").open().unwrap();
    let attack = catalogue.get("secrets/netrc-read").unwrap();
    let without = Level::Full.layers().without(Layer::Identity).without(Layer::Mounts);
    assert_eq!(attack.expected(Level::Full, without), Expected::Escaped);
}

#[test]
fn a_misspelt_id_is_answered_with_the_nearest() {
    let catalogue = Attacks::with_manifest("", "").open().unwrap();
    assert_eq!(catalogue.nearest("secrets/netrc-raed"), Some("secrets/netrc-read"));
    assert_eq!(catalogue.nearest("netrc-read"), Some("secrets/netrc-read"));
    assert_eq!(catalogue.nearest("remnants/daemon"), None);
}
