//! What holds the build: files, rules, system calls, limits.
#![forbid(unsafe_code)]

use rustix::process::Rlimit;

use crate::layers::limits::{Bounds, OF_THE_SUPERVISOR};
use crate::layers::mounts::{Entry, What};
use crate::plain::escaped;
use crate::plan::Plan;
use crate::policy::limits::Limit;
use crate::policy::syscalls::groups::groups;
use crate::policy::syscalls::{Rule, Table};

/// How wide a line of names becomes.
const WIDTH: usize = 90;

/// The mount table, or where the private directories lie.
pub(super) fn files(plan: &Plan) -> Vec<String> {
    if let Some(mounts) = &plan.mounts {
        let line = |path: &std::path::Path, text: &str| {
            format!("{:<32} {text}", escaped(path.as_os_str()))
        };
        return mounts.entries.iter().map(|entry| line(&entry.target, &what(entry))).collect();
    }
    let mut lines = vec!["those of the host, at their own paths".to_owned()];
    if let Some(relocation) = &plan.relocation {
        let moved = relocation.moved();
        lines.extend(moved.map(|(original, place)| {
            format!("{} becomes {}", original.display(), place.display())
        }));
    }
    lines
}

/// What is found at a path, in words.
#[must_use]
pub fn what(entry: &Entry) -> String {
    match &entry.what {
        What::Device(_) if !entry.target.starts_with("/dev") => {
            "empty, hides what the host has there".to_owned()
        }
        What::Directory => "empty directory".to_owned(),
        What::Link(target) => format!("link to {}", target.display()),
        What::Text(_) => "made up".to_owned(),
        What::Bind { writable: true, .. } => "of the host, writable".to_owned(),
        What::Bind { .. } | What::BoundProc => "of the host, read-only".to_owned(),
        What::Device(_) => "device of the host".to_owned(),
        What::Nothing => "empty, hides what the host has there".to_owned(),
        What::Memory { most: Some(most), .. } => {
            format!("private, in memory, {} MiB", most >> 20)
        }
        What::Memory { most: None, .. } => "private, in memory".to_owned(),
        What::Scratch("source" | "metadata") => "private copy".to_owned(),
        What::Overlay { .. } => "private, over the unchanged files of the host".to_owned(),
        What::Scratch(_) => "private".to_owned(),
        What::Proc => "fresh, masked".to_owned(),
        What::OuterProc => "fresh, of the supervisor's processes".to_owned(),
        What::HostProc => "of the host".to_owned(),
        What::Terminals => "private terminals".to_owned(),
        What::Queues => "private message queues".to_owned(),
        What::ControlGroup(_) => "the build's own control group, read-only".to_owned(),
    }
}

/// The rules of Landlock.
pub(super) fn landlock(plan: &Plan) -> Vec<String> {
    let Some(rules) = &plan.landlock else { return vec![] };
    let grants = rules.grants();
    let grants =
        grants.map(|(path, rights)| format!("{:<32} {}", path.display(), rights.join(" ")));
    let denied = format!("denied: {}", rules.denied().join(", "));
    grants.chain([format!("version {}", rules.abi), denied]).collect()
}

/// One group of the system calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    /// Its name.
    pub group: &'static str,
    /// What is decided.
    pub rule: String,
    /// Why.
    pub why: &'static str,
    /// The calls.
    pub names: Vec<&'static str>,
}

/// The table of system calls by group; none where the filter is off.
#[must_use]
pub fn calls(plan: &Plan) -> Vec<Calls> {
    let Some((chosen, architecture)) = plan.choices else { return vec![] };
    let table = Table::of(chosen, architecture);
    let of_group = |name: &str| {
        let entries = table.entries.iter().filter(|entry| entry.group.name == name);
        entries.collect::<Vec<_>>()
    };
    groups()
        .filter_map(|group| {
            let entries = of_group(group.name);
            let rule = match entries.first()?.rule {
                Rule::Always(decision) => decision.to_string(),
                Rule::Arguments(check) => format!("only {}", check.says),
            };
            let names = entries.iter().map(|entry| entry.call.name).collect();
            Some(Calls { group: group.name, rule, why: group.why, names })
        })
        .collect()
}

pub(super) fn system_calls(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for Calls { group, rule, why, names } in calls(plan) {
        lines.push(format!("{group}: {rule}. {why}"));
        let mut line = String::new();
        for name in names {
            if line.len() + name.len() > WIDTH {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(if line.is_empty() { "    " } else { " " });
            line.push_str(name);
        }
        lines.push(line);
    }
    if !lines.is_empty() {
        lines.push(format!("every other: {}", Table::UNKNOWN));
    }
    lines
}

pub(super) fn limits(plan: &Plan) -> Vec<String> {
    let Some(bounds) = &plan.limits else { return vec![] };
    let mut lines = Vec::new();
    for group in &bounds.groups {
        let settings = group.settings.iter().map(|(name, value)| format!("{name}={value}"));
        let settings = settings.collect::<Vec<_>>().join(" ");
        lines.push(format!("control group in {}: {settings}", group.place.directory.display()));
    }
    let number = |limit: Option<u64>| limit.map_or("none".to_owned(), |limit| limit.to_string());
    for (resource, Rlimit { current, maximum }) in &bounds.ceilings {
        let name = format!("{resource:?}").to_ascii_lowercase();
        lines.push(format!("{name:<10} {} to {}", number(*current), number(*maximum)));
    }
    let counts = plan.counts().map(|(name, most)| format!("{name}={most} in the user namespace"));
    lines.extend(counts);
    lines.extend(of_the_supervisor(bounds));
    lines
}

fn of_the_supervisor(bounds: &Bounds) -> Vec<String> {
    let line = |limit: Limit| {
        let text = bounds.text_of(limit).unwrap_or_else(|| "none".to_owned());
        format!("{:<10} {text}, by the supervisor", limit.row().name)
    };
    OF_THE_SUPERVISOR.map(line).to_vec()
}
