//! The hosts of the matrix: how each is made in a machine that runs, and undone again.

use crate::root::System;

/// Who builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Root.
    Root,
    /// An ordinary user without a session.
    User,
    /// An ordinary user in a session of systemd's.
    Session,
}

impl Caller {
    /// The word for it in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::User => "user",
            Self::Session => "user, in a session",
        }
    }

    /// The home directory, below which it builds.
    pub const fn home(self) -> &'static str {
        match self {
            Self::Root => "/root",
            Self::User | Self::Session => "/home/user",
        }
    }

    /// Wraps a command of a shell, so that this caller runs it.
    pub fn runs(self, command: &str) -> String {
        match self {
            Self::Root => command.to_owned(),
            Self::User => format!(
                "setpriv --reuid 1000 --regid 1000 --clear-groups \
                 env -u XDG_RUNTIME_DIR HOME=/home/user USER=user bash -c {}",
                quoted(command)
            ),
            Self::Session => format!("su --login user -c {}", quoted(command)),
        }
    }
}

/// A text as one word of a shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The plan that a host must allow at least; less would be a loss that nobody has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// The plan with namespaces.
    Namespaced,
    /// The one without.
    Contained,
    /// None: the kernel is too old.
    Refused,
}

/// One host.
#[derive(Clone, Copy, Debug)]
pub struct Host {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What it is, for the report.
    pub title: &'static str,
    /// The system that it runs.
    pub system: System,
    /// A further word of the kernel's command line; hosts with the same share a machine.
    pub word: &'static str,
    /// Who builds there.
    pub callers: &'static [Caller],
    /// What makes it, in a shell as root.
    pub prepare: &'static str,
    /// What undoes that.
    pub undo: &'static str,
    /// What stands in front of the command, where something does.
    pub within: &'static str,
    /// The directory in which work goes on; empty for one below the caller's home.
    pub place: &'static str,
    /// What must be possible there.
    pub least: Least,
}

const BOTH: &[Caller] = &[Caller::Root, Caller::User];

/// A host of the small system that is like any other.
const PLAIN: Host = Host {
    name: "plain",
    title: "no systemd, control groups v2",
    system: System::Small,
    word: "",
    callers: BOTH,
    prepare: "",
    undo: "",
    within: "",
    place: "",
    least: Least::Namespaced,
};

/// One with systemd as its first process.
const SYSTEMD: Host =
    Host { name: "systemd", title: "systemd, no delegation", system: System::Systemd, ..PLAIN };

/// Loads a profile under which `AppArmor` keeps user namespaces from whoever has no profile of his
/// own, as Ubuntu does.
macro_rules! restricted {
    () => {
        "apparmor_parser --replace /opt/machines/restricted"
    };
}
const RESTRICTED: &str = restricted!();
const UNRESTRICTED: &str = "apparmor_parser --remove /opt/machines/restricted
    if [ -e /etc/apparmor.d/bulkhead ]; then apparmor_parser --remove /etc/apparmor.d/bulkhead
    rm /etc/apparmor.d/bulkhead; fi";

