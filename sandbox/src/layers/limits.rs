//! Limits: control groups for the whole process tree where the host lends them, resource limits of
//! single processes always.
//!
//! A demand that the host cannot set is a refusal. A default that it cannot set falls to the next
//! best, which is said.
#![forbid(unsafe_code)]

mod attainable;
pub mod slot;
mod user;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getpriority_process, setpriority_process, setrlimit};

pub use self::attainable::attainable;

use self::slot::Group;
use crate::host::limit_support::LimitSupport;
use crate::policy::limits::amounts::{Amount, Bytes, Count, Span};
use crate::policy::limits::{self, Demand, Limit, Limits};
use crate::sys::scheduling::{leave_disk_priority, leave_real_time};

/// Seconds between the warning SIGXCPU and the end by SIGKILL.
const GRACE: u64 = 2;

/// A demand that this host cannot meet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsettable {
    /// There is no control group to account memory in.
    #[error(
        "memory cannot be limited to {0}: no control group with the memory controller can be \
         written"
    )]
    Memory(Bytes),
    /// There is none to count processes in, and the user has others.
    #[error(
        "processes cannot be limited to {0}: no control group with the pids controller can be \
         written, and RLIMIT_NPROC would count the other processes of the same user"
    )]
    Processes(Count),
    /// The caller's own limit is lower, and limits only go down.
    #[error("{limit} cannot be limited to {demanded}: the caller's own limit is {ceiling}")]
    AboveCeiling {
        /// Of what.
        limit: Limit,
        /// What was asked for.
        demanded: String,
        /// What there is at most.
        ceiling: String,
    },
}

impl Unsettable {
    /// What would help.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::Memory(_) | Self::Processes(_) => "`bulkhead doctor` names the remedy",
            Self::AboveCeiling { .. } => "raise that one with `prlimit`, as root",
        }
    }
}

/// A default that this host cannot set as it should be, and what there is instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// The tree's memory is not bounded, each process's data is.
    MemoryPerProcess,
    /// Nobody could say how much memory there is.
    MemoryUnbounded,
    /// Processes are counted together with others of the same user.
    ProcessesPerUser,
    /// A crash is handed to a program outside, whatever the limit of cores is.
    CoresHandedOver,
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MemoryPerProcess => {
                "memory is bounded for each process, not for all: no control group with the memory \
                 controller can be written"
            }
            Self::MemoryUnbounded => "memory is not bounded: /proc/meminfo cannot be read",
            Self::ProcessesPerUser => {
                "processes are counted with the user's others: no control group with the pids \
                 controller can be written"
            }
            Self::CoresHandedOver => {
                "a program that crashes is handed to the host's own for cores: `kernel.core_pattern` \
                 names one that the limit of cores does not keep from it"
            }
        })
    }
}

/// What will be enforced, complete: applying it decides nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    /// The control groups of this run; none where the host lends none.
    pub groups: Vec<Group>,
    /// The resource limits of every process.
    pub ceilings: Vec<(Resource, Rlimit)>,
    /// Bounds of the sandbox's user namespace: a file of `/proc/sys/user`, and its value.
    pub counts: Vec<(&'static str, u64)>,
    /// Bytes of memory, however they are enforced. Sizes of file systems in memory must stay below.
    pub memory: Option<u64>,
    /// Processes at a time.
    pub processes: Option<u64>,
    /// Time from start to end; the supervisor's to enforce.
    pub wall_time: Option<Duration>,
    /// Time without output; the supervisor's to enforce.
    pub silence: Option<Duration>,
    /// Bytes of what it prints; the supervisor's to enforce.
    pub log: Option<u64>,
    /// Bytes of what it hands over; the harvest's to enforce.
    pub output: Option<u64>,
    /// Defaults that could not be set as they should be.
    pub fallbacks: Vec<Fallback>,
}

/// The limits that the supervisor holds, and no means of the kernel's.
pub const OF_THE_SUPERVISOR: [Limit; 4] =
    [Limit::Timeout, Limit::Silence, Limit::Log, Limit::Output];

impl Bounds {
    /// The resource limit `of` every process, where there is one.
    #[must_use]
    pub fn ceiling(&self, of: Resource) -> Option<u64> {
        let found = self.ceilings.iter().find(|(resource, _)| *resource == of);
        found.and_then(|(_, limit)| limit.current)
    }

    /// What `limit` comes to, in its unit, where there is one.
    #[must_use]
    pub fn of(&self, limit: Limit) -> Option<u64> {
        let time = |time: Option<Duration>| time.map(|time| Span(time).number());
        match limit {
            Limit::Memory => self.memory,
            Limit::Pids => self.processes,
            Limit::Timeout => time(self.wall_time),
            Limit::Silence => time(self.silence),
            Limit::Log => self.log,
            Limit::Output => self.output,
            Limit::OpenFiles | Limit::FileSize | Limit::CpuTime => {
                let value = self.ceiling(resource(limit)?)?;
                Some(of_resource(limit, value))
            }
        }
    }

