//! Every write in a lab: the upper layers of its overlays and its tmpfs mounts, before and after.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, lgetxattr, llistxattr, llistxattr_query, openat,
    readlinkat, statat,
};

use super::layout::relative;
use super::root::{Root, Tree, read_regular};

/// What is known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: FileType,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    size: i64,
    device: u64,
    inode: u64,
    changed: (i64, u64),
    /// Stands for its extended attributes, access lists and file capabilities among them.
    attributes: u64,
}

/// The files of all writable places of a lab at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    entries: BTreeMap<PathBuf, Entry>,
    /// There were too many to look at all of them.
    pub cut_off: bool,
}

/// A difference between two moments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// Where, a path of the lab.
    pub path: PathBuf,
    /// What happened to it.
    pub what: What,
    /// Its permission bits afterwards; 0 when it is gone.
    pub mode: u32,
}

/// What can happen to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It was not there before.
    Created,
    /// It is another one, or has other content, owner or permissions.
    Changed,
    /// It is gone.
    Removed,
}

/// More files than this are not looked at.
const MOST: usize = 50_000;
/// Nor are directories deeper than this.
const DEEPEST: usize = 48;
/// No more of the names of a file's extended attributes is read, nor of the value of one, in bytes;
/// the kernel's own bound.
const NAMES: usize = 64 << 10;
/// Files longer than this count as changed once they were written to.
const COMPARED: usize = 4 << 20;

impl Snapshot {
    /// Looks at all writable places.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn take(root: &Root) -> io::Result<Self> {
        let mut snapshot = Self::default();
        for tree in root.trees() {
            let top = match &tree.layers {
                Some(layers) => &layers.upper,
                None => &tree.mount,
            };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let dir = openat(top.as_fd(), ".", flags, Mode::empty())?;
            snapshot.walk(&dir, Path::new(tree.at), 0)?;
        }
        Ok(snapshot)
    }

    /// Whether `path` is there.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        self.entries.contains_key(path)
    }

    fn walk(&mut self, dir: &OwnedFd, at: &Path, depth: usize) -> io::Result<()> {
        for found in Dir::read_from(dir)? {
            let found = found?;
            let name = found.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if self.entries.len() >= MOST || depth >= DEEPEST {
                self.cut_off = true;
                return Ok(());
            }
            let Ok(status) = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let path = at.join(OsStr::from_bytes(name.to_bytes()));
            let entry =
                Entry::of(&status, attributes(dir, Path::new(OsStr::from_bytes(name.to_bytes()))));
            if entry.kind == FileType::Directory {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                if let Ok(inner) = openat(dir, name, flags, Mode::empty()) {
                    self.walk(&inner, &path, depth + 1)?;
                }
            }
            self.entries.insert(path, entry);
        }
        Ok(())
    }

    /// What is different in `later`, sorted by path.
    #[must_use]
    pub fn changes(&self, later: &Self, root: &Root) -> Vec<Change> {
        let mut changes = Vec::new();
        for (path, now) in &later.entries {
            let what = match self.entries.get(path) {
                Some(before) if before.same(*now) => None,
                Some(_) if now.is_whiteout() => Some(What::Removed),
                Some(_) => Some(What::Changed),
                None => first_write(root, path, *now),
            };
            changes.extend(what.map(|what| Change::new(path, what, now)));
        }
        for (path, before) in &self.entries {
            if !before.is_whiteout() && !later.has(path) {
                changes.push(Change { path: path.clone(), what: What::Removed, mode: 0 });
            }
        }
        changes.sort();
        changes
    }
}

impl Change {
    fn new(path: &Path, what: What, now: &Entry) -> Self {
        let mode = if what == What::Removed { 0 } else { now.mode };
        Self { path: path.to_owned(), what, mode }
    }
}

