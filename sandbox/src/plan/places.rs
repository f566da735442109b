//! The uids and directories of the host that a launch makes use of.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::{PlanKind, Refusal};
use crate::host::Host;
use crate::overlay::{Obstacle, Sharing};
use crate::payload::{Payload, Purpose};
use crate::policy::{IdentityChoice, Policy};

/// The uids that may be leased.
pub(super) fn leasable(
    policy: &Policy,
    identity: IdentityChoice,
    host: &Host,
) -> Result<Vec<u32>, Refusal> {
    if identity != IdentityChoice::Lease {
        return Ok(vec![]);
    }
    let free: Vec<u32> = policy.uids.clone().filter(|uid| host.ids.is_free(*uid)).collect();
    if free.is_empty() { Err(Refusal::NoFreeUid(policy.uids.clone())) } else { Ok(free) }
}

/// Where the launch keeps its records; none where there is nothing to record.
pub(super) fn runtime(
    policy: &Policy,
    identity: IdentityChoice,
    staging: Option<&Path>,
    host: &Host,
) -> Vec<PathBuf> {
    if identity == IdentityChoice::Caller && staging.is_none() {
        return vec![];
    }
    runtime_places(policy.runtime.as_ref(), host)
}

/// Where leases are kept: the place that the caller named, else `/run/bulkhead` for root, the
/// caller's own runtime directory, and one in `/tmp` for who has none.
#[must_use]
pub fn runtime_places(named: Option<&PathBuf>, host: &Host) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.clone()];
    }
    let root = host.caller.can_change_user.then(|| PathBuf::from("/run/bulkhead"));
    let own = host.runtime.as_ref().map(|directory| directory.join("bulkhead"));
    let last = format!("/tmp/bulkhead-{}", host.caller.uid);
    let last = (!host.caller.can_change_user).then(|| PathBuf::from(last));
    root.into_iter().chain(own).chain(last).collect()
}

/// The directory on disk for the private directories of a build whose user cannot mount them: in
/// the contained plan nobody can, and elsewhere a leased uid cannot read what is to be copied.
pub(super) fn staging(
    kind: PlanKind,
    policy: &Policy,
    identity: IdentityChoice,
    host: &Host,
) -> Option<PathBuf> {
    let unmounted = kind == PlanKind::Contained;
    let foreign = kind == PlanKind::Namespaced
        && !host.caller.is_privileged()
        && identity != IdentityChoice::Caller;
    if !unmounted && !foreign {
        return None;
    }
    let runtime = || Some(runtime_places(policy.runtime.as_ref(), host).first()?.join("private"));
    let place = policy.files.scratch.clone().or_else(runtime)?;
    Some(place.join(format!("bulkhead-{:016x}", host.nonce)))
}

/// How a build with files of its own gets its source tree. What the supervisor stages for a user who
/// cannot mount is always a copy.
pub(super) fn sharing(
    payload: &Payload,
    own_files: bool,
    staged: bool,
    host: &Host,
) -> Option<Sharing> {
    let granted = |path: &Path| payload.grants.iter().any(|grant| grant.path == path);
    let mut sources = payload.trees.iter().filter(|tree| tree.purpose == Purpose::Source);
    let private = own_files && sources.any(|tree| !granted(&tree.path));
    let sharing = if staged { Sharing::Copy(Obstacle::NoMounts) } else { host.sharing };
    private.then_some(sharing)
}
