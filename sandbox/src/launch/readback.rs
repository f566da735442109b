//! What was enforced, read back from the kernel before the payload runs.
//!
//! A call that returned success is a promise; the files of `/proc/PID` are what the kernel holds.
//! A layer that did not take ends the launch (as it did not for bazel#1364 and bazel#26062, where a
//! sandbox that failed to set itself up ran the command all the same).
#![forbid(unsafe_code)]

use std::cell::OnceCell;
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, readlinkat, statat};
use rustix::process::Resource;

use super::LaunchError;
use crate::host::kernel_file::read_text;
use crate::layers::descriptors;
use crate::layers::mounts::MountPlan;
use crate::payload::Stdin;
use crate::plan::Plan;
use crate::policy::IdentityChoice;
use crate::step::{At, Step};
use crate::words::{Layer, LayerSet};

mod mounted;

/// A process that is confined and not let through the gate yet.
pub(super) struct Held {
    number: String,
    /// Its directory in `/proc`.
    place: OwnedFd,
    status: String,
    /// The pipes that it prints to, each given by device and inode.
    pipes: Vec<(u64, u64)>,
    /// The layers that were seen so far.
    seen: LayerSet,
    /// Whether those of its files are among them.
    entered: bool,
    /// What is mounted, where it was asked for.
    table: OnceCell<Result<String, String>>,
}

impl Held {
    /// Checks what the held process behind `pidfd` has from its birth: its namespaces. Its user
    /// should be `user` as the host sees it; it prints to `pipes`, each given by device and inode.
    ///
    /// # Errors
    /// The first layer that did not take, with what was seen instead; or the process cannot be seen.
    pub(super) fn surroundings(
        plan: &Plan,
        user: (u32, u32),
        pidfd: &OwnedFd,
        pipes: Vec<(u64, u64)>,
    ) -> Result<Self, LaunchError> {
        let mut held = Self::find(pidfd, pipes).at(Step::ReadBack)?;
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
    fn find(pidfd: &OwnedFd, pipes: Vec<(u64, u64)>) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let info = read_text(CWD, format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
        let number = info.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
        let number = number.ok_or(io::ErrorKind::NotFound)?.to_owned();
        let place = openat(CWD, format!("/proc/{number}"), LISTED, Mode::empty())?;
        Ok(Self {
            number,
            place,
            status: String::new(),
            pipes,
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
            Layer::Descriptors => self.descriptors(plan),
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
        for (resource, limit) in &bounds.ceilings {
            let Some((row, _)) = ROWS.iter().find(|(_, known)| known == resource) else { continue };
            let line = found.lines().find_map(|line| line.strip_prefix(row)).unwrap_or_default();
            let number = |bound: Option<u64>| {
                bound.map_or("unlimited".to_owned(), |number| number.to_string())
            };
            let mut words = line.split_ascii_whitespace();
            let (soft, hard) = (words.next(), words.next());
            if (soft, hard) != (Some(&*number(limit.current)), Some(&*number(limit.maximum))) {
                return Err(format!("{row} is {line:?}"));
            }
        }
        if bounds.groups.is_empty() {
            return Ok(());
        }
        let own = self.read("cgroup")?.lines().filter(|line| line.contains("/bulkhead-")).count();
        let wanted = bounds.groups.len();
        if own < wanted {
            Err(format!("it is in {own} of its {wanted} control groups"))
        } else {
            Ok(())
        }
    }

    /// Only the standard ones, and those of the launch, which end with the exec. The standard ones are
    /// not the caller's.
    fn descriptors(&self, plan: &Plan) -> Result<(), String> {
        let standard = |number: u8| {
            let file = format!("fd/{number}");
            statat(&self.place, &file, AtFlags::empty()).map_err(|error| format!("{file}: {error}"))
        };
        if plan.stdin == Stdin::Null && standard(0)?.st_rdev != NULL_DEVICE {
            return Err("its standard input is not /dev/null".to_owned());
        }
        for number in [1, 2] {
            let found = standard(number)?;
            if !self.pipes.contains(&(found.st_dev, found.st_ino)) {
                return Err(format!("descriptor {number} is no pipe to the supervisor"));
            }
        }
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

    fn mounts(&self, plan: &MountPlan, layer: Layer) -> Result<(), String> {
        let table = self.table.get_or_init(|| self.read("mountinfo")).as_ref();
        let table = table.map_err(Clone::clone)?;
        if layer == Layer::Proc { mounted::proc(plan, table) } else { mounted::files(plan, table) }
    }
}

/// How a directory of `/proc` is opened.
const LISTED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How `proc_pid_limits(5)` names what is limited.
const ROWS: [(&str, Resource); 6] = [
    ("Max core file size", Resource::Core),
    ("Max cpu time", Resource::Cpu),
    ("Max data size", Resource::Data),
    ("Max file size", Resource::Fsize),
    ("Max open files", Resource::Nofile),
    ("Max processes", Resource::Nproc),
];

/// The number of `/dev/null` (`null(4)`).
const NULL_DEVICE: u64 = 0x103;
