//! `doctor` tells on the real kernel what it tells of the fakes.

use std::process::Output;

use rstest::rstest;
use serde_json::Value;

use super::{Caller, place, start};
use crate::machine::{bulkhead, directory, is_root};

fn examined(output: &Output) -> Value {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn causes(found: &Value) -> Vec<&str> {
    let findings = found["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["cause"].as_str().unwrap()).collect()
}

#[test]
fn root_of_a_plain_machine_gets_everything() {
    if !is_root() {
        return;
    }
    let directory = directory();
    let found = examined(&bulkhead(directory.path()).args(["doctor", "--json"]).output().unwrap());
    assert_eq!(found["schema"], "bulkhead.doctor/1");
    assert_eq!(found["full"]["plan"], "namespaced");
    for guarantee in ["secrets", "network", "processes", "files", "privileges", "remnants"] {
        assert_eq!(found["full"]["guarantees"][guarantee]["holding"], "held", "{guarantee}");
    }
    let text = bulkhead(directory.path()).arg("doctor").output().unwrap();
    assert!(String::from_utf8(text.stdout).unwrap().contains("plan  namespaced, as a leased uid"));
}

#[rstest]
#[case::root(Caller::Root, "lease", "held")]
#[case::user(Caller::User, "caller", "partly")]
fn where_namespaces_are_switched_off_the_cause_and_the_remedy_are_named(
    #[case] caller: Caller,
    #[case] identity: &str,
    #[case] secrets: &str,
) {
    if !is_root() {
        return;
    }
    let (_place, work) = place(caller);
    let child = start(caller, &work, &["doctor", "--json"]);
    let found = examined(&child.wait_with_output().unwrap());
    assert_eq!(found["full"]["plan"], "contained");
    assert_eq!(found["full"]["identity"], identity);
    assert_eq!(causes(&found)[0], "namespaces-off");
    let remedy = found["findings"][0]["remedy"].as_str().unwrap();
    assert!(remedy.contains("sysctl -w user.max_user_namespaces="), "{remedy}");
    assert_eq!(found["full"]["guarantees"]["network"]["holding"], "partly");
    assert_eq!(found["full"]["guarantees"]["secrets"]["holding"], secrets);
}
