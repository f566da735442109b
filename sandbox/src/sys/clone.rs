//! Starting a process with `clone3(2)` and `fork(2)`, and the bitmask of its namespaces.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::libc;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, pidfd_send_signal, waitpid};
use rustix::thread::UnshareFlags;

/// Which side of a new process the caller is on.
#[derive(Debug)]
pub enum Side<T> {
    /// The process that called, with what it learns of the child.
    Parent(T),
    /// The new process.
    Child,
}

/// A process that was just started.
#[derive(Debug)]
pub struct Started {
    /// Its number in the caller's process namespace.
    pub pid: Pid,
    /// A descriptor for it; readable once it is dead (`pidfd_open(2)`).
    pub pidfd: OwnedFd,
}

/// Starts a process in new `namespaces`, with a descriptor for it.
///
/// Falls back to `clone(2)` where a filter answers `clone3` with ENOSYS, as Docker's default
/// profile does.
///
/// # Errors
/// The errno of `clone3(2)` or `clone(2)`: EPERM where namespaces are refused, ENOSPC where
/// `user.max_*_namespaces` is reached, EAGAIN at the process limit.
///
/// # Panics
/// Never. The caller must have one thread only: the child continues with a copy of this thread
/// alone, and a lock that another thread held would stay locked in it.
#[expect(unsafe_code, reason = "neither nix nor rustix offers clone3 with a pidfd")]
pub fn clone_into(namespaces: UnshareFlags) -> Result<Side<Started>, Errno> {
    let mut pidfd: RawFd = -1;
    let mut args = libc::clone_args {
        flags: u64::from(namespaces.bits()) | libc::CLONE_PIDFD as u64,
        pidfd: (&raw mut pidfd) as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: libc::SIGCHLD as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: 0,
    };
    // SAFETY: `args` is a valid clone_args of the size given, `pidfd` outlives the call, and with
    // stack 0 and without CLONE_VM the child goes on with a copy of this stack, as after fork.
    let answer =
        unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match started(answer, pidfd) {
        Err(Errno::NOSYS) => raw_clone(namespaces),
        other => other,
    }
}

/// Starts a process that shares everything with this one but its memory.
///
/// # Errors
/// The errno of `fork(2)`.
pub fn fork() -> Result<Side<Started>, Errno> {
    clone_into(UnshareFlags::empty())
}

#[expect(unsafe_code, reason = "nix's clone wants a stack and a callback")]
fn raw_clone(namespaces: UnshareFlags) -> Result<Side<Started>, Errno> {
    let mut pidfd: RawFd = -1;
    let flags = libc::c_ulong::from(namespaces.bits())
        | libc::CLONE_PIDFD as libc::c_ulong
        | libc::SIGCHLD as libc::c_ulong;
    // SAFETY: a null stack without CLONE_VM means fork semantics; `pidfd` outlives the call and is
    // where CLONE_PIDFD stores the descriptor (third argument on x86_64 and on aarch64).
    let answer = unsafe { libc::syscall(libc::SYS_clone, flags, 0, &raw mut pidfd, 0, 0) };
    started(answer, pidfd)
}

#[expect(unsafe_code, reason = "adopts the descriptor that the kernel has just made")]
fn started(answer: libc::c_long, pidfd: RawFd) -> Result<Side<Started>, Errno> {
    // A negative answer is an error, and no number that a `Pid` could be made of.
    let pid = i32::try_from(answer).ok().filter(|pid| *pid > 0).and_then(Pid::from_raw);
    match pid {
        _ if answer == 0 => Ok(Side::Child),
        Some(pid) => {
            // SAFETY: on success the kernel has stored a fresh descriptor that nobody else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            Ok(Side::Parent(Started { pid, pidfd }))
        }
        _ => Err(last_errno()),
    }
}

/// Ends a process that was started, and waits for its death.
pub fn end(started: &Started) {
    // It may be dead already; then there is nothing to signal and only its status to fetch.
    let _ = pidfd_send_signal(&started.pidfd, Signal::KILL);
    let _ = waitpid(Some(started.pid), WaitOptions::empty());
}

/// Ends this process without what a program does at its end: a child of [`clone_into`] has nothing
/// of its own to finish, and somebody waits for its death.
#[expect(
    unsafe_code,
    reason = "neither nix nor rustix offers _exit without a feature for runtimes"
)]
pub fn exit_at_once(status: i32) -> ! {
    // SAFETY: takes a number and does not return; no destructor that is left out guards anything
    // but this process's own memory and descriptors, which the kernel takes back.
    unsafe { libc::_exit(status) }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}
