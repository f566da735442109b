use std::path::PathBuf;

use super::*;
use crate::host::groups::Place;
use crate::layers::mounts::Base;

/// A group that bounds memory, and the plan of an otherwise empty root that shows it.
fn shown(version: Version, separate: &[&str]) -> Vec<(PathBuf, What)> {
    let place = Place { version, directory: "/g".into(), swap: false, lend: false };
    let group = Group::of_memory(&place, 1 << 30, u64::MAX);
    let separate: Vec<Vec<String>> =
        separate.iter().map(|names| names.split(',').map(str::to_owned).collect()).collect();
    let plan =
        MountPlan { base: Base::Empty, entries: vec![Entry::new("/dev/pts", What::Terminals)] };
    let plan = plan.showing_groups(&[group], &separate);
    assert_eq!(plan.entries.last().unwrap().what, What::Terminals, "{plan:?}");
    plan.entries.into_iter().map(|entry| (entry.target, entry.what)).collect()
}

#[test]
fn of_version_two_the_own_group_is_shown() {
    let shown = shown(Version::Two, &["memory"]);
    assert_eq!(shown[0], ("/sys/fs/cgroup".into(), What::ControlGroup(vec![])));
    assert_eq!(shown.len(), 2);
}

#[test]
fn of_version_one_a_group_that_is_the_callers_too_is_covered() {
    let shown = shown(Version::One, &["memory", "cpu,cpuacct", "devices", "name=systemd"]);
    let group =
        |names: &[&str]| What::ControlGroup(names.iter().map(ToString::to_string).collect());
    let expected: Vec<(PathBuf, What)> = vec![
        ("/sys/fs/cgroup/memory".into(), group(&["memory"])),
        ("/sys/fs/cgroup/cpu,cpuacct".into(), group(&["cpu", "cpuacct"])),
        ("/sys/fs/cgroup/cpu,cpuacct".into(), What::Nothing),
    ];
    assert_eq!(shown[..3], expected);
    assert_eq!(shown.len(), 4);
}

#[test]
fn a_build_without_groups_sees_none() {
    let plan = MountPlan { base: Base::Empty, entries: vec![] };
    let separate = [vec!["memory".to_owned()]];
    assert_eq!(plan.showing_groups(&[], &separate).entries, []);
}
