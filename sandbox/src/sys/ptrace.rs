//! Following the system calls of another process: `ptrace(2)`, as far as looking needs it.
//!
//! The numbers of signals are plain ones here: what a process is sent may be a real-time signal, which
//! neither nix nor rustix has a name for.

use nix::libc;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions};

/// What the kernel tells of a process that has stopped at a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// It is about to make this one, with these arguments, through the entry for that architecture
    /// (an `AUDIT_ARCH_…` constant). No filter has seen it yet.
    Entry {
        /// The architecture.
        architecture: u32,
        /// The number of the call.
        number: u64,
        /// Its arguments.
        arguments: [u64; 6],
    },
    /// It has made one, which gave this value: one below zero is an error.
    Exit(i64),
    /// It has stopped elsewhere.
    Elsewhere,
}

/// The request for [`place`], which not every C library names.
const GET_SYSCALL_INFO: Request = 0x420e;
/// What it says of a process at the entry to a call, and at the exit from one.
const AT_ENTRY: u8 = 1;
const AT_EXIT: u8 = 2;

/// What C libraries disagree about.
#[cfg(target_env = "musl")]
type Request = libc::c_int;
/// What C libraries disagree about.
#[cfg(not(target_env = "musl"))]
type Request = libc::c_uint;

/// The length of what `PTRACE_GET_SYSCALL_INFO` writes, in words of 64 bits.
const WORDS: usize = 11;

/// What the options make of a process that is followed: system calls are told from signals, what it
/// starts is followed as well, its becoming another program stops it, and with this thread it ends.
const OPTIONS: libc::c_int = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_EXITKILL;

/// The event of a process that became another program.
pub const EXEC: i32 = libc::PTRACE_EVENT_EXEC;
/// The event of a process that has stopped: as new, as it was asked to, or by a signal that stops.
pub const STOP: i32 = libc::PTRACE_EVENT_STOP;

/// How a thread waits for what it follows, and for nothing that others wait for.
#[must_use]
pub fn options_of_waiting() -> WaitOptions {
    WaitOptions::from_bits_retain((libc::__WALL | libc::__WNOTHREAD).cast_unsigned())
}

/// Follows `pid` from now on, without stopping it. Only this thread may go on with it.
///
/// # Errors
/// The errno of `ptrace(2)`: EPERM where this process may not, or where another follows it.
pub fn seize(pid: Pid) -> Result<(), Errno> {
    call(libc::PTRACE_SEIZE, pid, 0, OPTIONS.cast_unsigned() as usize)
}

/// Lets a stopped process go on to the next beginning or end of a system call, with `signal`, or
/// without one if that is 0.
///
/// # Errors
/// ESRCH: it has been killed meanwhile.
pub fn go_on(pid: Pid, signal: i32) -> Result<(), Errno> {
    call(libc::PTRACE_SYSCALL, pid, 0, signal.cast_unsigned() as usize)
}

/// Leaves a process stopped that a signal has stopped, until another continues it.
///
/// # Errors
/// ESRCH: it has been killed meanwhile.
pub fn listen(pid: Pid) -> Result<(), Errno> {
    call(libc::PTRACE_LISTEN, pid, 0, 0)
}

/// Stops a process as soon as may be.
///
/// # Errors
/// ESRCH: it is dead.
pub fn interrupt(pid: Pid) -> Result<(), Errno> {
    call(libc::PTRACE_INTERRUPT, pid, 0, 0)
}

/// Lets a stopped process go for good, with `signal`, or without one if that is 0.
///
/// # Errors
/// ESRCH: it has been killed meanwhile.
pub fn let_go(pid: Pid, signal: i32) -> Result<(), Errno> {
    call(libc::PTRACE_DETACH, pid, 0, signal.cast_unsigned() as usize)
}

/// Where a process has stopped.
///
/// # Errors
/// ESRCH: it has been killed meanwhile.
pub fn place(pid: Pid) -> Result<At, Errno> {
    let mut words = [0_u64; WORDS];
    let length = size_of_val(&words);
    call(GET_SYSCALL_INFO, pid, length, (&raw mut words) as usize)?;
    Ok(read(&words))
}

/// Field by field as `ptrace(2)` has `struct ptrace_syscall_info`.
fn read(words: &[u64; WORDS]) -> At {
    let [first, _, _, value, arguments @ .., _] = *words;
    let [operation, _, _, _, architecture @ ..] = first.to_ne_bytes();
    match operation {
        AT_ENTRY => {
            At::Entry { architecture: u32::from_ne_bytes(architecture), number: value, arguments }
        }
        AT_EXIT => At::Exit(value.cast_signed()),
        _ => At::Elsewhere,
    }
}

/// The process that this one stands for, or has just become: `PTRACE_GETEVENTMSG`.
///
/// # Errors
/// ESRCH: it has been killed meanwhile.
pub fn message(pid: Pid) -> Result<u64, Errno> {
    let mut word: libc::c_ulong = 0;
    call(libc::PTRACE_GETEVENTMSG, pid, 0, (&raw mut word) as usize)?;
    Ok(word)
}

#[expect(unsafe_code, reason = "nix has no PTRACE_LISTEN and no real-time signals")]
fn call(request: Request, pid: Pid, address: usize, data: usize) -> Result<(), Errno> {
    // SAFETY: of the requests above two write to memory, each no more than what `data` points to,
    // which is alive in the function that asks. None writes to the memory of the process.
    let answer = unsafe { libc::ptrace(request, pid.as_raw_nonzero().get(), address, data) };
    if answer < 0 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_tells_of_a_call_is_read_field_by_field() {
        let mut words = [0; WORDS];
        words[0] = u64::from_ne_bytes([1, 0, 0, 0, 0x3e, 0, 0, 0xc0]);
        words[3] = 257;
        words[4..10].copy_from_slice(&[1, 2, 3, 4, 5, 6]);
        let entry =
            At::Entry { architecture: 0xc000_003e, number: 257, arguments: [1, 2, 3, 4, 5, 6] };
        assert_eq!(read(&words), entry);
        words[0] = u64::from_ne_bytes([2, 0, 0, 0, 0, 0, 0, 0]);
        words[3] = (-2_i64).cast_unsigned();
        assert_eq!(read(&words), At::Exit(-2));
        words[0] = 0;
        assert_eq!(read(&words), At::Elsewhere);
    }

    #[test]
    fn a_process_that_is_not_there_is_none() {
        let child = std::process::Command::new("true").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let mut child = child;
        child.wait().unwrap();
        for asked in [seize(pid), go_on(pid, 0), listen(pid), interrupt(pid), let_go(pid, 0)] {
            assert_eq!(asked, Err(Errno::SRCH));
        }
        assert_eq!(place(pid), Err(Errno::SRCH));
        assert_eq!(message(pid), Err(Errno::SRCH));
    }
}
