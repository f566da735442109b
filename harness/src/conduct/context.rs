//! What all trials of a run share: interpreter, front end, and what this machine can do.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::host::Baseline;
use super::on_fresh_thread;
use crate::catalogue::attack::Need;
use crate::frontend::python::{Python, Staged};
use crate::frontend::{Frontend, FrontendError};
use crate::lab::container::explained;
use crate::lab::groups::{self, Groups};
use crate::lab::host_tree::HostTree;
use crate::lab::keeper::Keeper;
use crate::lab::pace::{Pace, Slowest};
use crate::lab::profile::Profile;
use crate::lab::root::Root;
use crate::lab::wire::Spec;
use crate::lab::{self, Lab, LabError, at_step, staging, users};
use crate::schedule::Trial;
use crate::target::own;

/// Everything that is found out once, before the first trial.
#[derive(Debug)]
pub struct RunContext {
    /// The harness's own program, which plays the lab's first process, the victims and `bulkhead`.
    pub program: PathBuf,
    /// The interpreter, as it is outside.
    pub python: Python,
    /// `pyproject_hooks`.
    pub frontend: Frontend,
    pub(super) staged: Staged,
    /// The files of which labs are made.
    pub(super) host: Arc<HostTree>,
    pub(super) shown: Vec<String>,
    /// Mounts of the host that labs do not show.
    pub left_out: Vec<PathBuf>,
    pub(super) baseline: Baseline,
    /// The wheel of the second, honest build.
    pub(super) honest: Vec<u8>,
    unmet: BTreeMap<Need, String>,
    /// Of each kind of host that has users of its own.
    users: [OnceLock<Result<OwnedFd, String>>; Profile::ALL.len()],
    pub(super) slowest: Slowest,
    /// Goes last: what it ends is what labs have left. In a container it is the supervisor's.
    _keeper: Option<Keeper>,
}

