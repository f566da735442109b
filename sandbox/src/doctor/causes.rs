//! Why a host allows less than it could, each with the remedy that its owner can type.
#![forbid(unsafe_code)]

use rustix::io::Errno;

use crate::host::Host;
use crate::host::rehearsal::{Act, Namespaces, in_words};
use crate::host::surroundings::{Cgroups, Container, Surroundings};
use crate::layers::landlock;

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
    /// User namespaces are switched off.
    NamespacesOff,
    /// `kernel.unprivileged_userns_clone` is 0.
    CloneSwitchedOff,
    /// A system call filter, as that of Docker, refuses namespaces.
    Filter,
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
    /// The build cannot have a uid of its own.
    NoOtherUser,
}

impl Cause {
    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OldKernel => "old-kernel",
            Self::Machine => "machine",
            Self::NamespacesOff => "namespaces-off",
            Self::CloneSwitchedOff => "clone-switched-off",
            Self::Filter => "filter",
            Self::AppArmor => "apparmor",
            Self::NamespacesRefused => "namespaces-refused",
            Self::MaskedProc => "masked-proc",
            Self::HostName => "host-name",
            Self::NoLandlock => "no-landlock",
            Self::OldLandlock => "old-landlock",
            Self::NoControlGroup => "no-control-group",
            Self::NoOtherUser => "no-other-user",
        }
    }
}

/// Every finding, the gravest first.
pub(super) fn find(host: &Host, around: &Surroundings) -> Vec<Finding> {
    let found = [
        kernel(host),
        machine(host),
        namespaces(host, around),
        proc(host, around),
        host_name(host, around),
        user(host, around),
        rules(host, around),
        groups(host, around),
    ];
    found.into_iter().flatten().collect()
}

