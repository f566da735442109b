//! What a host allows, what follows for each guarantee, and for each refusal the cause and the
//! exact remedy.
#![forbid(unsafe_code)]

use std::fmt;
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::surroundings::{Container, Surroundings};
use crate::payload::Payload;
use crate::plan::holdings::Holdings;
use crate::plan::{Plan, PlanKind};
use crate::policy::levels::Level;
use crate::policy::{IdentityChoice, Policy};

mod causes;

pub use causes::{Cause, Finding};

/// What is the matter with a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The host and the caller in one line.
    pub host: String,
    /// What a launch at level `full` would be here.
    pub verdict: Verdict,
    /// Everything that stands in the way of more.
    pub findings: Vec<Finding>,
}

/// What a launch at level `full` would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would be held.
    Plan {
        /// By what.
        kind: PlanKind,
        /// As whom.
        identity: IdentityChoice,
        /// What is held.
        holdings: Box<Holdings>,
    },
    /// It would be refused, and this is why.
    Refused(String),
}

/// Examines `host` in `surroundings`. Pure.
#[must_use]
pub fn diagnose(host: &Host, surroundings: &Surroundings) -> Diagnosis {
    let verdict = match sample(host) {
        Ok(plan) => Verdict::Plan {
            kind: plan.kind,
            identity: plan.identity,
            holdings: Box::new(Holdings::of(&plan)),
        },
        Err(refusal) => Verdict::Refused(refusal),
    };
    Diagnosis {
        host: describe(host, surroundings),
        verdict,
        findings: causes::find(host, surroundings),
    }
}

/// The plan for a command that needs nothing.
fn sample(host: &Host) -> Result<Plan, String> {
    let program = Path::new("/usr/bin/true");
    let payload = Payload::command(vec![program.into()], PathBuf::from("/"), vec![]);
    let mut payload = payload.map_err(|error| error.to_string())?;
    payload.trees.clear();
    Plan::resolve(&Policy::preset(Level::Full), program, &payload, host)
        .map_err(|refusal| refusal.to_string())
}

fn describe(host: &Host, surroundings: &Surroundings) -> String {
    let container = match &surroundings.container {
        None => "no container".to_owned(),
        Some(Container::Docker) => "a container of Docker".to_owned(),
        Some(Container::Podman { rootless: true }) => "a container of rootless Podman".to_owned(),
        Some(Container::Podman { rootless: false }) => "a container of Podman".to_owned(),
        Some(Container::Other(name)) => format!("a container ({name})"),
    };
    let landlock = match host.landlock {
        0 => "no Landlock".to_owned(),
        abi => format!("Landlock {abi}"),
    };
    let (major, minor) = host.kernel;
    let uid = host.caller.uid;
    format!("Linux {major}.{minor} on {}, {landlock}, uid {uid}, {container}", host.machine)
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "host  {}", self.host)?;
        match &self.verdict {
            Verdict::Refused(why) => writeln!(f, "plan  none: {why}")?,
            Verdict::Plan { kind, identity, holdings } => {
                writeln!(f, "plan  {}, as {}", kind.name(), identity.text())?;
                writeln!(f, "\nguarantees of level full")?;
                for (guarantee, holding) in holdings.iter() {
                    writeln!(f, "  {guarantee:<11} {}", holding.summary())?;
                    for reason in holding.reasons() {
                        writeln!(f, "  {:<11} but {reason}", "")?;
                    }
                }
            }
        }
        if self.findings.is_empty() {
            return writeln!(f, "\nnothing stands in the way");
        }
        writeln!(f, "\nwhat stands in the way")?;
        for (number, finding) in self.findings.iter().enumerate() {
            writeln!(f, "  {}. {}", number + 1, finding.what)?;
            writeln!(f, "     remedy: {}", finding.remedy)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
