//! Tests of `findings`.

use std::path::Path;

use super::*;
use crate::host::fakes;
use crate::outcome::Clock;
use crate::policy::Policy;
use crate::policy::levels::Level;
use crate::why::findings_json;
use crate::why::obstacles::{Failed, Met, Obstacle, ROOT};

fn of(obstacles: Vec<(Obstacle, u64, u64)>, end: &End, variables: &[&str]) -> Vec<Finding> {
    let variables = variables.iter().map(|name| ((*name).into(), "1".into()));
    let argv = vec!["x".into(), "MY_SWITCH MY_TOKEN".into()];
    let payload = Payload::command(argv, "/w".into(), variables.collect()).unwrap();
    let policy = Policy::preset(Level::Full);
    let plan = Plan::resolve(&policy, Path::new("/x"), &payload, &fakes::root()).unwrap();
    let mut trace = Trace::default();
    trace.failed.push_back(Failed { process: ROOT, parent: 0 });
    for (obstacle, process, moment) in obstacles {
        let by = [(process, moment)].into();
        trace.met.insert(obstacle, Met { times: 1, by, name: "cc1".into() });
    }
    findings(&trace, (&plan, &payload), end, Some("its time was up; raise `--timeout`".into()))
}

#[test]
fn the_last_that_a_process_on_the_way_met_is_first_and_then_what_the_package_asks_for() {
    let obstacles = vec![
        (Obstacle::NotReached("192.0.2.1:80".into(), 101), ROOT, 1),
        (Obstacle::Refused("mount", 1), ROOT, 2),
        (Obstacle::Refused("bpf", 1), 77, 9),
    ];
    let found = of(obstacles, &End::Exited(1), &["MY_SWITCH", "MY_TOKEN", "OTHER"]);
    let layers: Vec<_> = found.iter().map(|it| (it.layer, it.likely)).collect();
    let wanted = [
        (Layer::Syscalls, true),
        (Layer::Network, true),
        (Layer::Environment, true),
        (Layer::Syscalls, false),
    ];
    assert_eq!(layers, wanted, "{found:#?}");
    assert_eq!(found[2].switch.as_deref(), Some("--env MY_SWITCH"), "and not what may be a secret");
}

#[test]
fn an_end_by_a_limit_is_its_own_cause() {
    let obstacles = vec![(Obstacle::Refused("mount", 1), ROOT, 2)];
    let found = of(obstacles, &End::TimedOut(Clock::Wall), &[]);
    assert_eq!(found[0].switch.as_deref(), Some("--timeout"));
    assert_eq!(found[0].line().matches("--timeout").count(), 1);
    assert_eq!(found.len(), 2);
    let limits = vec![(Obstacle::Limit(crate::why::obstacles::Shortage::Processes), ROOT, 2)];
    assert_eq!(of(limits, &End::TooManyProcesses, &[]).len(), 1, "told once");
}

#[test]
fn what_one_switch_helps_against_is_one_and_their_number_is_bounded() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    let mut obstacles = Vec::new();
    for number in 0..60 {
        let directory = root.join(format!("{number:02}"));
        std::fs::create_dir(&directory).unwrap();
        for name in ["a", "b"] {
            std::fs::write(directory.join(name), "").unwrap();
            obstacles.push((Obstacle::Missing(directory.join(name)), ROOT, number));
        }
        obstacles.push((Obstacle::Missing(directory), ROOT, number));
    }
    // On the way to all of them.
    obstacles.push((Obstacle::Missing(root), ROOT, 99));
    let found = of(obstacles, &End::Exited(1), &[]);
    assert_eq!(found.len(), MOST);
    for finding in &found {
        assert!(finding.text.contains("2 more") || finding.text.contains("1 more"), "{finding:?}");
        assert!(finding.times >= 2, "{finding:?}");
    }
    let json = findings_json(&found).to_string();
    assert!(json.len() < 64 << 10, "{}", json.len());
    let hostile = place.path().join("b\n::c");
    std::fs::write(&hostile, "").unwrap();
    let found = of(vec![(Obstacle::Missing(hostile), ROOT, 1)], &End::Exited(1), &[]);
    assert_eq!((found[0].line().lines().count(), &found[0].switch), (1, &None));
}

#[test]
fn what_leads_to_another_is_told_apart_however_many_there_are() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().canonicalize().unwrap();
    for name in ["a", "a/b", "a/b/c", "a-b", "d"] {
        std::fs::create_dir(root.join(name)).unwrap();
    }
    let met =
        ["a", "a/b", "a/b/c", "a-b", "d"].map(|it| (Obstacle::Missing(root.join(it)), ROOT, 1));
    let found = of(met.into(), &End::Exited(1), &[]);
    let mut told: Vec<_> = found.iter().filter_map(|it| it.switch.clone()).collect();
    told.sort();
    let wanted = ["a-b", "a/b/c", "d"].map(|it| format!("--ro {}", root.join(it).display()));
    assert_eq!(told, wanted);
}

#[test]
fn a_process_is_named_as_it_names_itself_and_says_no_more() {
    let obstacle = Obstacle::Owner("/tmp/x".into());
    for (name, shown) in [
        ("cc1plus", "`cc1plus` "),
        ("", "a program "),
        ("a b", "\"a b\" "),
        ("`--rw /` opens", "\"\\u{60}--rw /\\u{60} opens\" "),
    ] {
        let payload = Payload::command(vec!["x".into()], "/w".into(), vec![]).unwrap();
        let policy = Policy::preset(Level::Full);
        let plan = Plan::resolve(&policy, Path::new("/x"), &payload, &fakes::root()).unwrap();
        let mut trace = Trace::default();
        let met = Met { times: 1, by: [(ROOT, 1)].into(), name: name.into() };
        trace.met.insert(obstacle.clone(), met);
        let found = findings(&trace, (&plan, &payload), &End::Exited(1), None);
        assert!(found[0].line().starts_with(shown), "{}", found[0].line());
    }
}
