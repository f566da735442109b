//! Session keyrings: `keyctl(2)` and `add_key(2)`.

use std::ffi::CStr;

use nix::libc;
use rustix::io::Errno;

const KEYCTL_GET_KEYRING_ID: libc::c_int = 0;
const KEYCTL_JOIN_SESSION_KEYRING: libc::c_int = 1;
const KEYCTL_UNLINK: libc::c_int = 9;
const KEYCTL_READ: libc::c_int = 11;
const KEY_SPEC_SESSION_KEYRING: libc::c_int = -3;
const KEY_SPEC_USER_KEYRING: libc::c_int = -4;
const KEY_SPEC_USER_SESSION_KEYRING: libc::c_int = -5;

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
pub fn add_user_key(description: &CStr, payload: &[u8]) -> Result<i32, Errno> {
    add(description, payload, KEY_SPEC_SESSION_KEYRING)
}

#[expect(unsafe_code, reason = "neither nix nor rustix offers add_key")]
fn add(description: &CStr, payload: &[u8], keyring: libc::c_int) -> Result<i32, Errno> {
    // SAFETY: both strings end with NUL, and the payload's length is its own.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_add_key,
            c"user".as_ptr(),
            description.as_ptr(),
            payload.as_ptr(),
            payload.len(),
            keyring,
        )
    };
    serial(answer)
}

/// One of the two keyrings that a user has on the whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserKeyring {
    /// `@u`
    User,
    /// `@us`, which links the other one
    Session,
}

impl UserKeyring {
    const fn number(self) -> libc::c_int {
        match self {
            Self::User => KEY_SPEC_USER_KEYRING,
            Self::Session => KEY_SPEC_USER_SESSION_KEYRING,
        }
    }
}

/// The serial numbers of the keys in a keyring of the calling thread's real user, at most 1,024.
///
/// # Errors
/// The errno of `keyctl(2)`, as for [`join_new_session_keyring`].
#[expect(unsafe_code, reason = "neither nix nor rustix offers keyctl")]
pub fn keys_of_user(keyring: UserKeyring) -> Result<Vec<i32>, Errno> {
    let mut keys = vec![0_i32; 1024];
    let room = keys.len() * size_of::<i32>();
    // SAFETY: the kernel writes at most `room` bytes, and any bytes are numbers.
    let answer = unsafe {
        libc::syscall(libc::SYS_keyctl, KEYCTL_READ, keyring.number(), keys.as_mut_ptr(), room)
    };
    // The length of all of them, even of those for which there was no room.
    match usize::try_from(answer) {
        Ok(length) => keys.truncate(length / size_of::<i32>()),
        Err(_) => return Err(last_error()),
    }
    Ok(keys)
}

/// Takes a key out of a keyring of the calling thread's real user.
///
/// # Errors
/// The errno of `keyctl(2)`: ENOENT where it is not in there.
#[expect(unsafe_code, reason = "neither nix nor rustix offers keyctl")]
pub fn unlink_from_user(key: i32, keyring: UserKeyring) -> Result<(), Errno> {
    // SAFETY: the operation takes two numbers and no pointer.
    let answer = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_UNLINK, key, keyring.number()) };
    if answer == 0 { Ok(()) } else { Err(last_error()) }
}

/// Adds a key of type `user` to `@u` of the calling thread's real user, and gives its serial number.
///
/// # Errors
/// The errno of `add_key(2)`.
pub fn add_key_of_user(description: &CStr, payload: &[u8]) -> Result<i32, Errno> {
    add(description, payload, KEY_SPEC_USER_KEYRING)
}

fn last_error() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

fn serial(answer: libc::c_long) -> Result<i32, Errno> {
    match i32::try_from(answer) {
        Ok(serial) if serial > 0 => Ok(serial),
        _ => Err(last_error()),
    }
}
