//! What is demanded of a host, and what becomes of a demand that it cannot meet.
#![forbid(unsafe_code)]

use std::path::Path;

use super::holdings::{Holding, Holdings};
use super::{MACHINES, OLDEST_KERNEL, Plan, PlanKind, Refusal, contained};
use crate::host::Host;
use crate::host::namespaces::Act;
use crate::payload::{Payload, PrivateTree, Purpose};
use crate::policy::levels::Level;
use crate::policy::{IdentityChoice, Policy};
use crate::words::{Guarantee, Layer};

/// Refuses what no plan can be made of.
pub(super) fn check(kind: PlanKind, policy: &Policy, host: &Host) -> Result<(), Refusal> {
    if policy.level == Level::None && !(policy.lab && host.in_lab) {
        return Err(Refusal::BareOutsideLab);
    }
    if !MACHINES.contains(&host.machine.as_str()) {
        return Err(Refusal::Machine(host.machine.clone()));
    }
    if host.kernel < OLDEST_KERNEL {
        return Err(Refusal::Kernel(host.kernel));
    }
    if kind != PlanKind::Bare && !host.proc {
        return Err(Refusal::NoProc);
    }
    match kind {
        PlanKind::Bare => Ok(()),
        PlanKind::Namespaced => check_combination(policy, host),
        PlanKind::Contained => check_contained(policy, host),
    }
}

/// A leased uid and the front end exchange files through directories that are the build's own; the
/// caller's, which only the caller may enter, are never changed for it.
pub(super) fn check_exchange(
    identity: IdentityChoice,
    payload: &Payload,
    own_files: bool,
) -> Result<(), Refusal> {
    let exchanges = payload.trees.iter().any(|tree| tree.purpose == Purpose::Control);
    if identity == IdentityChoice::Lease && exchanges && !own_files {
        return Err(Refusal::Meaningless(
            "without `mounts`, `proc` and `harvest` a hook has no directories of its own, and a \
             leased uid cannot enter the caller's; keep one of them, or use `--without identity` too",
        ));
    }
    Ok(())
}

/// A copy of the whole system is nobody's wish, and it is where containers start a command.
pub(super) fn refuse_whole_system(payload: &Payload, own_files: bool) -> Result<(), Refusal> {
    let whole = |tree: &PrivateTree| tree.path == Path::new("/");
    if own_files && payload.trees.iter().any(whole) { Err(Refusal::WholeSystem) } else { Ok(()) }
}

fn check_combination(policy: &Policy, host: &Host) -> Result<(), Refusal> {
    let privileged = host.caller.is_privileged();
    if !policy.layers.has(Layer::Userns) && !privileged {
        return Err(Refusal::Meaningless(
            "without `userns` the other namespaces can be created by root only; drop `--without \
             userns` or run as root",
        ));
    }
    if policy.layers.has(Layer::Proc) && !policy.layers.has(Layer::Pid) && !privileged {
        return Err(Refusal::Meaningless(
            "without `pid` only root can mount a fresh /proc; use `--without proc` together with \
             `--without pid`, or run as root",
        ));
    }
    Ok(())
}

fn check_contained(policy: &Policy, host: &Host) -> Result<(), Refusal> {
    let cause = host.namespaces.cause().unwrap_or_default();
    if policy.level != Level::Full {
        return Err(Refusal::NoNamespaces { level: policy.level, cause });
    }
    if policy.layers.has(Layer::Landlock) && host.landlock == 0 && !policy.best_effort {
        return Err(Refusal::NothingHolds { cause });
    }
    Ok(())
}

/// The policy as this plan and host can carry it out; what is given up is added to `notes`.
pub(super) fn adapt(
    kind: PlanKind,
    policy: &Policy,
    host: &Host,
    notes: &mut Vec<String>,
) -> Policy {
    let mut adapted = policy.clone();
    if kind == PlanKind::Contained {
        adapted.layers = adapted.layers.and(contained::LAYERS);
        notes.extend(host.namespaces.cause());
    }
    let spared = [
        (Act::Hostname, Layer::Hostname, "the host name cannot be set, so the host's is shown"),
        (Act::Proc, Layer::Proc, "a fresh /proc cannot be mounted, so the host's is shown"),
    ];
    for (act, layer, note) in spared {
        if kind == PlanKind::Namespaced && !host.namespaces.allow(act) {
            adapted.layers = adapted.layers.without(layer);
            notes.extend(policy.layers.has(layer).then(|| note.to_owned()));
        }
    }
    if policy.best_effort && policy.layers.has(Layer::Landlock) && host.landlock == 0 {
        adapted.layers = adapted.layers.without(Layer::Landlock);
        notes.push("this kernel has no Landlock".to_owned());
    }
    adapted
}

/// Without mounts a leased uid has no more rights to the caller's files than anybody.
pub(super) fn refuse_writable(payload: &Payload) -> Result<(), Refusal> {
    match payload.grants.iter().find(|grant| grant.writable) {
        Some(grant) => Err(Refusal::Writable(grant.path.clone())),
        None => Ok(()),
    }
}

/// Refuses a plan that does not hold in full what the caller requires.
pub(super) fn check_required(policy: &Policy, plan: &Plan) -> Result<(), Refusal> {
    let holdings = Holdings::of(plan);
    let missing = |guarantee: &Guarantee| match holdings.get(*guarantee) {
        Holding::Held(_) => None,
        Holding::Partly(_, reasons) | Holding::Not(reasons) => {
            Some((*guarantee, reasons.join("; ")))
        }
    };
    let missing: Vec<_> = policy.required.iter().filter_map(missing).collect();
    if missing.is_empty() { Ok(()) } else { Err(Refusal::NotHeld(missing)) }
}
