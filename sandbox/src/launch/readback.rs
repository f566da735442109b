//! What was enforced, read back from the kernel before the payload runs.
//!
//! A call that returned success is a promise; the files of `/proc/PID` are what the kernel holds.
//! A layer that did not take ends the launch (as it did not for bazel#1364 and bazel#26062, where a
//! sandbox that failed to set itself up ran the command all the same).
#![forbid(unsafe_code)]

use std::cell::OnceCell;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat, readlinkat};

use super::LaunchError;
use crate::host::groups::unescape;
use crate::host::kernel_file::read_text;
use crate::layers::descriptors;
use crate::layers::mounts::{Base, MountPlan, What};
use crate::plan::Plan;
use crate::policy::IdentityChoice;
use crate::step::{At, Step};
use crate::words::{Layer, LayerSet};

/// A process that is confined and not let through the gate yet.
pub(super) struct Held {
    number: String,
    /// Its directory in `/proc`.
    place: OwnedFd,
    status: String,
    /// The layers that were seen so far.
    seen: LayerSet,
    /// Whether those of its files are among them.
    entered: bool,
    /// What is mounted, where it was asked for.
    table: OnceCell<Result<String, String>>,
}

impl Held {
    /// Checks what the held process behind `pidfd` has from its birth: its namespaces. Its user
    /// should be `user` as the host sees it.
    ///
    /// # Errors
    /// The first layer that did not take, with what was seen instead; or the process cannot be seen.
    pub(super) fn surroundings(
        plan: &Plan,
        user: (u32, u32),
        pidfd: &OwnedFd,
    ) -> Result<Self, LaunchError> {
        let mut held = Self::find(pidfd).at(Step::ReadBack)?;
        held.check_all(plan, user, Sight::Birth)?;
        Ok(held)
    }

    /// Checks what it sees of files, once they are in place.
    ///
    /// # Errors
    /// As [`Self::surroundings`].
    pub(super) fn files(&mut self, plan: &Plan, user: (u32, u32)) -> Result<(), LaunchError> {
        self.entered = true;
        self.check_all(plan, user, Sight::Entry)
    }

    /// Whether its files have been looked at.
    pub(super) const fn has_entered(&self) -> bool {
        self.entered
    }

    /// Checks the rest, once the process waits at the gate. Gives the layers that were seen.
    ///
    /// # Errors
    /// As [`Self::surroundings`].
    pub(super) fn process(
        mut self,
        plan: &Plan,
        user: (u32, u32),
    ) -> Result<LayerSet, LaunchError> {
        self.status = read_text(&self.place, "status").at(Step::ReadBack)?;
        self.check_all(plan, user, Sight::Gate)?;
        Ok(self.seen)
    }

    fn check_all(
        &mut self,
        plan: &Plan,
        user: (u32, u32),
        sight: Sight,
    ) -> Result<(), LaunchError> {
        for layer in plan.layers.iter().filter(|layer| Sight::of(*layer) == sight) {
            match self.check(plan, user, layer) {
                Some(Ok(())) => self.seen = self.seen.with(layer),
                Some(Err(found)) => return Err(LaunchError::NotTaken { layer, found }),
                None => {}
            }
        }
        Ok(())
    }
}

/// When a layer can be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    /// As soon as the process is there: it cannot change its namespaces any more.
    Birth,
    /// When the files are in place.
    Entry,
    /// When it has given up everything else, and waits.
    Gate,
}

impl Sight {
    const fn of(layer: Layer) -> Self {
        match layer {
            Layer::Userns | Layer::Network | Layer::Pid | Layer::Ipc | Layer::Hostname => {
                Self::Birth
            }
            Layer::Proc | Layer::Mounts => Self::Entry,
            _ => Self::Gate,
        }
    }
}

type Finding = Option<Result<(), String>>;

