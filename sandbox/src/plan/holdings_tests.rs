//! What each kind of host can hold, against the table of the design.

use std::path::Path;

use rstest::rstest;

use super::*;
use crate::host::Host;
use crate::host::fakes;
use crate::payload::Payload;
use crate::plan::Refusal;
use crate::policy::Policy;
use crate::policy::levels::Level;

fn resolved(policy: &Policy, host: &Host) -> Result<Plan, Refusal> {
    let payload = Payload::command(vec!["true".into()], "/work".into(), vec![]).unwrap();
    Plan::resolve(policy, Path::new("/usr/bin/true"), &payload, host)
}

fn words(policy: &Policy, host: &Host) -> [&'static str; 9] {
    let holdings = Holdings::of(&resolved(policy, host).unwrap());
    Guarantee::ALL.map(|guarantee| holdings.get(guarantee).name())
}

const HELD: &str = "held";
const PARTLY: &str = "partly";

#[rstest]
#[case::root(fakes::root(), [HELD; 9])]
#[case::docker(
    fakes::docker(),
    [HELD, PARTLY, PARTLY, PARTLY, HELD, PARTLY, PARTLY, HELD, HELD]
)]
#[case::unconfined(
    fakes::docker_unconfined(),
    [HELD, HELD, PARTLY, HELD, HELD, PARTLY, HELD, HELD, HELD]
)]
#[case::user(fakes::user(), [HELD, HELD, HELD, HELD, HELD, PARTLY, HELD, HELD, HELD])]
fn every_kind_of_host_holds_what_the_design_says(
    #[case] host: Host,
    #[case] expected: [&'static str; 9],
) {
    assert_eq!(words(&Policy::preset(Level::Full), &host), expected);
}

#[test]
fn a_guarantee_that_is_required_and_not_held_is_a_refusal() {
    let require = |guarantees: &[Guarantee], host: &Host| {
        let required = guarantees.to_vec();
        resolved(&Policy { required, ..Policy::preset(Level::Full) }, host)
    };
    assert!(require(&Guarantee::ALL, &fakes::root()).is_ok());
    let docker = fakes::docker();
    assert!(require(&[Guarantee::Secrets, Guarantee::Remnants], &docker).is_ok());
    let refused = require(&Guarantee::ALL, &docker).unwrap_err();
    assert!(matches!(&refused, Refusal::NotHeld(all) if all[0].0 == Guarantee::Network));
    let text = refused.to_string();
    assert!(text.starts_with("required and not held here: `network` ("), "{text}");
    assert!(text.contains("path-name sockets") && text.contains("), `resources` ("), "{text}");
}

#[test]
fn without_a_layer_some_guarantee_is_no_longer_held_in_full() {
    use Layer::{Descriptors, Environment, Harvest, Hostname, Ipc, Leash, Limits};
    use Layer::{Network, Privileges, Proc, Session, Syscalls};
    for layer in [
        Environment,
        Network,
        Proc,
        Ipc,
        Hostname,
        Privileges,
        Syscalls,
        Limits,
        Descriptors,
        Session,
        Leash,
        Harvest,
    ] {
        let policy = Policy::preset(Level::Full).without(layer);
        assert_ne!(words(&policy, &fakes::root()), [HELD; 9], "{layer}");
    }
}

#[test]
fn the_weaker_levels_do_not_claim_what_they_do_not_hold() {
    let network = words(&Policy::preset(Level::Network), &fakes::root());
    assert_eq!(network.iter().filter(|word| **word == HELD).count(), 0, "{network:?}");
}