impl Entry {
    fn of(status: &Stat, attributes: u64) -> Self {
        Self {
            kind: FileType::from_raw_mode(status.st_mode),
            mode: status.st_mode & 0o7777,
            uid: status.st_uid,
            gid: status.st_gid,
            size: status.st_size,
            device: status.st_rdev,
            inode: status.st_ino,
            changed: (status.st_ctime, status.st_ctime_nsec),
            attributes,
        }
    }

    /// An overlay's note that a file of the lower layer was removed.
    fn is_whiteout(&self) -> bool {
        self.kind == FileType::CharacterDevice && self.device == 0
    }

    /// Nobody can set the time of the last change of an inode, so equal times mean an equal file.
    /// A directory changes with every file that is made in it; those are looked at themselves.
    fn same(&self, other: Self) -> bool {
        // All whiteouts of an overlay are one file, which changes with each new name of it.
        if self.is_whiteout() && other.is_whiteout() {
            return true;
        }
        if self.kind == FileType::Directory && other.kind == FileType::Directory {
            let outside = |it: &Self| (it.mode, it.uid, it.gid, it.attributes);
            return outside(self) == outside(&other);
        }
        *self == other
    }
}

/// Stands for the extended attributes of a file, never of what a link names. What an overlay notes
/// for itself, and the label that a security module gives to every new file, are left out.
fn attributes(dir: &OwnedFd, path: &Path) -> u64 {
    let place = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string()).join(path);
    // Most files have none, and then nothing needs room.
    let Ok(1..) = llistxattr_query(&place) else { return 0 };
    let mut names = vec![0; NAMES];
    let Ok(length) = llistxattr(&place, &mut names) else { return 0 };
    let names = names.get(..length).unwrap_or_default().split(|byte| *byte == 0);
    let own = |name: &&[u8]| {
        !name.is_empty()
            && !name.starts_with(b"trusted.overlay.")
            && !name.starts_with(b"user.overlay.")
            && *name != b"security.selinux"
    };
    let mut names: Vec<&[u8]> = names.filter(own).collect();
    names.sort_unstable();
    let mut digest = DefaultHasher::new();
    for name in &names {
        let mut value = vec![0; NAMES];
        let length = lgetxattr(&place, OsStr::from_bytes(name), &mut value).unwrap_or_default();
        (name, value.get(..length)).hash(&mut digest);
    }
    if names.is_empty() { 0 } else { digest.finish() }
}

/// What it means that a path newly shows in a tree: an overlay copies a file up when it is only
/// opened for writing, and makes a directory for every file written below it.
fn first_write(root: &Root, path: &Path, now: Entry) -> Option<What> {
    let (tree, rest) = root.tree_of(path)?;
    let Some(layers) = &tree.layers else { return Some(What::Created) };
    let Ok(status) = statat(&layers.lower, relative(rest), AtFlags::SYMLINK_NOFOLLOW) else {
        // A whiteout of nothing is what a file leaves that came and went.
        return (!now.is_whiteout()).then_some(What::Created);
    };
    if now.is_whiteout() {
        return Some(What::Removed);
    }
    let before = Entry::of(&status, attributes(&layers.lower, relative(rest)));
    let outside = |entry: &Entry| (entry.kind, entry.mode, entry.uid, entry.gid, entry.attributes);
    let equal = outside(&before) == outside(&now) && same_content(tree, rest, before, now);
    (!equal).then_some(What::Changed)
}

/// Whether a copied-up file still has the content of the lower layer.
fn same_content(tree: &Tree, path: &Path, before: Entry, now: Entry) -> bool {
    let Some(layers) = &tree.layers else { return false };
    match now.kind {
        FileType::Directory => true,
        FileType::RegularFile if before.size == now.size => {
            let read = |dir| read_regular(dir, path, COMPARED);
            match (read(&layers.lower), read(&layers.upper)) {
                (Ok(old), Ok(new)) => old.len() < COMPARED && old == new,
                _ => false,
            }
        }
        FileType::Symlink => {
            let read = |dir: &OwnedFd| readlinkat(dir, relative(path), Vec::new()).ok();
            read(&layers.lower) == read(&layers.upper)
        }
        _ => false,
    }
}
