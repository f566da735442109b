//! How the calling thread shares processors and disks with others (`sched(7)`, `ioprio_set(2)`). The
//! C library of some systems answers these calls by itself, or has none for them, so they are made
//! here.

use nix::errno::Errno;
use nix::libc;

/// Takes part in the ordinary sharing of the processors, if this thread is of a real-time class, which
/// it would pass on to every process that it starts. Any other class stays.
///
/// # Errors
/// Those of `sched_getscheduler(2)` and `sched_setscheduler(2)`.
#[expect(unsafe_code, reason = "neither nix nor rustix offers these calls")]
pub fn leave_real_time() -> nix::Result<()> {
    // SAFETY: takes a number and gives one; 0 is the calling thread.
    let class = Errno::result(unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) })?;
    let class = class & !libc::c_long::from(libc::SCHED_RESET_ON_FORK);
    let real_time = [libc::SCHED_FIFO, libc::SCHED_RR, libc::SCHED_DEADLINE];
    if !real_time.into_iter().any(|known| class == libc::c_long::from(known)) {
        return Ok(());
    }
    // `struct sched_param` has this one field on Linux; 0 is the priority of every ordinary class.
    let priority: libc::c_int = 0;
    // SAFETY: the kernel reads one `int` from a pointer that is valid for the call.
    let answer = unsafe {
        libc::syscall(libc::SYS_sched_setscheduler, 0, libc::SCHED_OTHER, &raw const priority)
    };
    Errno::result(answer).map(drop)
}

/// `IOPRIO_WHO_PROCESS`: one thread, 0 the calling one.
const THREAD: libc::c_int = 1;
/// Where the class begins in a priority of input and output (`IOPRIO_CLASS_SHIFT`).
const CLASS: u32 = 13;
/// `IOPRIO_CLASS_IDLE`: nothing comes after it.
const IDLE: libc::c_long = 3;

/// Gives up what of the disks this thread has before others: the class of real time, or a part of the
/// best effort that follows from no nice value. The idle class stays.
///
/// # Errors
/// Those of `ioprio_get(2)` and `ioprio_set(2)`.
#[expect(unsafe_code, reason = "neither nix nor rustix offers these calls")]
pub fn leave_disk_priority() -> nix::Result<()> {
    // SAFETY: takes two numbers and gives one.
    let own = match Errno::result(unsafe { libc::syscall(libc::SYS_ioprio_get, THREAD, 0) }) {
        // A kernel without block devices has no such priorities.
        Err(Errno::ENOSYS) => return Ok(()),
        own => own?,
    };
    if matches!(own >> CLASS, 0 | IDLE) {
        return Ok(());
    }
    // SAFETY: takes three numbers; class and part 0 follow from the nice value.
    Errno::result(unsafe { libc::syscall(libc::SYS_ioprio_set, THREAD, 0, 0) }).map(drop)
}
