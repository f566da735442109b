//! Session keyrings: `keyctl(2)` and `add_key(2)`.

use std::ffi::CStr;

use nix::libc;
use rustix::io::Errno;

const KEYCTL_GET_KEYRING_ID: libc::c_int = 0;
const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
const KEY_SPEC_SESSION_KEYRING: libc::c_int = -3;

/// Leaves the inherited session keyring for a new, empty, anonymous one, and gives its serial number.
///
/// # Errors
/// The errno of `keyctl(2)`: ENOSYS without `CONFIG_KEYS`, EPERM under Docker's filter, EDQUOT.
#[expect(unsafe_code, reason = "neither nix nor rustix offers keyctl")]
pub fn join_new_session_keyring() -> Result<i32, Errno> {
    // SAFETY: a null name asks for an anonymous keyring; nothing else is read.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            KEYCTL_JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    };
    serial(answer)
}

/// The serial number of the session keyring.
///
/// # Errors
/// The errno of `keyctl(2)`, as for [`join_new_session_keyring`].
#[expect(unsafe_code, reason = "neither nix nor rustix offers keyctl")]
pub fn session_keyring() -> Result<i32, Errno> {
    // SAFETY: the operation takes two numbers and no pointer.
    let answer = unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)
    };
    serial(answer)
}

/// Adds a key of type `user` to the session keyring, and gives its serial number.
///
/// # Errors
/// The errno of `add_key(2)`.
#[expect(unsafe_code, reason = "neither nix nor rustix offers add_key")]
pub fn add_user_key(description: &CStr, payload: &[u8]) -> Result<i32, Errno> {
    // SAFETY: both strings end with NUL, and the payload's length is its own.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_add_key,
            c"user".as_ptr(),
            description.as_ptr(),
            payload.as_ptr(),
            payload.len(),
            KEY_SPEC_SESSION_KEYRING,
        )
    };
    serial(answer)
}

fn serial(answer: libc::c_long) -> Result<i32, Errno> {
    match i32::try_from(answer) {
        Ok(serial) if serial > 0 => Ok(serial),
        _ => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)),
    }
}
