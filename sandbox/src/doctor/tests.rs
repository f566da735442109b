//! Every kind of host is told apart, with what it holds and what would help.

use super::*;
use crate::host::fakes;
use crate::host::groups::Closed;
use crate::host::surroundings::{Restriction, Service, Systemd};
use crate::launch::rehearsal;
use crate::policy::Policy;
use crate::policy::levels::Level;

/// A machine that systemd runs.
fn machine() -> Surroundings {
    Surroundings { systemd: Systemd::Machine, ..Surroundings::default() }
}

/// A session of an ordinary user there.
fn session() -> Surroundings {
    Surroundings { systemd: Systemd::Own, ..Surroundings::default() }
}

fn service(of_user: bool) -> Surroundings {
    let service = Service { unit: "ci.service".to_owned(), of_user };
    Surroundings { service: Some(service), ..machine() }
}

fn container(container: Container, filtered: bool) -> Surroundings {
    Surroundings {
        container: Some(container),
        filtered,
        covered_proc: vec!["/proc/acpi".to_owned(), "/proc/kcore".to_owned()],
        ..Surroundings::default()
    }
}

fn closing(host: Host, closed: Closed) -> Host {
    let limits = host.limits.clone().without_groups("");
    Host {
        limits: crate::host::limit_support::LimitSupport { closed: Some(closed), ..limits },
        ..host
    }
}

fn patients() -> Vec<(&'static str, Host, Surroundings)> {
    let bare = Surroundings::default;
    let podman = Container::Podman { rootless: true };
    let ubuntu = Surroundings { restriction: Some(Restriction::AppArmor), ..session() };
    let debian = Surroundings { restriction: Some(Restriction::CloneOff), ..session() };
    let masked = Surroundings { covered_proc: vec!["/proc/irq".to_owned()], ..machine() };
    let chroot = || Surroundings { chroot: true, ..bare() };
    let unmasked = fakes::docker_unconfined().namespaces;
    let refusing = fakes::docker().namespaces;
    let masked_host = Host { namespaces: unmasked.clone(), ..fakes::root() };
    let filtered = Surroundings { filtered: true, ..service(false) };
    let masked_service =
        Surroundings { covered_proc: masked.covered_proc.clone(), ..service(false) };
    let strict = Host { namespaces: refusing.clone(), ..fakes::root() };
    let hardened = Host { namespaces: fakes::podman().namespaces, ..fakes::root() };
    let debian_host = Host { namespaces: refusing.clone(), ..fakes::user() };
    let no_landlock = Host { landlock: 0, ..fakes::docker() };
    let one = |host| closing(host, Closed::One);
    let threaded = |host| closing(host, Closed::Threaded("domain threaded".to_owned()));
    let undelegated = fakes::no_delegation;
    vec![
        ("root", fakes::root(), machine()),
        ("user", fakes::user(), session()),
        ("user-delegated", fakes::delegated(), session()),
        ("docker", fakes::docker(), container(Container::Docker, true)),
        ("docker-user", fakes::docker_user(), container(Container::Docker, true)),
        ("docker-unconfined", fakes::docker_unconfined(), container(Container::Docker, false)),
        ("docker-cgroup-v1", one(fakes::docker()), container(Container::Docker, true)),
        ("pod", fakes::docker_user(), container(Container::Pod, true)),
        ("pod-unconfined", fakes::docker_unconfined(), container(Container::Pod, false)),
        ("nspawn", fakes::docker(), container(Container::Other("systemd-nspawn".to_owned()), true)),
        ("docker-no-landlock", no_landlock, container(Container::Docker, true)),
        ("podman-rootless", fakes::podman(), container(podman, true)),
        ("ubuntu-apparmor", fakes::ubuntu(), ubuntu),
        ("debian-clone-off", debian_host.clone(), debian),
        ("no-namespaces", fakes::no_namespaces(), session()),
        ("unknown-refusal", debian_host, session()),
        ("filtered-session", strict.clone(), Surroundings { filtered: true, ..machine() }),
        ("masked-proc", masked_host.clone(), masked),
        ("chroot", fakes::chroot(), chroot()),
        ("chroot-without-proc", fakes::chroot_without_proc(), bare()),
        ("mapped-root", fakes::mapped_root(), session()),
        ("mapped-root-of-root", fakes::mapped_root_of_root(), machine()),
        ("service-restricted", strict, filtered),
        ("service-masked", hardened, masked_service),
        ("service-user", undelegated(), service(true)),
        ("service-sealed", closing(fakes::root(), Closed::Sealed), service(false)),
        ("cgroup-v1-user", one(fakes::user()), session()),
        ("cgroup-v1-user-without-systemd", one(fakes::user()), bare()),
        ("cgroup-v2-root", undelegated(), machine()),
        ("cgroup-v2-root-without-systemd", undelegated(), bare()),
        ("cgroup-v2-user-without-manager", fakes::user(), machine()),
        ("cgroup-v2-user-without-systemd", fakes::user(), bare()),
        ("no-cgroups", closing(fakes::root(), Closed::Unmounted), bare()),
        ("threaded-root", threaded(fakes::root()), machine()),
        ("threaded-user", threaded(fakes::user()), session()),
        ("threaded-without-systemd", threaded(fakes::root()), bare()),
        ("old-kernel", fakes::old_kernel(), machine()),
        ("old-landlock", fakes::old_landlock(), machine()),
        ("old-memory", fakes::root(), Surroundings { fixed_owners_in_memory: true, ..machine() }),
    ]
}

