//! Which plan a host gets, and what becomes of demands that it cannot meet.

use std::path::Path;

use rstest::rstest;

use super::*;
use crate::host::fakes;
use crate::layers::mounts::What;
use crate::overlay::{Notes, Obstacle};
use crate::payload::Grant;
use crate::policy::limits::Demand;
use crate::policy::limits::amounts::Bytes;
use crate::policy::syscalls::Choice;
use crate::words::Guarantee;

fn resolved(policy: &Policy, host: &Host) -> Result<Plan, Refusal> {
    let payload = Payload::command(vec!["true".into()], "/work".into(), vec![]).unwrap();
    Plan::resolve(policy, Path::new("/usr/bin/true"), &payload, host)
}

fn full() -> Policy {
    Policy::preset(Level::Full)
}

#[rstest]
#[case::root(fakes::root(), PlanKind::Namespaced, IdentityChoice::Lease)]
#[case::user(fakes::user(), PlanKind::Namespaced, IdentityChoice::Caller)]
#[case::docker(fakes::docker(), PlanKind::Contained, IdentityChoice::Lease)]
#[case::docker_user(fakes::docker_user(), PlanKind::Contained, IdentityChoice::Caller)]
#[case::unconfined(fakes::docker_unconfined(), PlanKind::Namespaced, IdentityChoice::Lease)]
#[case::podman(fakes::podman(), PlanKind::Namespaced, IdentityChoice::Lease)]
#[case::ubuntu(fakes::ubuntu(), PlanKind::Contained, IdentityChoice::Caller)]
#[case::switched_off(fakes::no_namespaces(), PlanKind::Contained, IdentityChoice::Caller)]
fn the_host_chooses_the_plan_and_the_user(
    #[case] host: Host,
    #[case] kind: PlanKind,
    #[case] identity: IdentityChoice,
) {
    let plan = resolved(&full(), &host).unwrap();
    assert_eq!((plan.kind, plan.identity), (kind, identity));
    assert_eq!(plan.namespaces.is_empty(), kind == PlanKind::Contained);
    assert_eq!(plan.relocation.is_some(), kind == PlanKind::Contained);
    assert_eq!(plan.layers.has(Layer::Mounts), kind == PlanKind::Namespaced);
}

#[test]
fn a_plan_without_namespaces_denies_tcp_and_sockets_instead() {
    let plan = resolved(&full(), &fakes::docker()).unwrap();
    let (chosen, _) = plan.choices.unwrap();
    assert!(!chosen.has(Choice::Internet) && !chosen.has(Choice::SharedObjects));
    assert!(plan.landlock.unwrap().denied().contains(&"TCP"));
    let plan = resolved(&full(), &fakes::root()).unwrap();
    assert!(!plan.landlock.unwrap().denied().contains(&"TCP"), "loopback works");
}

#[test]
fn without_namespaces_and_landlock_nothing_holds_unless_the_caller_takes_what_there_is() {
    let host = Host { landlock: 0, ..fakes::docker() };
    let refusal = resolved(&full(), &host).unwrap_err();
    assert!(matches!(refusal, Refusal::NothingHolds { .. }), "{refusal}");
    let plan = resolved(&Policy { best_effort: true, ..full() }, &host).unwrap();
    assert!(plan.landlock.is_none() && !plan.layers.has(Layer::Landlock));
    assert!(plan.notes.iter().any(|note| note.contains("no Landlock")), "{:?}", plan.notes);
}

#[test]
fn a_limit_that_cannot_be_set_is_a_refusal_or_a_note() {
    let mut policy = full();
    policy.limits.memory = Demand::Exactly(Bytes(1 << 30));
    assert!(matches!(resolved(&policy, &fakes::docker()), Err(Refusal::Limit(_))));
    policy.best_effort = true;
    let plan = resolved(&policy, &fakes::docker()).unwrap();
    assert!(plan.notes.iter().any(|note| note.contains("1G")), "{:?}", plan.notes);
}

