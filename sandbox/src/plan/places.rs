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
    recorded: bool,
    host: &Host,
) -> Vec<PathBuf> {
    if identity == IdentityChoice::Caller && !recorded {
        return vec![];
    }
    runtime_places(policy.runtime.as_ref(), host)
}

/// Where leases are kept: the place that the caller named, else `/run/bulkhead` for root, and for
/// anybody else its own runtime directory and one in `/tmp`.
///
/// Who leases uids has one place only, for two would lease one uid twice; and `XDG_RUNTIME_DIR` is
/// another user's where root came by `su` or `sudo`.
#[must_use]
pub fn runtime_places(named: Option<&PathBuf>, host: &Host) -> Vec<PathBuf> {
    if let Some(named) = named {
        return vec![named.clone()];
    }
    let first = if host.caller.can_change_user || host.caller.uid == 0 {
        Some(PathBuf::from("/run/bulkhead"))
    } else {
        host.runtime.as_ref().map(|directory| directory.join("bulkhead"))
    };
    let last = PathBuf::from(format!("/tmp/bulkhead-{}", host.caller.uid));
    let last = (!host.caller.can_change_user).then_some(last);
    first.into_iter().chain(last).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::fakes;

    #[test]
    fn root_keeps_its_leases_in_one_place_whatever_the_environment_says() {
        let theirs = Some(PathBuf::from("/run/user/1000"));
        let root = Host { runtime: theirs.clone(), ..fakes::root() };
        assert_eq!(runtime_places(None, &root), [Path::new("/run/bulkhead")]);
        let mut bare = root.clone();
        bare.caller.can_change_user = false;
        let places = runtime_places(None, &bare);
        assert!(!places.iter().any(|place| place.starts_with("/run/user")), "{places:?}");
        let mut sudo = root;
        sudo.caller.uid = 1000;
        assert_eq!(runtime_places(None, &sudo), [Path::new("/run/bulkhead")]);
        let user = Host { runtime: theirs, ..fakes::user() };
        assert_eq!(runtime_places(None, &user)[0], Path::new("/run/user/1000/bulkhead"));
        let named = PathBuf::from("/srv/leases");
        assert_eq!(runtime_places(Some(&named), &user), [named]);
    }
}