/// Every host, those of one machine beside each other.
pub const ALL: &[Host] = &[
    PLAIN,
    Host {
        name: "shared",
        title: "all mounts shared",
        prepare: "mount --make-rshared /",
        undo: "mount --make-rprivate /",
        ..PLAIN
    },
    Host {
        name: "not-lent",
        title: "control groups v2 without controllers",
        prepare: "echo '-memory -pids' > /sys/fs/cgroup/cgroup.subtree_control",
        undo: "echo '+memory +pids' > /sys/fs/cgroup/cgroup.subtree_control",
        ..PLAIN
    },
    Host {
        name: "groups-v1",
        title: "control groups v1",
        prepare: "echo '-memory -pids' > /sys/fs/cgroup/cgroup.subtree_control
            umount /sys/fs/cgroup; mount -t tmpfs groups /sys/fs/cgroup
            for name in memory pids; do mkdir /sys/fs/cgroup/$name
            mount -t cgroup -o $name $name /sys/fs/cgroup/$name; done",
        undo: "umount -R /sys/fs/cgroup; mount -t cgroup2 groups /sys/fs/cgroup
            echo '+memory +pids' > /sys/fs/cgroup/cgroup.subtree_control",
        ..PLAIN
    },
    Host {
        name: "no-groups",
        title: "no control groups",
        prepare: "umount /sys/fs/cgroup",
        undo: "mount -t cgroup2 groups /sys/fs/cgroup",
        ..PLAIN
    },
    Host {
        name: "read-only",
        title: "read-only root",
        prepare: "mkdir -p /root /home; for place in /root /home; do mount -t tmpfs -o mode=755 w $place; done
            mkdir -m 755 /home/user; chown user: /home/user; mount -o remount,ro /",
        undo: "mount -o remount,rw /; umount /home /root",
        ..PLAIN
    },
    Host {
        name: "hidepid",
        title: "/proc with hidepid=2",
        prepare: "mount -o remount,hidepid=2 /proc",
        undo: "mount -o remount,hidepid=0 /proc",
        ..PLAIN
    },
    Host {
        name: "noexec",
        title: "/tmp without exec, /home without set-id",
        prepare: "mount -o remount,noexec,nosuid,nodev /tmp; mount --bind /home /home
            mount -o remount,bind,nosuid,nodev /home",
        undo: "mount -o remount,exec,suid,dev /tmp; umount /home",
        ..PLAIN
    },
    Host {
        name: "btrfs",
        title: "working directory on btrfs",
        prepare: "/opt/machines/load btrfs; mkdir -p /mnt/btrfs; mount -t btrfs /dev/vdc /mnt/btrfs",
        undo: "umount /mnt/btrfs",
        place: "/mnt/btrfs",
        ..PLAIN
    },
    Host {
        name: "xfs",
        title: "working directory on xfs",
        prepare: "/opt/machines/load xfs; mkdir -p /mnt/xfs; mount -t xfs /dev/vdd /mnt/xfs",
        undo: "umount /mnt/xfs",
        place: "/mnt/xfs",
        ..PLAIN
    },
    Host {
        name: "no-namespaces",
        title: "user namespaces off",
        prepare: "echo 0 > /proc/sys/user/max_user_namespaces",
        undo: "echo 15000 > /proc/sys/user/max_user_namespaces",
        // The plan without namespaces lends a build nothing that only root may enter.
        place: "/srv",
        least: Least::Contained,
        ..PLAIN
    },
    Host {
        name: "chroot",
        title: "chroot with /proc",
        callers: &[Caller::Root],
        place: "/srv",
        prepare: "mkdir -p /mnt/root; mount --rbind / /mnt/root; mount --make-rprivate /mnt/root",
        undo: "umount -R /mnt/root",
        within: "chroot /mnt/root",
        least: Least::Contained,
        ..PLAIN
    },
    Host {
        name: "yama",
        title: "Yama 3",
        prepare: "echo 3 > /proc/sys/kernel/yama/ptrace_scope",
        // It cannot be lowered: this host is the last of its machine.
        undo: "",
        ..PLAIN
    },
    Host { name: "overlay", title: "overlay as root", word: "root.how=overlay", ..PLAIN },
    Host {
        callers: &[Caller::Root, Caller::User, Caller::Session],
        ..SYSTEMD
    },
    Host {
        name: "delegated",
        title: "systemd, a delegated scope",
        callers: &[Caller::Root],
        within: "systemd-run --quiet --scope --property=Delegate=yes",
        ..SYSTEMD
    },
    Host {
        name: "delegated-user",
        title: "systemd, a delegated scope of the user's",
        callers: &[Caller::Session],
        within: "systemd-run --user --quiet --scope --property=Delegate=yes",
        ..SYSTEMD
    },
    Host {
        name: "apparmor",
        title: "systemd, AppArmor keeps user namespaces from all",
        callers: &[Caller::User],
        prepare: RESTRICTED,
        undo: UNRESTRICTED,
        within: "aa-exec --profile restricted --",
        least: Least::Contained,
        ..SYSTEMD
    },
    Host {
        name: "apparmor-profile",
        title: "the same, with the profile in dist/",
        callers: &[Caller::User],
        prepare: concat!(
            "install -m 644 /opt/checkout/dist/apparmor/bulkhead /etc/apparmor.d/bulkhead
            apparmor_parser --replace /etc/apparmor.d/bulkhead; ",
            restricted!()
        ),
        undo: UNRESTRICTED,
        within: "aa-exec --profile restricted --",
        ..SYSTEMD
    },
    Host {
        name: "restricted-service",
        title: "a service with RestrictNamespaces=yes",
        callers: &[Caller::Root],
        within: "systemd-run --quiet --pipe --wait --setenv=HOME=/root \
                 --property=RestrictNamespaces=yes",
        place: "/srv",
        least: Least::Contained,
        ..SYSTEMD
    },
];
