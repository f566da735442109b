//! No capability, and no way to gain one (`capabilities(7)`).
#![forbid(unsafe_code)]

use std::os::fd::BorrowedFd;

use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_capabilities_secure_bits, set_keep_capabilities, set_no_new_privs,
};

use super::userns;
use crate::step::{At, Fault, Step};

/// No `keepcaps`, no special root, no ambient capability, and none of that to be changed again.
const SECUREBITS: CapabilitiesSecureBits = CapabilitiesSecureBits::NO_ROOT
    .union(CapabilitiesSecureBits::NO_ROOT_LOCKED)
    .union(CapabilitiesSecureBits::NO_SETUID_FIXUP)
    .union(CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED)
    .union(CapabilitiesSecureBits::KEEP_CAPS_LOCKED)
    .union(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE)
    .union(CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED);

/// Sets the limit of nested user namespaces to none, while the init still may.
///
/// `proc` is the directory of the fresh `/proc`. The payload has no capability to raise the limit.
///
/// # Errors
/// Those of [`userns::bound`].
pub fn forbid_nesting(proc: BorrowedFd<'_>) -> Result<(), Fault> {
    userns::bound(proc, "max_user_namespaces", 0).at(Step::ForbidNesting)
}

/// Changes the user by `change` and keeps every capability until the exec; only without this layer
/// and without a user namespace, in which a change of user keeps them anyway.
///
/// # Errors
/// Those of `change`, and the errno of `prctl(2)` or `capset(2)`.
pub fn kept_across(change: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
    set_keep_capabilities(true).at(Step::BecomeUser)?;
    change()?;
    let kept = capabilities(None).at(Step::BecomeUser)?;
    set_capabilities(None, CapabilitySets { effective: kept.permitted, ..kept })
        .at(Step::BecomeUser)
}

/// Empties every capability set but the bounding set, which has to be empty already, and forbids
/// new privileges.
///
/// # Errors
/// The errno of `prctl(2)` or `capset(2)`.
pub fn apply() -> Result<(), Fault> {
    clear_ambient_capability_set().at(Step::DropCapabilities)?;
    if may_bound()? {
        set_capabilities_secure_bits(SECUREBITS).at(Step::DropCapabilities)?;
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
        .at(Step::DropCapabilities)?;
    set_no_new_privs(true).at(Step::NoNewPrivileges)
}

/// Whether this process may change its bounding set and its securebits. Without the right to, both
/// stay as they are, and `no_new_privs` keeps them from mattering.
fn may_bound() -> Result<bool, Fault> {
    let own = capabilities(None).at(Step::DropCapabilities)?;
    Ok(own.effective.contains(CapabilitySet::SETPCAP))
}

/// Empties the bounding set, if this process has the right to.
///
/// # Errors
/// The errno of `prctl(2)` or `capget(2)`.
pub fn empty_bounding_set_if_allowed() -> Result<(), Fault> {
    if may_bound()? { empty_bounding_set() } else { Ok(()) }
}

/// Empties the bounding set.
///
/// # Errors
/// The errno of `prctl(2)`: EPERM without `CAP_SETPCAP`.
fn empty_bounding_set() -> Result<(), Fault> {
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // A capability that this kernel does not know needs no removing.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(errno) => return Err(Fault::new(Step::DropCapabilities, errno)),
        }
    }
    Ok(())
}
