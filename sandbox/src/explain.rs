//! A plan, written out for a person: everything that a launch would do, in the order in which it
//! takes effect.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fmt::{self, Write};

use crate::plain::escaped;
use crate::plan::holdings::{Holding, Holdings};
use crate::plan::{Plan, PlanKind};
use crate::policy::IdentityChoice;

mod enforcement;

pub use enforcement::{Calls, calls, what};

/// A part of the explanation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What it is about.
    pub title: &'static str,
    /// Its lines.
    pub lines: Vec<String>,
}

/// All of `plan`, in sections.
#[must_use]
pub fn sections(plan: &Plan) -> Vec<Section> {
    let section = |title, lines| Section { title, lines };
    vec![
        section("plan", summary(plan)),
        section("guarantees", guarantees(plan)),
        section("command", command(plan)),
        section("environment, kept", environment(plan, true)),
        section("environment, dropped", environment(plan, false)),
        section("files", enforcement::files(plan)),
        section("landlock", enforcement::landlock(plan)),
        section("system calls", enforcement::system_calls(plan)),
        section("limits", enforcement::limits(plan)),
    ]
}

/// All of the plan, section by section.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for section in sections(self) {
            writeln!(f, "{}", section.title)?;
            if section.lines.is_empty() {
                writeln!(f, "  none")?;
            }
            section.lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

/// What the build does not see, as the last section.
#[must_use]
pub fn not_seen(lines: &[impl fmt::Display]) -> String {
    let mut text = "not seen\n".to_owned();
    if lines.is_empty() {
        text.push_str("  nothing that was looked for\n");
    }
    for line in lines {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {}", escaped(OsStr::new(&line.to_string())));
    }
    text
}

fn summary(plan: &Plan) -> Vec<String> {
    let kind = match plan.kind {
        PlanKind::Bare => "bare: nothing is isolated",
        PlanKind::Namespaced => "namespaced",
        PlanKind::Contained => "contained: without namespaces",
    };
    let mut lines = vec![
        format!("kind       {kind}"),
        format!("level      {}", plan.level),
        format!("layers     {}", plan.layers),
        format!("identity   {}", identity(plan)),
    ];
    lines.extend(plan.sharing.map(|sharing| format!("source     {sharing}")));
    lines.extend(plan.staging.as_ref().map(|path| format!("staging    {}", path.display())));
    lines.extend(plan.notes.iter().map(|note| format!("note       {note}")));
    lines
}

fn guarantees(plan: &Plan) -> Vec<String> {
    let holdings = Holdings::of(plan);
    let line = |holding: &Holding| match holding.reasons() {
        [] => holding.summary(),
        reasons => format!("{}: {}", holding.summary(), reasons.join("; ")),
    };
    holdings
        .iter()
        .map(|(guarantee, holding)| format!("{guarantee:<10} {}", line(holding)))
        .collect()
}

fn command(plan: &Plan) -> Vec<String> {
    let mut lines = vec![format!("program    {}", escaped(plan.program.as_os_str()))];
    lines.extend(plan.argv.iter().map(|word| format!("argument   {}", escaped(word))));
    lines.push(format!("directory  {}", escaped(plan.directory.as_os_str())));
    lines
}

/// The variables that pass, with value and rule, or those that do not, with the rule alone: what
/// is kept from a build is not printed either.
fn environment(plan: &Plan, kept: bool) -> Vec<String> {
    let origins = plan.environment.origins.iter().filter(|(_, origin)| origin.passes() == kept);
    origins
        .map(|(name, origin)| match plan.environment.shown(name, *origin) {
            Some(value) => format!("{}={}  ({origin})", escaped(name), escaped(value)),
            None => format!("{}  ({origin})", escaped(name)),
        })
        .collect()
}

fn identity(plan: &Plan) -> String {
    let mut text = match plan.identity {
        IdentityChoice::Caller => format!("the caller, uid {}", plan.caller.0),
        IdentityChoice::Useradd => "an account made by useradd".to_owned(),
        IdentityChoice::Lease => match (plan.uids.first(), plan.uids.last()) {
            (Some(first), Some(last)) => format!("a uid leased from {first} to {last}"),
            _ => "a leased uid".to_owned(),
        },
    };
    if let Some(inside) = plan.inside {
        // Writing to a String cannot fail.
        let _ = write!(text, ", inside {inside}");
    }
    text
}

#[cfg(test)]
mod tests;
