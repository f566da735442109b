//! What of the system calls a plan leaves to the build: what it makes harmless by other means.
#![forbid(unsafe_code)]

use super::{PlanKind, contained};
use crate::layers::mounts::{MountPlan, What};
use crate::policy::syscalls::{Architecture, Choice, Syscalls};
use crate::policy::{IdentityChoice, Policy};
use crate::words::Layer;

/// The choices behind the filter; `None` where there is no filter.
pub(super) fn resolve(
    kind: PlanKind,
    policy: &Policy,
    (identity, counted_apart): (IdentityChoice, bool),
    mounts: Option<&MountPlan>,
) -> Option<(Syscalls, Architecture)> {
    let architecture = Architecture::native().filter(|_| policy.layers.has(Layer::Syscalls))?;
    let (chosen, own_user) = (policy.syscalls, identity != IdentityChoice::Caller);
    if kind == PlanKind::Contained {
        return Some((contained::syscalls(chosen, own_user), architecture));
    }
    // Whatever the build writes goes with it, but for what the harvest copies without its mode.
    let passing = mounts.is_some_and(MountPlan::keeps_nothing) && policy.layers.has(Layer::Harvest);
    // What a user may watch can be bounded by the build's own `/proc` alone.
    let bounded = counted_apart || !shows_host_proc(mounts);
    let chosen = chosen
        .set(Choice::SetGroupId, passing)
        .set(Choice::Watches, bounded && chosen.has(Choice::Watches));
    Some((chosen, architecture))
}

/// Whether the build sees the host's `/proc`, and read-only.
pub(super) fn shows_host_proc(mounts: Option<&MountPlan>) -> bool {
    mounts.is_some_and(|files| files.entries.iter().any(|entry| entry.what == What::BoundProc))
}
