//! The one file system of the kernel's for devices, which root of a lab can mount: what lies in the
//! host's `/dev`, compared and set right.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, chmod, mknodat};
use sandbox::paths::mountinfo;

/// Where the host has its devices.
const DEVICES: &str = "/dev";
/// Where the kernel tells of those that there are, as `block/7:0`.
const KNOWN: &str = "/sys/dev";

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    /// Kind and permissions.
    mode: u32,
    owner: (u32, u32),
    device: u64,
}

/// All of them by path; none where the host has another file system there.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// Where this process has them.
    top: PathBuf,
    found: BTreeMap<PathBuf, Node>,
}

impl Nodes {
    /// Looks at them.
    pub(super) fn look(devices: &Path) -> Self {
        if is_kernels(devices) { Self::of(devices) } else { Self::default() }
    }

    fn of(top: &Path) -> Self {
        let mut found = BTreeMap::new();
        if let Ok(status) = fs::symlink_metadata(top) {
            gather(top, status.dev(), &mut found);
        }
        Self { top: top.to_owned(), found }
    }

    /// What differs in `now`, each told once: what was changed is set back, what was removed is made
    /// again, and what came is removed, unless the kernel has such a device.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let mut told = Vec::new();
        for (path, node) in &self.found {
            let name = self.name(path);
            match now.found.get(path) {
                Some(found) if found == node => {}
                Some(found) if found.device == node.device && found.kind() == node.kind() => {
                    let done = node.restore(path);
                    told.push(format!(
                        "{name} of the host was changed; {}",
                        outcome(done, "set back")
                    ));
                }
                Some(_) => told.push(format!("{name} of the host is another device than before")),
                None if node.is_known() => {
                    let done = node.make(path);
                    told.push(format!(
                        "{name} of the host was removed; {}",
                        outcome(done, "made again")
                    ));
                }
                None => told.push(format!("{name} is no longer in /dev of the host")),
            }
        }
        for (path, node) in now.found.iter().filter(|(path, _)| !self.found.contains_key(*path)) {
            let done = if node.is_known() { "stays" } else { outcome(remove(path), "removed") };
            told.push(format!("{} came into /dev of the host; it {done}", self.name(path)));
        }
        told
    }

    /// What the host calls it.
    fn name(&self, path: &Path) -> String {
        let rest = path.strip_prefix(&self.top).unwrap_or(path);
        Path::new(DEVICES).join(rest).display().to_string()
    }
}

impl Node {
    const fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode)
    }

    /// Whether the kernel has such a device now.
    fn is_known(&self) -> bool {
        let kind = match self.kind() {
            FileType::BlockDevice => "block",
            FileType::CharacterDevice => "char",
            _ => return false,
        };
        let (major, minor) = (rustix::fs::major(self.device), rustix::fs::minor(self.device));
        Path::new(KNOWN).join(kind).join(format!("{major}:{minor}")).exists()
    }

    fn restore(&self, path: &Path) -> bool {
        let (uid, gid) = self.owner;
        chown(path, Some(uid), Some(gid)).is_ok()
            && chmod(path, Mode::from_raw_mode(self.mode)).is_ok()
    }

    fn make(&self, path: &Path) -> bool {
        let mode = Mode::from_raw_mode(self.mode);
        mknodat(CWD, path, self.kind(), mode, self.device).is_ok() && self.restore(path)
    }
}

fn remove(path: &Path) -> bool {
    fs::remove_file(path).or_else(|_| fs::remove_dir(path)).is_ok()
}

/// What is said of an attempt to set something right.
const fn outcome(done: bool, what: &'static str) -> &'static str {
    match (done, what) {
        (false, _) => "could not be set right",
        (true, what) => what,
    }
}

fn gather(dir: &Path, device: u64, found: &mut BTreeMap<PathBuf, Node>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let Ok(status) = entry.metadata() else { continue };
        // What is mounted there is of another file system.
        if status.dev() != device {
            continue;
        }
        let kind = status.file_type();
        let is_device = kind.is_block_device() || kind.is_char_device();
        let node = Node {
            mode: status.mode(),
            owner: (status.uid(), status.gid()),
            device: if is_device { status.rdev() } else { 0 },
        };
        found.insert(entry.path(), node);
        if kind.is_dir() {
            gather(&entry.path(), device, found);
        }
    }
}

/// Whether the kernel's own file system for devices is there.
fn is_kernels(devices: &Path) -> bool {
    let Ok(status) = rustix::fs::stat(devices) else { return false };
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let device =
        format!("{}:{}", rustix::fs::major(status.st_dev), rustix::fs::minor(status.st_dev));
    mountinfo::known(&table).any(|mount| mount.device == device && mount.kind == "devtmpfs")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A device that every kernel has, and one that none has.
    const NULL: (u32, u32) = (1, 3);
    const NOBODYS: (u32, u32) = (1, 199);

    fn node(path: &Path, (major, minor): (u32, u32)) -> bool {
        let mode = Mode::from_raw_mode(0o600);
        mknodat(CWD, path, FileType::CharacterDevice, mode, rustix::fs::makedev(major, minor))
            .is_ok()
    }

    #[test]
    fn what_was_done_to_the_nodes_is_told_and_undone() {
        let dir = tempfile::tempdir().unwrap();
        let [gone, changed, came, real] =
            ["gone", "changed", "came", "real"].map(|name| dir.path().join(name));
        if !node(&gone, NULL) || !node(&changed, NULL) {
            eprintln!("skipped: nodes cannot be made here");
            return;
        }
        let before = Nodes::of(dir.path());
        fs::remove_file(&gone).unwrap();
        fs::set_permissions(&changed, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(node(&came, NOBODYS) && node(&real, NULL));
        let told = before.differences(&Nodes::of(dir.path()));
        let of = |name: &str| told.iter().filter(|told| told.contains(name)).count();
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!((of("gone"), of("changed"), of("came")), (1, 1, 2), "{told:?}");
        // Somebody may have plugged it in.
        fs::remove_file(&real).unwrap();
        assert_eq!(Nodes::of(dir.path()).found, before.found);
    }
}