/// The diagnosis where a launch by the plan that is made goes well.
fn examine(host: &Host, surroundings: &Surroundings) -> Diagnosis {
    let plan = rehearsal::plan(&Policy::preset(Level::Full), host);
    diagnose(host, surroundings, plan.map_err(|unheld| unheld.to_string()))
}

#[test]
fn every_kind_of_host_has_a_diagnosis_of_its_own() {
    let mut seen = Vec::new();
    for (name, host, surroundings) in patients() {
        let diagnosis = examine(&host, &surroundings);
        insta::assert_snapshot!(format!("doctor-{name}"), diagnosis.to_string());
        assert!(!seen.contains(&diagnosis), "{name} is told apart from the others");
        seen.push(diagnosis);
    }
}

#[test]
fn every_finding_names_a_command_or_a_version() {
    for (name, host, surroundings) in patients() {
        for finding in examine(&host, &surroundings).findings {
            let exact = finding.remedy.contains('`') || finding.remedy.contains("Linux");
            let asks = matches!(finding.cause, Cause::MaskedProc | Cause::NoControlGroup);
            assert!(exact || asks, "{name}: {}", finding.remedy);
        }
    }
}

#[test]
fn the_cause_is_the_one_that_was_made() {
    let causes = |wanted: &str| {
        let patients = patients();
        let (_, host, around) = patients.iter().find(|(name, _, _)| *name == wanted).unwrap();
        let found = examine(host, around).findings;
        found.into_iter().map(|finding| finding.cause).collect::<Vec<_>>()
    };
    assert_eq!(causes("root"), []);
    assert_eq!(causes("user-delegated"), []);
    assert_eq!(causes("docker"), [Cause::Filter, Cause::NoControlGroup]);
    assert_eq!(causes("docker-unconfined"), [Cause::MaskedProc, Cause::NoControlGroup]);
    let podman = [Cause::MaskedProc, Cause::HostName, Cause::NoControlGroup];
    assert_eq!(causes("podman-rootless"), podman);
    let user = [Cause::NoOtherUser, Cause::NoControlGroup];
    for (name, cause) in [
        ("docker-user", Cause::Filter),
        ("pod", Cause::Filter),
        ("ubuntu-apparmor", Cause::AppArmor),
        ("debian-clone-off", Cause::CloneSwitchedOff),
        ("no-namespaces", Cause::NamespacesOff),
        ("unknown-refusal", Cause::NamespacesRefused),
    ] {
        assert_eq!(causes(name), [[cause].as_slice(), &user].concat(), "{name}");
    }
    assert_eq!(causes("masked-proc"), [Cause::MaskedProc]);
    assert_eq!(causes("service-restricted"), [Cause::ServiceFilter]);
    assert_eq!(causes("service-masked"), [Cause::MaskedProc, Cause::HostName]);
    assert_eq!(causes("chroot"), [Cause::Chroot]);
    assert_eq!(causes("chroot-without-proc"), [Cause::NoProc]);
    for name in ["threaded-root", "threaded-user", "threaded-without-systemd"] {
        assert_eq!(causes(name), [Cause::ThreadedGroup], "{name}");
    }
    assert_eq!(causes("old-kernel"), [Cause::OldKernel]);
    assert_eq!(causes("old-landlock"), [Cause::OldLandlock]);
    assert_eq!(causes("old-memory"), [Cause::MemoryFiles]);
}

#[test]
fn what_is_not_held_in_full_has_something_that_stands_in_the_way() {
    for (name, host, surroundings) in patients() {
        let diagnosis = examine(&host, &surroundings);
        let text = diagnosis.to_string();
        let nothing = diagnosis.findings.is_empty();
        assert!(diagnosis.is_sound() || !nothing, "{name}: {text}");
        let said = text.contains("nothing stands in the way");
        assert_eq!(said, diagnosis.is_sound() && nothing, "{name}: {text}");
    }
}

#[test]
fn the_first_line_says_whether_and_how_well() {
    let answer = |host: &Host| examine(host, &machine()).answer();
    assert!(answer(&fakes::root()).starts_with("yes, builds run here and all 9"));
    let partly = answer(&fakes::user());
    assert!(partly.contains("8 of 9") && partly.ends_with("partly held: resources"), "{partly}");
    let no = answer(&fakes::old_kernel());
    assert!(no.starts_with("no, nothing can be built here: Linux 5.4 is too old"), "{no}");
    // A launch that fails is never one that holds, whatever the plan had promised.
    let failed = diagnose(&fakes::root(), &machine(), Err("could not do it".to_owned()));
    let text = failed.to_string();
    assert!(text.starts_with("no, nothing can be built here: could not do it\n"), "{text}");
    assert!(!text.contains("held") && !text.contains("nothing stands in the way"), "{text}");
}

#[test]
fn where_systemd_is_not_it_is_not_told_to_help() {
    for (name, host, surroundings) in patients() {
        for finding in examine(&host, &surroundings).findings {
            let systemd = ["systemd-run", "systemctl", "systemd."];
            let named = systemd.iter().any(|word| finding.remedy.contains(word));
            let there = surroundings.systemd != Systemd::Absent && surroundings.container.is_none();
            assert!(there || !named, "{name}: {}", finding.remedy);
        }
    }
}
