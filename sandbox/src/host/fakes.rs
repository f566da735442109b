//! Hosts that tests can have without being on them.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use rustix::io::Errno;

use super::etc::Etc;
use super::groups::{Closed, Place, Version};
use super::limit_support::{Cores, LimitSupport, Watching};
use super::machine::Machine;
use super::namespaces::{Act, Namespaces};
use super::{Caller, Host, RootLayout, TakenIds};
use crate::overlay::{Notes, Obstacle, Sharing};

/// A plain machine and its root: everything is allowed, cgroup version 1.
pub(crate) fn root() -> Host {
    let place = |name: &str| Place {
        version: Version::One,
        directory: PathBuf::from("/sys/fs/cgroup").join(name),
        swap: true,
        lend: false,
    };
    Host {
        kernel: (6, 18),
        machine: "x86_64".to_owned(),
        caller: Caller {
            uid: 0,
            gid: 0,
            groups: 0,
            can_admin: true,
            can_change_user: true,
            can_oversee: true,
            outside: Some(0),
        },
        namespaces: Namespaces::UNTRIED,
        root: layout(),
        landlock: 7,
        limits: LimitSupport {
            processes: Some(place("pids")),
            memory: Some(place("memory")),
            closed: None,
            separate: ["memory", "pids", "cpu"].map(|name| vec![name.to_owned()]).to_vec(),
            memory_left: Some(4 << 30),
            counted_alone: true,
            counted_apart: true,
            process_room: 1 << 22,
            file_room: u64::MAX,
            socket_room: u64::MAX,
            watching: Some(Watching { instances: 128, watches: 65_536 }),
            cores: Cores::Files,
            current: vec![],
        },
        ids: TakenIds {
            accounts: BTreeSet::from([0, 1000, 65_534]),
            subordinate: vec![],
            mapped: vec![0..=u32::MAX - 1],
            mapped_groups: vec![0..=u32::MAX - 1],
        },
        runtime: None,
        proc: true,
        in_lab: false,
        sharing: Sharing::Overlay(Notes::Trusted),
        nonce: 0xb01d_face_0000_0001,
    }
}

/// What is left of a host without control groups.
fn groupless(support: &LimitSupport, closed: Closed) -> LimitSupport {
    LimitSupport { processes: None, memory: None, closed: Some(closed), ..support.clone() }
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
            can_oversee: false,
            outside: Some(1000),
        },
        namespaces: Namespaces::UNTRIED,
        limits: groupless(&root.limits, Closed::Undelegated),
        sharing: Sharing::Overlay(Notes::User),
        runtime: Some("/run/user/1000".into()),
        ..root
    }
}

/// Root of a container under Docker's default profile.
pub(crate) fn docker() -> Host {
    let root = root();
    Host {
        caller: Caller { can_admin: false, can_oversee: false, ..root.caller.clone() },
        namespaces: Namespaces::Refusing(vec![(Act::Create, Errno::PERM)]),
        limits: groupless(&root.limits, Closed::Sealed),
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
    Host { namespaces: Namespaces::Refusing(vec![(Act::Proc, Errno::PERM)]), ..docker() }
}

/// Root of a rootless Podman container: root of its own user namespace, without `CAP_SYS_ADMIN`. The
/// filter allows namespaces and mounts, but no host name; `/proc` is masked.
pub(crate) fn podman() -> Host {
    let docker = docker();
    let refused = [Act::Hostname, Act::Proc].map(|act| (act, Errno::PERM));
    Host {
        namespaces: Namespaces::Refusing(refused.to_vec()),
        ids: TakenIds { mapped: vec![0..=65_535], ..docker.ids },
        ..docker
    }
}

/// An ordinary user in a group of version 2 that was delegated to him.
pub(crate) fn delegated() -> Host {
    let user = user();
    let place = Place {
        version: Version::Two,
        directory: "/sys/fs/cgroup/user.slice/run-1.scope".into(),
        swap: true,
        lend: true,
    };
    let limits = LimitSupport {
        processes: Some(place.clone()),
        memory: Some(place),
        closed: None,
        ..user.limits.clone()
    };
    Host { limits, ..user }
}

/// An ordinary user of Ubuntu 24.04, whose `AppArmor` takes every capability away in a user namespace.
pub(crate) fn ubuntu() -> Host {
    let refused = vec![(Act::Create, Errno::PERM)];
    Host { namespaces: Namespaces::Refusing(refused), ..user() }
}

/// Root below a changed root directory, where the kernel makes no user namespaces.
pub(crate) fn chroot() -> Host {
    Host { namespaces: Namespaces::Refusing(vec![(Act::Create, Errno::PERM)]), ..root() }
}

/// The same where no `/proc` is mounted.
pub(crate) fn chroot_without_proc() -> Host {
    let limits = groupless(&root().limits, Closed::Unmounted);
    Host { proc: false, limits, ..chroot() }
}

/// Root of a user namespace that an ordinary user has made (`unshare --map-root-user`).
pub(crate) fn mapped_root() -> Host {
    let user = user();
    let caller = Caller { uid: 0, gid: 0, can_admin: true, ..user.caller.clone() };
    Host { caller, ..user }
}

/// The same of a user namespace that root has made.
pub(crate) fn mapped_root_of_root() -> Host {
    let host = mapped_root();
    let caller = Caller { outside: Some(0), ..host.caller.clone() };
    Host { caller, ids: TakenIds { mapped: vec![0..=0], ..host.ids.clone() }, ..host }
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
    Host { limits: groupless(&root.limits, Closed::Undelegated), ..root }
}

/// Every fake, with its name.
pub(crate) fn all() -> Vec<(&'static str, Host)> {
    vec![
        ("root", root()),
        ("user", user()),
        ("user-delegated", delegated()),
        ("docker", docker()),
        ("docker-user", docker_user()),
        ("docker-unconfined", docker_unconfined()),
        ("podman", podman()),
        ("ubuntu", ubuntu()),
        ("no-namespaces", no_namespaces()),
        ("chroot", chroot()),
        ("chroot-without-proc", chroot_without_proc()),
        ("mapped-root", mapped_root()),
        ("mapped-root-of-root", mapped_root_of_root()),
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
        etc: Etc {
            shown: vec![("alternatives".to_owned(), true), ("ld.so.cache".to_owned(), false)],
            withheld: vec![("alternatives/of-this-machine".to_owned(), false)],
            beside: vec!["alternatives/cc".to_owned()],
        },
        machine: Machine {
            files: vec![("cpu/online".to_owned(), "0-1\n".to_owned())],
            directories: vec!["cpu/cpu0".to_owned()],
        },
    }
}
