//! The host's file tree, of which every lab is made: the root of the harness, or, where that is in its
//! container, the place at which the container has it.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use sandbox::paths::mountinfo;

use super::layout::{FRESH, from_root};
use super::mounts::twin;

/// The table of the mounts of whoever reads it.
const TABLE: &str = "/proc/self/mountinfo";
/// Where container engines and Kubernetes mount what belongs to their containers.
const ENGINES: [&str; 6] = [
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/kubelet",
    "/var/lib/lxc",
    "/var/lib/lxd",
];
/// Each that is shown costs every lab a mount, and a descriptor in the one packet that brings them all.
const MOST_SHOWN: usize = 200;
/// No table of mounts is longer, in bytes.
const LONGEST: u64 = 64 << 20;

/// Where the host's files are, and what the harness knows of the host itself.
#[derive(Debug)]
pub struct HostTree {
    /// The host's root, as the harness names it.
    root: PathBuf,
    /// Where the host's devices are, if the kernel's own file system for them is there.
    devices: PathBuf,
    /// The host's table of mounts, where that of this process is another's.
    table: Option<Mutex<File>>,
    /// The number, on the host, of the process that answers for the labs.
    owner: u32,
}

impl HostTree {
    /// That of a harness in no container: a program that uses it as a library.
    #[must_use]
    pub fn own() -> Self {
        Self {
            root: PathBuf::from("/"),
            devices: PathBuf::from("/dev"),
            table: None,
            owner: std::process::id(),
        }
    }

    /// That of a harness in its container, which has the host's files at `root` and its devices at
    /// `devices`; `table` is the host's table of mounts, and `owner` the supervisor's number there.
    #[must_use]
    pub fn of_container(root: &Path, devices: &Path, table: OwnedFd, owner: u32) -> Self {
        Self {
            root: root.to_owned(),
            devices: devices.to_owned(),
            table: Some(Mutex::new(table.into())),
            owner,
        }
    }

    /// The number, on the host, of the process that answers for the labs.
    #[must_use]
    pub const fn owner(&self) -> u32 {
        self.owner
    }

    /// Whether the harness is in its container.
    #[must_use]
    pub const fn is_contained(&self) -> bool {
        self.table.is_some()
    }

    /// The directory of the host's device nodes.
    #[must_use]
    pub fn devices(&self) -> &Path {
        &self.devices
    }

    /// A detached, private copy of the mount that holds the host's `path`, without those below it. Links
    /// are followed as the host has them.
    ///
    /// # Errors
    /// Those of openat2(2), `open_tree(2)` and `mount_setattr(2)`.
    pub fn clone_of(&self, path: &Path) -> io::Result<OwnedFd> {
        // By name each time: a mount of another namespace, as a thread has left it, is not cloned.
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let root = openat(CWD, &self.root, flags, Mode::empty())?;
        let place = openat2(&root, from_root(path), flags, Mode::empty(), ResolveFlags::IN_ROOT)?;
        twin(place.as_fd())
    }

    /// The host's mounts, as the kernel tells them to whoever started the harness.
    ///
    /// # Errors
    /// Those of read(2).
    pub fn mount_table(&self) -> io::Result<Vec<u8>> {
        let Some(table) = &self.table else { return std::fs::read(TABLE) };
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        table.rewind()?;
        let mut text = Vec::new();
        (&mut *table).take(LONGEST).read_to_end(&mut text)?;
        Ok(text)
    }

    /// The host's mounts, as far as a lab shows them: directories, without what a lab has fresh.
    ///
    /// # Errors
    /// When `/proc/self/mountinfo` cannot be read.
    pub fn further_mounts(&self) -> io::Result<FurtherMounts> {
        let table = std::fs::read(TABLE)?;
        let found: BTreeSet<PathBuf> = mountinfo::known(&table)
            .filter(|mount| mount.place.is_dir())
            .filter_map(|mount| {
                Some(Path::new("/").join(mount.place.strip_prefix(&self.root).ok()?))
            })
            .filter(|path| path != Path::new("/") && !is_fresh(path))
            .collect();
        Ok(FurtherMounts::of(found))
    }
}

/// The host's mounts besides its root.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FurtherMounts {
    /// Those that a lab shows, read-only, because programs may lie there; the outer ones first.
    pub shown: Vec<String>,
    /// Those that it does not show.
    pub left_out: Vec<PathBuf>,
}

impl FurtherMounts {
    /// A machine that runs many containers has hundreds of mounts, which hold nothing of the caller's;
    /// one with many packages of `snap(8)` has some that do.
    fn of(mut found: BTreeSet<PathBuf>) -> Self {
        let mut left_out: Vec<PathBuf> = Vec::new();
        let mut shown: Vec<String> = Vec::new();
        found.retain(|path| !ENGINES.iter().any(|engine| path.starts_with(engine)));
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_by_key(|path| path.components().count());
        for path in found {
            match path.to_str() {
                Some(text) if shown.len() < MOST_SHOWN => shown.push(text.to_owned()),
                _ => left_out.push(path),
            }
        }
        Self { shown, left_out }
    }
}

/// Whether the lab has something of its own in the place of `path`.
fn is_fresh(path: &Path) -> bool {
    FRESH
        .iter()
        .map(|(at, _, _)| *at)
        .chain(["/proc", "/sys", "/dev"])
        .any(|at| path.starts_with(at))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;

    #[test]
    fn links_of_the_host_lead_within_the_host() {
        if !rustix::process::geteuid().is_root() || super::super::mounts::part().is_err() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("real")).unwrap();
        std::fs::write(place.path().join("real/file"), "the host's").unwrap();
        // Seen from the harness's own root this would lead elsewhere.
        std::os::unix::fs::symlink("/real", place.path().join("link")).unwrap();
        let table = File::open(TABLE).unwrap().into();
        let tree = HostTree::of_container(place.path(), Path::new("/dev"), table, 1);
        let mount = tree.clone_of(Path::new("/link")).unwrap();
        assert!(openat(mount, "file", OFlags::RDONLY, Mode::empty()).is_ok());
    }

    #[test]
    fn of_many_mounts_the_outer_ones_are_shown_and_the_rest_is_told() {
        let containers = (0..300).map(|n| format!("/var/lib/docker/overlay2/{n}/merged"));
        let packages = (0..300).map(|n| format!("/snap/package/{n:03}"));
        let others = ["/home", "/with a blank", "/srv/deep/er/mount"].map(str::to_owned);
        let found = containers.chain(packages).chain(others).map(PathBuf::from).collect();
        let mounts = FurtherMounts::of(found);
        assert_eq!(mounts.shown.len(), MOST_SHOWN);
        assert_eq!(mounts.shown.get(..2).unwrap(), ["/home", "/with a blank"]);
        assert_eq!(mounts.left_out.len(), 300 + 3 - MOST_SHOWN);
        assert_eq!(mounts.left_out.last().unwrap(), Path::new("/srv/deep/er/mount"));
        let odd = PathBuf::from(std::ffi::OsStr::from_bytes(b"/mnt/\xff"));
        let mounts = FurtherMounts::of(BTreeSet::from([odd.clone()]));
        assert_eq!(mounts, FurtherMounts { shown: vec![], left_out: vec![odd] });
    }

    #[test]
    fn the_table_of_mounts_is_read_anew_each_time() {
        let table = File::open(TABLE).unwrap().into();
        let tree = HostTree::of_container(Path::new("/"), Path::new("/dev"), table, 1);
        assert!(!tree.mount_table().unwrap().is_empty());
        assert_eq!(tree.mount_table().unwrap(), tree.mount_table().unwrap());
    }
}
