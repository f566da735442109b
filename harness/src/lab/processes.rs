//! The processes of a lab, seen from outside through a `/proc` that only the harness has: the lab's
//! first process makes it before anything else runs, and nothing that is mounted in the lab lies over
//! it.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2, readlinkat};
use rustix::process::{Signal, pidfd_send_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::file_watch;

/// No file of the kernel's is read beyond this, in bytes.
const LONGEST: u64 = 16 << 20;

/// A process, as `/proc/PID/status` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// Its number within the lab.
    pub pid: i32,
    /// Its number within its innermost process namespace.
    pub innermost: i32,
    /// Its parent's number within the lab.
    pub parent: i32,
    /// Its state: `R`, `S`, `T`, `t`, `Z` …
    pub state: char,
    /// Its name.
    pub name: String,
    /// Its effective uid, as the host sees it.
    pub uid: u32,
    /// Its effective group and its further groups, as the host sees them.
    pub groups: Vec<u32>,
    /// Nothing that it executes gains rights by it.
    pub no_new_privs: bool,
    /// Its effective capabilities.
    pub capabilities: u64,
    /// Who traces it; 0 for nobody.
    pub tracer: i32,
}

/// How the kernel treats a process when it has to choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchedulingState {
    /// Its nice value: the higher, the less it gets of the processor.
    pub nice: i32,
    /// What is added to its score when memory is short: the higher, the sooner it goes.
    pub oom: i32,
    /// By which rule it gets the processor: 0 for the usual one, 5 for when nobody else wants it.
    pub policy: i32,
    /// A digest of the list of processors that it may run on.
    pub processors: u64,
    /// A digest of its limits.
    pub limits: u64,
}

/// The lab's `/proc`.
#[derive(Debug)]
pub struct Processes {
    proc: OwnedFd,
}

impl Processes {
    /// Those of a lab whose first process has not handed out a `/proc` yet: none.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn unknown(init: u32) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { proc: rustix::fs::open(format!("/proc/{init}"), flags, Mode::empty())? })
    }

    /// Those that a mount of `/proc` shows, which must be one.
    ///
    /// # Errors
    /// Those of open(2); `EINVAL` for anything else.
    pub fn shown_by(mount: BorrowedFd<'_>) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = openat(mount, ".", flags, Mode::empty())?;
        if rustix::fs::fstatfs(&proc)?.f_type != rustix::fs::PROC_SUPER_MAGIC {
            return Err(rustix::io::Errno::INVAL.into());
        }
        Ok(Self { proc })
    }

    /// All of them, those of nested namespaces too.
    ///
    /// # Errors
    /// Those of getdents(2).
    pub fn list(&self) -> io::Result<Vec<Process>> {
        let mut found = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.proc)? {
            let entry = entry?;
            let number = entry.file_name().to_str().ok().and_then(|name| name.parse().ok());
            // One that ended between the listing and the look is no longer a process.
            found.extend(number.and_then(|pid| self.look(pid)));
        }
        Ok(found)
    }

    /// One of them; `None` when it is gone.
    #[must_use]
    pub fn look(&self, pid: i32) -> Option<Process> {
        let text = self.read(&format!("{pid}/status")).ok()?;
        Some(parse(pid, &String::from_utf8_lossy(&text)))
    }

    /// How the kernel treats it; as nobody in particular when it is gone.
    #[must_use]
    pub fn standing(&self, pid: i32) -> SchedulingState {
        let text = |name: &str| {
            let text = self.read(&format!("{pid}/{name}")).unwrap_or_default();
            String::from_utf8_lossy(&text).into_owned()
        };
        let (stat, status) = (text("stat"), text("status"));
        let processors = status.lines().find(|line| line.starts_with("Cpus_allowed_list:"));
        SchedulingState {
            nice: nice(&stat),
            oom: number(Some(text("oom_score_adj").trim())),
            policy: policy(&stat),
            processors: digest(processors.unwrap_or_default()),
            limits: digest(&text("limits")),
        }
    }

    /// The host name where the process `pid` is. The calling thread moves there.
    ///
    /// # Errors
    /// Those of setns(2).
    pub fn hostname(&self, pid: i32) -> io::Result<String> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let place = openat(&self.proc, format!("{pid}/ns/uts"), flags, Mode::empty())?;
        let kind = LinkNameSpaceType::HostNameAndNISDomainName;
        move_into_link_name_space(place.as_fd(), Some(kind))?;
        Ok(rustix::system::uname().nodename().to_string_lossy().into_owned())
    }

    /// Its arguments.
    #[must_use]
    pub fn arguments(&self, pid: i32) -> Vec<String> {
        let text = self.read(&format!("{pid}/cmdline")).unwrap_or_default();
        text.split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect()
    }

    /// Which namespace of a kind it is in, as `user:[4026531837]`.
    #[must_use]
    pub fn namespace(&self, pid: i32, kind: &str) -> Option<String> {
        let link = readlinkat(&self.proc, format!("{pid}/ns/{kind}"), Vec::new()).ok()?;
        Some(link.to_string_lossy().into_owned())
    }

    /// What its descriptors are of: the name of the file, or of the protocol of a socket.
    #[must_use]
    pub fn descriptors(&self, pid: i32) -> Vec<String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(dir) = openat(&self.proc, format!("{pid}/fd"), flags, Mode::empty()) else {
            return Vec::new();
        };
        let entries = rustix::fs::Dir::read_from(&dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| {
            let name = entry.file_name();
            let link = readlinkat(&dir, name, Vec::new()).ok()?;
            Some(protocol(&dir, name).unwrap_or_else(|| link.to_string_lossy().into_owned()))
        });
        names.collect()
    }

    /// The mounts that it sees.
    ///
    /// # Errors
    /// Those of open(2) and read(2).
    pub fn mounts(&self, pid: i32) -> io::Result<String> {
        let text = self.read(&format!("{pid}/mountinfo"))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The largest core dump that it may leave; what cannot be read counts as unlimited.
    #[must_use]
    pub fn core_limit(&self, pid: i32) -> u64 {
        let text = self.read(&format!("{pid}/limits")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let line = text.lines().find_map(|line| line.strip_prefix("Max core file size"));
        // The hard limit: the soft one is the process's own to raise.
        let hard = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        hard.unwrap_or(u64::MAX)
    }

    /// `length` bytes of its memory.
    ///
    /// # Errors
    /// Those of open(2) and read(2).
    pub fn memory(&self, pid: i32, address: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut memory = self.open(&format!("{pid}/mem"))?;
        memory.seek(SeekFrom::Start(address))?;
        let mut bytes = vec![0; length];
        memory.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A file as the process sees it, under a path of its own.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn seen_by(&self, pid: i32, path: &Path) -> io::Result<OwnedFd> {
        file_watch::seen_by(self.proc.as_fd(), pid, path)
    }

    /// Sends it a signal, through the very directory that was looked up: its number cannot have
    /// been given to somebody else meanwhile.
    ///
    /// # Errors
    /// Those of `pidfd_send_signal(2)`.
    pub fn signal(&self, pid: i32, signal: Signal) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = openat(&self.proc, pid.to_string(), flags, Mode::empty())?;
        Ok(pidfd_send_signal(dir.as_fd(), signal)?)
    }

    /// A file of the kernel's: no link leads away from it, nothing is mounted over it, and opening
    /// it waits for nobody.
    fn open(&self, path: &str) -> io::Result<std::fs::File> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
        Ok(openat2(&self.proc, Path::new(path), flags, Mode::empty(), resolve)?.into())
    }

    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        self.open(path)?.take(LONGEST).read_to_end(&mut text)?;
        Ok(text)
    }
}