#[expect(clippy::unnecessary_wraps, reason = "it ends functions that may find nothing")]
fn finding(cause: Cause, what: impl Into<String>, remedy: impl Into<String>) -> Option<Finding> {
    Some(Finding { cause, what: what.into(), remedy: remedy.into() })
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

fn namespaces(host: &Host, around: &Surroundings) -> Option<Finding> {
    let cause = host.namespaces.cause()?;
    if host.namespaces == Namespaces::Off {
        return finding(
            Cause::NamespacesOff,
            "user.max_user_namespaces is 0, so that namespaces can be made by nobody",
            "as root of the host run `sysctl -w user.max_user_namespaces=15000`",
        );
    }
    let created = host.namespaces.refusal(Act::Create).is_none();
    if around.clone_switched_off && !created {
        return finding(
            Cause::CloneSwitchedOff,
            "kernel.unprivileged_userns_clone is 0, so that only root makes user namespaces",
            "as root of the host run `sysctl -w kernel.unprivileged_userns_clone=1`",
        );
    }
    if around.apparmor_restricts && !host.caller.can_admin && around.container.is_none() {
        return finding(
            Cause::AppArmor,
            format!("{cause}: AppArmor takes every capability away in user namespaces"),
            "as root of the host give `bulkhead` a profile that allows them: `printf 'abi <abi/4.0>,\\n\
             profile bulkhead %s flags=(unconfined) { userns, }\\n' \"$(command -v bulkhead)\" \
             > /etc/apparmor.d/bulkhead && apparmor_parser -r /etc/apparmor.d/bulkhead`; or allow \
             them to everybody: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
        );
    }
    let full = matches!(host.namespaces.refusal(Act::Create), Some(Errno::NOSPC | Errno::USERS));
    if full {
        return finding(
            Cause::NamespacesRefused,
            format!("{cause}: a limit of a user namespace around this one is reached"),
            "as root of the host run `sysctl -w user.max_user_namespaces=15000 \
             user.max_net_namespaces=15000 user.max_mnt_namespaces=15000 \
             user.max_pid_namespaces=15000 user.max_ipc_namespaces=15000 \
             user.max_uts_namespaces=15000 user.max_cgroup_namespaces=15000`",
        );
    }
    if around.filtered {
        let remedy = match around.container {
            Some(Container::Podman { .. }) => {
                "start the container with `podman run --security-opt seccomp=unconfined \
                 --security-opt unmask=ALL`"
            }
            Some(Container::Other(_)) => {
                "give the pod `seccompProfile: {type: Unconfined}` and `procMount: Unmasked`, or a \
                 profile that allows clone, unshare and the mount calls"
            }
            _ => {
                "start the container with `docker run --security-opt seccomp=unconfined \
                 --security-opt systempaths=unconfined` (on hosts with AppArmor also \
                 `--security-opt apparmor=unconfined`)"
            }
        };
        return finding(
            Cause::Filter,
            format!("{cause}: a system call filter is on, as Docker's default profile is"),
            remedy,
        );
    }
    finding(
        Cause::NamespacesRefused,
        cause,
        "look with `dmesg | grep -iE 'denied|avc'` for the security module (AppArmor, SELinux) that \
         denies it, and let `bulkhead` through there",
    )
}

fn proc(host: &Host, around: &Surroundings) -> Option<Finding> {
    let errno = host.namespaces.refusal(Act::Proc).filter(|_| host.namespaces.are_usable())?;
    let covered = match around.covered_proc.split_first() {
        None => "parts of /proc are masked".to_owned(),
        Some((first, [])) => format!("{first} is masked"),
        Some((first, [second])) => format!("{first} and {second} are masked"),
        Some((first, rest)) => format!("{first} and {} other parts are masked", rest.len()),
    };
    let remedy = match around.container {
        Some(Container::Docker) => {
            "start the container with `docker run --security-opt systempaths=unconfined`"
        }
        Some(Container::Podman { .. }) => {
            "start the container with `podman run --security-opt unmask=ALL`"
        }
        Some(Container::Other(_)) => "give the pod `procMount: Unmasked` and `hostUsers: false`",
        None => "unmount what lies over parts of /proc",
    };
    let what = format!(
        "a fresh /proc cannot be mounted ({}): {covered}, and a fresh one would show it",
        in_words(errno)
    );
    finding(Cause::MaskedProc, what, remedy)
}

fn host_name(host: &Host, around: &Surroundings) -> Option<Finding> {
    let errno = host.namespaces.refusal(Act::Hostname).filter(|_| host.namespaces.are_usable())?;
    let (why, remedy) = match around.container {
        Some(Container::Docker) => (
            "the container's system call filter keeps it for CAP_SYS_ADMIN",
            "start the container with `docker run --security-opt seccomp=unconfined`",
        ),
        Some(Container::Podman { .. }) => (
            "the container's system call filter keeps it for CAP_SYS_ADMIN",
            "start the container with `podman run --security-opt seccomp=unconfined`",
        ),
        Some(Container::Other(_)) => (
            "the container's system call filter keeps it for CAP_SYS_ADMIN",
            "give the pod `seccompProfile: {type: Unconfined}`, or a profile that allows sethostname",
        ),
        None => (
            "a system call filter or a security module keeps it",
            "start `bulkhead` where `unshare --user --map-root-user --uts hostname x` works",
        ),
    };
    let what = format!("the host name cannot be set ({}): {why}", in_words(errno));
    finding(Cause::HostName, what, remedy)
}

fn user(host: &Host, around: &Surroundings) -> Option<Finding> {
    if host.namespaces.are_usable() || host.caller.can_change_user {
        return None;
    }
    finding(
        Cause::NoOtherUser,
        "the build runs as the caller's own uid, for only root can give it another",
        match around.container {
            Some(Container::Docker) => "start the container with `docker run --user 0`",
            Some(Container::Podman { .. }) => "start the container with `podman run --user 0`",
            Some(Container::Other(_)) => "give the pod `securityContext: {runAsUser: 0}`",
            None => "start it as root: `sudo bulkhead …`",
        },
    )
}

fn rules(host: &Host, around: &Surroundings) -> Option<Finding> {
    if host.landlock == 0 {
        return finding(
            Cause::NoLandlock,
            if around.filtered {
                "this kernel has no Landlock, or it is switched off, or the container's system call \
                 filter is older than it"
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

fn groups(host: &Host, around: &Surroundings) -> Option<Finding> {
    let missing = match (&host.limits.memory, &host.limits.processes) {
        (Some(_), Some(_)) => return None,
        (None, None) => "memory and processes",
        (None, Some(_)) => "memory",
        (Some(_), None) => "processes",
    };
    let root = host.caller.can_change_user;
    let (why, remedy) = match (&around.container, around.cgroups) {
        (Some(container), cgroups) => lent(container, cgroups == Cgroups::Two && root),
        (None, Cgroups::None) => (
            "no control groups are mounted",
            "as root of the host run `mount -t cgroup2 none /sys/fs/cgroup`".to_owned(),
        ),
        (None, Cgroups::One) => (
            "control groups of version 1 cannot be lent to ordinary users",
            "run as root, or boot with `systemd.unified_cgroup_hierarchy=1`".to_owned(),
        ),
        (None, Cgroups::Two) if root => (
            "the own control group lends no controllers to groups beside it",
            "start under `systemd-run --scope -p Delegate=yes -- bulkhead …`".to_owned(),
        ),
        (None, Cgroups::Two) => (
            "no control group is delegated to this user",
            "start under `systemd-run --user --scope -p Delegate=yes -- bulkhead …`".to_owned(),
        ),
    };
    let what = format!("{missing} of all processes together cannot be limited: {why}");
    finding(Cause::NoControlGroup, what, remedy)
}

/// What makes a shell that is alone in a container's control group a group of its own, and lends the
/// group beside it what the limits need (`cgroups(7)`, "no internal processes").
const LEND: &str = "`mkdir /sys/fs/cgroup/init && echo 0 > /sys/fs/cgroup/init/cgroup.procs && echo \
                    +memory +pids > /sys/fs/cgroup/cgroup.subtree_control`";

/// What a container could be lent of control groups. Those of version 1 are never lent: whoever may
/// write them is root of the host.
fn lent(container: &Container, can_be: bool) -> (&'static str, String) {
    let (bound, lend) = match container {
        Container::Docker => (
            "`docker run --memory 8g --pids-limit 16384`",
            "start it with `docker run --security-opt writable-cgroups=true` (Docker 28 or later)",
        ),
        Container::Podman { .. } => (
            "`podman run --memory 8g --pids-limit 16384`",
            "start it with `podman run --security-opt unmask=/sys/fs/cgroup`",
        ),
        Container::Other(_) => (
            "`resources: {limits: {memory: 8Gi}}`",
            "start it with writable control groups (`cgroup_writable` of containerd)",
        ),
    };
    let whole = format!("bound the container as a whole with {bound}");
    if can_be {
        let own = format!("for a bound of the build's own {lend} and run in it first {LEND}");
        ("the container has no writable control groups", format!("{whole}; {own}"))
    } else {
        ("the container has no control groups that could be lent to it", whole)
    }
}
