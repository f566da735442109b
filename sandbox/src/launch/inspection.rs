//! The supervisor's side of an inspection: it starts the inspector, reads back how it is confined,
//! asks, waits no longer than it must, and ends it.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, Mode, OFlags, fstat, mkdirat, openat, stat, unlinkat};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::patience::Patience;
use super::readback::Shown;
use super::{LaunchError, Slot};
use crate::harvest::{Inspector, Opinion, Question, Why};
use crate::inspector::{APART, bounds};
use crate::plan::{Plan, PlanKind};
use crate::policy::IdentityChoice;
use crate::step::{At, Fault, Step};
use crate::wire::{Confinement, Line, Taken, Word};
use crate::words::Layer;

/// The hidden command of this program that inspects.
pub const COMMAND: &str = "inspect";

/// How long an inspection may take, beside what the size of the file allows it.
const PATIENCE: Duration = Duration::from_mins(2);
/// What of a file is inspected in a second at the least, unpacked.
const PER_SECOND: u64 = 8 << 20;
/// How much more than the file is unpacked at the most.
const UNPACKED: u64 = 100;

/// How long it may take to die of SIGKILL.
const DEATH: Duration = Duration::from_secs(5);

/// How long one may still be there whose end of the line is closed already.
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Memory that an inspector may have, if the build may have as much.
const MEMORY: u64 = 1 << 30;

/// An inspector that is confined and waits for questions. It ends with this.
#[derive(Debug)]
pub struct Inspection<'a> {
    child: Child,
    process: OwnedFd,
    line: Line,
    patience: &'a mut Patience,
}

impl<'a> Inspection<'a> {
    /// Starts one for the build of `plan`, whose user is `user` as the host sees it, in the control
    /// groups of `slot`. `scratch` is a directory that only the supervisor can change.
    ///
    /// # Errors
    /// It could not be started, or is not confined as it should be; nothing is left of it.
    pub(super) fn start(
        plan: &Plan,
        user: (u32, u32),
        slot: Option<&Slot>,
        scratch: Option<BorrowedFd<'_>>,
        patience: &'a mut Patience,
    ) -> Result<Self, LaunchError> {
        let (line, theirs) = Line::pair().at(Step::Inspector)?;
        // By this link, for the path of the program may name another one by now.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("bulkhead").arg(COMMAND).env_clear().current_dir("/");
        command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().at(Step::Inspector)?;
        // With the command our copy of its end goes: its death must be seen.
        drop(command);
        let process = pidfd_open(Pid::from_child(&child), PidfdFlags::empty());
        let process = process.at(Step::Inspector);
        let mut inspection = match process {
            Ok(process) => Self { child, process, line, patience },
            Err(fault) => {
                let mut child = child;
                let _ = child.kill();
                let _ = child.wait();
                return Err(fault.into());
            }
        };
        match inspection.confine(plan, user, slot, scratch) {
            Ok(()) => Ok(inspection),
            // Whatever else was seen of one that is dead, its death comes first.
            Err(LaunchError::Step { .. } | LaunchError::NotInspected { .. })
                if inspection.ends_within(AT_ONCE) =>
            {
                Err(LaunchError::Inspector(inspection.death()))
            }
            Err(error) => Err(error),
        }
    }

    /// Asks it to confine itself, and looks whether it did.
    fn confine(
        &mut self,
        plan: &Plan,
        user: (u32, u32),
        slot: Option<&Slot>,
        scratch: Option<BorrowedFd<'_>>,
    ) -> Result<(), LaunchError> {
        let user = Some(user).filter(|_| plan.identity != IdentityChoice::Caller);
        let namespaces = match plan.kind {
            PlanKind::Namespaced if plan.privileged => Some(false),
            // In a user namespace of its own nobody is mapped whom it could become. The user, the
            // rules of Landlock and the filter are what confines it then, as in the other plan.
            PlanKind::Namespaced => user.is_none().then_some(true),
            _ => None,
        };
        // Whoever has no capability here and gets no namespace of users cannot change its root.
        let rooted = namespaces.is_some() || rustix::process::geteuid().is_root();
        let root = scratch.filter(|_| rooted).map(empty_directory).transpose();
        let root = root.at(Step::InspectorRoot)?;
        let bounds = plan.limits.as_ref();
        let memory = bounds.and_then(|bounds| bounds.memory).map_or(MEMORY, |all| all.min(MEMORY));
        let most = bounds.and_then(|bounds| bounds.output).unwrap_or(u64::MAX);
        let cpu = allowance(most).as_secs();
        let rooted = root.is_some();
        let wanted = Confinement { user, rooted, namespaces, cpu, memory };
        let cgroup_fds = slot.into_iter().flat_map(Slot::cgroup_fds);
        let given: Vec<_> = root.iter().map(AsFd::as_fd).chain(cgroup_fds).collect();
        self.line.send(&Word::Confine(wanted), &given).at(Step::Inspector)?;
        let places = match self.hear_with_descriptors(Instant::now() + PATIENCE) {
            Ok((Word::Entered, places)) => places,
            answer => return Err(unconfined(answer.map(|(word, _)| word))),
        };
        elsewhere(&wanted, root.as_ref(), &places)?;
        match self.hear(Instant::now() + PATIENCE) {
            Ok(Word::Confined(landlock)) => self.read_back(plan, &wanted, landlock, slot),
            answer => Err(unconfined(answer)),
        }
    }

