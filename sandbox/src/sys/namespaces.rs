//! What a namespace says of itself (`ioctl_ns(2)`).

use std::os::fd::{AsFd, AsRawFd};

use nix::libc;
use rustix::io::Errno;

/// `NS_GET_OWNER_UID`, which is `_IO(0xb7, 0x4)`.
const GET_OWNER: libc::c_ulong = 0xb704;

/// The uid of the owner of the user namespace behind `namespace`, as the caller sees it.
///
/// # Errors
/// EINVAL for another kind of namespace, ENOTTY for another file.
#[expect(unsafe_code, reason = "neither nix nor rustix offers this request")]
pub fn owner(namespace: impl AsFd) -> Result<u32, Errno> {
    let mut uid: libc::uid_t = 0;
    let descriptor = namespace.as_fd().as_raw_fd();
    // SAFETY: the kernel stores one uid_t behind a pointer that is valid for the call.
    let answer = unsafe { libc::ioctl(descriptor, GET_OWNER as _, &raw mut uid) };
    if answer == 0 {
        return Ok(uid);
    }
    Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}
