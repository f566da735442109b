//! The three calls of Landlock: `landlock_create_ruleset`, `landlock_add_rule` and
//! `landlock_restrict_self`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::libc;

/// `struct landlock_ruleset_attr`, as long as ABI 6 made it. An older kernel takes it as long as
/// the fields that it does not know are zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Handled {
    /// Rights on files that are denied unless a rule gives them.
    pub files: u64,
    /// Rights on TCP ports, likewise.
    pub network: u64,
    /// What cannot cross the boundary of the domain.
    pub scopes: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

const VERSION: libc::c_uint = 1;
const RULE_PATH_BENEATH: libc::c_int = 1;

/// The version of the interface that this kernel speaks, 0 if none: not compiled in, not switched
/// on at boot, or hidden by a filter.
#[must_use]
pub fn abi() -> u32 {
    // SAFETY: with the flag VERSION the call takes no attributes; null and zero say so.
    #[expect(unsafe_code, reason = "neither nix nor rustix wraps Landlock")]
    let abi = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<Handled>(), 0, VERSION)
    };
    u32::try_from(abi).unwrap_or(0)
}

/// A ruleset that denies what `handled` names.
///
/// # Errors
/// EINVAL or E2BIG for what the kernel does not know, ENOMSG for nothing at all, EOPNOTSUPP or
/// ENOSYS without Landlock.
pub fn create(handled: Handled) -> io::Result<OwnedFd> {
    // SAFETY: the pointer and the size are those of `handled`, which the kernel only reads.
    #[expect(unsafe_code, reason = "neither nix nor rustix wraps Landlock")]
    let fd = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::from_ref(&handled),
            size_of::<Handled>(),
            0,
        )
    };
    let fd = i32::try_from(checked(fd)?).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    #[expect(unsafe_code, reason = "the number of a new descriptor becomes its owner")]
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Gives `rights` on the file `parent`, and on everything beneath it if it is a directory.
///
/// # Errors
/// EINVAL for rights that the ruleset does not handle or that a plain file cannot have, ENOMSG for
/// none, EBADFD for a descriptor without a path.
pub fn allow(ruleset: BorrowedFd<'_>, parent: BorrowedFd<'_>, rights: u64) -> io::Result<()> {
    let rule = PathBeneath { allowed: rights, parent: parent.as_raw_fd() };
    // SAFETY: `rule` has the packed layout of `struct landlock_path_beneath_attr` and outlives the
    // call, which only reads it; both descriptors are borrowed, hence open.
    #[expect(unsafe_code, reason = "neither nix nor rustix wraps Landlock")]
    let result = unsafe {
        libc::syscall(
            libc::SYS_landlock_add_rule,
            ruleset.as_raw_fd(),
            RULE_PATH_BENEATH,
            std::ptr::from_ref(&rule),
            0,
        )
    };
    checked(result).map(drop)
}

/// Puts this thread and its descendants under the ruleset, for good.
///
/// # Errors
/// EPERM without `no_new_privs`, E2BIG for the seventeenth domain inside one another.
pub fn restrict(ruleset: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call takes a descriptor, which is borrowed, hence open, and no pointer.
    #[expect(unsafe_code, reason = "neither nix nor rustix wraps Landlock")]
    let result = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) };
    checked(result).map(drop)
}

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