    /// The same, as it is written.
    #[must_use]
    pub fn text_of(&self, limit: Limit) -> Option<String> {
        self.of(limit).map(|number| limit.row().unit.text(number))
    }
}

/// What `policy` demands, by the means that `support` has. Pure.
///
/// # Errors
/// [`Unsettable`] for an explicit demand without means.
pub fn resolve(policy: &Limits, support: &LimitSupport) -> Result<Bounds, Unsettable> {
    let mut bounds = Bounds {
        groups: Vec::new(),
        ceilings: Vec::new(),
        counts: Vec::new(),
        memory: None,
        processes: None,
        wall_time: wanted(policy.timeout, None).map(|Span(time)| time),
        silence: wanted(policy.silence, None).map(|Span(time)| time),
        log: wanted(policy.log, Some(limits::LOG)).map(|Bytes(size)| size),
        output: wanted(policy.output, Some(limits::OUTPUT)).map(|Bytes(size)| size),
        fallbacks: Vec::new(),
    };
    user::resolve(support, &mut bounds);
    memory(policy, support, &mut bounds)?;
    processes(policy, support, &mut bounds)?;
    // The soft limit stays where it is: it is what `select` can bear.
    let files = open_files(support, bounds.processes);
    let Bounds { ceilings, .. } = &mut bounds;
    let files = ceiling(Limit::OpenFiles, policy.open_files, files, support)?;
    ceilings.extend(files.map(|files| (Resource::Nofile, pair(u64::MAX, files))));
    let size = ceiling(Limit::FileSize, policy.file_size, limits::FILE_SIZE, support)?;
    ceilings.extend(size.map(|size| (Resource::Fsize, pair(size, size))));
    if let Demand::Exactly(time) = policy.cpu_time {
        let seconds = seconds(time);
        within(Limit::CpuTime, seconds, &time, support)?;
        ceilings.push((Resource::Cpu, pair(seconds, seconds.saturating_add(GRACE))));
    }
    for (resource, limit) in ceilings {
        *limit = lower(*limit, within_reach(*resource, support));
    }
    Ok(bounds)
}

fn memory(policy: &Limits, support: &LimitSupport, bounds: &mut Bounds) -> Result<(), Unsettable> {
    let default = support.memory_left.map(|left| Bytes(left / 100 * limits::MEMORY_PERCENT));
    if policy.memory == Demand::Default && default.is_none() {
        bounds.fallbacks.push(Fallback::MemoryUnbounded);
    }
    let Some(size) = wanted(policy.memory, default) else { return Ok(()) };
    match &support.memory {
        Some(place) => {
            bounds.groups.push(Group::of_memory(place, size.0, support.socket_room));
        }
        None if policy.memory == Demand::Default => {
            // Not RLIMIT_AS: compilers and interpreters reserve far more than they use.
            bounds.ceilings.push((Resource::Data, pair(size.0, size.0)));
            bounds.fallbacks.push(Fallback::MemoryPerProcess);
        }
        None => return Err(Unsettable::Memory(size)),
    }
    bounds.memory = Some(size.0);
    Ok(())
}

fn processes(
    policy: &Limits,
    support: &LimitSupport,
    bounds: &mut Bounds,
) -> Result<(), Unsettable> {
    let demand = policy.pids;
    let Some(count) = wanted(demand, Some(most_processes(support))) else { return Ok(()) };
    if let Some(place) = &support.processes {
        match bounds.groups.iter_mut().find(|group| group.is_in(place)) {
            Some(group) => {
                group.place.lend |= place.lend;
                group.count_processes(count.0);
            }
            None => bounds.groups.push(Group::of_processes(place, count.0)),
        }
    } else if !support.counted_alone {
        if demand != Demand::Default {
            return Err(Unsettable::Processes(count));
        }
        bounds.fallbacks.push(Fallback::ProcessesPerUser);
    } else if demand != Demand::Default {
        within(Limit::Pids, count.0, &count, support)?;
    }
    bounds.processes = Some(count.0);
    // Behind a control group it is the second line, and wider: the group tells that it was hit.
    let factor = if support.processes.is_some() { 2 } else { 1 };
    let ceiling = count.0.saturating_mul(factor).min(user::processes(support));
    bounds.ceilings.push((Resource::Nproc, pair(ceiling, ceiling)));
    Ok(())
}

