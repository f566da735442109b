//! A plan, written out for a person.
#![forbid(unsafe_code)]

use std::fmt::{self, Write};

use crate::layers::mounts::What;
use crate::plan::{Plan, PlanKind};
use crate::policy::IdentityChoice;

/// Writes all of `plan`, in the order in which it takes effect.
///
/// # Errors
/// Those of `f`.
pub fn write(plan: &Plan, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    heading(f, "plan")?;
    let kind = match plan.kind {
        PlanKind::Bare => "bare: nothing is isolated",
        PlanKind::Namespaced => "namespaced",
        PlanKind::Contained => "contained: without namespaces",
    };
    writeln!(f, "  kind       {kind}")?;
    writeln!(f, "  level      {}", plan.level)?;
    writeln!(f, "  layers     {}", plan.layers)?;
    writeln!(f, "  identity   {}", identity(plan))?;
    for note in &plan.notes {
        writeln!(f, "  partly     {note}")?;
    }
    heading(f, "command")?;
    writeln!(f, "  program    {}", plan.program.display())?;
    for argument in &plan.argv {
        writeln!(f, "  argument   {}", argument.display())?;
    }
    writeln!(f, "  directory  {}", plan.directory.display())?;
    heading(f, "environment")?;
    for (name, value) in &plan.environment.variables {
        writeln!(f, "  {}={}", name.display(), value.display())?;
    }
    heading(f, "files")?;
    match &plan.mounts {
        None => writeln!(f, "  those of the host"),
        Some(mounts) => mounts.entries.iter().try_for_each(|entry| {
            writeln!(f, "  {:<32} {}", entry.target.display(), what(&entry.what))
        }),
    }
}

fn heading(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    writeln!(f, "{text}")
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

fn what(what: &What) -> String {
    match what {
        What::Directory => "empty directory".to_owned(),
        What::Link(target) => format!("link to {}", target.display()),
        What::Text(_) => "made up".to_owned(),
        What::Bind { writable: true, .. } => "of the host, writable".to_owned(),
        What::Bind { .. } | What::BoundProc => "of the host, read-only".to_owned(),
        What::Device(_) => "device of the host".to_owned(),
        What::Memory(size) => format!("private, in memory, {} MiB", size >> 20),
        What::Scratch("source" | "metadata") => "private copy".to_owned(),
        What::Scratch(_) => "private".to_owned(),
        What::Proc => "fresh, masked".to_owned(),
        What::OuterProc => "fresh, of the supervisor's processes".to_owned(),
        What::HostProc => "of the host".to_owned(),
        What::Terminals => "private terminals".to_owned(),
        What::Queues => "private message queues".to_owned(),
    }
}
