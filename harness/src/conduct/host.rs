//! What no trial may change on the host: the kernel's global settings, its devices, and its mounts.
//!
//! Files are not compared: a lab cannot write the host's, which a test shows, and an administrator
//! may well add an account while a run is under way.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sandbox::paths::mountinfo;

use super::formats::Formats;
use super::keyrings::Keyrings;
use super::nodes::Nodes;
use crate::lab::host_tree::HostTree;

/// Where the kernel's settings are.
const SETTINGS: &str = "/proc/sys";
/// What belongs to a namespace that no lab shares with the host.
const APART: [&str; 3] = ["net", "user", "fs/mqueue"];
/// What changes by itself, acts when it is read or written, or is another namespace's by name.
const RESTLESS: [&str; 11] = [
    "kernel/ns_last_pid",
    "kernel/tainted",
    "kernel/random",
    "kernel/pty",
    "kernel/cad_pid",
    "kernel/hostname",
    "kernel/domainname",
    "vm/drop_caches",
    "vm/compact_memory",
    "vm/stat_refresh",
    "fs/quota",
];
/// No setting is longer, in bytes.
const LONGEST: u64 = 64 << 10;

/// The host at one moment.
#[derive(Debug)]
pub(super) struct Baseline {
    settings: BTreeMap<PathBuf, Vec<u8>>,
    /// The nodes that the kernel has in the one file system for them, and files that lie there.
    devices: Mutex<Nodes>,
    formats: Formats,
    keyrings: Keyrings,
    /// The loop devices that have a file.
    loops: Mutex<BTreeSet<String>>,
    /// What was mounted when somebody last looked.
    mounts: Mutex<Mounts>,
}

impl Baseline {
    /// Looks at the host.
    pub(super) fn take(host: &HostTree) -> Self {
        let mut settings = BTreeMap::new();
        read_settings(Path::new(SETTINGS), &mut settings);
        Self {
            settings,
            keyrings: Keyrings::look(),
            devices: Mutex::new(Nodes::look(host.devices())),
            formats: Formats::look(),
            loops: Mutex::new(loops()),
            mounts: Mutex::new(Mounts::now(host)),
        }
    }

    /// What is different now. Settings are set back; of mounts each change is told once.
    pub(super) fn difference(&self, host: &HostTree) -> Option<String> {
        let mut found = self.changed_settings();
        found.extend(self.keyrings.clear());
        found.extend(self.formats.clear());
        found.extend(self.nodes(host));
        found.extend(news(&self.loops, loops(), "bound to a file, which `losetup -d` undoes"));
        let mut mounts = self.mounts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Mounts::now(host);
        found.extend(mounts.changes(&now));
        *mounts = now;
        (!found.is_empty()).then(|| found.join("; "))
    }

    /// Sets back every setting that has another value now, and tells of each.
    fn changed_settings(&self) -> Vec<String> {
        let changed = self.settings.iter().filter(|(path, value)| {
            // One that is gone belonged to a device or a module.
            read(path).is_some_and(|now| now != **value)
        });
        let told = changed.map(|(path, value)| {
            let restored = fs::write(path, value).is_ok();
            let how = if restored { "it was set back" } else { "it could not be set back" };
            format!("{} of the host was changed; {how}", path.display())
        });
        told.collect()
    }

    /// What is different in the host's `/dev`; what could be set right is as it was before.
    fn nodes(&self, host: &HostTree) -> Vec<String> {
        let mut before = self.devices.lock().unwrap_or_else(PoisonError::into_inner);
        let told = before.differences(&Nodes::look(host.devices()));
        if !told.is_empty() {
            *before = Nodes::look(host.devices());
        }
        told
    }
}

/// What came and what went since somebody last looked, each told once.
fn news(before: &Mutex<BTreeSet<String>>, now: BTreeSet<String>, what: &str) -> Vec<String> {
    let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
    let came = now.difference(&before).map(|one| format!("{one} is now {what}"));
    let went = before.difference(&now).map(|one| format!("{one} is no longer {what}"));
    let told = came.chain(went).collect();
    *before = now;
    told
}

/// Every setting below `dir` that can be written and read, and its value.
fn read_settings(dir: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.strip_prefix(SETTINGS).unwrap_or(&path);
        if APART.iter().chain(&RESTLESS).any(|other| name.starts_with(other)) {
            continue;
        }
        let Ok(status) = entry.metadata() else { continue };
        if status.is_dir() {
            read_settings(&path, found);
        } else if status.is_file() && status.permissions().mode() & 0o200 != 0 {
            let value = read(&path);
            found.extend(value.map(|value| (path, value)));
        }
    }
}

/// The bytes of a file, which need be no text: whoever writes there chooses them.
fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path).ok()?.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn loops() -> BTreeSet<String> {
    let entries = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let bound = entries.filter_map(|entry| {
        let file = read(&entry.path().join("loop/backing_file"))?;
        let file = String::from_utf8_lossy(&file);
        Some(format!("/dev/{} ({})", entry.file_name().to_string_lossy(), file.trim()))
    });
    bound.collect()
}

/// The mounts of the harness's caller, by number: all that the kernel tells of each.
#[derive(Debug, Default, PartialEq, Eq)]
struct Mounts(BTreeMap<String, String>);