/// The default of processes: each has open files, and of those and of processes a machine has so many.
fn most_processes(support: &LimitSupport) -> Count {
    let numbers = (support.process_room / limits::PROCESSES_PART).max(1);
    let shared = support.file_room / limits::OPEN_FILES_PART / limits::FEWEST_OPEN_FILES;
    Count(limits::PROCESSES.0.min(numbers).min(shared.max(limits::FEWEST_PROCESSES)))
}

/// The default of open files of one process, where so many processes may be.
fn open_files(support: &LimitSupport, processes: Option<u64>) -> Count {
    let processes = processes.unwrap_or(limits::PROCESSES.0).max(1);
    let shared = support.file_room / limits::OPEN_FILES_PART / processes;
    Count(shared.clamp(limits::FEWEST_OPEN_FILES, limits::OPEN_FILES.0))
}

fn wanted<T: Copy>(demand: Demand<T>, default: Option<T>) -> Option<T> {
    match demand {
        Demand::Default => default,
        Demand::Exactly(amount) => Some(amount),
        Demand::Unlimited => None,
    }
}

fn ceiling<T: Amount + fmt::Display>(
    limit: Limit,
    demand: Demand<T>,
    default: T,
    support: &LimitSupport,
) -> Result<Option<u64>, Unsettable> {
    if let Demand::Exactly(amount) = demand {
        within(limit, amount.number(), &amount, support)?;
    }
    Ok(wanted(demand, Some(default)).map(Amount::number))
}

/// An explicit demand above the caller's own limit would quietly be a lower one.
fn within(
    limit: Limit,
    number: u64,
    demanded: &dyn fmt::Display,
    support: &LimitSupport,
) -> Result<(), Unsettable> {
    let Some(resource) = resource(limit) else { return Ok(()) };
    match support.current(resource).maximum {
        Some(hard) if hard < number => {
            let ceiling = limit.row().unit.text(of_resource(limit, hard));
            Err(Unsettable::AboveCeiling { limit, demanded: demanded.to_string(), ceiling })
        }
        _ => Ok(()),
    }
}

/// What holds `limit` for a single process, where something does (`getrlimit(2)`).
const fn resource(limit: Limit) -> Option<Resource> {
    Some(match limit {
        Limit::Memory => Resource::Data,
        Limit::Pids => Resource::Nproc,
        Limit::OpenFiles => Resource::Nofile,
        Limit::FileSize => Resource::Fsize,
        Limit::CpuTime => Resource::Cpu,
        Limit::Timeout | Limit::Silence | Limit::Log | Limit::Output => return None,
    })
}

/// The value of `limit`, in its unit, where its resource has this one: that of processor time is in
/// seconds.
fn of_resource(limit: Limit, value: u64) -> u64 {
    match limit {
        Limit::CpuTime => Span(Duration::from_secs(value)).number(),
        _ => value,
    }
}

fn seconds(Span(time): Span) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

const fn pair(soft: u64, hard: u64) -> Rlimit {
    Rlimit { current: Some(soft), maximum: Some(hard) }
}

/// The caller's own limit. Of cores the hard one alone counts: the soft one is mostly 0, and from there
/// it is raised to 1, with which less happens.
fn within_reach(resource: Resource, support: &LimitSupport) -> Rlimit {
    let own = support.current(resource);
    if resource == Resource::Core { Rlimit { current: own.maximum, ..own } } else { own }
}

/// Nothing is ever raised, and the soft limit is never above the hard one.
fn lower(wish: Rlimit, current: Rlimit) -> Rlimit {
    let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
    let maximum = least(wish.maximum, current.maximum);
    let soft = least(wish.current, current.current);
    Rlimit { current: least(soft, maximum), maximum }
}

/// Puts the calling thread into the groups behind `cgroup_fds`, each opened by the supervisor; all its
/// descendants stay inside. On version 1 this is a write of 9 to 36 µs, where the write of
/// another's number would wait milliseconds for a grace period.
///
/// # Errors
/// ENODEV where the group has been removed meanwhile.
pub fn join<'a>(cgroup_fds: impl IntoIterator<Item = BorrowedFd<'a>>) -> io::Result<()> {
    for cgroup_fd in cgroup_fds {
        if rustix::io::write(cgroup_fd, b"0")? != 1 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

/// Lowers the resource limits of this process (setrlimit(2)), and leaves what a caller may have of
/// processors and disks before others: real-time classes, and a negative nice value. After the change of user, for `RLIMIT_NPROC` counts the processes of a user.
///
/// # Errors
/// EPERM where one would have to be raised.
pub fn apply(bounds: &Bounds) -> io::Result<()> {
    leave_real_time()?;
    leave_disk_priority()?;
    if getpriority_process(None)? < 0 {
        setpriority_process(None, 0)?;
    }
    for (resource, limit) in &bounds.ceilings {
        setrlimit(*resource, *limit)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
