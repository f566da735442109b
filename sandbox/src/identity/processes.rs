//! Which processes a uid has, and ending those of a dead build.
//!
//! A uid does not say whose a process is: a service may have the same number. What a build started has
//! its mark, a limit that nobody else has and that no process of it can change.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::sys::resource::{RLIM_INFINITY, getrlimit};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{CWD, readlinkat};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, Uid, WaitOptions, getpid, getpriority_user,
    kill_process, pidfd_open, pidfd_send_signal, setrlimit, wait,
};

use crate::host::kernel_file::{number_of, read_text};

/// How long processes may take to die of SIGKILL.
const PATIENCE: Duration = Duration::from_secs(10);

/// A limit that the kernel keeps and does not use (`RLIMIT_LOCKS`, `getrlimit(2)`): it can be lowered
/// alone, which the filter keeps a build from, and every child has its parent's.
const MARK: Resource = Resource::Locks;
/// How `proc_pid_limits(5)` names it.
const MARK_ROW: &str = "Max file locks";

/// A mark that nobody else has, and that this process can take.
///
/// # Errors
/// There is no randomness.
pub fn new_mark() -> io::Result<u64> {
    let mut random = [0; 8];
    rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
    let most = own_mark().unwrap_or(u64::MAX >> 1);
    Ok(u64::from_ne_bytes(random) % most.max(1))
}

/// Takes the mark, for this process and all that it starts from here on, and looks whether it has it.
///
/// # Errors
/// EPERM where it is above the one that this process has, NOTRECOVERABLE where it is another
/// afterwards.
pub fn take_mark(mark: u64) -> Result<(), Errno> {
    setrlimit(MARK, Rlimit { current: Some(mark), maximum: Some(mark) })?;
    if own_mark() == Some(mark) { Ok(()) } else { Err(Errno::NOTRECOVERABLE) }
}

/// The mark of this process; `None` where it has none.
#[must_use]
pub fn own_mark() -> Option<u64> {
    let (_, most) = getrlimit(nix::sys::resource::Resource::RLIMIT_LOCKS).ok()?;
    (most != RLIM_INFINITY).then_some(most)
}

/// Whether a living process has `id` as one of its uids (real, effective, saved, of the file system),
/// of its gids, or of its supplementary groups (`credentials(7)`).
///
/// # Errors
/// `/proc` cannot be read.
pub fn is_inhabited(id: u32) -> io::Result<bool> {
    const FIELDS: [&str; 3] = ["Uid:", "Gid:", "Groups:"];
    // The kernel knows whether a thread has the real uid, also one that cannot be seen.
    let counted = getpriority_user(Uid::from_raw(id)) != Err(Errno::SRCH);
    let threads = if counted { BTreeSet::new() } else { threads_of_kernel() };
    let mut dead = false;
    for number in numbers()? {
        // Of many processes most are threads of the kernel, which have no program, and root's ids.
        if !counted && (threads.contains(&number) || has_no_program(number)) {
            continue;
        }
        match state(number, |status| FIELDS.iter().any(|field| has(status, field, id))) {
            Some(State::Living) => return Ok(true),
            Some(State::Dead) => dead = true,
            None => {}
        }
    }
    // Somebody has it and is not to be seen.
    Ok(counted && !dead)
}

/// The threads of the kernel, by one file where it has that: all are children of one of them, which is
/// the second process of the machine (`kthreadd`). In a namespace of processes there are none.
fn threads_of_kernel() -> BTreeSet<i32> {
    const FIRST: i32 = 2;
    if !has_no_program(FIRST) {
        return BTreeSet::new();
    }
    let children = read_text(CWD, format!("/proc/{FIRST}/task/{FIRST}/children"));
    let children = children.unwrap_or_default();
    children.split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// Whether process `number` is a thread of the kernel, or dead.
fn has_no_program(number: i32) -> bool {
    readlinkat(CWD, format!("/proc/{number}/exe"), Vec::new()) == Err(Errno::NOENT)
}

/// Ends every living process of `uid` that has the `mark`, but for this one.
///
/// # Errors
/// As [`end_all_of`].
pub fn end_marked(uid: u32, mark: u64) -> io::Result<()> {
    let own = getpid().as_raw_nonzero().get();
    end(|number| number != own && is_living(number, uid) && is_marked(number, mark))
}

fn is_marked(number: i32, mark: u64) -> bool {
    let limits = read_text(CWD, format!("/proc/{number}/limits")).unwrap_or_default();
    let row = limits.lines().find_map(|line| line.strip_prefix(MARK_ROW)).unwrap_or_default();
    let hard = row.split_ascii_whitespace().nth(1);
    hard.and_then(|text| text.parse().ok()) == Some(mark)
}

/// Ends every living process of `uid`, and returns once none is left.
///
/// Zombies do not count: they hold nothing but a number, and their parent has to reap them.
///
/// # Errors
/// `/proc` cannot be read, a process may not be signalled, or one does not die.
pub fn end_all_of(uid: u32) -> io::Result<()> {
    end(|number| is_living(number, uid))
}

fn end(wanted: impl Fn(i32) -> bool) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let living = living(&wanted)?;
        if living.is_empty() {
            return Ok(());
        }
        for process in &living {
            match pidfd_send_signal(process, Signal::KILL) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        for process in &living {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::Error::from(io::ErrorKind::TimedOut));
            }
            let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
            poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&left))?;
        }
    }
}

