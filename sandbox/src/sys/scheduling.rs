//! The scheduling class of the calling thread (`sched(7)`). The C library of some systems answers
//! these calls by itself, so they are made here.

use nix::errno::Errno;
use nix::libc;

/// Takes part in the ordinary sharing of the processors, if this thread is of a real-time class, which
/// it would pass on to every process that it starts. Any other class, and the nice value, stay.
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
