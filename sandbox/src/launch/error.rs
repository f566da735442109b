//! Why a payload did not run, and whether it may be the host that refuses something.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::ending::{self, Fact, NotRun};
use crate::host::namespaces::Act;
use crate::identity::IdentityError;
use crate::layers::limits::slot::SlotError;
use crate::layers::userns::owner::NotStarted;
use crate::outcome::End;
use crate::scratch::FillError;
use crate::step::{Fault, Step};
use crate::words::Layer;

/// A launch in which the payload did not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// A step of the confinement failed.
    #[error("{fault}{}", about(*.fault, .path.as_deref()))]
    Step {
        /// The step.
        fault: Fault,
        /// The path that it was about.
        path: Option<PathBuf>,
    },
    /// The build's private copy of something could not be made.
    #[error("{0}")]
    Copy(String),
    /// A mount would have been made through a link that others have put there.
    #[error("{0}")]
    Link(String),
    /// The namespaces were refused.
    #[error("could not create the namespaces: {errno}; {}", remedy(*.errno))]
    Refused {
        /// What `clone3(2)` answered.
        errno: Errno,
    },
    /// The processes of the build cannot be followed, which `--why` asks for.
    #[error(
        "`--why` cannot follow the build here: {errno}; {}; leave out `--why`, or allow it",
        follows(*.errno)
    )]
    NotFollowed {
        /// What the kernel answered.
        errno: Errno,
    },
    /// There is no user for the build.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// There is no control group for the build.
    #[error(transparent)]
    ControlGroup(#[from] SlotError),
    /// A layer did not take, as the kernel shows it.
    #[error(
        "the layer `{layer}` did not take: {found}; the command was not run (`--without {layer}` \
         does without it)"
    )]
    NotTaken {
        /// The layer.
        layer: Layer,
        /// What was seen instead.
        found: String,
    },
    /// The inspector of the outputs is not confined, as the kernel shows it.
    #[error("the layer `{layer}` did not take for the inspector: {found}; nothing was handed over")]
    NotInspected {
        /// The layer.
        layer: Layer,
        /// What was seen instead.
        found: String,
    },
    /// The inspector of the outputs ended before it had confined itself.
    #[error("the inspector of the outputs {0}; nothing was handed over")]
    Inspector(String),
    /// The call was ended before the payload ran.
    #[error("{}", ending::interrupted(.end))]
    Interrupted {
        /// What ended it.
        end: End,
    },
    /// The call was over before all that a build had was cleared away.
    #[error(
        "the call was over before {} was removed; a later call removes it, or `bulkhead gc`",
        .0.display()
    )]
    Left(PathBuf),
    /// The sandbox ended without a word, and the payload was never let through.
    #[error("{}", ending::silent(.end))]
    Silent {
        /// How it ended.
        end: End,
    },
}

/// Why files of the caller are not shown as another's, and what would help.
pub(crate) const OWNED: &str = "its file system cannot show it as the build's user's on this kernel: \
                                use another (ext4, XFS, Btrfs; in memory since Linux 6.3), or build as \
                                the caller with `--identity caller`";

/// What keeps a sandbox from its filter, and what would help.
const FILTERED: &str = "the kernel has no filters (`CONFIG_SECCOMP_FILTER`), or the sandbox around this \
                        one lets nobody have them: a `bulkhead` does with `filters = true` in the \
                        [syscalls] of its --policy";

/// `ENOTSUPP`, which the kernel keeps for itself but gives here.
const STORE_IS_FULL: i32 = 524;

fn follows(errno: Errno) -> &'static str {
    match errno {
        Errno::PERM | Errno::ACCESS => {
            "the build's user is another than the caller, who lacks the capability `SYS_PTRACE`, or \
             `kernel.yama.ptrace_scope` or a filter forbids it"
        }
        Errno::SRCH => "`/proc` shows the processes of another namespace",
        Errno::NOSYS => "the system calls of this machine are not known",
        _ => "no thread could be started for it",
    }
}

fn about(fault: Fault, path: Option<&Path>) -> String {
    let path = path.map(|path| format!(" ({})", path.display())).unwrap_or_default();
    match fault.errno {
        Errno::STALE => format!("{path}; it was exchanged while the build was prepared"),
        Errno::INVAL if fault.step == Step::ShowFiles => format!("{path}; {OWNED}"),
        Errno::INVAL if fault.step == Step::Syscalls => format!("; {FILTERED}"),
        errno if errno.raw_os_error() == STORE_IS_FULL => {
            "; the machine's store of compiled filters is full (`net.core.bpf_jit_limit`)"
                .to_owned()
        }
        _ => path,
    }
}

fn remedy(errno: Errno) -> &'static str {
    match errno {
        Errno::PERM | Errno::ACCESS => {
            "this host forbids it: under Docker allow `unshare` with `--security-opt \
             seccomp=unconfined`; on Ubuntu set `kernel.apparmor_restrict_unprivileged_userns=0`"
        }
        Errno::NOSPC | Errno::USERS => "raise `user.max_user_namespaces` and its neighbours",
        Errno::AGAIN => "the caller's limit of processes is reached; raise it with `ulimit -u`",
        _ => "the kernel must be built with user namespaces",
    }
}

