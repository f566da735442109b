//! Each guarantee, tried from inside a container: what works where nothing is in the way, and what
//! of it works behind the sandbox.

use std::collections::BTreeMap;

use rstest::rstest;
use serde_json::Value;

use crate::container::{Container, Kind};

/// What engines, kernels and security modules may refuse without the sandbox too. Every other
/// attempt must work there, or its refusal behind the sandbox would say nothing.
const MAYBE_REFUSED_ANYWAY: [&str; 8] = [
    "read-memory",
    "trace-process",
    "read-process",
    "user-namespace",
    "set-uid-fchmodat2",
    "io-uring",
    "socket-vsock",
    // Of uid 1000 only.
    "capability",
];

/// What the contained plan holds only partly, as `bulkhead` says each time.
const CONTAINED: &[&str] = &["socket-named", "see-process", "learn-hostname"];
/// The same, where the build has the user of its caller, whose files it owns.
const CONTAINED_AS_CALLER: &[&str] =
    &["socket-named", "see-process", "learn-hostname", "change-mode"];
/// Where the container's `/proc` is the only one to be had.
const BOUND_PROC: &[&str] = &["see-process"];
/// Where the host name cannot be set either.
const BOUND_PROC_AND_NAME: &[&str] = &["see-process", "learn-hostname"];

#[rstest]
#[case::docker(Kind::Docker, 0, "contained", CONTAINED)]
#[case::docker_user(Kind::Docker, 1000, "contained", CONTAINED_AS_CALLER)]
#[case::unconfined(Kind::Unconfined, 0, "namespaced", BOUND_PROC)]
#[case::unconfined_user(Kind::Unconfined, 1000, "namespaced", BOUND_PROC)]
#[case::open(Kind::Open, 0, "namespaced", &[])]
#[case::open_user(Kind::Open, 1000, "namespaced", &[])]
#[case::podman(Kind::Podman, 0, "namespaced", BOUND_PROC_AND_NAME)]
#[case::podman_user(Kind::Podman, 1000, "namespaced", BOUND_PROC_AND_NAME)]
#[case::open_podman(Kind::OpenPodman, 0, "namespaced", &[])]
fn of_all_that_a_build_tries_only_what_is_said_works(
    #[case] kind: Kind,
    #[case] uid: u32,
    #[case] plan: &str,
    #[case] worked: &[&str],
) {
    let words = ["/usr/bin/python3", "/lab/plants.py", "/opt/bulkhead"];
    let Some(output) = Container::new(kind, uid).run(&words) else { return };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let answers = |which: &str| -> BTreeMap<String, String> {
        serde_json::from_value(told[which]["answers"].clone()).unwrap()
    };
    let working = |answers: &BTreeMap<String, String>| -> Vec<String> {
        let worked = answers.iter().filter(|(_, answer)| *answer == "worked");
        worked.map(|(name, _)| name.clone()).collect()
    };

    let (plain, held) = (answers("plain"), answers("held"));
    let control = working(&plain);
    assert!(control.len() >= 20, "{plain:?}");
    for name in plain.keys().filter(|name| !control.contains(name)) {
        assert!(MAYBE_REFUSED_ANYWAY.contains(&name.as_str()), "the control: {name} {plain:?}");
    }
    let mut worked: Vec<_> = worked.iter().map(ToString::to_string).collect();
    worked.sort();
    assert_eq!(working(&held), worked, "{held:?}");

    // What the build made in its directory, the caller's does not have.
    assert_eq!(told["held"]["left"], serde_json::json!([]));
    assert_eq!(told["plain"]["left"], serde_json::json!(["program"]), "the control");
    // What is held partly is said, once and in one line; what else is said is about this payload.
    let errors = told["held"]["errors"].as_str().unwrap();
    let start = format!("bulkhead: {plan} plan; not in full here: ");
    let [said] = errors.lines().filter(|line| line.contains(" partly ")).collect::<Vec<_>>()[..]
    else {
        panic!("{errors}");
    };
    assert!(said.starts_with(&start), "{said}");
    assert!(errors.contains("program in the working directory went away"), "{errors}");
    assert!(errors.contains("`--rw DIRECTORY` keeps"), "{errors}");
    assert_eq!(said.contains("processes partly"), !worked.is_empty(), "{said}");
    assert_eq!(said.contains("network partly"), plan == "contained", "{said}");
    assert_eq!(said.contains("secrets partly"), plan == "contained" && uid != 0, "{said}");
    assert!(!said.contains("privileges"), "{said}");
}

#[rstest]
#[case::docker(Kind::Docker, 0, true)]
#[case::docker_user(Kind::Docker, 1000, true)]
#[case::unconfined(Kind::Unconfined, 0, false)]
#[case::unconfined_user(Kind::Unconfined, 1000, true)]
#[case::podman(Kind::Podman, 0, false)]
#[case::podman_user(Kind::Podman, 1000, true)]
fn nothing_of_a_build_outlives_it_or_its_supervisor(
    #[case] kind: Kind,
    #[case] uid: u32,
    #[case] swept_at_once: bool,
) {
    let home = if uid == 0 { "/root" } else { "/home/user" };
    let words = ["/usr/bin/python3", "/lab/remnants.py", "/opt/bulkhead"];
    let Some(output) = Container::new(kind, uid).set("HOME", home).run(&words) else { return };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let count = |name: &str| told[name].as_u64().unwrap();
    assert_eq!((count("plain"), count("plain-killed")), (3, 3), "the control: {told}");
    assert_eq!((count("held"), count("held-killed")), (0, 0), "{told}");
    assert_eq!(told["survivors"], serde_json::json!([]));
    // Where neither a guardian nor a mount of its own holds the private directory, a sweep removes it.
    assert!(!swept_at_once || told["kept"] == serde_json::json!([]), "{told}");
    assert_eq!(told["kept-after-sweep"], serde_json::json!([]), "{told}");
}
