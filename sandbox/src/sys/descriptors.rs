//! Descriptors as numbers: `close_range(2)`, and adopting one that was inherited.

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use nix::libc;
use rustix::io::Errno;

/// Marks every descriptor from `first` on as close-on-exec.
///
/// # Errors
/// The errno of `close_range(2)`; ENOSYS before Linux 5.11.
pub fn close_on_exec_from(first: RawFd) -> Result<(), Errno> {
    close_range(first, RawFd::MAX, libc::CLOSE_RANGE_CLOEXEC)
}

/// Closes every descriptor from `first` to `last`, both included.
///
/// # Errors
/// The errno of `close_range(2)`.
pub fn close_between(first: RawFd, last: RawFd) -> Result<(), Errno> {
    if first > last {
        return Ok(());
    }
    close_range(first, last, 0)
}

#[expect(unsafe_code, reason = "neither nix nor rustix offers close_range")]
fn close_range(first: RawFd, last: RawFd, flags: libc::c_uint) -> Result<(), Errno> {
    // SAFETY: takes numbers only. Closing a number that a Rust object owns is what the caller
    // asks for; the callers are about to exec or to exit and use none of those objects again.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    if answer == 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
    }
}

/// Takes ownership of a descriptor that was handed to this process by number.
///
/// Returns `None` when the number is not an open descriptor.
#[must_use]
#[expect(unsafe_code, reason = "an inherited descriptor has no owner in this process yet")]
pub fn adopt(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: fcntl with F_GETFD takes numbers only.
    let open = unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0;
    // SAFETY: it is open, and the caller says that it was handed over, so nobody else owns it.
    open.then(|| unsafe { OwnedFd::from_raw_fd(number) })
}
