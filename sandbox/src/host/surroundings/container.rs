//! The container or service that a process runs in, by what each leaves to be seen.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use rustix::fs::CWD;

use crate::host::kernel_file::read_text;
use crate::paths::mountinfo::{self, Mount};

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
    /// A pod of Kubernetes, whatever runs it there.
    Pod,
    /// Another engine, by what it calls itself.
    Other(String),
}

/// A service of systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// The name of the unit.
    pub unit: String,
    /// It is one of a user's manager, not of the machine's.
    pub of_user: bool,
}

impl Service {
    /// The command by which its settings are changed.
    #[must_use]
    pub fn edit(&self) -> String {
        let Self { unit, of_user } = self;
        format!("systemctl {}edit {unit}", if *of_user { "--user " } else { "" })
    }
}

/// What a container leaves to be seen.
#[derive(Clone, Copy, Debug, Default)]
struct Traces<'a> {
    /// `/.dockerenv` is there.
    docker: bool,
    /// What `/run/.containerenv` holds.
    podman: Option<&'a str>,
    /// Kubernetes has set its variable, or put the account of the pod where it belongs.
    kubernetes: bool,
    /// What the variable `container` says, or systemd has noted (`systemd-detect-virt(1)`).
    named: Option<&'a str>,
    /// `/proc/self/mountinfo`.
    mounts: &'a [u8],
    /// `/proc/self/cgroup`.
    cgroup: &'a str,
    /// Every user of a machine exists here.
    every_user: bool,
}

/// The container around this process, which sees these `mounts` and is in these groups.
pub(super) fn probe(mounts: &[u8], cgroup: &str) -> Option<Container> {
    let podman = fs::read_to_string("/run/.containerenv").ok();
    let noted = fs::read_to_string("/run/systemd/container").ok();
    let named = std::env::var("container").ok().or(noted);
    let map = read_text(CWD, "/proc/self/uid_map").unwrap_or_default();
    container(Traces {
        docker: Path::new("/.dockerenv").exists(),
        podman: podman.as_deref(),
        kubernetes: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
            || Path::new("/run/secrets/kubernetes.io").exists()
            || Path::new("/var/run/secrets/kubernetes.io").exists(),
        named: named.as_deref().map(str::trim).filter(|name| !name.is_empty()),
        mounts,
        cgroup,
        every_user: has_every_user(&map),
    })
}

