//! From a policy to a finished launch, with a second plan where the first was too hopeful.
#![forbid(unsafe_code)]

use std::io::Write;
use std::path::Path;

use super::error::Failure;
use crate::host::Host;
use crate::host::rehearsal::Namespaces;
use crate::launch::{self, Finished};
use crate::payload::Payload;
use crate::plan::Plan;
use crate::plan::holdings::Holdings;
use crate::policy::Policy;
use crate::policy::levels::Level;

/// Plans and runs `payload` under `policy`.
pub(super) fn run(
    policy: &Policy,
    program: &Path,
    payload: &Payload,
) -> Result<(Plan, Finished), Failure> {
    let host = Host::glance();
    let plan = Plan::resolve(policy, program, payload, &host)?;
    tell(&plan);
    let refused = match launch::run(&plan) {
        Ok(finished) => return Ok((plan, finished)),
        Err(error) if host.namespaces == Namespaces::Presumed && error.is_of_namespaces() => error,
        Err(error) => return Err(error.into()),
    };
    // Nothing spoke against namespaces, and they were refused all the same. What else is refused a
    // rehearsal tells; if it finds nothing, the refusal stands.
    let host = host.rehearsed();
    if host.namespaces.have_fresh_proc() {
        return Err(refused.into());
    }
    let plan = Plan::resolve(policy, program, payload, &host)?;
    tell(&plan);
    let finished = launch::run(&plan)?;
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
