//! The host's file tree, of which every lab is made: the root of the harness, or, where that is in its
//! container, the place at which the container has it.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use sandbox::paths::mountinfo;

use super::layout::{FRESH, from_root};
use super::mounts::twin;

/// The table of the mounts of whoever reads it.
const TABLE: &str = "/proc/self/mountinfo";
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

    /// The paths of the host's mounts that a lab shows, read-only, because programs may lie there.
    ///
    /// What the lab has fresh, and single files such as a container's `/etc/hosts`, are left out.
    ///
    /// # Errors
    /// When `/proc/self/mountinfo` cannot be read.
    pub fn shown_mounts(&self) -> io::Result<Vec<PathBuf>> {
        let table = std::fs::read(TABLE)?;
        let mut found: Vec<PathBuf> = mountinfo::known(&table)
            .filter(|mount| mount.place.is_dir())
            .filter_map(|mount| {
                Some(Path::new("/").join(mount.place.strip_prefix(&self.root).ok()?))
            })
            .filter(|place| !place.as_os_str().as_bytes().iter().any(|it| b" \t\n\\".contains(it)))
            .filter(|path| path != Path::new("/") && !is_fresh(path))
            .collect();
        found.sort();
        found.dedup();
        Ok(found)
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
    fn the_table_of_mounts_is_read_anew_each_time() {
        let table = File::open(TABLE).unwrap().into();
        let tree = HostTree::of_container(Path::new("/"), Path::new("/dev"), table, 1);
        assert!(!tree.mount_table().unwrap().is_empty());
        assert_eq!(tree.mount_table().unwrap(), tree.mount_table().unwrap());
    }
}
