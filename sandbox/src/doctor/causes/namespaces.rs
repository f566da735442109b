//! Why namespaces are refused, or a part of what is done in them.
#![forbid(unsafe_code)]

use rustix::io::Errno;

use super::{Cause, Finding, finding, in_unit};
use crate::host::Host;
use crate::host::namespaces::{Act, Namespaces, in_words};
use crate::host::surroundings::{Container, Restriction, Surroundings};

/// Every limit of namespaces that a launch may reach.
const LIMITS: &str = "as root of the host run `sysctl -w user.max_user_namespaces=15000 \
                      user.max_net_namespaces=15000 user.max_mnt_namespaces=15000 \
                      user.max_pid_namespaces=15000 user.max_ipc_namespaces=15000 \
                      user.max_uts_namespaces=15000 user.max_cgroup_namespaces=15000`";

/// How a tree becomes the root without `chroot`, as containers do it.
pub const PIVOT: &str = "enter the tree as containers do, as root with `unshare --mount sh -c 'mount --rbind \
                         DIR DIR && cd DIR && pivot_root . . && umount -l . && exec sh'` in the place of \
                         `chroot DIR sh`";

pub(super) fn refused(host: &Host, around: &Surroundings) -> Option<Finding> {
    let cause = host.namespaces.cause()?;
    if host.namespaces == Namespaces::Off {
        return finding(
            Cause::NamespacesOff,
            "user.max_user_namespaces is 0, so that namespaces can be made by nobody",
            "as root of the host run `sysctl -w user.max_user_namespaces=15000`",
        );
    }
    let creating = host.namespaces.refusal(Act::Create);
    if around.chroot && creating == Some(Errno::PERM) {
        return finding(
            Cause::Chroot,
            format!("{cause}: it was started below `chroot`, where the kernel makes none"),
            format!("start `bulkhead` outside of it; or {PIVOT}"),
        );
    }
    if around.restriction == Some(Restriction::CloneOff) && creating.is_some() {
        return finding(
            Cause::CloneSwitchedOff,
            "kernel.unprivileged_userns_clone is 0, so that only root makes user namespaces",
            "as root of the host run `sysctl -w kernel.unprivileged_userns_clone=1`",
        );
    }
    if host.namespaces.refusal(Act::MapIds) == Some(Errno::ROFS) {
        return finding(
            Cause::SealedProc,
            format!("{cause}: /proc is mounted read-only"),
            "as root run `mount -o remount,rw /proc`",
        );
    }
    let restricted = around.restriction == Some(Restriction::AppArmor);
    if restricted && !host.caller.can_admin && around.container.is_none() {
        return finding(
            Cause::AppArmor,
            format!("{cause}: AppArmor takes every capability away in user namespaces"),
            "as root of the host give `bulkhead` a profile that allows them: `printf 'abi <abi/4.0>,\\n\
             profile bulkhead %s flags=(unconfined) { userns, }\\n' \"$(command -v bulkhead)\" \
             > /etc/apparmor.d/bulkhead && apparmor_parser -r /etc/apparmor.d/bulkhead`; or allow \
             them to everybody: `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0`",
        );
    }
    if matches!(creating, Some(Errno::NOSPC | Errno::USERS)) {
        return finding(
            Cause::NamespacesRefused,
            format!("{cause}: a limit of a user namespace around this one is reached"),
            LIMITS,
        );
    }
    if around.filtered { filter(&cause, around) } else { unknown(&cause) }
}

/// A filter is on: whose it is says how it goes.
fn filter(cause: &str, around: &Surroundings) -> Option<Finding> {
    let remedy = match (&around.container, &around.service) {
        (None, Some(service)) => {
            return finding(
                Cause::ServiceFilter,
                format!(
                    "{cause}: {} has a system call filter, as `RestrictNamespaces=` and \
                     `SystemCallFilter=` make one",
                    service.unit
                ),
                in_unit(service, "`RestrictNamespaces=no` and an empty `SystemCallFilter=`"),
            );
        }
        (Some(Container::Docker), _) => {
            "start the container with `docker run --security-opt seccomp=unconfined \
             --security-opt systempaths=unconfined` (on hosts with AppArmor also \
             `--security-opt apparmor=unconfined`)"
        }
        (Some(Container::Podman { .. }), _) => {
            "start the container with `podman run --security-opt seccomp=unconfined \
             --security-opt unmask=ALL`"
        }
        (Some(Container::Pod), _) => {
            "give the pod `hostUsers: false` and its container `securityContext: {procMount: \
             Unmasked, seccompProfile: {type: Unconfined}}`"
        }
        (Some(Container::Other(_)), _) => {
            "start the container without a system call filter, or with one that allows `clone`, \
             `unshare`, `pivot_root` and the calls that mount"
        }
        (None, None) => {
            "start `bulkhead` from a process without one: `grep Seccomp: /proc/self/status` says 0 \
             there"
        }
    };
    let whose = match around.container {
        Some(Container::Docker) => "a system call filter is on, as Docker's default profile is",
        Some(_) => "a system call filter of the container's is on",
        None => "a system call filter is on, which whoever started this process has set",
    };
    finding(Cause::Filter, format!("{cause}: {whose}"), remedy)
}

