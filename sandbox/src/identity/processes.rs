//! Ending every process of a uid that belongs to a dead build.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, pidfd_send_signal, wait,
};

/// How long processes may take to die of SIGKILL.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends every living process of `uid`, and returns once none is left.
///
/// Zombies do not count: they hold nothing but a number, and their parent has to reap them.
///
/// # Errors
/// `/proc` cannot be read, a process may not be signalled, or one does not die.
pub fn end_all_of(uid: u32) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let living = living_of(uid)?;
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
    let own = format!("/proc/self/task/{}/children", rustix::process::getpid().as_raw_nonzero());
    loop {
        let children = fs::read_to_string(&own).unwrap_or_default();
        for child in children.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()) {
            if let Some(pid) = Pid::from_raw(child) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// Descriptors of the living processes of `uid`, each checked again after it was opened, so that
/// a number that was used again in between is not mistaken for it.
fn living_of(uid: u32) -> io::Result<Vec<OwnedFd>> {
    let mut living = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Some(pid) = Pid::from_raw(number).filter(|_| is_living(number, uid)) else {
            continue;
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) if is_living(number, uid) => living.push(process),
            Ok(_) | Err(Errno::SRCH) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(living)
}

/// Whether process `number` lives and has `uid` as one of its four uids.
fn is_living(number: i32, uid: u32) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{number}/status")) else {
        return false;
    };
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let dead = field("State:").is_some_and(|state| state.trim_start().starts_with(['Z', 'X']));
    let owned = field("Uid:")
        .is_some_and(|uids| uids.split_ascii_whitespace().any(|known| known.parse() == Ok(uid)));
    owned && !dead
}