#[test]
fn control_groups_are_used_only_where_a_lease_or_a_claim_holds_their_name() {
    let by = |identity| {
        let policy = Policy { identity: Some(identity), ..full() };
        resolved(&policy, &fakes::root()).unwrap()
    };
    let (leased, claimed) = (by(IdentityChoice::Lease), by(IdentityChoice::Caller));
    assert!(!leased.groups().is_empty() && !leased.is_claimed());
    assert!(!claimed.groups().is_empty() && claimed.is_claimed());
    assert!(!claimed.runtime.is_empty(), "there is somewhere to keep the claim");
    let unnamed = by(IdentityChoice::Useradd);
    assert!(unnamed.groups().is_empty());
    assert!(!unnamed.limits.unwrap().fallbacks.is_empty(), "what falls to resource limits is said");
}

#[test]
fn what_is_delegated_to_an_ordinary_user_bounds_his_builds() {
    let plan = resolved(&full(), &fakes::delegated()).unwrap();
    assert!(plan.is_claimed() && plan.limits.unwrap().fallbacks.is_empty());
    let mut policy = full();
    policy.limits.memory = Demand::Exactly(Bytes(1 << 30));
    policy.required = vec![Guarantee::Resources];
    assert!(resolved(&policy, &fakes::delegated()).is_ok());
    assert!(matches!(resolved(&policy, &fakes::user()), Err(Refusal::Limit(_))));
}

#[test]
fn a_copy_of_the_whole_system_is_refused_on_every_host() {
    for (name, host) in fakes::all() {
        let payload = Payload::command(vec!["true".into()], "/".into(), vec![]).unwrap();
        let plan = Plan::resolve(&full(), Path::new("/usr/bin/true"), &payload, &host);
        let impossible = host.kernel < OLDEST_KERNEL || !host.proc;
        assert!(impossible || plan == Err(Refusal::WholeSystem), "{name}");
    }
    let payload = Payload::command(vec!["true".into()], "/".into(), vec![]).unwrap();
    let network = Policy::preset(Level::Network);
    let plan = Plan::resolve(&network, Path::new("/usr/bin/true"), &payload, &fakes::root());
    assert!(plan.unwrap().trees.is_empty(), "nothing is copied at this level");
}

#[test]
fn a_staging_directory_has_another_name_at_each_probe() {
    let host = |nonce| Host { nonce, ..fakes::docker() };
    let staging = |nonce| resolved(&full(), &host(nonce)).unwrap().staging.unwrap();
    assert_ne!(staging(1), staging(2));
    assert!(staging(1).starts_with("/run/bulkhead/private"));
    let mut policy = full();
    policy.files.scratch = Some("/var/tmp".into());
    let plan = resolved(&policy, &fakes::docker()).unwrap();
    assert!(plan.staging.unwrap().starts_with("/var/tmp"));
}

#[test]
fn what_was_tried_decides_how_a_build_gets_its_source_tree() {
    let what = |plan: &Plan| {
        let entries = &plan.mounts.as_ref().unwrap().entries;
        entries.iter().find(|entry| entry.target == Path::new("/work")).unwrap().what.clone()
    };
    for (host, notes) in [(fakes::root(), Notes::Trusted), (fakes::user(), Notes::User)] {
        let plan = resolved(&full(), &host).unwrap();
        assert_eq!(plan.sharing, Some(host.sharing));
        let overlay = What::Overlay { upper: "source", lower: "/work".into(), notes };
        assert_eq!(what(&plan), overlay);
        let sharing = Sharing::Copy(Obstacle::SetId);
        let plan = resolved(&full(), &Host { sharing, ..host }).unwrap();
        assert_eq!((plan.sharing, what(&plan)), (Some(sharing), What::Scratch("source")));
    }
}

#[test]
fn a_tree_is_not_shared_where_nothing_can_be_mounted_or_the_callers_is_used() {
    let sharing = Sharing::Overlay(Notes::Trusted);
    for host in [fakes::docker(), fakes::docker_unconfined()] {
        let plan = resolved(&full(), &Host { sharing, ..host }).unwrap();
        assert_eq!(plan.sharing, Some(Sharing::Copy(Obstacle::NoMounts)));
    }
    for level in [Level::Network, Level::Proposal] {
        assert_eq!(resolved(&Policy::preset(level), &fakes::root()).unwrap().sharing, None);
    }
    let mut payload = Payload::command(vec!["true".into()], "/work".into(), vec![]).unwrap();
    payload.grants.push(Grant::new("/work".into(), true, true));
    let plan = Plan::resolve(&full(), Path::new("/usr/bin/true"), &payload, &fakes::root());
    assert_eq!(plan.unwrap().sharing, None);
}
