//! The one call that installs a system call filter: seccomp(2).

use std::io;

use nix::libc;

/// One instruction of classic BPF, as the kernel reads it (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What is done.
    pub code: u16,
    /// How many instructions are skipped if a comparison holds.
    pub jt: u8,
    /// How many are skipped if it does not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

const _: () = assert!(
    size_of::<Instruction>() == size_of::<libc::sock_filter>()
        && align_of::<Instruction>() == align_of::<libc::sock_filter>()
);

/// Puts the filter in front of every later system call of this thread and its descendants.
///
/// `no_new_privs` must be set already; without it the kernel asks for `CAP_SYS_ADMIN` (seccomp(2)).
///
/// # Errors
/// EACCES without `no_new_privs`, EINVAL for a program that is empty, longer than 4,096
/// instructions or malformed, ENOSYS or EPERM where the host has no filters.
pub fn install(program: &[Instruction]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: `program` and the `len` instructions that it points to live until the call returns,
    // and the kernel copies them without writing; the layout is asserted above.
    #[expect(unsafe_code, reason = "neither nix nor rustix wraps seccomp(2)")]
    let result = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            std::ptr::from_ref(&program),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether this thread runs behind a filter: what `Seccomp: 2` in `/proc/self/status` says, asked
/// without a file (`PR_GET_SECCOMP`, prctl(2)).
#[must_use]
pub fn is_filtered() -> bool {
    // SAFETY: PR_GET_SECCOMP takes no pointer. In strict mode it would kill the caller, but a
    // thread in strict mode could not have come as far as calling prctl.
    #[expect(unsafe_code, reason = "neither nix nor rustix wraps PR_GET_SECCOMP")]
    let mode = unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) };
    mode == 2
}
