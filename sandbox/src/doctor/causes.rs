//! Why a host allows less than it could, each with the remedy that its owner can type.
#![forbid(unsafe_code)]

use crate::host::Host;
use crate::host::surroundings::{Container, Service, Surroundings};
use crate::layers::landlock;

mod groups;
mod namespaces;

pub use namespaces::PIVOT;

/// What stands in the way of a guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which cause it is; a word that stays the same.
    pub cause: Cause,
    /// What is not allowed, and why.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// The causes that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The kernel lacks what every plan needs.
    OldKernel,
    /// Another processor.
    Machine,
    /// There is no `/proc`.
    NoProc,
    /// `/proc` is read-only.
    SealedProc,
    /// User namespaces are switched off.
    NamespacesOff,
    /// The root directory was changed, and the kernel makes no user namespaces there.
    Chroot,
    /// `kernel.unprivileged_userns_clone` is 0.
    CloneSwitchedOff,
    /// A system call filter, as that of Docker, refuses namespaces.
    Filter,
    /// So does that of a service of systemd.
    ServiceFilter,
    /// `AppArmor` takes away what is needed in a user namespace.
    AppArmor,
    /// Namespaces are refused, and nothing says why.
    NamespacesRefused,
    /// `/proc` is masked.
    MaskedProc,
    /// A system call filter, as that of Podman, keeps the host name.
    HostName,
    /// There is no Landlock.
    NoLandlock,
    /// Landlock lacks rights.
    OldLandlock,
    /// No control group can be made.
    NoControlGroup,
    /// None can be made below the own one, for that is threaded.
    ThreadedGroup,
    /// The build cannot have a uid of its own.
    NoOtherUser,
    /// Files in memory cannot be granted to the build's user.
    MemoryFiles,
}

impl Cause {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OldKernel => "old-kernel",
            Self::Machine => "machine",
            Self::NoProc => "no-proc",
            Self::SealedProc => "sealed-proc",
            Self::NamespacesOff => "namespaces-off",
            Self::Chroot => "chroot",
            Self::CloneSwitchedOff => "clone-switched-off",
            Self::Filter => "filter",
            Self::ServiceFilter => "service-filter",
            Self::AppArmor => "apparmor",
            Self::NamespacesRefused => "namespaces-refused",
            Self::MaskedProc => "masked-proc",
            Self::HostName => "host-name",
            Self::NoLandlock => "no-landlock",
            Self::OldLandlock => "old-landlock",
            Self::NoControlGroup => "no-control-group",
            Self::ThreadedGroup => "threaded-group",
            Self::NoOtherUser => "no-other-user",
            Self::MemoryFiles => "memory-files",
        }
    }
}

