//! Session keyrings: start an empty one, and put a key into it.
#![expect(unsafe_code, reason = "neither nix nor rustix wraps keyctl(2) and add_key(2)")]

use std::ffi::CStr;
use std::io;

use nix::libc;

/// Replaces the caller's session keyring by a new, empty, anonymous one (keyctl(2),
/// `KEYCTL_JOIN_SESSION_KEYRING`); children inherit it.
///
/// # Errors
/// Those of keyctl(2); `ENOSYS` where the kernel has no keyrings.
pub fn start_afresh() -> io::Result<()> {
    let anonymous: *const libc::c_char = std::ptr::null();
    // SAFETY: a null name is what asks for an anonymous keyring; the call reads no other memory.
    let serial =
        unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, anonymous) };
    if serial < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Adds a key of type `user` to the caller's session keyring and returns its serial number.
///
/// # Errors
/// Those of add_key(2).
pub fn add(description: &CStr, payload: &[u8]) -> io::Result<i64> {
    // SAFETY: both texts end in NUL, the payload is passed with its own length, and the kernel
    // copies all three before it returns.
    let serial = unsafe {
        libc::syscall(
            libc::SYS_add_key,
            c"user".as_ptr(),
            description.as_ptr(),
            payload.as_ptr(),
            payload.len(),
            libc::KEY_SPEC_SESSION_KEYRING,
        )
    };
    if serial < 0 { Err(io::Error::last_os_error()) } else { Ok(serial) }
}
