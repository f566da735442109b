//! Hosts that tests can have without being on them.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use rustix::io::Errno;

use super::groups::{Place, Version};
use super::offer::Offer;
use super::rehearsal::{Act, Namespaces};
use super::{Caller, Host, RootLayout, TakenIds};
use crate::overlay::{Notes, Obstacle, Sharing};

/// A plain machine and its root: everything is allowed, cgroup version 1.
pub(crate) fn root() -> Host {
    let place = |name: &str| Place {
        version: Version::One,
        directory: PathBuf::from("/sys/fs/cgroup").join(name),
        swap: true,
    };
    Host {
        kernel: (6, 18),
        machine: "x86_64".to_owned(),
        caller: Caller { uid: 0, gid: 0, groups: 0, can_admin: true, can_change_user: true },
        namespaces: Namespaces::Presumed,
        root: layout(),
        landlock: 7,
        limits: Offer {
            processes: Some(place("pids")),
            memory: Some(place("memory")),
            memory_left: Some(4 << 30),
            counted_alone: true,
            current: vec![],
        },
        ids: TakenIds {
            accounts: BTreeSet::from([0, 1000, 65_534]),
            subordinate: vec![],
            mapped: vec![0..=u32::MAX - 1],
        },
        runtime: None,
        in_lab: false,
        sharing: Sharing::Overlay(Notes::Trusted),
        nonce: 0xb01d_face_0000_0001,
    }
}

/// An ordinary user of a plain machine: no control group is lent.
pub(crate) fn user() -> Host {
    let root = root();
    Host {
        caller: Caller {
            uid: 1000,
            gid: 1000,
            groups: 2,
            can_admin: false,
            can_change_user: false,
        },
        namespaces: Namespaces::Rehearsed(vec![]),
        limits: Offer { processes: None, memory: None, ..root.limits.clone() },
        sharing: Sharing::Overlay(Notes::User),
        runtime: Some("/run/user/1000".into()),
        ..root
    }
}

/// Root of a container under Docker's default profile.
pub(crate) fn docker() -> Host {
    let root = root();
    Host {
        caller: Caller { can_admin: false, ..root.caller.clone() },
        namespaces: Namespaces::Rehearsed(vec![(Act::Create, Errno::PERM)]),
        limits: Offer { processes: None, memory: None, ..root.limits.clone() },
        sharing: Sharing::Copy(Obstacle::Refused(Errno::INVAL)),
        ..root
    }
}

/// Uid 1000 of a container under Docker's default profile.
pub(crate) fn docker_user() -> Host {
    Host { caller: user().caller, ..docker() }
}

/// Root of a container with `seccomp=unconfined`: only a fresh `/proc` is refused.
pub(crate) fn docker_unconfined() -> Host {
    Host { namespaces: Namespaces::Rehearsed(vec![(Act::Proc, Errno::PERM)]), ..docker() }
}

/// Root of a rootless Podman container: root of its own user namespace, without `CAP_SYS_ADMIN`. The
/// filter allows namespaces and mounts, but no host name; `/proc` is masked.
pub(crate) fn podman() -> Host {
    let docker = docker();
    let refused = [Act::Hostname, Act::Proc].map(|act| (act, Errno::PERM));
    Host {
        namespaces: Namespaces::Rehearsed(refused.to_vec()),
        ids: TakenIds { mapped: vec![0..=65_535], ..docker.ids },
        ..docker
    }
}

/// An ordinary user of Ubuntu 24.04, whose `AppArmor` takes every capability away in a user namespace.
pub(crate) fn ubuntu() -> Host {
    let refused = vec![
        (Act::Hostname, Errno::PERM),
        (Act::Mount, Errno::ACCESS),
        (Act::Loopback, Errno::PERM),
        (Act::Proc, Errno::ACCESS),
    ];
    Host { namespaces: Namespaces::Rehearsed(refused), ..user() }
}

/// An ordinary user where `user.max_user_namespaces` is 0.
pub(crate) fn no_namespaces() -> Host {
    Host { namespaces: Namespaces::Off, ..user() }
}

/// Root of a machine whose kernel is older than all that is needed.
pub(crate) fn old_kernel() -> Host {
    Host { kernel: (5, 4), landlock: 0, ..root() }
}

/// Root of a machine with the first Landlock.
pub(crate) fn old_landlock() -> Host {
    Host { kernel: (5, 15), landlock: 1, ..root() }
}

/// Root of a machine with cgroup version 2 of which nothing is lent.
pub(crate) fn no_delegation() -> Host {
    let root = root();
    Host { limits: Offer { processes: None, memory: None, ..root.limits.clone() }, ..root }
}

/// Every fake, with its name.
pub(crate) fn all() -> Vec<(&'static str, Host)> {
    vec![
        ("root", root()),
        ("user", user()),
        ("docker", docker()),
        ("docker-user", docker_user()),
        ("docker-unconfined", docker_unconfined()),
        ("podman", podman()),
        ("ubuntu", ubuntu()),
        ("no-namespaces", no_namespaces()),
        ("old-kernel", old_kernel()),
        ("old-landlock", old_landlock()),
        ("no-delegation", no_delegation()),
    ]
}

fn layout() -> RootLayout {
    let link = |name: &str| (name.to_owned(), PathBuf::from("usr").join(name));
    RootLayout {
        links: ["bin", "lib", "lib64", "sbin"].map(link).to_vec(),
        directories: vec!["usr".to_owned()],
        etc: vec![("alternatives".to_owned(), true), ("ld.so.cache".to_owned(), false)],
    }
}