    /// Looks at the inspector, as the kernel shows it, before it gets the first byte.
    fn read_back(
        &self,
        plan: &Plan,
        wanted: &Confinement,
        landlock: bool,
        slot: Option<&Slot>,
    ) -> Result<(), LaunchError> {
        let shown = Shown::of(&self.process, slot.map(Slot::name)).at(Step::ReadBack)?;
        let groups = slot.map_or(0, |slot| slot.cgroup_fds().count());
        let not = |layer| move |found: String| LaunchError::NotInspected { layer, found };
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            shown.field(set, "0000000000000000").map_err(not(Layer::Privileges))?;
        }
        shown.field("NoNewPrivs", "1").map_err(not(Layer::Privileges))?;
        shown.field("Seccomp", "2").map_err(not(Layer::Syscalls))?;
        if let Some((uid, gid)) = wanted.user {
            let four = |id: u32| [id; 4].map(|id| id.to_string()).join(" ");
            shown.field("Uid", &four(uid)).map_err(not(Layer::Identity))?;
            shown.field("Gid", &four(gid)).map_err(not(Layer::Identity))?;
            shown.field("Groups", "").map_err(not(Layer::Identity))?;
        }
        for (_, row, bound) in bounds(wanted).at(Step::ReadBack)? {
            shown.limit(row, &bound.to_string()).map_err(not(Layer::Limits))?;
        }
        shown.groups(groups).map_err(not(Layer::Limits))?;
        if wanted.namespaces.is_some() {
            shown.field("CapBnd", "0000000000000000").map_err(not(Layer::Privileges))?;
        }
        // The kernel does not show the rules. The process has tried one before it said so.
        if plan.landlock.is_some() && !landlock {
            return Err(not(Layer::Landlock)("it has no rules".to_owned()));
        }
        Ok(())
    }

    /// Waits until something has come, at the longest until `latest`.
    fn wait(&mut self, latest: Instant) -> Result<(), Why> {
        loop {
            let wanted = vec![PollFd::new(&self.line, PollFlags::IN)];
            let ready = self.patience.wait(wanted, Some(latest));
            if self.patience.over().is_some() {
                return Err(Why::Interrupted);
            }
            if ready.map_err(|fault| Why::Read(fault.errno.into()))? {
                return Ok(());
            }
            if Instant::now() >= latest {
                return Err(Why::Inspector("takes too long".to_owned()));
            }
        }
    }

    /// Waits for a word, and what comes with it, of an inspector that has read nothing hostile yet.
    fn hear_with_descriptors(&mut self, latest: Instant) -> Result<(Word, Vec<OwnedFd>), Why> {
        self.wait(latest)?;
        match self.line.receive() {
            Ok(Some(heard)) => Ok(heard),
            Ok(None) | Err(Errno::CONNRESET) => Err(Why::Inspector(self.death())),
            Err(_) => Err(Why::Inspector("answers what is no answer".to_owned())),
        }
    }

    /// Waits for a word until `latest`.
    fn hear(&mut self, latest: Instant) -> Result<Word, Why> {
        let mut arrived = Vec::new();
        loop {
            self.wait(latest)?;
            match self.line.take(&mut arrived) {
                Ok(Taken::Part) => {}
                Ok(Taken::Word(word)) => return Ok(*word),
                Ok(Taken::Ended) => return Err(Why::Inspector(self.death())),
                Err(_) => return Err(Why::Inspector("answers what is no answer".to_owned())),
            }
        }
    }

    /// Whether it has ended, or does so in this time.
    fn ends_within(&self, time: Timespec) -> bool {
        poll(&mut [PollFd::new(&self.process, PollFlags::IN)], Some(&time)).is_ok_and(|n| n > 0)
    }

    /// Why it is gone.
    fn death(&mut self) -> String {
        self.end();
        let status = self.child.try_wait().ok().flatten();
        match status.map(|status| status.signal()) {
            Some(Some(9)) => {
                "was killed; most likely it needs more memory than the build may have, \
                            which `--memory` says"
                    .to_owned()
            }
            // So ends a program of Rust's for which there is no memory.
            Some(Some(6)) => {
                "broke by signal 6, as it does when it needs more memory than the build \
                              may have, which `--memory` says"
                    .to_owned()
            }
            Some(Some(24)) => "takes too long".to_owned(),
            Some(Some(signal)) => format!("broke by signal {signal}"),
            _ => "ended without an answer".to_owned(),
        }
    }
}

