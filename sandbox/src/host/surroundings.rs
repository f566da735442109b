//! What explains a refusal: the container, the settings and the masks around this process.
//!
//! Only `doctor` asks for it. A launch decides by what works, not by why.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

/// What is around this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The container that it runs in, if one can be told.
    pub container: Option<Container>,
    /// A system call filter is on already.
    pub filtered: bool,
    /// `kernel.apparmor_restrict_unprivileged_userns` is 1, as on Ubuntu since 23.10.
    pub apparmor_restricts: bool,
    /// `kernel.unprivileged_userns_clone` is 0, as on older Debian.
    pub clone_switched_off: bool,
    /// Parts of `/proc` over which something is mounted.
    pub covered_proc: Vec<String>,
    /// The control groups that are mounted.
    pub cgroups: Cgroups,
}

/// A container, by its engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// Docker.
    Docker,
    /// Podman, as an ordinary user or as root.
    Podman {
        /// Whether an ordinary user started it.
        rootless: bool,
    },
    /// Another engine, by what it calls itself.
    Other(String),
}

/// The control groups that are mounted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cgroups {
    /// None.
    #[default]
    None,
    /// A tree for every controller.
    One,
    /// One tree for all.
    Two,
}

impl Surroundings {
    /// Looks around. Files that cannot be read count as absent.
    #[must_use]
    pub fn probe() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mounts = read("/proc/self/mountinfo");
        let set = |name: &str, to: &str| read(&format!("/proc/sys/kernel/{name}")).trim() == to;
        Self {
            container: container(
                Path::new("/.dockerenv").exists(),
                fs::read_to_string("/run/.containerenv").ok().as_deref(),
                &read("/proc/self/cgroup"),
                has_every_user(&read("/proc/self/uid_map")),
            ),
            filtered: super::is_filtered(),
            apparmor_restricts: set("apparmor_restrict_unprivileged_userns", "1"),
            clone_switched_off: set("unprivileged_userns_clone", "0"),
            covered_proc: super::covered_proc(&mounts).map(str::to_owned).collect(),
            cgroups: cgroups(&mounts),
        }
    }
}

/// The container that leaves these traces: the file of Docker, that of Podman with its content, and
/// the names of the own control groups. Podman writes down that it is rootless only where the
/// container is privileged; else that not every user exists in it tells so.
fn container(
    docker: bool,
    podman: Option<&str>,
    cgroup: &str,
    every_user: bool,
) -> Option<Container> {
    if let Some(text) = podman {
        let rootless = text.contains("rootless=1") || !every_user;
        return Some(Container::Podman { rootless });
    }
    if docker || cgroup.contains("/docker/") {
        return Some(Container::Docker);
    }
    let known = ["kubepods", "lxc", "crio", "containerd"];
    let other = known.into_iter().find(|name| cgroup.contains(name));
    other.map(|name| Container::Other(name.to_owned()))
}

/// Whether the map of users is that of a machine, not of a user namespace on it
/// (`user_namespaces(7)`).
fn has_every_user(map: &str) -> bool {
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

fn cgroups(mounts: &str) -> Cgroups {
    let kinds = mounts.lines().filter_map(|line| line.split_once(" - ")).map(|(_, rest)| rest);
    let (mut one, mut two) = (false, false);
    for kind in kinds {
        one |= kind.starts_with("cgroup ") && kind.contains("memory");
        two |= kind.starts_with("cgroup2 ");
    }
    match (one, two) {
        (true, _) => Cgroups::One,
        (false, true) => Cgroups::Two,
        (false, false) => Cgroups::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_told_apart_by_what_they_leave() {
        let machine = |docker, podman, cgroup| container(docker, podman, cgroup, true);
        assert_eq!(machine(true, None, ""), Some(Container::Docker));
        assert_eq!(machine(false, None, "4:memory:/docker/0123"), Some(Container::Docker));
        let rootless = Some(Container::Podman { rootless: true });
        let text = "engine=\"podman-5.2\"\nrootless=1\n";
        assert_eq!(machine(false, Some(text), ""), rootless);
        assert_eq!(machine(false, Some(""), ""), Some(Container::Podman { rootless: false }));
        assert_eq!(container(false, Some(""), "", false), rootless);
        let pod = machine(false, None, "0::/kubepods.slice/x");
        assert_eq!(pod, Some(Container::Other("kubepods".to_owned())));
        assert_eq!(machine(false, None, "0::/user.slice"), None);
    }

    #[test]
    fn a_user_namespace_is_told_from_a_machine_by_its_users() {
        assert!(has_every_user("         0          0 4294967295\n"));
        assert!(!has_every_user("0 1000 1\n1 100000 65536\n"));
        assert!(!has_every_user(""));
    }

    #[test]
    fn the_control_groups_that_count_memory_are_told_apart() {
        let one = "1 2 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                   1 2 0:3 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw";
        assert_eq!(cgroups(one), Cgroups::One);
        assert_eq!(cgroups("1 2 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"), Cgroups::Two);
        assert_eq!(cgroups("1 2 0:3 / / rw - ext4 /dev/vda rw"), Cgroups::None);
    }
}