impl Held {
    /// The process, by the number that its descriptor has here (`pidfd_open(2)`, `proc(5)`).
    fn find(pidfd: &OwnedFd) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let info = read_text(CWD, format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
        let number = info.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
        let number = number.ok_or(io::ErrorKind::NotFound)?.to_owned();
        let place = openat(CWD, format!("/proc/{number}"), LISTED, Mode::empty())?;
        Ok(Self {
            number,
            place,
            status: String::new(),
            seen: LayerSet::EMPTY,
            entered: false,
            table: OnceCell::new(),
        })
    }

    fn check(&self, plan: &Plan, user: (u32, u32), layer: Layer) -> Finding {
        Some(match layer {
            Layer::Userns => self.mapping(plan, user),
            Layer::Identity => self.user(plan, user),
            Layer::Network => self.namespace("net"),
            Layer::Pid => self.namespace("pid"),
            Layer::Ipc => self.namespace("ipc"),
            Layer::Hostname => self.namespace("uts"),
            Layer::Proc | Layer::Mounts => self.mounts(plan.mounts.as_ref()?, layer),
            Layer::Privileges => self.privileges(plan),
            Layer::Syscalls => self.field("Seccomp", "2"),
            Layer::Limits => self.limits(plan),
            // The process has looked at itself: see `descriptors::look`.
            Layer::Descriptors if plan.looks_at_itself() => Ok(()),
            Layer::Descriptors => self.descriptors(),
            Layer::Session => self.session(),
            // The kernel does not show the rules. The process itself has tried one before it said
            // that it is ready, and says that it failed where the rule did not hold.
            Layer::Landlock => Ok(()),
            // The environment is an argument of the exec that is still to come, the lifeline is
            // the socket that is being listened to, and the harvest comes afterwards.
            Layer::Environment | Layer::Leash | Layer::Harvest => return None,
        })
    }

    fn field(&self, name: &str, wanted: &str) -> Result<(), String> {
        let found = self.value(name);
        if found == wanted { Ok(()) } else { Err(format!("{name} is {found:?}, not {wanted:?}")) }
    }

    fn value(&self, name: &str) -> String {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.unwrap_or_default().split_ascii_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn read(&self, file: &str) -> Result<String, String> {
        read_text(&self.place, file).map_err(|error| format!("{file}: {error}"))
    }

    fn mapping(&self, plan: &Plan, user: (u32, u32)) -> Result<(), String> {
        let inside = plan.inside.unwrap_or_default();
        for (file, outside) in [("uid_map", user.0), ("gid_map", user.1)] {
            let found = self.read(file)?;
            let numbers: Vec<_> = found.split_ascii_whitespace().collect();
            if numbers != [inside.to_string(), outside.to_string(), "1".to_owned()] {
                return Err(format!("{file} is {:?}", numbers.join(" ")));
            }
        }
        self.namespace("user")
    }

    fn user(&self, plan: &Plan, user: (u32, u32)) -> Result<(), String> {
        let four = |id: u32| [id; 4].map(|id| id.to_string()).join(" ");
        self.field("Uid", &four(user.0))?;
        self.field("Gid", &four(user.1))?;
        match plan.identity {
            // A caller without privilege cannot drop the groups that it has.
            IdentityChoice::Caller => Ok(()),
            IdentityChoice::Lease | IdentityChoice::Useradd => self.field("Groups", ""),
        }
    }

    fn namespace(&self, kind: &str) -> Result<(), String> {
        let held = readlinkat(&self.place, format!("ns/{kind}"), Vec::new());
        let own = readlinkat(CWD, format!("/proc/self/ns/{kind}"), Vec::new());
        match (held, own) {
            (Ok(held), Ok(own)) if held != own => Ok(()),
            (Ok(held), Ok(_)) => {
                Err(format!("the {kind} namespace is the host's, {}", held.to_string_lossy()))
            }
            (Err(errno), _) | (_, Err(errno)) => Err(format!("ns/{kind}: {errno}")),
        }
    }

    fn privileges(&self, plan: &Plan) -> Result<(), String> {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            self.field(set, "0000000000000000")?;
        }
        // A caller without privilege and without a user namespace cannot empty this one; with
        // no_new_privs it bounds nothing that could be gained.
        if plan.has(Layer::Userns) || plan.privileged {
            self.field("CapBnd", "0000000000000000")?;
        }
        self.field("NoNewPrivs", "1")
    }

