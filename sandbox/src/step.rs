//! Every step of a launch, in the order of confinement; a launch error names one.
#![forbid(unsafe_code)]

use std::fmt;

use rustix::io::Errno;

macro_rules! steps {
    ($($variant:ident: $text:literal,)*) => {
        /// A step of a launch.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Step {
            $(#[doc = $text] $variant,)*
        }

        impl Step {
            /// Every step, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// What the step does, as it stands behind "could not".
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

steps! {
    DropGroups: "drop supplementary groups",
    Lease: "lease a uid for the build",
    Account: "create the ephemeral account",
    Handover: "hand the build's directories to its user",
    Channels: "open the channels to the sandbox",
    OwnNamespaces: "give the namespaces to the build's user",
    Clone: "create the namespaces",
    MapIds: "map the user of the sandbox",
    ControlGroup: "make a control group for the build",
    Scratch: "make the private scratch file system",
    CopySource: "copy the source tree into the sandbox",
    OpenMount: "open a path for the sandbox",
    ShowFiles: "show the caller's files as the build's own",
    ForeignDescriptors: "close inherited descriptors",
    NetworkNamespace: "create the network namespace",
    Loopback: "bring up loopback",
    Hostname: "set the host name",
    AwaitGo: "wait for the supervisor's word",
    BecomeUser: "become the user of the sandbox",
    Lifeline: "tie the sandbox to its supervisor",
    Keyring: "join an empty session keyring",
    WipeTraces: "wipe the supervisor's command line and environment",
    NewRoot: "build the new root directory",
    JoinControlGroup: "join the build's control group",
    PrivateMounts: "separate the mounts from the host's",
    MountEntry: "mount a path in the new root",
    MountProc: "mount a fresh /proc",
    MountDevices: "mount the private /dev",
    ForbidNesting: "forbid nested user namespaces",
    BoundCounts: "bound what the kernel counts for the sandbox's user",
    MaskProc: "mask the dangerous parts of /proc",
    Pivot: "enter the new root",
    ForkPayload: "start the payload's process",
    SealRoot: "make the new root read-only",
    NewSession: "leave the caller's session and terminal",
    StandardStreams: "set up the payload's standard streams",
    WorkingDirectory: "enter the working directory",
    ReachNeeds: "read what the build is given",
    DropCapabilities: "drop every capability",
    NoNewPrivileges: "forbid new privileges",
    Rlimits: "set resource limits",
    Landlock: "confine file access with Landlock",
    Syscalls: "install the system call filter",
    ReadBack: "look at the confined process before letting it run",
    Gate: "wait to be let through by the supervisor",
    Exec: "execute the command",
    Supervise: "watch over the sandbox",
    PassOn: "hand on what the build printed",
    Inspector: "start the inspector of the outputs",
    InspectorNamespaces: "give the inspector namespaces of its own",
    InspectorRoot: "give the inspector an empty root",
    Harvest: "collect the outputs",
    RemoveControlGroup: "remove the build's control group",
    RemoveScratch: "remove the private directories",
    Release: "give back the build's user",
}

impl Step {
    /// The number under which the step travels from the sandbox to its supervisor.
    #[must_use]
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// The step of that number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A step that failed, and the errno with which it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not {step}: {}", std::io::Error::from(*.errno))]
pub struct Fault {
    /// The step.
    pub step: Step,
    /// Its errno.
    pub errno: Errno,
    /// Which of the plan's mounts it was about, where it was about one.
    pub item: Option<u16>,
}

impl Fault {
    /// The failure of `step` with `errno`.
    #[must_use]
    pub const fn new(step: Step, errno: Errno) -> Self {
        Self { step, errno, item: None }
    }

    /// The same failure, about the mount of that index in the plan.
    #[must_use]
    pub fn about(self, index: usize) -> Self {
        Self { item: u16::try_from(index).ok(), ..self }
    }
}

/// Names the step at which an operation failed.
pub trait At<T> {
    /// The value, or the failure of `step`.
    ///
    /// # Errors
    /// The errno that the operation gave, with the step.
    fn at(self, step: Step) -> Result<T, Fault>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step) -> Result<T, Fault> {
        self.map_err(|errno| Fault::new(step, errno))
    }
}

impl<T> At<T> for std::io::Result<T> {
    fn at(self, step: Step) -> Result<T, Fault> {
        self.map_err(|error| Fault::new(step, Errno::from_io_error(&error).unwrap_or(Errno::IO)))
    }
}

impl<T> At<T> for nix::Result<T> {
    fn at(self, step: Step) -> Result<T, Fault> {
        self.map_err(|errno| Fault::new(step, Errno::from_raw_os_error(errno as i32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_survives_the_way_from_the_sandbox() {
        for step in Step::ALL {
            assert_eq!(Step::from_number(step.number()), Some(*step));
        }
        assert_eq!(Step::from_number(u16::MAX), None);
    }
}