impl Mounts {
    /// Those of whoever started the harness.
    fn now(host: &HostTree) -> Self {
        Self::read(&String::from_utf8_lossy(&host.mount_table().unwrap_or_default()))
    }

    fn read(table: &str) -> Self {
        let entry = |line: &str| Some((line.split(' ').next()?.to_owned(), line.to_owned()));
        Self(table.lines().filter_map(entry).collect())
    }

    /// What is different in `later`, one sentence each.
    fn changes(&self, later: &Self) -> Vec<String> {
        let came = later.0.iter().filter_map(|(number, line)| match self.0.get(number) {
            None => Some(format!("{} was mounted on the host", place(line))),
            Some(before) if before != line => {
                Some(format!("the mount at {} of the host is another than before", place(line)))
            }
            Some(_) => None,
        });
        let went = self.0.iter().filter(|(number, _)| !later.0.contains_key(*number));
        let went =
            went.map(|(_, line)| format!("{} is no longer mounted on the host", place(line)));
        came.chain(went).collect()
    }
}

/// Where a line of the table says that something is mounted.
fn place(line: &str) -> String {
    let mount = mountinfo::known(line.as_bytes()).next();
    mount.map_or_else(|| "something".to_owned(), |it| it.place.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TABLE: &str = "1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw\n\
                         2 1 0:5 / /proc rw - proc proc rw\n";

    #[test]
    fn what_came_and_went_is_told_once() {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let before = Mutex::new(set(&["a", "b"]));
        let told = news(&before, set(&["b", "c"]), "here");
        assert_eq!(told, ["c is now here", "a is no longer here"]);
        assert_eq!(news(&before, set(&["b", "c"]), "here"), Vec::<String>::new());
    }

    #[test]
    fn every_setting_that_was_changed_is_told_and_set_back() {
        // One of them to what is no text.
        const NAMES: [&str; 4] = [
            "vm/stat_interval",
            "vm/laptop_mode",
            "kernel/printk_ratelimit",
            "kernel/core_pattern",
        ];
        const VALUES: [&[u8]; 4] = [b"7", b"7", b"7", b"core-\xff"];
        let paths = NAMES.map(|name| Path::new(SETTINGS).join(name));
        let values = || paths.clone().map(|path| read(&path).unwrap_or_default());
        let (before, baseline) = (values(), Baseline::take(&HostTree::own()));
        if !paths.iter().zip(VALUES).all(|(path, value)| fs::write(path, value).is_ok()) {
            // Somebody who is not root, or a machine that shows them read-only.
            paths.iter().zip(&before).for_each(|(path, value)| drop(fs::write(path, value)));
            return;
        }
        let told = baseline.changed_settings().join("; ");
        let after = values();
        paths.iter().zip(&before).for_each(|(path, value)| drop(fs::write(path, value)));
        assert_eq!(after, before);
        assert!(NAMES.iter().all(|name| told.contains(name)), "{told}");
        let again = baseline.changed_settings().join("; ");
        assert!(!NAMES.iter().any(|name| again.contains(name)), "{again}");
    }

    #[test]
    fn all_settings_of_the_machine_are_looked_at_and_those_of_namespaces_are_not() {
        let mut found = BTreeMap::new();
        read_settings(Path::new(SETTINGS), &mut found);
        for name in ["kernel/core_pattern", "vm/swappiness", "fs/suid_dumpable", "kernel/panic"] {
            let path = Path::new(SETTINGS).join(name);
            assert_eq!(found.contains_key(&path), path.exists(), "{name}");
        }
        assert!(!found.keys().any(|path| path.starts_with("/proc/sys/net")));
    }

    #[rstest]
    #[case::nothing(TABLE, &[])]
    #[case::another_order(
        "2 1 0:5 / /proc rw - proc proc rw\n1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw\n",
        &[]
    )]
    #[case::a_new_one(
        &format!("{TABLE}3 1 0:6 / /mnt rw - tmpfs none rw\n"),
        &["/mnt was mounted on the host"]
    )]
    #[case::one_over_another(
        &format!("{TABLE}3 2 0:6 / /proc rw - tmpfs none rw\n"),
        &["/proc was mounted on the host"]
    )]
    #[case::one_that_can_be_written_to_now(
        &TABLE.replace("proc rw\n", "proc ro\n"),
        &["the mount at /proc of the host is another than before"]
    )]
    #[case::one_that_is_private_now(
        &TABLE.replace("shared:1 ", ""),
        &["the mount at / of the host is another than before"]
    )]
    #[case::one_is_gone(
        "1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw\n",
        &["/proc is no longer mounted on the host"]
    )]
    #[case::one_in_the_place_of_another(
        "1 0 8:1 / / rw shared:1 - ext4 /dev/sda rw\n4 1 0:5 / /proc rw - proc proc rw\n",
        &["/proc was mounted on the host", "/proc is no longer mounted on the host"]
    )]
    fn every_change_of_the_hosts_mounts_is_told(#[case] now: &str, #[case] told: &[&str]) {
        assert_eq!(Mounts::read(TABLE).changes(&Mounts::read(now)), told);
    }
}