fn unknown(cause: &str) -> Option<Finding> {
    finding(
        Cause::NamespacesRefused,
        format!("{cause}, and no setting says why: a security module may, or a chroot around it"),
        "look with `dmesg | grep -iE 'denied|avc'` for the security module (AppArmor, SELinux) that \
         denies it, and let `bulkhead` through there; outside of a chroot start it as it is",
    )
}

pub(super) fn proc(host: &Host, around: &Surroundings) -> Option<Finding> {
    let errno = host.namespaces.refusal(Act::Proc).filter(|_| host.namespaces.are_usable())?;
    let covered = match around.covered_proc.as_slice() {
        [] => "the /proc that is there shows less than a fresh one would".to_owned(),
        [first] => format!("{first} is masked, and a fresh one would show it"),
        [first, second] => {
            format!("{first} and {second} are masked, and a fresh one would show them")
        }
        [first, rest @ ..] => format!(
            "{first} and {} other parts are masked, and a fresh one would show them",
            rest.len()
        ),
    };
    // Who mounts may take away again what was mounted, in a container too.
    let own = host.caller.can_admin && host.caller.can_change_user;
    let remedy = match (&around.container, &around.service) {
        (_, None) if own && !around.covered_proc.is_empty() => {
            format!("as root run `umount {}`", around.covered_proc.join(" "))
        }
        (Some(Container::Docker), _) => {
            "start the container with `docker run --security-opt systempaths=unconfined`".to_owned()
        }
        (Some(Container::Podman { .. }), _) => {
            "start the container with `podman run --security-opt unmask=ALL`".to_owned()
        }
        (Some(Container::Pod), _) => "give the pod `hostUsers: false` and its container \
                                      `securityContext: {procMount: Unmasked}`"
            .to_owned(),
        (Some(Container::Other(_)), _) => {
            "start the container with a /proc of which no part is covered".to_owned()
        }
        (None, Some(service)) => in_unit(
            service,
            "`ProtectKernelTunables=no`, `ProtectKernelLogs=no`, `ProtectProc=default` and \
             `ProcSubset=all`",
        ),
        (None, None) if around.covered_proc.is_empty() => {
            "as root run `mount -t proc proc /proc`".to_owned()
        }
        (None, None) => format!("as root run `umount {}`", around.covered_proc.join(" ")),
    };
    let what = format!("a fresh /proc cannot be mounted ({}): {covered}", in_words(errno));
    finding(Cause::MaskedProc, what, remedy)
}

pub(super) fn host_name(host: &Host, around: &Surroundings) -> Option<Finding> {
    let errno = host.namespaces.refusal(Act::Hostname).filter(|_| host.namespaces.are_usable())?;
    let (why, remedy) = match (&around.container, &around.service) {
        (Some(container), _) => (
            "the container's system call filter keeps it for CAP_SYS_ADMIN",
            match container {
                Container::Docker => {
                    "start the container with `docker run --security-opt seccomp=unconfined`"
                }
                Container::Podman { .. } => {
                    "start the container with `podman run --security-opt seccomp=unconfined`"
                }
                Container::Pod => {
                    "give its container `securityContext: {seccompProfile: {type: Unconfined}}`"
                }
                Container::Other(_) => {
                    "start the container with a system call filter that allows `sethostname`"
                }
            }
            .to_owned(),
        ),
        (None, Some(service)) => {
            ("a setting of the service keeps it", in_unit(service, "`ProtectHostname=no`"))
        }
        (None, None) => (
            "a system call filter or a security module keeps it",
            "start `bulkhead` where `unshare --user --map-root-user --uts hostname x` works"
                .to_owned(),
        ),
    };
    let what = format!("the host name cannot be set ({}): {why}", in_words(errno));
    finding(Cause::HostName, what, remedy)
}
