//! Every level on every host, written out.

use std::path::Path;

use super::*;
use crate::host::{Host, fakes};
use crate::payload::{Payload, Stdin};
use crate::plan::Refusal;
use crate::policy::Policy;
use crate::policy::levels::Level;

fn planned(level: Level, host: &Host) -> Result<Plan, Refusal> {
    let environment = [
        ("PATH", "/opt/tools/bin:/usr/bin:bin"),
        ("LANG", "C.UTF-8"),
        ("GITHUB_TOKEN", "hush"),
        ("CARGO_REGISTRY_TOKEN", "hush"),
        ("PIP_INDEX_URL", "https://me:hush@host/"),
        ("CMAKE_ARGS", "-DX=https://me:hush@host/"),
        ("MY_FLAG", "1"),
        ("BASH_FUNC_ls%%", "() { :; }"),
    ];
    let environment = environment.map(|(name, value)| (name.into(), value.into())).to_vec();
    let argv = vec!["python3".into(), "/work/pkg/setup.py".into()];
    let mut payload = Payload::command(argv, "/work/pkg".into(), environment).unwrap();
    payload.stdin = Stdin::Null;
    let mut policy = Policy::preset(level);
    policy.environment.keep.push("MY_*".parse().unwrap());
    policy.environment.set.push(("CC".into(), "clang".into()));
    Plan::resolve(&policy, Path::new("/usr/bin/python3"), &payload, host)
}

/// All but the system calls, which are a table of their own.
fn text(plan: &Plan) -> String {
    let sections = sections(plan).into_iter().filter(|section| section.title != "system calls");
    let lines = |section: Section| {
        let lines = section.lines.iter().map(|line| format!("  {line}"));
        [section.title.to_owned()].into_iter().chain(lines).collect::<Vec<_>>()
    };
    sections.flat_map(lines).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_level_on_every_host_is_explained() {
    for level in [Level::Network, Level::Proposal, Level::Full] {
        for (name, host) in fakes::all() {
            let explained = match planned(level, &host) {
                Ok(plan) => text(&plan),
                Err(refusal) => format!("refused: {refusal}\n"),
            };
            insta::assert_snapshot!(format!("explain-{level}-{name}"), explained);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_system_calls_of_both_plans_are_written_out() {
    for (name, host) in [("namespaced", fakes::root()), ("contained", fakes::docker())] {
        let plan = planned(Level::Full, &host).unwrap();
        insta::assert_snapshot!(
            format!("system-calls-{name}"),
            enforcement::system_calls(&plan).join("\n")
        );
    }
}

#[test]
fn no_value_that_may_be_a_secret_is_printed() {
    for level in [Level::Network, Level::Full] {
        let plan = planned(level, &fakes::root()).unwrap();
        for text in [plan.to_string(), crate::wire::plan_json(&plan, &["x"])] {
            assert!(text.contains("GITHUB_TOKEN") && !text.contains("hush"), "{text}");
        }
    }
}