/// The protocol of a socket, which the kernel tells as an attribute of its inode.
fn protocol(dir: &OwnedFd, name: &CStr) -> Option<String> {
    let path = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string());
    let path = path.join(name.to_str().ok()?);
    let mut text = [0; 64];
    let length = rustix::fs::getxattr(&path, "system.sockprotoname", &mut text).ok()?;
    let text = text.get(..length)?;
    Some(String::from_utf8_lossy(text).trim_end_matches('\0').to_owned())
}

/// Reads what is of interest in a `status` file.
fn parse(pid: i32, text: &str) -> Process {
    let mut process = Process { pid, innermost: pid, ..Process::default() };
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let mut words = value.split_whitespace();
        match key {
            "Name" => value.trim().clone_into(&mut process.name),
            "State" => process.state = value.trim().chars().next().unwrap_or('?'),
            "PPid" => process.parent = number(words.next()),
            "TracerPid" => process.tracer = number(words.next()),
            "NSpid" => process.innermost = number(words.next_back()),
            // real, effective, saved, file system
            "Uid" => process.uid = words.nth(1).and_then(|word| word.parse().ok()).unwrap_or(0),
            "Gid" => process.groups.extend(words.nth(1).and_then(|word| word.parse::<u32>().ok())),
            "Groups" => process.groups.extend(words.filter_map(|word| word.parse::<u32>().ok())),
            "NoNewPrivs" => process.no_new_privs = value.trim() == "1",
            "CapEff" => {
                process.capabilities =
                    words.next().and_then(|w| u64::from_str_radix(w, 16).ok()).unwrap_or(u64::MAX);
            }
            _ => {}
        }
    }
    process
}

/// The nice value in a `stat` file: the nineteenth field, the seventeenth behind the name, which is
/// in parentheses and may contain anything.
fn nice(stat: &str) -> i32 {
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    number(behind.split(' ').nth(16))
}

/// The scheduling policy in a `stat` file: its forty-first field.
fn policy(stat: &str) -> i32 {
    let behind = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    number(behind.split(' ').nth(38))
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn number(word: Option<&str>) -> i32 {
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_number_and_the_effective_uid_are_read() {
        let text = "Name:\tpython3\nState:\tT (stopped)\nPPid:\t4\nTracerPid:\t9\n\
                    Uid:\t0\t61500\t0\t0\nNSpid:\t17\t2\nCapEff:\t00000000000000ff\n";
        let seen = parse(17, text);
        assert_eq!((seen.innermost, seen.parent, seen.uid), (2, 4, 61500));
        assert_eq!((seen.state, seen.tracer, seen.capabilities), ('T', 9, 255));
    }

    #[test]
    fn the_nice_value_is_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 19 1 0 99";
        assert_eq!(nice(stat), 19);
    }

    #[test]
    fn how_the_kernel_treats_this_process_can_be_read() {
        let processes = Processes {
            proc: rustix::fs::open(
                "/proc",
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )
            .unwrap(),
        };
        let own = i32::try_from(std::process::id()).unwrap();
        let standing = processes.standing(own);
        assert_eq!(standing, processes.standing(own));
        assert_ne!((standing.processors, standing.limits), (digest(""), digest("")));
        let fields = (0..50).map(|at| at.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(policy(&format!("7 (a) b) {fields}")), 38);
    }

    #[test]
    fn the_effective_group_counts_like_the_further_ones() {
        let seen = parse(4, "Gid:\t0\t61500\t0\t0\nGroups:\t0 27 \nNoNewPrivs:\t1\n");
        assert_eq!((seen.groups, seen.no_new_privs), (vec![61500, 0, 27], true));
    }
}
