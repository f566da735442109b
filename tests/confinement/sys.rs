//! A build finds a small `/sys`: the machine's processors, and the control groups that bound it.

use std::fs;

use rstest::rstest;

use crate::machine::{directory, is_root, run};
use crate::named::Plan;

/// What `script` prints in the sandbox of `plan`.
fn prints(plan: Plan, options: &[&str], script: &str) -> String {
    let place = directory();
    let tree = place.path().join("src");
    fs::create_dir(&tree).unwrap();
    plan.give(&tree);
    let words = [&["run", "--quiet"], options, &["--", "/bin/sh", "-c", script]].concat();
    let output = plan.call(&tree, &[], &words);
    assert!(output.status.success(), "{plan:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[rstest]
fn processors_and_nodes_are_those_of_the_machine(
    #[values(Plan::Root, Plan::User)] plan: Plan,
    #[values(
        "cpu/online",
        "cpu/possible",
        "cpu/cpu0/topology/core_id",
        "cpu/cpu0/topology/thread_siblings_list",
        "cpu/cpu0/topology/core_siblings",
        "node/online",
        "node/node0/cpulist"
    )]
    file: &str,
) {
    let path = format!("/sys/devices/system/{file}");
    let Ok(outside) = fs::read_to_string(&path) else { return };
    if is_root() {
        assert_eq!(prints(plan, &[], &format!("cat {path}")), outside);
    }
}

#[rstest]
fn nothing_else_of_the_machines_own_is_there(#[values(Plan::Root, Plan::User)] plan: Plan) {
    if !is_root() {
        return;
    }
    let script = "ls /sys /sys/class /sys/class/net /sys/bus; ls -A /sys/block /sys/bus/pci/devices; \
                  ls /sys/kernel /sys/firmware /sys/devices/virtual /sys/module 2>/dev/null; true";
    let found = prints(plan, &[], script);
    let mut names: Vec<_> =
        found.lines().filter(|line| !line.is_empty() && !line.ends_with(':')).collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| *name != "fs");
    assert_eq!(names, ["block", "bus", "class", "devices", "lo", "net", "pci"], "{found}");
}

/// As Java looks for it (`cgroups(7)`): by where a tree is mounted, and in there for the own group.
const OWN_GROUP: &str = "import re
names = dict(line.strip().split(':', 2)[1:] for line in open('/proc/self/cgroup'))
assert set(names.values()) == {'/'}, names
found = []
for line in open('/proc/self/mountinfo'):
    mount, _, super = line.partition(' - ')
    kind, options = super.split()[0], super.split()[2]
    if kind == 'cgroup2' or kind == 'cgroup' and 'memory' in options.split(','):
        root, place = mount.split()[3:5]
        assert root == '/', line
        for name in ('memory.max', 'memory.limit_in_bytes'):
            try:
                found.append(open(place + '/' + name).read().strip())
                open(place + '/' + name, 'w').close()
            except FileNotFoundError:
                pass
            except OSError as error:
                found.append(type(error).__name__ + str(error.errno))
print(found)
";

#[test]
fn a_build_reads_its_own_limit_of_memory_and_cannot_write_it() {
    if !is_root() {
        return;
    }
    let script = format!("exec /usr/bin/python3 -c \"{OWN_GROUP}\"");
    let found = prints(Plan::Root, &["--memory", "256M"], &script);
    assert_eq!(found, "['268435456', 'OSError30']\n");
}

/// Of a tree in which the build has no group of its own it would see its caller's.
#[test]
fn a_group_that_is_the_callers_too_is_covered() {
    if !is_root() {
        return;
    }
    let place = directory();
    let output = run(place.path(), &[], "ls -d /sys/fs/cgroup/*; cat /sys/fs/cgroup/cpu*/tasks");
    let found = String::from_utf8_lossy(&output.stdout);
    if std::path::Path::new("/sys/fs/cgroup/cpu/tasks").exists() {
        assert!(
            found.lines().any(|line| line == "/sys/fs/cgroup/cpu"),
            "its place is there: {found}"
        );
    }
    for line in found.lines() {
        assert!(line.starts_with("/sys/fs/cgroup/"), "a process outside is named: {found}");
    }
}

/// Virtual machines size themselves by it: the heap of a Java is a quarter of its memory.
#[test]
fn a_java_sizes_its_heap_by_the_limit_of_memory() {
    if !is_root() || !std::path::Path::new("/usr/bin/java").exists() {
        return;
    }
    let script = "/usr/bin/java -XX:+PrintFlagsFinal -version 2>/dev/null | grep -w MaxHeapSize";
    let found = prints(Plan::Root, &["--memory", "512M"], script);
    let size: u64 = found.split_whitespace().nth(3).unwrap().parse().unwrap();
    assert!(size <= 256 << 20, "{found}");
}
