use std::time::Duration;

use super::*;
use crate::policy::levels::Level;
use crate::policy::limits::amounts::{Bytes, Count, Span};
use crate::words::{Guarantee, Layer};

fn odd() -> OsString {
    OsString::from_vec(vec![b'/', b'a', 0xff, b'\n'])
}

fn everything() -> (Policy, Payload) {
    let policy = Policy {
        identity: Some(IdentityChoice::Caller),
        uids: 7..=9,
        runtime: Some(odd().into()),
        environment: EnvironmentPolicy {
            keep: vec!["MY_*".parse().unwrap(), "CC".parse().unwrap()],
            delete: vec!["MY_SECRET*".parse().unwrap()],
            set: vec![("A".into(), odd())],
        },
        files: FilesPolicy { scratch: Some("/s".into()), in_place: true },
        limits: Limits {
            memory: Demand::Exactly(Bytes(u64::MAX)),
            pids: Demand::Unlimited,
            open_files: Demand::Exactly(Count(3)),
            file_size: Demand::Exactly(Bytes(4)),
            cpu_time: Demand::Exactly(Span(Duration::from_secs(5))),
            timeout: Demand::Exactly(Span(Duration::from_millis(6))),
            silence: Demand::Exactly(Span(Duration::from_secs(7))),
            log: Demand::Exactly(Bytes(8)),
            output: Demand::Exactly(Bytes(9)),
        },
        syscalls: Syscalls::EVERYTHING.set(Choice::Internet, false).set(Choice::Others, false),
        required: vec![Guarantee::Files, Guarantee::Secrets],
        best_effort: true,
        ends_with_caller: true,
        lab: true,
        ..Policy::preset(Level::Full).without(Layer::Limits)
    };
    let tree = |purpose| PrivateTree::new(odd().into(), purpose);
    let payload = Payload {
        argv: vec!["x".into(), odd()],
        directory: "/w".into(),
        environment: vec![(odd(), "v".into())],
        stdin: Stdin::Inherit,
        grants: vec![Grant {
            named: true,
            hidden: vec![odd().into()],
            shown: vec!["/g/s".into()],
            ..Grant::new("/g".into(), true, false)
        }],
        links: vec![("/l".into(), odd().into())],
        suspects: vec![odd().into()],
        needs: vec!["/n".into(), odd().into()],
        trees: [Purpose::Source, Purpose::Control, Purpose::Output, Purpose::Metadata]
            .map(tree)
            .to_vec(),
    };
    (policy, payload)
}

#[test]
fn every_demand_arrives_as_it_was_made() {
    let (policy, payload) = everything();
    let document = request_json(&policy, &payload).unwrap();
    assert_eq!(read_request(&document).unwrap(), (policy, payload));
    for level in [Level::None, Level::Network, Level::Proposal, Level::Full] {
        let (policy, payload) = (Policy::preset(level), everything().1);
        let document = request_json(&policy, &payload).unwrap();
        assert_eq!(read_request(&document).unwrap(), (policy, payload));
    }
}

#[test]
fn a_request_of_another_version_is_refused() {
    let (policy, payload) = everything();
    let document = request_json(&policy, &payload).unwrap();
    let other = document.replace(SCHEMA, "bulkhead.launch/2");
    assert!(matches!(read_request(&other), Err(NoRequest::Schema(_))));
    let more = document.replacen('{', "{\"more\":1,", 1);
    assert!(matches!(read_request(&more), Err(NoRequest::Form(_))));
    let unknown = document.replace("\"mounts\"", "\"moats\"");
    assert!(matches!(read_request(&unknown), Err(NoRequest::Word(_))));
    for text in ["", "{}", "[]", "null"] {
        assert!(read_request(text).is_err(), "{text}");
    }
}