/// Kills every descendant of this process until none is left. It must be a reaper of orphans
/// (`PR_SET_CHILD_SUBREAPER`), so that each that dies leaves its own children to it.
pub fn end_descendants() {
    /// How long until it is looked again: most die at once.
    const SHORTEST: Duration = Duration::from_micros(50);
    const LONGEST: Duration = Duration::from_millis(2);
    let own = format!("/proc/self/task/{}/children", rustix::process::getpid().as_raw_nonzero());
    let mut pause = SHORTEST;
    loop {
        let children = read_text(CWD, &own).unwrap_or_default();
        for child in children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()) {
            if let Some(pid) = Pid::from_raw(child) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // Not for ever: where a thread follows them it may be the one that hears of a death, and what
        // that has left to this process is then still to be killed.
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => pause = SHORTEST,
            Ok(None) => {
                std::thread::sleep(pause);
                pause = (2 * pause).min(LONGEST);
            }
            Err(_) => return,
        }
    }
}

/// Descriptors of the processes that are `wanted`, each checked again after it was opened, so that
/// a number that was used again in between is not mistaken for it.
fn living(wanted: impl Fn(i32) -> bool) -> io::Result<Vec<OwnedFd>> {
    let mut living = Vec::new();
    for number in numbers()? {
        let Some(pid) = Pid::from_raw(number).filter(|_| wanted(number)) else { continue };
        match pidfd_open(pid, PidfdFlags::empty()) {
            // Where `/proc` numbers otherwise, as that of another process namespace does, it is another.
            Ok(process) if number_of(&process)? != number.to_string() => {
                if wanted(number) {
                    return Err(io::ErrorKind::PermissionDenied.into());
                }
            }
            Ok(process) if wanted(number) => living.push(process),
            Ok(_) | Err(Errno::SRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(living)
}

/// The numbers of all processes that can be seen.
fn numbers() -> io::Result<Vec<i32>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir("/proc")? {
        numbers.extend(entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()));
    }
    Ok(numbers)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Living,
    Dead,
}

/// How process `number` is, if its status (`proc_pid_status(5)`) is as `wanted`.
fn state(number: i32, wanted: impl Fn(&str) -> bool) -> Option<State> {
    let status = read_text(CWD, format!("/proc/{number}/status")).ok()?;
    let state = status.lines().find_map(|line| line.strip_prefix("State:"));
    let dead = state.is_some_and(|state| state.trim_start().starts_with(['Z', 'X']));
    wanted(&status).then_some(if dead { State::Dead } else { State::Living })
}

/// Whether one of the numbers in that field is `id`.
fn has(status: &str, field: &str, id: u32) -> bool {
    let numbers = status.lines().find_map(|line| line.strip_prefix(field));
    numbers.is_some_and(|ids| ids.split_ascii_whitespace().any(|known| known.parse() == Ok(id)))
}

/// Whether process `number` lives and has `uid` as one of its four uids.
fn is_living(number: i32, uid: u32) -> bool {
    state(number, |status| has(status, "Uid:", uid)) == Some(State::Living)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use rstest::rstest;

    use super::*;

    fn sleeper(uid: u32, gid: u32) -> Child {
        Command::new("/bin/sleep").arg("60").uid(uid).gid(gid).spawn().unwrap()
    }

    /// A process that has one id of this kind, `id`, and 58,880 as all others. It has given itself a
    /// name that is no text.
    fn with(kind: &str, id: u32) -> Child {
        let set = "import ctypes, os, sys
kind, id, other = sys.argv[1], int(sys.argv[2]), 58880
ctypes.CDLL(None).prctl(15, b'\\xff) R', 0, 0, 0)
os.setgroups([id] if kind == 'group' else [])
gids = {'real gid': (id, other, other), 'gid': (other, id, other), 'saved gid': (other, other, id)}
uids = {'real': (id, other, other), 'effective': (other, id, other), 'saved': (other, other, id)}
os.setresgid(*gids.get(kind, (other, other, other)))
if kind == 'fs':
    ctypes.CDLL(None).setfsuid(id)
else:
    os.setresuid(*uids.get(kind, (other, other, other)))
print(flush=True)
sys.stdin.read()";
        let id = id.to_string();
        let mut command = Command::new("/usr/bin/env");
        command.args(["python3", "-c", set, kind, &id]).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        child
    }

    #[rstest]
    #[case("real", 58_861)]
    #[case("effective", 58_862)]
    #[case("saved", 58_863)]
    #[case("fs", 58_864)]
    #[case("real gid", 58_865)]
    #[case("gid", 58_866)]
    #[case("saved gid", 58_867)]
    #[case("group", 58_868)]
    fn a_number_is_inhabited_as_long_as_a_process_lives_that_has_it(
        #[case] kind: &str,
        #[case] id: u32,
    ) {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        assert!(!is_inhabited(id).unwrap());
        let mut process = with(kind, id);
        assert!(is_inhabited(id).unwrap());
        process.kill().unwrap();
        // It is dead, and nobody has fetched its status.
        let left = || state(i32::try_from(process.id()).unwrap(), |_| true);
        while left() == Some(State::Living) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!is_inhabited(id).unwrap(), "a zombie holds nothing");
        process.wait().unwrap();
    }

    #[test]
    fn only_what_has_the_mark_is_ended() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let limited = |uid: u32, mark: &str| {
            let mut command = Command::new("/usr/bin/prlimit");
            command.args([&format!("--locks={mark}:{mark}"), "/bin/sleep", "60"]);
            command.uid(uid).gid(uid).spawn().unwrap()
        };
        let uid = 58_875;
        let (mut service, mut build) = (sleeper(uid, uid), limited(uid, "4711"));
        let mut other = limited(uid, "4712");
        while !is_marked(i32::try_from(build.id()).unwrap(), 4711) {
            std::thread::sleep(Duration::from_millis(5));
        }
        end_marked(uid, 4711).unwrap();
        assert!(!build.wait().unwrap().success());
        assert!(service.try_wait().unwrap().is_none() && other.try_wait().unwrap().is_none());
        for process in [&mut service, &mut other] {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}
