//! The doctor tells real containers apart, and what it advises helps.

use rstest::rstest;
use serde_json::Value;

use crate::container::{Container, Kind};

fn examined(kind: Kind, uid: u32) -> Option<Value> {
    let output = Container::new(kind, uid).run(&["/opt/bulkhead", "doctor", "--json"])?;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn causes(found: &Value) -> Vec<&str> {
    let findings = found["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["cause"].as_str().unwrap()).collect()
}

const DOCKER: &str = "a container of Docker";
const PODMAN: &str = "a container of rootless Podman";

#[rstest]
#[case::docker(Kind::Docker, 0, DOCKER, "contained", "lease", &["filter"])]
#[case::docker_user(Kind::Docker, 1000, DOCKER, "contained", "caller", &["filter", "no-other-user"])]
#[case::unconfined(Kind::Unconfined, 0, DOCKER, "namespaced", "lease", &["masked-proc"])]
#[case::unconfined_user(Kind::Unconfined, 1000, DOCKER, "namespaced", "caller", &["masked-proc"])]
#[case::open(Kind::Open, 0, DOCKER, "namespaced", "lease", &[])]
#[case::podman(Kind::Podman, 0, PODMAN, "namespaced", "lease", &["masked-proc", "host-name"])]
#[case::podman_user(Kind::Podman, 1000, PODMAN, "namespaced", "caller", &["masked-proc", "host-name"])]
#[case::open_podman(Kind::OpenPodman, 0, PODMAN, "namespaced", "lease", &[])]
fn every_container_is_named_with_what_stands_in_the_way(
    #[case] kind: Kind,
    #[case] uid: u32,
    #[case] host: &str,
    #[case] plan: &str,
    #[case] identity: &str,
    #[case] expected: &[&str],
) {
    let Some(found) = examined(kind, uid) else { return };
    let named = found["host"].as_str().unwrap();
    assert!(named.ends_with(&format!("uid {uid}, {host}")), "{named}");
    assert_eq!(
        (&found["full"]["plan"], &found["full"]["identity"]),
        (&plan.into(), &identity.into())
    );
    // No container here has control groups of its own.
    assert_eq!(causes(&found), [expected, &["no-control-group"]].concat(), "{found:#}");
}

/// The values of `--security-opt` that a remedy names.
fn options(remedy: &str) -> Vec<&str> {
    let words: Vec<_> = remedy.split([' ', '`']).collect();
    let pairs = words.windows(2).filter(|pair| pair[0] == "--security-opt");
    pairs.map(|pair| pair[1]).collect()
}

#[rstest]
#[case::docker(Kind::Docker, Kind::Open)]
#[case::unconfined(Kind::Unconfined, Kind::Open)]
#[case::podman(Kind::Podman, Kind::OpenPodman)]
fn what_the_doctor_advises_is_what_helps(#[case] ill: Kind, #[case] well: Kind) {
    let Some(found) = examined(ill, 0) else { return };
    let remedies = found["findings"].as_array().unwrap().iter();
    let remedies = remedies.filter(|finding| finding["cause"] != "no-control-group");
    let advised: Vec<_> = remedies.flat_map(|it| options(it["remedy"].as_str().unwrap())).collect();
    assert!(!advised.is_empty(), "{found:#}");
    // The other kind is started with these options and no others, and has nothing of it left.
    let taken: Vec<_> =
        well.options().iter().filter_map(|word| word.strip_prefix("--security-opt=")).collect();
    for option in &taken {
        let there = ill.options().iter().any(|word| word.ends_with(option));
        assert!(there || advised.contains(option), "{option} was not advised: {advised:?}");
    }
    for option in advised {
        assert!(taken.contains(&option), "{option} was not tried");
    }
}
