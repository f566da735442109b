//! A launch of nothing, to learn what the host refuses: it goes as far as the gate, and there it ends.
//!
//! It is the launch itself, by its own code and with everything that is read back, so that what it
//! says of a host is what a build would meet there. Only the payload is missing, and with it whatever
//! could be in the way of one build alone: its paths, its source tree, its program.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use super::{Client, LaunchError, run};
use crate::host::Host;
use crate::payload::{Payload, PayloadError};
use crate::plan::{Plan, PlanKind, Refusal};
use crate::policy::files::FilesPolicy;
use crate::policy::levels::Level;
use crate::policy::{IdentityChoice, Policy};

/// Why a host does not hold what it was thought to hold.
#[derive(Debug, thiserror::Error)]
pub enum Unheld {
    /// No plan can be made for it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A launch by this plan fails.
    #[error(transparent)]
    Failed(#[from] LaunchError),
    /// There is nothing that could be launched.
    #[error(transparent)]
    Payload(#[from] PayloadError),
}

/// What `host` holds of `policy`: the plan by which a launch came as far as the gate, or why none did.
/// The host as it is known afterwards comes with it.
///
/// The caller must have one thread only, as for a launch. Nothing is left of it.
pub fn rehearse(policy: &Policy, host: Host) -> (Host, Result<Plan, Unheld>) {
    let policy = &sample(policy, &host);
    let mut host = host;
    loop {
        match attempt(policy, &host) {
            Ok(plan) => return (host, Ok(plan)),
            Err(unheld) => match wiser(&host, &unheld) {
                Some(wiser) => host = wiser,
                None => return (host, Err(unheld)),
            },
        }
    }
}

/// The host after a launch of nothing, if that has failed and told something new of it.
///
/// The caller must have one thread only, as for a launch. Nothing is left of it.
///
/// # Errors
/// A signal has ended it.
pub fn learn(policy: &Policy, host: &Host) -> Result<Option<Host>, LaunchError> {
    match attempt(&sample(policy, host), host) {
        Ok(_) => Ok(None),
        Err(Unheld::Failed(error @ LaunchError::Interrupted { .. })) => Err(error),
        Err(unheld) => Ok(wiser(host, &unheld)),
    }
}

fn wiser(host: &Host, unheld: &Unheld) -> Option<Host> {
    let Unheld::Failed(error) = unheld else { return None };
    match error.refused() {
        Some((act, errno)) => host.refusing(act, errno),
        None => host.refusing_groups(&error.refused_groups()?),
    }
}

fn attempt(policy: &Policy, host: &Host) -> Result<Plan, Unheld> {
    let plan = plan(policy, &host.clone().anew())?;
    // The level `none` has nothing that could fail, and its launch does not come back.
    if plan.kind != PlanKind::Bare {
        run(&plan, &Client::REHEARSAL)?.clear()?;
    }
    Ok(plan)
}

/// The plan for a command that needs nothing. Pure.
///
/// # Errors
/// There is no such plan on this host.
pub fn plan(policy: &Policy, host: &Host) -> Result<Plan, Unheld> {
    let program = Path::new("/usr/bin/true");
    let mut payload = Payload::command(vec![program.into()], PathBuf::from("/"), vec![])?;
    payload.trees.clear();
    Ok(Plan::resolve(policy, program, &payload, host)?)
}

/// The policy without what concerns one build, and without an account, which is made of something
/// that others see.
fn sample(policy: &Policy, host: &Host) -> Policy {
    let by_account = policy.identity == Some(IdentityChoice::Useradd)
        || (policy.identity.is_none() && policy.level == Level::Proposal);
    let leased = host.caller.can_change_user.then_some(IdentityChoice::Lease);
    Policy {
        identity: if by_account { leased } else { policy.identity },
        files: FilesPolicy { scratch: policy.files.scratch.clone(), in_place: false },
        required: vec![],
        ..policy.clone()
    }
}