/// Why no trial can be conducted on this machine; the command line exits with 20.
#[derive(Debug, thiserror::Error)]
pub enum RunContextError {
    /// The caller is not root.
    #[error(
        "the harness needs root, because every trial gets a host of its own (mounts, network, \
         processes): run it with sudo, or as root in a disposable container with CAP_SYS_ADMIN"
    )]
    NotRoot,
    /// There is no interpreter, or no `pyproject_hooks`.
    #[error(transparent)]
    Frontend(#[from] FrontendError),
    /// A lab cannot be opened here.
    #[error("{}", explained(.0))]
    Lab(#[from] LabError),
    /// No honest build can be built in a lab.
    #[error("an honest build does not build in a lab without any sandbox: {0}")]
    Honest(String),
    /// The host was changed meanwhile.
    #[error("{0}, while an honest build was timed")]
    Contaminated(String),
    /// The thread of the empty lab failed.
    #[error("the empty lab failed: {0}")]
    EmptyLab(String),
}

/// How long an empty lab takes.
#[derive(Clone, Copy, Debug)]
pub struct EmptyLab {
    /// Until its first process is ready.
    pub opened: Duration,
    /// From its end to the death of its last process.
    pub closed: Duration,
}

impl RunContext {
    /// Finds interpreter and front end, opens an empty lab, and notes what the host looks like.
    ///
    /// `python` is the interpreter to use, by default the `python3` of PATH; `program` is the
    /// harness, by default the running program; `host` is where the host's files are.
    ///
    /// # Errors
    /// When no trial could be conducted.
    pub fn prepare(
        python: Option<&Path>,
        program: Option<&Path>,
        host: Arc<HostTree>,
    ) -> Result<Self, RunContextError> {
        if !rustix::process::geteuid().is_root() {
            return Err(RunContextError::NotRoot);
        }
        let python = Python::ask(python)?;
        let frontend = Frontend::find(&python)?;
        let _removed = groups::sweep();
        let staged = python.staged()?;
        let mounts = at_step("/proc/self/mountinfo", host.further_mounts())?;
        // Labs are started from `/`, so a relative path would lead elsewhere.
        let program = program.unwrap_or(Path::new("/proc/self/exe"));
        let program = at_step("the program", std::path::absolute(program))?;
        let keeper = (!host.is_contained()).then(|| Keeper::post(&program, &[])).transpose();
        let context = Self {
            _keeper: at_step("the process that outlives the harness", keeper)?,
            program,
            unmet: unmet(&python),
            honest: at_step("an honest wheel", staging::honest_wheel(&python))?,
            python,
            frontend,
            staged,
            shown: mounts.shown,
            left_out: mounts.left_out,
            baseline: Baseline::take(&host),
            host,
            users: std::array::from_fn(|_| OnceLock::new()),
            slowest: Slowest::default(),
        };
        context.try_empty_lab()?;
        Ok(context)
    }

    /// How fast this machine is, as far as anybody has measured it.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.slowest.pace()
    }

    /// Opens a lab with nothing in it and closes it again.
    ///
    /// # Errors
    /// When that does not work on this machine.
    pub fn try_empty_lab(&self) -> Result<EmptyLab, RunContextError> {
        let opened = on_fresh_thread("empty-lab", || self.empty_lab());
        Ok(opened.map_err(RunContextError::EmptyLab)??)
    }

    /// The user namespace of a container of an ordinary user's, where this machine has such.
    pub(super) fn users(&self, profile: Profile) -> Option<BorrowedFd<'_>> {
        if !profile.is_mapped() {
            return None;
        }
        self.mapped(profile)?.as_ref().ok().map(AsFd::as_fd)
    }

    fn mapped(&self, profile: Profile) -> Option<&Result<OwnedFd, String>> {
        let place = Profile::ALL.iter().position(|(known, _)| *known == profile)?;
        Some(self.users.get(place)?.get_or_init(|| {
            let namespace = users::namespace(&self.program, profile, &self.host)?;
            let tried = || users::try_out(profile, namespace.as_fd(), &self.host);
            on_fresh_thread("users", tried).flatten()?;
            Ok(namespace)
        }))
    }

    fn empty_lab(&self) -> Result<EmptyLab, LabError> {
        let begin = Instant::now();
        lab::seclude()?;
        let mut root =
            at_step("its file tree", Root::make(&self.host, self.staged.prefix.as_deref(), None))?;
        at_step("the host's mounts", root.show(&self.host, &self.shown))?;
        at_step("its files", staging::fill(&root, "empty-lab", &self.program))?;
        let groups = Groups::make(self.host.owner(), "empty-lab", 0);
        let lab = Lab::open(&root, groups, None, Spec::default())?;
        let opened = begin.elapsed();
        let begin = Instant::now();
        lab.close()?;
        Ok(EmptyLab { opened, closed: begin.elapsed() })
    }

    /// Why a trial cannot be conducted on this machine, or not on its host.
    #[must_use]
    pub fn unmet(&self, trial: &Trial) -> Option<String> {
        let attack = &trial.attack;
        if attack.requires.contains(&Need::Root) && !Profile::of(&trial.host).is_root() {
            return Some("the caller is not root on this host".to_owned());
        }
        if Profile::of(&trial.host).is_mapped()
            && let Some(Err(reason)) = self.mapped(Profile::of(&trial.host))
        {
            return Some(reason.clone());
        }
        let taken = |need: &&Need| matches!(need, Need::Loopback | Need::Shm);
        if attack.requires.iter().any(|need| taken(&need)) && own::is_contained(trial) {
            let reason = "without namespaces the sandbox leaves neither loopback nor /dev/shm";
            return Some(reason.to_owned());
        }
        attack.requires.iter().find_map(|need| self.unmet.get(need)).cloned()
    }
}

/// What this machine lacks.
fn unmet(python: &Python) -> BTreeMap<Need, String> {
    let there = |paths: &[&str]| paths.iter().any(|path| Path::new(path).exists());
    let userns = std::fs::read_to_string("/proc/sys/user/max_user_namespaces")
        .is_ok_and(|limit| limit.trim() != "0");
    let has_useradd = there(&["/usr/sbin/useradd", "/sbin/useradd"])
        && there(&["/usr/sbin/userdel", "/sbin/userdel"]);
    // Loopback, /dev/shm and /tmp are the lab's own: they are always there.
    [
        (Need::Userns, userns, "this kernel makes no user namespaces (user.max_user_namespaces)"),
        (Need::Useradd, has_useradd, "useradd and userdel are not installed (package passwd)"),
        (
            Need::Compiler,
            there(&["/usr/local/bin/cc", "/usr/bin/cc", "/bin/cc"]),
            "no C compiler is installed as /usr/bin/cc (package gcc)",
        ),
        (Need::PythonHeaders, python.headers, "the interpreter comes without Python.h"),
        (Need::Ipv6, there(&["/proc/net/if_inet6"]), "this kernel has no IPv6"),
        (Need::Keyring, there(&["/proc/keys"]), "this kernel has no keyrings"),
    ]
    .into_iter()
    .filter(|(_, met, _)| !met)
    .map(|(need, _, reason)| (need, reason.to_owned()))
    .collect()
}
