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
use crate::host::kernel_file::{number_of, read_bytes, read_text};
use crate::layers::descriptors;
use crate::layers::limits::slot::file_name;
use crate::layers::mounts::MountPlan;
use crate::payload::Stdin;
use crate::plain::plural;
use crate::plan::Plan;
use crate::policy::IdentityChoice;
use crate::step::{At, Step};
use crate::sys::namespaces;
use crate::words::{Layer, LayerSet};

mod mounted;

use mounted::Table;

/// A process that is confined and not let through the gate yet.
pub(super) struct PausedPayload {
    number: String,
    /// Its directory in `/proc`.
    place: OwnedFd,
    status: String,
    /// What the path of its control groups ends with.
    group: Option<String>,
    /// The pipes that it prints to, each given by device and inode.
    pipes: Vec<(u64, u64)>,
    /// The layers that were seen so far.
    seen: LayerSet,
    /// Whether those of its files are among them.
    entered: bool,
    /// What is mounted, where it was asked for.
    table: OnceCell<Result<Table, String>>,
}

impl PausedPayload {
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
        held.check_all(plan, user, CheckPoint::Birth)?;
        Ok(held)
    }

    /// Checks what it sees of files, once they are in place.
    ///
    /// # Errors
    /// As [`Self::surroundings`].
    pub(super) fn files(&mut self, plan: &Plan, user: (u32, u32)) -> Result<(), LaunchError> {
        self.entered = true;
        self.propagation(plan)?;
        self.check_all(plan, user, CheckPoint::Entry)
    }

    /// Checks that nothing which is mounted passes from here to the host or back, whatever layer the
    /// mounts are for.
    fn propagation(&self, plan: &Plan) -> Result<(), LaunchError> {
        if plan.mounts.is_none() {
            return Ok(());
        }
        let layers = [Layer::Mounts, Layer::Proc, Layer::Harvest];
        let layer = layers.into_iter().find(|layer| plan.has(*layer)).unwrap_or(Layer::Mounts);
        let checked = self.table().and_then(Table::is_private);
        checked.map_err(|found| LaunchError::NotTaken { layer, found })
    }

    /// What is mounted, as this process sees it.
    fn table(&self) -> Result<&Table, String> {
        let read = || {
            let bytes = read_bytes(&self.place, "mountinfo");
            Table::parse(&bytes.map_err(|error| format!("mountinfo: {error}"))?)
        };
        self.table.get_or_init(read).as_ref().map_err(Clone::clone)
    }

    /// Whether its files have been looked at.
    pub(super) const fn has_entered(&self) -> bool {
        self.entered
    }

    /// Checks the rest, once the process waits at the gate in the control groups of this `name`. Gives
    /// the layers that were seen.
    ///
    /// # Errors
    /// As [`Self::surroundings`].
    pub(super) fn process(
        mut self,
        plan: &Plan,
        user: (u32, u32),
        name: Option<&str>,
    ) -> Result<LayerSet, LaunchError> {
        self.group = name.map(named);
        self.status = read_text(&self.place, "status").at(Step::ReadBack)?;
        self.check_all(plan, user, CheckPoint::Gate)?;
        Ok(self.seen)
    }

    fn check_all(
        &mut self,
        plan: &Plan,
        user: (u32, u32),
        sight: CheckPoint,
    ) -> Result<(), LaunchError> {
        for layer in plan.layers.iter().filter(|layer| CheckPoint::of(*layer) == sight) {
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
enum CheckPoint {
    /// As soon as the process is there: it cannot change its namespaces any more.
    Birth,
    /// When the files are in place.
    Entry,
    /// When it has given up everything else, and waits.
    Gate,
}

impl CheckPoint {
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

impl PausedPayload {
    /// The process, by the number that its descriptor has here.
    fn find(pidfd: &OwnedFd, pipes: Vec<(u64, u64)>) -> io::Result<Self> {
        let number = number_of(pidfd)?;
        let place = openat(CWD, format!("/proc/{number}"), LISTED, Mode::empty())?;
        Ok(Self {
            number,
            place,
            status: String::new(),
            group: None,
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
        self.namespace("user")?;
        self.owner(if plan.owns_namespace { user.0 } else { plan.caller.0 })
    }

    /// Whose the user namespace is, for whom the kernel counts what is taken in it.
    fn owner(&self, wanted: u32) -> Result<(), String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let namespace = openat(&self.place, "ns/user", flags, Mode::empty());
        match namespace.and_then(namespaces::owner) {
            Ok(found) if found == wanted => Ok(()),
            Ok(found) => Err(format!("the user namespace belongs to uid {found}, not {wanted}")),
            Err(errno) => Err(format!("the owner of the user namespace: {errno}")),
        }
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
            let row = ROWS.iter().find(|(_, known)| known == resource);
            let (row, _) = row.ok_or_else(|| format!("nothing shows {resource:?}"))?;
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
        self.groups(bounds.groups.len())
    }

    fn groups(&self, wanted: usize) -> Result<(), String> {
        if wanted == 0 {
            return Ok(());
        }
        let Some(group) = &self.group else { return Err("it has no control group".to_owned()) };
        let own = self.read("cgroup")?.lines().filter(|line| line.ends_with(group)).count();
        if own < wanted {
            Err(format!("it is in {own} of its {}", plural(wanted, "control group")))
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
        let read = (plan.stdin == Stdin::Inherit).then_some(0);
        for number in [1, 2].into_iter().chain(read) {
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
        let table = self.table()?;
        if layer == Layer::Proc { table.has_proc(plan) } else { table.has_files(plan) }
    }
}

/// What the path of a control group with that name ends with (`proc_pid_cgroup(5)`).
fn named(name: &str) -> String {
    format!("/{}", file_name(name))
}

/// What the kernel shows of a process that is no payload.
pub(super) struct Shown {
    held: PausedPayload,
}

impl Shown {
    /// What it shows of the process behind `pidfd` now, which is to be in control groups of that name.
    pub(super) fn of(pidfd: &OwnedFd, group: Option<&str>) -> io::Result<Self> {
        let mut held = PausedPayload::find(pidfd, vec![])?;
        held.group = group.map(named);
        held.status = read_text(&held.place, "status")?;
        Ok(Self { held })
    }

    /// Whether the line `name` of its status is `wanted`.
    pub(super) fn field(&self, name: &str, wanted: &str) -> Result<(), String> {
        self.held.field(name, wanted)
    }

    /// Whether both bounds in the row `row` of its limits are `wanted`.
    pub(super) fn limit(&self, row: &str, wanted: &str) -> Result<(), String> {
        let found = self.held.read("limits")?;
        let line = found.lines().find_map(|line| line.strip_prefix(row)).unwrap_or_default();
        let mut words = line.split_ascii_whitespace();
        if (words.next(), words.next()) == (Some(wanted), Some(wanted)) {
            Ok(())
        } else {
            Err(format!("{row} is {line:?}"))
        }
    }

    /// Whether it is in as many control groups of ours.
    pub(super) fn groups(&self, wanted: usize) -> Result<(), String> {
        self.held.groups(wanted)
    }
}

/// Whether the process behind `pidfd` is dead, or on its way there and has given up what it had.
pub(super) fn is_ending(pidfd: &OwnedFd) -> bool {
    let Ok(number) = number_of(pidfd) else { return true };
    let Ok(stat) = read_text(CWD, format!("/proc/{number}/stat")) else { return true };
    // Fields 3 and 9 of `proc_pid_stat(5)`: the state, and the flags of the kernel.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let mut fields = fields.split_ascii_whitespace();
    let dead = matches!(fields.next(), Some("Z" | "X" | "x"));
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok()).unwrap_or_default();
    dead || flags & EXITING != 0
}

/// The flag of a process that has begun to end (`PF_EXITING` of the kernel).
const EXITING: u64 = 0x4;

/// How a directory of `/proc` is opened.
const LISTED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// How `proc_pid_limits(5)` names what is limited.
const ROWS: [(&str, Resource); 16] = [
    ("Max address space", Resource::As),
    ("Max core file size", Resource::Core),
    ("Max cpu time", Resource::Cpu),
    ("Max data size", Resource::Data),
    ("Max file locks", Resource::Locks),
    ("Max file size", Resource::Fsize),
    ("Max locked memory", Resource::Memlock),
    ("Max msgqueue size", Resource::Msgqueue),
    ("Max nice priority", Resource::Nice),
    ("Max open files", Resource::Nofile),
    ("Max pending signals", Resource::Sigpending),
    ("Max processes", Resource::Nproc),
    ("Max realtime priority", Resource::Rtprio),
    ("Max realtime timeout", Resource::Rttime),
    ("Max resident set", Resource::Rss),
    ("Max stack size", Resource::Stack),
];

/// The number of `/dev/null` (`null(4)`).
const NULL_DEVICE: u64 = 0x103;