    fn limits(&self, plan: &Plan) -> Result<(), String> {
        let Some(bounds) = &plan.limits else { return Err("none are planned".to_owned()) };
        let found = self.read("limits")?;
        let core = found.lines().find(|line| line.starts_with("Max core file size"));
        if core.is_none_or(|line| line.split_ascii_whitespace().nth(4) != Some("0")) {
            return Err(format!("core files are not forbidden: {core:?}"));
        }
        if bounds.groups.is_empty() || self.read("cgroup")?.contains("/bulkhead-") {
            Ok(())
        } else {
            Err("it is in no control group of its own".to_owned())
        }
    }

    /// Only the standard ones, and those of the launch, which end with the exec.
    fn descriptors(&self) -> Result<(), String> {
        match descriptors::kept_by(&self.place) {
            Ok(None) => Ok(()),
            Ok(Some(number)) => Err(format!("descriptor {number} would reach the payload")),
            Err(error) => Err(format!("fd: {error}")),
        }
    }

    /// Its session is its own and has no terminal (fields 6 and 7 of `proc_pid_stat(5)`).
    fn session(&self) -> Result<(), String> {
        let stat = self.read("stat")?;
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let mut fields = fields.split_ascii_whitespace().skip(3);
        let (session, terminal) = (fields.next(), fields.next());
        if session == Some(self.number.as_str()) && terminal == Some("0") {
            Ok(())
        } else {
            Err(format!("its session is {session:?} and its terminal {terminal:?}"))
        }
    }

    /// Every planned path is a mount of its own where it should be one, and read-only where it
    /// should be; the root is in memory.
    fn mounts(&self, plan: &MountPlan, layer: Layer) -> Result<(), String> {
        let table = self.table.get_or_init(|| self.read("mountinfo")).as_ref();
        let table = table.map_err(Clone::clone)?;
        let mounts: Vec<_> = table.lines().filter_map(Mount::parse).collect();
        let find = |path: &Path| {
            let path = path.as_os_str();
            mounts.iter().rev().find(|mount| mount.place.as_os_str() == path)
        };
        if layer == Layer::Proc {
            return match find(Path::new("/proc")) {
                Some(Mount { kind: "proc", .. }) => Ok(()),
                other => Err(format!("/proc is {other:?}")),
            };
        }
        if mounts.iter().filter(|mount| mount.place.as_os_str() == "/").count() > 1 {
            return Err("the host's root is still there".to_owned());
        }
        match find(Path::new("/")) {
            Some(Mount { kind: "tmpfs", read_only: true, .. }) if plan.base == Base::Empty => {}
            other => return Err(format!("the root is {other:?}")),
        }
        for entry in &plan.entries {
            if let What::Overlay { .. } = entry.what
                && find(&entry.target).is_none_or(|mount| mount.kind != "overlay")
                && !covered_later(plan, &entry.target)
            {
                return Err(format!("{} is no overlay", entry.target.display()));
            }
            if let What::Bind { writable: false, .. } = entry.what
                && !find(&entry.target).is_some_and(|mount| mount.read_only)
                && !covered_later(plan, &entry.target)
            {
                return Err(format!("{} is not there read-only", entry.target.display()));
            }
        }
        Ok(())
    }
}

/// How a directory of `/proc` is opened.
const LISTED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// Whether a later entry of the plan is put over the same path.
fn covered_later(plan: &MountPlan, path: &Path) -> bool {
    plan.entries.iter().filter(|entry| entry.target == path).count() > 1
}

/// A line of `proc_pid_mountinfo(5)`.
#[derive(Debug)]
struct Mount<'a> {
    place: PathBuf,
    read_only: bool,
    kind: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let (place, options) = (unescape(fields.next()?), fields.next()?);
        let read_only = options.split(',').any(|option| option == "ro");
        Some(Self { place, read_only, kind: system.split(' ').next()? })
    }
}
