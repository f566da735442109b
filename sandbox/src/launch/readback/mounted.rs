//! What is mounted where, as `proc_pid_mountinfo(5)` shows it, held against the plan.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::layers::mounts::{Base, MountPlan, What};
use crate::policy::files::{PROC_MASKED_DIRECTORIES, PROC_MASKED_FILES, PROC_READ_ONLY};

/// Every planned path is a mount of its own where it should be one, and read-only where it should be;
/// the root is in memory, and the only one.
pub(super) fn files(plan: &MountPlan, table: &str) -> Result<(), String> {
    let mounts: Vec<_> = table.lines().filter_map(Mount::parse).collect();
    match find(&mounts, Path::new("/")) {
        Some(Mount { kind: "tmpfs", read_only: true, .. }) if plan.base == Base::Empty => {}
        other => return Err(format!("the root is {other:?}")),
    }
    if mounts.iter().filter(|mount| mount.place == "/").count() != 1 {
        return Err("another root is still there".to_owned());
    }
    for entry in &plan.entries {
        if covered_later(plan, &entry.target)
            || entry.target.to_string_lossy().contains(char::is_whitespace)
        {
            continue;
        }
        let found = find(&mounts, &entry.target);
        let lacks = match entry.what {
            What::Directory | What::Link(_) | What::Text(_) => continue,
            What::Overlay { .. } => found.is_none_or(|mount| mount.kind != "overlay"),
            What::Bind { writable: false, .. } => {
                found.is_none_or(|mount| !mount.read_only || !mount.no_devices)
            }
            What::Bind { .. } | What::Scratch(_) | What::Memory(_) => {
                found.is_none_or(|mount| !mount.no_devices)
            }
            What::Device(_) => found.is_none_or(|mount| !mount.no_exec),
            _ => found.is_none(),
        };
        if lacks {
            let wanted = match entry.what {
                What::Overlay { .. } => "no overlay",
                What::Bind { writable: false, .. } => "not there read-only and without devices",
                What::Device(_) => "no mount from which nothing can be executed",
                _ => "no mount of its own without devices",
            };
            return Err(format!("{} is {wanted}", entry.target.display()));
        }
    }
    Ok(())
}

/// `/proc` is one, and everything in a fresh one that is to be covered is, as far as this kernel has
/// it.
pub(super) fn proc(plan: &MountPlan, table: &str) -> Result<(), String> {
    let mounts: Vec<_> = table.lines().filter_map(Mount::parse).collect();
    match find(&mounts, Path::new("/proc")) {
        Some(Mount { kind: "proc", .. }) => {}
        other => return Err(format!("/proc is {other:?}")),
    }
    if !plan.entries.iter().any(|entry| entry.what == What::Proc) {
        return Ok(());
    }
    let files = PROC_MASKED_FILES.iter().map(|name| (name, false));
    let directories = PROC_MASKED_DIRECTORIES.iter().chain(PROC_READ_ONLY);
    for (name, sealed) in files.chain(directories.map(|name| (name, true))) {
        let path = Path::new("/proc").join(name);
        let covers = find(&mounts, &path).is_some_and(|mount| mount.read_only || !sealed);
        if !covers && path.exists() {
            return Err(format!("{} is not covered", path.display()));
        }
    }
    Ok(())
}

fn find<'a>(mounts: &'a [Mount<'a>], path: &Path) -> Option<&'a Mount<'a>> {
    mounts.iter().rev().find(|mount| Path::new(mount.place) == path)
}

/// Whether a later entry of the plan is put over the same path.
fn covered_later(plan: &MountPlan, path: &Path) -> bool {
    plan.entries.iter().filter(|entry| entry.target == path).count() > 1
}

/// A line of `proc_pid_mountinfo(5)`.
#[derive(Debug)]
struct Mount<'a> {
    place: &'a str,
    read_only: bool,
    no_devices: bool,
    no_exec: bool,
    kind: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (mount, system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let (place, options) = (fields.next()?, fields.next()?);
        let has = |wanted: &str| options.split(',').any(|option| option == wanted);
        let (read_only, no_devices, no_exec) = (has("ro"), has("nodev"), has("noexec"));
        Some(Self { place, read_only, no_devices, no_exec, kind: system.split(' ').next()? })
    }
}
