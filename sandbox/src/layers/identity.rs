//! A kernel uid that belongs to no account and to no other build.
#![forbid(unsafe_code)]

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::host::Host;
use crate::policy::levels::Level;
use crate::policy::{IdentityChoice, Policy};
use crate::step::{At, Fault, Step};
use crate::words::Layer;

/// Who the build is: the caller's choice, else the level's, as far as the caller is able.
///
/// # Errors
/// The choice when it needs root and the caller is not root.
pub fn resolve(policy: &Policy, host: &Host) -> Result<IdentityChoice, IdentityChoice> {
    if !policy.layers.has(Layer::Identity) {
        return Ok(IdentityChoice::Caller);
    }
    let able = host.caller.can_change_user;
    match policy.identity {
        Some(choice @ (IdentityChoice::Lease | IdentityChoice::Useradd)) if !able => Err(choice),
        Some(choice) => Ok(choice),
        None if policy.level == Level::Proposal && able => Ok(IdentityChoice::Useradd),
        None if policy.level == Level::Proposal => Err(IdentityChoice::Useradd),
        None if able => Ok(IdentityChoice::Lease),
        None => Ok(IdentityChoice::Caller),
    }
}

/// Drops supplementary groups, as the supervisor and before the user namespace exists: in it they
/// can no longer be changed.
///
/// # Errors
/// EPERM without `CAP_SETGID`.
pub fn drop_groups() -> Result<(), Fault> {
    set_thread_groups(&[]).at(Step::DropGroups)
}

/// Becomes `user`, in the numbers of the current user namespace, for good.
///
/// Every call is the raw one: glibc's would wait for threads that a clone has not copied.
///
/// # Errors
/// EINVAL for an id that is not mapped, EPERM without the capability to change it.
pub fn apply(user: (u32, u32)) -> Result<(), Fault> {
    let (uid, gid) = (Uid::from_raw(user.0), Gid::from_raw(user.1));
    set_thread_res_gid(gid, gid, gid).at(Step::BecomeUser)?;
    set_thread_res_uid(uid, uid, uid).at(Step::BecomeUser)?;
    // A change of user makes the process undumpable, and its /proc files root's. The sandbox
    // still has to write there (credentials(7)); it is made undumpable again before the payload.
    set_dumpable_behavior(DumpableBehavior::Dumpable).at(Step::BecomeUser)
}
