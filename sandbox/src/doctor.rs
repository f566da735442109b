//! What a host allows, what follows for each guarantee, and for each refusal the cause and the
//! exact remedy.
#![forbid(unsafe_code)]

use std::fmt;

use crate::host::Host;
use crate::host::surroundings::{Container, Surroundings};
use crate::plan::holdings::Holdings;
use crate::plan::{Plan, PlanKind};
use crate::policy::IdentityChoice;
use crate::words::Guarantee;

mod causes;

pub use causes::{Cause, Finding, PIVOT};

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

/// Examines `host` in `surroundings`, where a launch at level `full` came as far as the payload by the
/// plan `held`, or failed. Pure.
#[must_use]
pub fn diagnose(host: &Host, surroundings: &Surroundings, held: Result<Plan, String>) -> Diagnosis {
    let verdict = match held {
        Ok(plan) => Verdict::Plan {
            kind: plan.kind,
            identity: plan.identity,
            holdings: Box::new(Holdings::of(&plan)),
        },
        Err(why) => Verdict::Refused(why),
    };
    Diagnosis {
        host: describe(host, surroundings),
        verdict,
        findings: causes::find(host, surroundings),
    }
}

impl Diagnosis {
    /// Whether anything can be built here, and how well: one line.
    #[must_use]
    pub fn answer(&self) -> String {
        let holdings = match &self.verdict {
            Verdict::Refused(why) => return format!("no, nothing can be built here: {why}"),
            Verdict::Plan { holdings, .. } => holdings,
        };
        let named = |word: &str| -> Vec<&str> {
            let those = holdings.iter().filter(|(_, holding)| holding.name() == word);
            those.map(|(guarantee, _)| guarantee.name()).collect()
        };
        let (held, partly, not) = (named("held"), named("partly"), named("not held"));
        let all = Guarantee::ALL.len();
        if held.len() == all {
            return format!("yes, builds run here and all {all} guarantees are held in full");
        }
        let rest = [("partly held", partly), ("not held", not)];
        let rest = rest.into_iter().filter(|(_, which)| !which.is_empty());
        let rest: Vec<_> =
            rest.map(|(how, which)| format!("{how}: {}", which.join(", "))).collect();
        let number = held.len();
        format!(
            "yes, builds run here, but {number} of {all} guarantees are held in full; {}",
            rest.join("; ")
        )
    }

    /// Whether every guarantee is held in full.
    fn is_sound(&self) -> bool {
        match &self.verdict {
            Verdict::Refused(_) => false,
            Verdict::Plan { holdings, .. } => {
                holdings.iter().all(|(_, holding)| holding.reasons().is_empty())
            }
        }
    }
}

fn describe(host: &Host, surroundings: &Surroundings) -> String {
    let container = match (&surroundings.container, &surroundings.service) {
        (Some(Container::Docker), _) => "a container of Docker".to_owned(),
        (Some(Container::Podman { rootless: true }), _) => {
            "a container of rootless Podman".to_owned()
        }
        (Some(Container::Podman { rootless: false }), _) => "a container of Podman".to_owned(),
        (Some(Container::Pod), _) => "a pod of Kubernetes".to_owned(),
        (Some(Container::Other(name)), _) => format!("a container ({name})"),
        (None, Some(service)) => format!("no container, the service {}", service.unit),
        (None, None) => "no container".to_owned(),
    };
    let root = if surroundings.chroot { ", below chroot" } else { "" };
    let landlock = match host.landlock {
        0 => "no Landlock".to_owned(),
        abi => format!("Landlock {abi}"),
    };
    let (major, minor) = host.kernel;
    let uid = host.caller.uid;
    format!("Linux {major}.{minor} on {}, {landlock}, uid {uid}, {container}{root}", host.machine)
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.answer())?;
        writeln!(f, "host  {}", self.host)?;
        match &self.verdict {
            Verdict::Refused(_) => writeln!(f, "plan  none")?,
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
            return if self.is_sound() {
                writeln!(f, "\nnothing stands in the way")
            } else {
                Ok(())
            };
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
