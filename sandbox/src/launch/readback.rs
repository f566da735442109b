//! What was enforced, read back from the kernel before the payload runs.
//!
//! A call that returned success is a promise; the files of `/proc/PID` are what the kernel holds.
//! A layer that did not take ends the launch (as it did not for bazel#1364 and bazel#26062, where a
//! sandbox that failed to set itself up ran the command all the same).
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::Resource;

use super::LaunchError;
use crate::layers::descriptors;
use crate::layers::mounts::MountPlan;
use crate::payload::Stdin;
use crate::plan::Plan;
use crate::policy::IdentityChoice;
use crate::step::{At, Step};
use crate::words::{Layer, LayerSet};

mod mounted;

/// The files of the held process, each read once.
struct Held<'a> {
    place: PathBuf,
    status: String,
    /// The pipes that it prints to.
    pipes: &'a [(u64, u64)],
}

/// Checks every layer of `plan` that the kernel shows at the held process behind `pidfd`, whose
/// user should be `user` as the host sees it, and which prints to one of `pipes`, each given by device
/// and inode. Gives the layers that were seen.
///
/// # Errors
/// The first layer that did not take, with what was seen instead; or the process cannot be seen.
pub(super) fn check(
    plan: &Plan,
    user: (u32, u32),
    pidfd: &OwnedFd,
    pipes: &[(u64, u64)],
) -> Result<LayerSet, LaunchError> {
    let mut seen = LayerSet::EMPTY;
    let held = Held::find(pidfd, pipes).at(Step::ReadBack)?;
    for layer in plan.layers.iter() {
        match held.check(plan, user, layer) {
            Some(Ok(())) => seen = seen.with(layer),
            Some(Err(found)) => return Err(LaunchError::NotTaken { layer, found }),
            None => {}
        }
    }
    Ok(seen)
}

type Finding = Option<Result<(), String>>;

impl<'a> Held<'a> {
    /// The process, by the number that its descriptor has here (`pidfd_open(2)`, `proc(5)`).
    fn find(pidfd: &OwnedFd, pipes: &'a [(u64, u64)]) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd()))?;
        let number = info.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
        let number = number.ok_or(io::ErrorKind::NotFound)?;
        let place = Path::new("/proc").join(number);
        let status = fs::read_to_string(place.join("status"))?;
        Ok(Self { place, status, pipes })
    }

    fn check(&self, plan: &Plan, user: (u32, u32), layer: Layer) -> Finding {
        Some(match layer {
            Layer::Userns => self.mapping(plan, user),
            Layer::Identity => self.user(plan, user),
            Layer::Network => self.namespace("net"),
            Layer::Pid => self.namespace("pid"),
            Layer::Ipc => self.namespace("ipc"),
            Layer::Hostname => self.namespace("uts"),
            Layer::Proc | Layer::Mounts => self.files(plan.mounts.as_ref()?, layer),
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
        fs::read_to_string(self.place.join(file)).map_err(|error| format!("{file}: {error}"))
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
        let of = |place: &Path| fs::read_link(place.join("ns").join(kind));
        match (of(&self.place), of(Path::new("/proc/self"))) {
            (Ok(held), Ok(own)) if held != own => Ok(()),
            (Ok(held), Ok(_)) => {
                Err(format!("the {kind} namespace is the host's, {}", held.display()))
            }
            (Err(error), _) | (_, Err(error)) => Err(format!("ns/{kind}: {error}")),
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
            fs::metadata(self.place.join(&file)).map_err(|error| format!("{file}: {error}"))
        };
        if plan.stdin == Stdin::Null && standard(0)?.rdev() != NULL_DEVICE {
            return Err("its standard input is not /dev/null".to_owned());
        }
        for number in [1, 2] {
            let found = standard(number)?;
            if !self.pipes.contains(&(found.dev(), found.ino())) {
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
        let own = self.place.file_name().and_then(|name| name.to_str());
        if session == own && terminal == Some("0") {
            Ok(())
        } else {
            Err(format!("its session is {session:?} and its terminal {terminal:?}"))
        }
    }

    fn files(&self, plan: &MountPlan, layer: Layer) -> Result<(), String> {
        let table = self.read("mountinfo")?;
        if layer == Layer::Proc {
            mounted::proc(plan, &table)
        } else {
            mounted::files(plan, &table)
        }
    }
}

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
