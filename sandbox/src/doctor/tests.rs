//! Every kind of host is told apart, with what it holds and what would help.

use super::*;
use crate::host::fakes;
use crate::host::surroundings::Cgroups;

fn bare(cgroups: Cgroups) -> Surroundings {
    Surroundings { cgroups, ..Surroundings::default() }
}

fn container(container: Container, filtered: bool) -> Surroundings {
    Surroundings {
        container: Some(container),
        filtered,
        covered_proc: vec!["/proc/acpi".to_owned(), "/proc/kcore".to_owned()],
        ..bare(Cgroups::Two)
    }
}

fn on_version_one(around: Surroundings) -> Surroundings {
    Surroundings { cgroups: Cgroups::One, ..around }
}

fn patients() -> Vec<(&'static str, Host, Surroundings)> {
    let podman = Container::Podman { rootless: true };
    let ubuntu = Surroundings { apparmor_restricts: true, ..bare(Cgroups::Two) };
    let debian = Surroundings { clone_switched_off: true, ..bare(Cgroups::Two) };
    let masked = Surroundings { covered_proc: vec!["/proc/irq".to_owned()], ..bare(Cgroups::One) };
    let mut masked_host = fakes::root();
    masked_host.namespaces = fakes::docker_unconfined().namespaces;
    let mut debian_host = fakes::user();
    debian_host.namespaces = fakes::docker().namespaces;
    let mut no_landlock = fakes::docker();
    no_landlock.landlock = 0;
    vec![
        ("root", fakes::root(), bare(Cgroups::One)),
        ("user", fakes::user(), bare(Cgroups::Two)),
        ("docker", fakes::docker(), container(Container::Docker, true)),
        ("docker-user", fakes::docker_user(), container(Container::Docker, true)),
        ("docker-unconfined", fakes::docker_unconfined(), container(Container::Docker, false)),
        ("docker-cgroup-v1", fakes::docker(), on_version_one(container(Container::Docker, true))),
        ("pod", fakes::docker(), container(Container::Other("kubepods".to_owned()), true)),
        ("docker-no-landlock", no_landlock, container(Container::Docker, true)),
        ("podman-rootless", fakes::podman(), container(podman, true)),
        ("ubuntu-apparmor", fakes::ubuntu(), ubuntu),
        ("debian-clone-off", debian_host, debian),
        ("no-namespaces", fakes::no_namespaces(), bare(Cgroups::Two)),
        ("masked-proc", masked_host, masked),
        ("cgroup-v1-user", fakes::user(), bare(Cgroups::One)),
        ("cgroup-v2-root", fakes::no_delegation(), bare(Cgroups::Two)),
        ("old-kernel", fakes::old_kernel(), bare(Cgroups::One)),
        ("old-landlock", fakes::old_landlock(), bare(Cgroups::One)),
    ]
}

#[test]
fn every_kind_of_host_has_a_diagnosis_of_its_own() {
    let mut seen = Vec::new();
    for (name, host, surroundings) in patients() {
        let diagnosis = diagnose(&host, &surroundings);
        insta::assert_snapshot!(format!("doctor-{name}"), diagnosis.to_string());
        assert!(!seen.contains(&diagnosis), "{name} is told apart from the others");
        seen.push(diagnosis);
    }
}

#[test]
fn every_finding_names_a_command_or_a_version() {
    for (name, host, surroundings) in patients() {
        for finding in diagnose(&host, &surroundings).findings {
            let exact = finding.remedy.contains('`') || finding.remedy.contains("Linux");
            assert!(exact || finding.cause == Cause::MaskedProc, "{name}: {}", finding.remedy);
        }
    }
}

#[test]
fn the_cause_is_the_one_that_was_made() {
    let causes = |wanted: &str| {
        let patients = patients();
        let (_, host, around) = patients.iter().find(|(name, _, _)| *name == wanted).unwrap();
        let found = diagnose(host, around).findings;
        found.into_iter().map(|finding| finding.cause).collect::<Vec<_>>()
    };
    assert_eq!(causes("root"), []);
    assert_eq!(causes("docker"), [Cause::Filter, Cause::NoControlGroup]);
    assert_eq!(causes("docker-unconfined"), [Cause::MaskedProc, Cause::NoControlGroup]);
    let podman = [Cause::MaskedProc, Cause::HostName, Cause::NoControlGroup];
    assert_eq!(causes("podman-rootless"), podman);
    let user = [Cause::NoOtherUser, Cause::NoControlGroup];
    assert_eq!(causes("docker-user"), [[Cause::Filter].as_slice(), &user].concat());
    assert_eq!(causes("ubuntu-apparmor"), [[Cause::AppArmor].as_slice(), &user].concat());
    assert_eq!(causes("debian-clone-off"), [[Cause::CloneSwitchedOff].as_slice(), &user].concat());
    assert_eq!(causes("no-namespaces"), [[Cause::NamespacesOff].as_slice(), &user].concat());
    assert_eq!(causes("masked-proc"), [Cause::MaskedProc]);
    assert_eq!(causes("old-kernel"), [Cause::OldKernel, Cause::NoLandlock]);
    assert_eq!(causes("old-landlock"), [Cause::OldLandlock]);
}