impl LaunchError {
    /// The step at which it failed.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Step { fault, .. } => fault.step,
            Self::Copy(_) => Step::CopySource,
            Self::Link(_) => Step::MountEntry,
            Self::Refused { .. } => Step::Clone,
            Self::Identity(IdentityError::Account { .. }) => Step::Account,
            Self::Identity(_) => Step::Lease,
            Self::ControlGroup(_) => Step::ControlGroup,
            Self::NotTaken { .. } | Self::NotInspected { .. } => Step::ReadBack,
            Self::Silent { .. } | Self::Interrupted { .. } | Self::NotFollowed { .. } => {
                Step::Supervise
            }
            Self::Left(_) => Step::RemoveScratch,
            Self::Inspector(_) => Step::Inspector,
        }
    }

    /// What of it the exit status tells.
    #[must_use]
    pub fn not_run(&self) -> NotRun {
        match self {
            Self::Interrupted { end } => NotRun::Interrupted(end.clone()),
            Self::Step { fault, .. } => NotRun::of(*fault),
            _ => NotRun::Refused,
        }
    }

    /// That the call was ended by `fact`, if that ends one.
    pub(super) fn interrupted_by(fact: &Fact) -> Option<Self> {
        fact.end().map(|end| Self::Interrupted { end })
    }

    /// What is told of it, where by now the call may be over too or something has failed inside of the
    /// sandbox.
    pub(super) fn blamed(self, interruption: Option<Self>, inside: Option<Self>) -> Self {
        match self {
            known @ Self::Interrupted { .. } => known,
            outside => ending::blamed(interruption, inside, outside),
        }
    }

    /// The path that the build's user may not come to: its command, what it is given, or its
    /// working directory.
    #[must_use]
    pub fn out_of_reach(&self) -> Option<&Path> {
        const WAYS: [Step; 3] = [Step::Exec, Step::ReachNeeds, Step::WorkingDirectory];
        match self {
            Self::Step { fault, path } if WAYS.contains(&fault.step) => {
                path.as_deref().filter(|_| fault.errno == Errno::ACCESS)
            }
            _ => None,
        }
    }

    /// Whether it may be the host that refuses something.
    #[must_use]
    pub fn may_be_the_hosts(&self) -> bool {
        self.refused().is_some() || self.refused_groups().is_some()
    }

    /// Why no control group could be had, where it was that.
    #[must_use]
    pub fn refused_groups(&self) -> Option<String> {
        let of_the_host = match self {
            Self::ControlGroup(error) => !matches!(error, SlotError::Set { .. }),
            Self::Step { fault, .. } => fault.step == Step::JoinControlGroup,
            _ => false,
        };
        of_the_host.then(|| self.to_string())
    }

    /// What of all that is done in namespaces it was about, and with which errno that was refused;
    /// none where it was something else, or only a matter of the moment.
    ///
    /// Whether it is the host that refuses it, or something of this build's that stands in the way,
    /// only a rehearsal tells.
    #[must_use]
    pub const fn refused(&self) -> Option<(Act, Errno)> {
        let (act, errno) = match self {
            Self::Refused { errno } => (Act::Create, *errno),
            Self::Step { fault: Fault { step, errno, .. }, .. } => match step {
                Step::MapIds | Step::BecomeUser => (Act::MapIds, *errno),
                Step::Hostname => (Act::Hostname, *errno),
                Step::Loopback => (Act::Loopback, *errno),
                Step::Scratch
                | Step::OpenMount
                | Step::NewRoot
                | Step::PrivateMounts
                | Step::MountEntry
                | Step::MountDevices
                | Step::ForbidNesting
                | Step::Pivot
                | Step::SealRoot => (Act::Mount, *errno),
                Step::MountProc | Step::MaskProc => (Act::Proc, *errno),
                _ => return None,
            },
            _ => return None,
        };
        match errno {
            Errno::NOSPC | Errno::USERS if !matches!(act, Act::Create) => None,
            Errno::AGAIN | Errno::INTR | Errno::IO | Errno::MFILE | Errno::NFILE | Errno::NOMEM => {
                None
            }
            errno => Some((act, errno)),
        }
    }
}

impl From<FillError> for LaunchError {
    fn from(error: FillError) -> Self {
        match error {
            FillError::Step(fault) => fault.into(),
            FillError::Copy(error) => Self::Copy(error.to_string()),
        }
    }
}

impl From<NotStarted> for LaunchError {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::Refused(errno) => Self::Refused { errno },
            NotStarted::Owner(fault) => fault.into(),
        }
    }
}

impl From<Fault> for LaunchError {
    fn from(fault: Fault) -> Self {
        Self::Step { fault, path: None }
    }
}
