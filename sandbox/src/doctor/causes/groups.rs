//! Why memory and processes of all processes together cannot be limited.
#![forbid(unsafe_code)]

use super::{Cause, Finding, finding, in_unit};
use crate::host::Host;
use crate::host::groups::Closed;
use crate::host::surroundings::{Container, Surroundings, Systemd};

pub(super) fn find(host: &Host, around: &Surroundings) -> Option<Finding> {
    let missing = match (&host.limits.memory, &host.limits.processes) {
        (Some(_), Some(_)) => return None,
        (None, None) => "memory and processes",
        (None, Some(_)) => "memory",
        (Some(_), None) => "processes",
    };
    let closed = host.limits.closed.as_ref().unwrap_or(&Closed::Undelegated);
    let root = host.caller.can_change_user;
    let cause = match closed {
        Closed::Threaded(_) => Cause::ThreadedGroup,
        _ => Cause::NoControlGroup,
    };
    let what =
        format!("{missing} of all processes together cannot be limited: {}", why(closed, root));
    let remedy = match &around.container {
        Some(container) => of_container(container, *closed == Closed::Sealed && root),
        None => of_machine(closed, host, around),
    };
    finding(cause, what, remedy)
}

fn why(closed: &Closed, root: bool) -> String {
    match closed {
        Closed::Unmounted => "no control groups are mounted".to_owned(),
        Closed::One if root => "the control groups of version 1 cannot be written here".to_owned(),
        Closed::One => "control groups of version 1 are root's alone".to_owned(),
        Closed::Threaded(kind) => format!(
            "the own control group is of the type `{kind}`, and below it no process can be bounded \
             in memory"
        ),
        Closed::Sealed => "the control groups are mounted read-only".to_owned(),
        Closed::Undelegated if root => {
            "neither the own control group nor the one around it lends what is needed".to_owned()
        }
        Closed::Undelegated => "no control group is delegated to this user".to_owned(),
        Closed::Refused(answer) => answer.clone(),
    }
}

fn of_machine(closed: &Closed, host: &Host, around: &Surroundings) -> String {
    match (closed, &around.service) {
        (Closed::Sealed, Some(service)) => {
            in_unit(service, "`ProtectControlGroups=no` and `Delegate=yes`")
        }
        (Closed::Sealed, None) => "as root run `mount -o remount,rw /sys/fs/cgroup`".to_owned(),
        (Closed::Unmounted, _) if around.chroot => {
            "outside of the chroot run `mount --rbind /sys/fs/cgroup DIR/sys/fs/cgroup` as root, DIR \
             being what is the root here"
                .to_owned()
        }
        (Closed::Unmounted, _) => {
            "as root of the host run `mount -t cgroup2 none /sys/fs/cgroup`".to_owned()
        }
        (Closed::One, _) if around.systemd != Systemd::Absent => {
            "boot with `systemd.unified_cgroup_hierarchy=1`, or start `bulkhead` as root".to_owned()
        }
        (Closed::One, _) => "start `bulkhead` as root".to_owned(),
        (Closed::Threaded(_) | Closed::Undelegated | Closed::Refused(_), _) => {
            delegation(host, around)
        }
    }
}

/// How a caller gets a control group that is his to divide.
fn delegation(host: &Host, around: &Surroundings) -> String {
    let (uid, root) = (host.caller.uid, host.caller.can_change_user);
    match &around.service {
        Some(service) => in_unit(service, "`Delegate=yes`"),
        None if root && around.systemd != Systemd::Absent => {
            "start under `systemd-run --scope -p Delegate=yes -- bulkhead …`".to_owned()
        }
        None if around.systemd == Systemd::Own => {
            "start under `systemd-run --user --scope -p Delegate=yes -- bulkhead …`".to_owned()
        }
        None if around.systemd == Systemd::Machine => format!(
            "as root start it by `systemd-run --uid={uid} --same-dir --pipe --wait -p Delegate=yes -- \
             bulkhead …`"
        ),
        None if root => "in the shell that starts `bulkhead` run `echo $$ > \
                         /sys/fs/cgroup/cgroup.procs`"
            .to_owned(),
        None => format!(
            "as root run `echo +memory +pids > /sys/fs/cgroup/cgroup.subtree_control && mkdir \
             /sys/fs/cgroup/bulkhead && cd /sys/fs/cgroup/bulkhead && chown {uid} . cgroup.procs \
             cgroup.subtree_control && echo PID > cgroup.procs`, PID being the shell that starts \
             `bulkhead`"
        ),
    }
}

/// What a container could be lent of control groups. Those of version 1 are never lent: whoever may
/// write them is root of the host.
fn of_container(container: &Container, can_be: bool) -> String {
    let (bound, lend) = match container {
        Container::Docker => (
            "`docker run --memory 8g --pids-limit 16384`",
            "start it with `docker run --security-opt writable-cgroups=true` (Docker 28 or later)",
        ),
        Container::Podman { .. } => (
            "`podman run --memory 8g --pids-limit 16384`",
            "start it with `podman run --security-opt unmask=/sys/fs/cgroup`",
        ),
        Container::Pod => (
            "`resources: {limits: {memory: 8Gi}}`",
            "start it with writable control groups (`cgroup_writable` of containerd)",
        ),
        Container::Other(_) => {
            ("its engine's limits of memory and processes", "mount them so that it can write them")
        }
    };
    let whole = format!("bound the container as a whole with {bound}");
    if can_be { format!("{whole}; for a bound of the build's own {lend}") } else { whole }
}
