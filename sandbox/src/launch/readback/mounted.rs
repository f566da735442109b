//! What is mounted where, as `proc_pid_mountinfo(5)` shows it, held against the plan.
#![forbid(unsafe_code)]

use std::path::Path;

use crate::layers::mounts::{Base, Entry, MountPlan, What};
use crate::paths::mountinfo::{self, Mount};
use crate::policy::files::{PROC_MASKED_DIRECTORIES, PROC_MASKED_FILES, PROC_READ_ONLY};

/// All that a process has mounted, what lies over another thing behind it.
#[derive(Debug)]
pub(super) struct Table(Vec<Mount>);

impl Table {
    /// Reads the bytes of a `mountinfo`; a line that cannot be read is an error, for something may be
    /// mounted there.
    pub(super) fn parse(table: &[u8]) -> Result<Self, String> {
        let unread = |line| format!("mountinfo has {:?}", String::from_utf8_lossy(line));
        let mounts = mountinfo::mounts(table).map(|mount| mount.map_err(unread));
        mounts.collect::<Result<_, _>>().map(Self)
    }

    /// No mount passes on what is mounted on it, or takes over what is mounted elsewhere: the host
    /// would see what a build mounts, or the build what the host does.
    pub(super) fn is_private(&self) -> Result<(), String> {
        for mount in &self.0 {
            if let Some(found) = &mount.propagation {
                let place = mount.place.display();
                return Err(format!("the mount at {place} is not private, but {found}"));
            }
        }
        Ok(())
    }

    /// Every planned path is a mount of its own where it should be one, and read-only where it should
    /// be; the root is in memory, and the only one.
    pub(super) fn has_files(&self, plan: &MountPlan) -> Result<(), String> {
        match self.find(Path::new("/")) {
            Some(root) if root.kind == "tmpfs" && root.has("ro") && plan.base == Base::Empty => {}
            other => return Err(format!("the root is {other:?}")),
        }
        if self.0.iter().filter(|mount| mount.place == Path::new("/")).count() != 1 {
            return Err("another root is still there".to_owned());
        }
        for (index, entry) in plan.entries.iter().enumerate() {
            if !is_covered_later(plan, index) {
                self.has_entry(entry)?;
            }
        }
        Ok(())
    }

    fn has_entry(&self, entry: &Entry) -> Result<(), String> {
        let found = self.find(&entry.target);
        let (holds, wanted) = match entry.what {
            What::Directory | What::Link(_) | What::Text(_) => return Ok(()),
            What::Overlay { .. } => (found.is_some_and(|it| it.kind == "overlay"), "no overlay"),
            What::Bind { writable: false, .. } => (
                found.is_some_and(|mount| mount.has("ro") && mount.has("nodev")),
                "not there read-only and without devices",
            ),
            What::Bind { .. } | What::Scratch(_) | What::Memory { .. } => (
                found.is_some_and(|mount| mount.has("nodev")),
                "no mount of its own without devices",
            ),
            What::Nothing => (
                found.is_some_and(|mount| mount.kind == "tmpfs"),
                "not hidden by an empty directory",
            ),
            What::ControlGroup(_) => (found.is_some_and(|mount| mount.has("ro")), "not read-only"),
            What::Device(_) => (
                found.is_some_and(|mount| mount.has("noexec")),
                "no mount from which nothing can be executed",
            ),
            _ => (found.is_some(), "no mount of its own"),
        };
        if holds { Ok(()) } else { Err(format!("{} is {wanted}", entry.target.display())) }
    }

    /// `/proc` is one, and everything in a fresh one that is to be covered is, as far as this kernel
    /// has it.
    pub(super) fn has_proc(&self, plan: &MountPlan) -> Result<(), String> {
        match self.find(Path::new("/proc")) {
            Some(mount) if mount.kind == "proc" => {}
            other => return Err(format!("/proc is {other:?}")),
        }
        if !plan.entries.iter().any(|entry| entry.what == What::Proc) {
            return Ok(());
        }
        let files = PROC_MASKED_FILES.iter().map(|name| (name, false));
        let directories = PROC_MASKED_DIRECTORIES.iter().chain(PROC_READ_ONLY);
        for (name, sealed) in files.chain(directories.map(|name| (name, true))) {
            let path = Path::new("/proc").join(name);
            let covers = self.find(&path).is_some_and(|mount| mount.has("ro") || !sealed);
            if !covers && path.exists() {
                return Err(format!("{} is not covered", path.display()));
            }
        }
        Ok(())
    }

    fn find(&self, path: &Path) -> Option<&Mount> {
        // By their bytes: the kernel writes a place in one way, and so does a plan.
        self.0.iter().rev().find(|mount| mount.place.as_os_str() == path.as_os_str())
    }
}

/// Whether a later entry of the plan is put over the same path.
fn is_covered_later(plan: &MountPlan, index: usize) -> bool {
    let mut rest = plan.entries.iter().skip(index);
    rest.next()
        .is_some_and(|entry| rest.any(|later| later.target.as_os_str() == entry.target.as_os_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[&str] = &[
        "22 20 0:50 / / ro,nosuid,nodev - tmpfs none rw",
        r"23 22 0:51 /a /a\040b\134c ro,nosuid,nodev - ext4 /dev/vda rw",
    ];

    fn table(lines: &[&str]) -> Result<Table, String> {
        Table::parse((lines.join("\n") + "\n").as_bytes())
    }

    fn plan(path: &str, what: What) -> MountPlan {
        MountPlan { base: Base::Empty, entries: vec![Entry { target: path.into(), what }] }
    }

    fn bind(path: &str) -> What {
        What::Bind { source: path.into(), writable: false, directory: true, named: true }
    }

    #[test]
    fn a_path_with_a_blank_or_any_other_byte_is_looked_at_as_any() {
        let path = r"/a b\c";
        let plan = plan(path, bind(path));
        assert_eq!(table(LINES).unwrap().has_files(&plan), Ok(()));
        let missing = table(&LINES[..1]).unwrap().has_files(&plan);
        assert!(missing.unwrap_err().contains("read-only"));
        let written = [LINES[0], &LINES[1].replace(" ro,", " rw,")];
        assert!(table(&written).unwrap().has_files(&plan).is_err());
    }

    #[test]
    fn a_mount_that_passes_on_what_is_mounted_is_found_wherever_it_is() {
        assert_eq!(table(LINES).unwrap().is_private(), Ok(()));
        for field in ["shared:7", "master:7", "shared:7 master:3", "master:1 propagate_from:2"] {
            let passes_on = LINES[1].replace(" - ", &format!(" {field} - "));
            let found = table(&[LINES[0], &passes_on]).unwrap().is_private().unwrap_err();
            assert!(found.contains(r"/a b\c is not private"), "{found}");
        }
        let unbindable = LINES[1].replace(" - ", " unbindable - ");
        assert_eq!(table(&[LINES[0], &unbindable]).unwrap().is_private(), Ok(()));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_an_error() {
        for line in ["", "1 2 3", "22 20 0:50 / / ro tmpfs none rw", "22 20 0:50 / / ro -"] {
            let read = table(&[LINES[0], line]);
            assert_eq!(read.is_err(), !line.is_empty(), "{line:?}");
        }
    }
}
