//! From a policy to a finished launch, with a second plan where the first was too hopeful.
#![forbid(unsafe_code)]

use std::io::Write;
use std::os::fd::BorrowedFd;
use std::path::Path;

use super::error::Failure;
use crate::host::Host;
use crate::host::rehearsal::Namespaces;
use crate::launch::{self, Client, Finished, LaunchError};
use crate::payload::Payload;
use crate::plan::Plan;
use crate::plan::holdings::Holdings;
use crate::policy::Policy;
use crate::policy::levels::Level;

/// What a program that asked for a launch wants to be told, and how it is known to want it still.
pub(super) struct Wish<'a> {
    /// Its end of this ends the build.
    pub(super) lifeline: BorrowedFd<'a>,
    /// What is done once the payload is let through.
    pub(super) started: &'a dyn Fn(&Plan),
}

/// Plans and runs `payload` under `policy`, and says what the plan does not hold in full.
pub(super) fn run(
    policy: &Policy,
    program: &Path,
    payload: &Payload,
) -> Result<(Plan, Finished), Failure> {
    attempt(policy, program, payload, &|plan| {
        tell(plan);
        launch::run(plan, &Client::NONE)
    })
}

/// The same for a program that is told by other means.
pub(super) fn run_for(
    wish: &Wish<'_>,
    policy: &Policy,
    program: &Path,
    payload: &Payload,
) -> Result<(Plan, Finished), Failure> {
    attempt(policy, program, payload, &|plan| {
        let started = || (wish.started)(plan);
        launch::run(plan, &Client::new(wish.lifeline, &started))
    })
}

fn attempt(
    policy: &Policy,
    program: &Path,
    payload: &Payload,
    launch: &dyn Fn(&Plan) -> Result<Finished, LaunchError>,
) -> Result<(Plan, Finished), Failure> {
    let host = Host::glance().looking_at(policy, payload);
    let plan = Plan::resolve(policy, program, payload, &host)?;
    let refused = match launch(&plan) {
        Ok(finished) => return Ok((plan, finished)),
        Err(error) if host.namespaces == Namespaces::Presumed && error.is_of_namespaces() => error,
        Err(error) => return Err(error.into()),
    };
    // Nothing spoke against namespaces, and they were refused all the same. What else is refused a
    // rehearsal tells; if it finds nothing, the refusal stands.
    let host = host.rehearsed();
    if host.namespaces.allow_all() {
        return Err(refused.into());
    }
    let plan = Plan::resolve(policy, program, payload, &host)?;
    let finished = launch(&plan)?;
    Ok((plan, finished))
}

/// Says in one line what the plan does not hold in full. Who chose a weaker level knows.
fn tell(plan: &Plan) {
    let holdings = Holdings::of(plan).to_string();
    if plan.level == Level::Full && !holdings.is_empty() {
        let kind = plan.kind.name();
        let _ = writeln!(anstream::stderr(), "bulkhead: {kind} plan; not in full here: {holdings}");
    }
}