/// Every finding, the gravest first.
pub(super) fn find(host: &Host, around: &Surroundings) -> Vec<Finding> {
    // Where nothing can be built, what else could be better does not matter yet, and without `/proc`
    // little of it can be seen.
    let none: Vec<_> = [kernel(host), machine(host), no_proc(host)].into_iter().flatten().collect();
    if !none.is_empty() {
        return none;
    }
    let found = [
        namespaces::refused(host, around),
        namespaces::proc(host, around),
        namespaces::host_name(host, around),
        user(host, around),
        rules(host, around),
        groups::find(host, around),
        memory(host, around),
    ];
    found.into_iter().flatten().collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may find nothing")]
fn finding(cause: Cause, what: impl Into<String>, remedy: impl Into<String>) -> Option<Finding> {
    Some(Finding { cause, what: what.into(), remedy: remedy.into() })
}

/// What would be set in the unit of a service.
fn in_unit(service: &Service, settings: &str) -> String {
    format!("in the unit set {settings} (`{}`)", service.edit())
}

fn kernel(host: &Host) -> Option<Finding> {
    let (major, minor) = host.kernel;
    if host.kernel >= crate::plan::OLDEST_KERNEL {
        return None;
    }
    finding(
        Cause::OldKernel,
        format!("Linux {major}.{minor} lacks calls that every plan needs"),
        "boot Linux 5.13 or later",
    )
}

fn machine(host: &Host) -> Option<Finding> {
    if crate::plan::MACHINES.contains(&host.machine.as_str()) {
        return None;
    }
    let what = format!("the system calls of {} are not known", host.machine);
    finding(Cause::Machine, what, "use x86_64 or aarch64")
}

fn no_proc(host: &Host) -> Option<Finding> {
    if host.proc {
        return None;
    }
    finding(
        Cause::NoProc,
        "/proc does not show this process, and no build can be started or watched without it",
        "as root run `mount -t proc proc /proc` here",
    )
}

fn user(host: &Host, around: &Surroundings) -> Option<Finding> {
    if host.caller.can_change_user {
        return None;
    }
    if host.caller.outside == Some(0) {
        let alone = host.ids.mapped.iter().all(|range| range.start() == range.end());
        return finding(
            Cause::NoOtherUser,
            "the build is uid 0 for the kernel, for the caller may give it no other",
            match &around.container {
                _ if alone => {
                    "start `bulkhead` outside of this user namespace, in which nobody else exists"
                }
                Some(Container::Docker) => {
                    "start the container with `docker run --cap-add SETUID --cap-add SETGID --cap-add \
                     CHOWN`"
                }
                Some(Container::Podman { .. }) => {
                    "start the container with `podman run --cap-add SETUID --cap-add SETGID --cap-add \
                     CHOWN`"
                }
                _ => "start `bulkhead` as root with CAP_SETUID, CAP_SETGID and CAP_CHOWN",
            },
        );
    }
    if host.namespaces.are_usable() {
        return None;
    }
    let remedy = match (&around.container, &around.service) {
        (Some(Container::Docker), _) => "start the container with `docker run --user 0`".to_owned(),
        (Some(Container::Podman { .. }), _) => {
            "start the container with `podman run --user 0`".to_owned()
        }
        (Some(Container::Pod), _) => {
            "give the pod `securityContext: {runAsUser: 0, runAsNonRoot: false}`".to_owned()
        }
        (None, Some(service)) if !service.of_user => in_unit(service, "`User=root`"),
        _ => "start `bulkhead` as root".to_owned(),
    };
    finding(
        Cause::NoOtherUser,
        "the build runs as the caller's own uid, for only root can give it another",
        remedy,
    )
}

/// It stands in the way of a grant, and of no guarantee.
fn memory(host: &Host, around: &Surroundings) -> Option<Finding> {
    if !around.fixed_owners_in_memory || !host.caller.can_change_user {
        return None;
    }
    finding(
        Cause::MemoryFiles,
        "this kernel cannot show files in memory (tmpfs) as the build's user's, so `--rw` of what lies \
         there is refused, and so is `--ro` of what only its owner may read",
        "grant what lies on a disk, build as the caller with `--identity caller`, or boot Linux 6.3 or \
         later",
    )
}

fn rules(host: &Host, around: &Surroundings) -> Option<Finding> {
    if host.landlock == 0 {
        return finding(
            Cause::NoLandlock,
            if around.filtered {
                "this kernel has no Landlock, or it is switched off, or the system call filter that is \
                 on here is older than it"
            } else {
                "this kernel has no Landlock, or it is switched off"
            },
            "boot Linux 5.13 or later with `lsm=landlock,lockdown,yama,integrity,apparmor,bpf` on its \
             command line; or do without it with `--without landlock`",
        );
    }
    let contained = !host.namespaces.are_usable();
    let lacking = landlock::resolve(&[], contained, host.landlock).ok()?.lacking;
    if lacking.is_empty() {
        return None;
    }
    let lacking: Vec<_> = lacking.iter().map(ToString::to_string).collect();
    finding(
        Cause::OldLandlock,
        format!("Landlock {} is old: {}", host.landlock, lacking.join("; ")),
        "boot Linux 6.12 or later",
    )
}