/// Where an engine mounts something of its own into every container.
const MOUNTED: [&str; 5] =
    ["/", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/termination-log"];

/// Podman writes down that it is rootless only where the container is privileged; else that not every
/// user exists in it tells so.
fn container(traces: Traces<'_>) -> Option<Container> {
    let from = |place: &str| {
        let own = |mount: &Mount| MOUNTED.iter().any(|at| mount.place == Path::new(at));
        let of = |mount: Mount| {
            let root = mount.root.to_string_lossy().into_owned();
            [root, mount.source, mount.settings].iter().any(|text| text.contains(place))
        };
        mountinfo::known(traces.mounts).filter(own).any(of)
    };
    let in_group = |name: &str| traces.cgroup.contains(name);
    if traces.kubernetes || in_group("kubepods") || from("/kubelet/pods/") {
        return Some(Container::Pod);
    }
    let rootless = !traces.every_user || traces.podman.is_some_and(|it| it.contains("rootless=1"));
    if traces.podman.is_some() || from("/containers/storage/") {
        return Some(Container::Podman { rootless });
    }
    if traces.docker || in_group("/docker") || from("/docker/") {
        return Some(Container::Docker);
    }
    let known = ["lxc", "crio", "containerd"].into_iter().find(|name| in_group(name));
    known.or(traces.named).map(|name| Container::Other(name.to_owned()))
}

/// Whether the map of users is that of a machine, not of a user namespace on it
/// (`user_namespaces(7)`).
fn has_every_user(map: &str) -> bool {
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

/// The service that a process in these groups belongs to, which is the innermost unit around it.
pub(super) fn service(cgroup: &str) -> Option<Service> {
    let of_systemd = |line: &&str| line.starts_with("0::/") || line.contains(":name=systemd:");
    let paths = cgroup.lines().filter(of_systemd).filter_map(|line| line.rsplit_once(":/"));
    paths.into_iter().find_map(|(_, path)| {
        let ends = |name: &&str| [".service", ".scope"].iter().any(|kind| name.ends_with(kind));
        let unit = path.rsplit('/').find(ends)?;
        let of_user = path.contains("/user@");
        // The manager of a user is a service too, and nobody runs in it who has no unit of his own.
        (unit.ends_with(".service") && !unit.starts_with("user@"))
            .then(|| Service { unit: unit.to_owned(), of_user })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Traces<'static> = Traces {
        docker: false,
        podman: None,
        kubernetes: false,
        named: None,
        mounts: b"22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                 90 22 0:5 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw",
        cgroup: "0::/user.slice/user-0.slice/session-1.scope",
        every_user: true,
    };

    #[test]
    fn engines_are_told_apart_by_what_they_leave() {
        assert_eq!(container(MACHINE), None, "containers on it are not around it");
        let docker = Some(Container::Docker);
        assert_eq!(container(Traces { docker: true, ..MACHINE }), docker);
        assert_eq!(container(Traces { cgroup: "4:memory:/docker/0123", ..MACHINE }), docker);
        // As while an image is built, where `/.dockerenv` is not there.
        let mounts = b"90 80 0:5 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X";
        assert_eq!(container(Traces { mounts, ..MACHINE }), docker);
        let podman = |rootless| Some(Container::Podman { rootless });
        let text = Some("engine=\"podman-5.2\"\nrootless=1\n");
        assert_eq!(container(Traces { podman: text, ..MACHINE }), podman(true));
        assert_eq!(container(Traces { podman: Some(""), ..MACHINE }), podman(false));
        let mapped = Traces { podman: Some(""), every_user: false, ..MACHINE };
        assert_eq!(container(mapped), podman(true));
        let named = Some(Container::Other("systemd-nspawn".to_owned()));
        assert_eq!(container(Traces { named: Some("systemd-nspawn"), ..MACHINE }), named);
        let lxc = Some(Container::Other("lxc".to_owned()));
        assert_eq!(container(Traces { cgroup: "0::/lxc.payload.x", ..MACHINE }), lxc);
    }

    #[test]
    fn a_pod_is_one_whatever_runs_it() {
        let mounts = b"90 80 0:5 / / rw - overlay overlay rw\n91 90 254:1 \
                      /var/lib/kubelet/pods/1/etc-hosts /etc/hosts rw - ext4 /dev/vda rw";
        for pod in [
            Traces { kubernetes: true, docker: true, ..MACHINE },
            Traces { cgroup: "0::/kubepods.slice/x", ..MACHINE },
            Traces { mounts, cgroup: "0::/", ..MACHINE },
        ] {
            assert_eq!(container(pod), Some(Container::Pod));
        }
    }

    #[test]
    fn a_service_is_the_innermost_unit() {
        let unit = |cgroup: &str| service(cgroup).map(|it| (it.unit, it.of_user));
        let named = |name: &str, of_user| Some((name.to_owned(), of_user));
        assert_eq!(unit("0::/system.slice/ci.service"), named("ci.service", false));
        assert_eq!(unit("0::/system.slice/ci.service/build"), named("ci.service", false));
        assert_eq!(unit("1:name=systemd:/system.slice/ci.service"), named("ci.service", false));
        let user = "0::/user.slice/user-1.slice/user@1.service/app.slice/";
        assert_eq!(unit(&format!("{user}ci.service")), named("ci.service", true));
        assert_eq!(unit(&format!("{user}run-1.scope")), None);
        assert_eq!(unit("0::/user.slice/user-1.slice/session-1.scope"), None);
        assert_eq!(unit("0::/\n4:memory:/x.service"), None);
    }

    #[test]
    fn a_user_namespace_is_told_from_a_machine_by_its_users() {
        assert!(has_every_user("         0          0 4294967295\n"));
        assert!(!has_every_user("0 1000 1\n1 100000 65536\n"));
        assert!(!has_every_user(""));
    }
}
