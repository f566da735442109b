//! No controlling terminal and an empty session keyring: what a session shares by inheritance.
#![forbid(unsafe_code)]

use rustix::io::Errno;
use rustix::process::setsid;

use crate::step::{At, Fault, Step};
use crate::sys::keyring::{join_new_session_keyring, session_keyring};

/// Leaves the caller's session keyring, which user namespaces do not hide
/// (`session-keyring(7)`).
///
/// # Errors
/// The errno of `keyctl(2)`.
pub fn apply_keyring() -> Result<(), Fault> {
    match join_new_session_keyring() {
        // A filter of the caller's, as in containers, refuses all of keyctl(2), to the payload too.
        Err(Errno::PERM) if session_keyring() == Err(Errno::PERM) => Ok(()),
        // Without CONFIG_KEYS there is no keyring that could be inherited.
        Err(Errno::NOSYS) => Ok(()),
        Err(errno) => Err(Fault::new(Step::Keyring, errno)),
        // The supervisor cannot see it from outside.
        Ok(joined) if session_keyring() == Ok(joined) => Ok(()),
        Ok(_) => Err(Fault::new(Step::Keyring, Errno::NOTRECOVERABLE)),
    }
}

/// Leaves the caller's session and so its controlling terminal, into which a build could
/// otherwise type with TIOCSTI (CVE-2017-5226).
///
/// # Errors
/// The errno of `setsid(2)`.
pub fn apply_terminal() -> Result<(), Fault> {
    setsid().map(|_| ()).at(Step::NewSession)
}