impl Inspector for Inspection<'_> {
    fn ask(&mut self, question: &Question, file: BorrowedFd<'_>) -> Result<Opinion, Why> {
        let size = fstat(file).map(|status| status.st_size.unsigned_abs()).unwrap_or_default();
        let latest = Instant::now() + allowance(size);
        match self.line.send(&Word::Question(question.clone()), &[file]) {
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(Why::Inspector(self.death())),
            sent => sent.map_err(|errno| Why::Read(errno.into()))?,
        }
        match self.hear(latest)? {
            Word::Opinion(opinion) if opinion.is_sound(question) => Ok(opinion),
            _ => Err(Why::Inspector("answers what is no answer".to_owned())),
        }
    }

    fn goes_on(&mut self) -> bool {
        // It has been asked all that there is to ask, and shares the place in the file with us.
        self.end();
        self.patience.go_on()
    }
}

impl Inspection<'_> {
    /// Ends it, in two ways, for one may fail, and does not wait for ever: with this process it ends at
    /// the latest.
    fn end(&mut self) {
        if self.child.kill().is_err() {
            let _ = pidfd_send_signal(&self.process, Signal::KILL);
        }
        let latest = Instant::now() + DEATH;
        let mut ended = self.child.try_wait();
        while matches!(ended, Ok(None)) && Instant::now() < latest {
            let left = latest.saturating_duration_since(Instant::now());
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            let _ = poll(&mut [PollFd::new(&self.process, PollFlags::IN)], Some(&left));
            ended = self.child.try_wait();
        }
    }
}

impl Drop for Inspection<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

/// How long the inspection of a file of `size` bytes may take.
fn allowance(size: u64) -> Duration {
    const MOST: u64 = 64 << 30;
    PATIENCE + Duration::from_secs(size.saturating_mul(UNPACKED).min(MOST) / PER_SECOND)
}

/// Why one that did not say what it should is not confined.
fn unconfined(answer: Result<Word, Why>) -> LaunchError {
    match answer {
        Ok(Word::Failed(fault)) => fault.into(),
        Err(Why::Inspector(what)) => LaunchError::Inspector(what),
        Ok(_) | Err(_) => Fault::new(Step::Inspector, Errno::PROTO).into(),
    }
}

/// Checks that the places which the inspector shows, while it cannot go back any more, are those that
/// were `wanted`: namespaces other than ours, and the empty directory `root`.
fn elsewhere(
    wanted: &Confinement,
    root: Option<&OwnedFd>,
    places: &[OwnedFd],
) -> Result<(), LaunchError> {
    let not = |layer, found: &str| LaunchError::NotInspected { layer, found: found.to_owned() };
    let mut places = places.iter();
    let mut next = |layer| {
        let place = places.next().ok_or_else(|| not(layer, "it does not show where it is"))?;
        fstat(place).at(Step::ReadBack).map_err(LaunchError::from)
    };
    let kinds = APART.into_iter().filter(|_| wanted.namespaces.is_some());
    for (kind, layer) in kinds {
        let own = stat(format!("/proc/self/ns/{kind}")).at(Step::ReadBack)?;
        let shown = next(layer)?;
        if shown.st_dev != own.st_dev {
            return Err(not(layer, &format!("what it shows is no {kind} namespace")));
        }
        if shown.st_ino == own.st_ino {
            return Err(not(layer, &format!("the {kind} namespace is the host's")));
        }
    }
    if let Some(root) = root {
        let (own, shown) = (fstat(root).at(Step::ReadBack)?, next(Layer::Mounts)?);
        if (shown.st_dev, shown.st_ino, shown.st_nlink) != (own.st_dev, own.st_ino, 0) {
            return Err(not(Layer::Mounts, "its root is not the empty directory"));
        }
    }
    Ok(())
}

/// A directory that has no name, and in which nothing can be made.
fn empty_directory(place: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    const NAME: &str = ".bulkhead-empty";
    mkdirat(place, NAME, Mode::from_raw_mode(0o755))?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(place, NAME, flags, Mode::empty());
    unlinkat(place, NAME, AtFlags::REMOVEDIR)?;
    opened
}

#[cfg(test)]
#[path = "inspection_tests.rs"]
mod tests;
