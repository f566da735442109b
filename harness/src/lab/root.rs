//! The file tree of a lab: attached where nobody else sees it, held by descriptor, read before and
//! after.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, chmodat, chownat, makedev, mkdirat,
    mknodat, openat, openat2, statat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;
use sandbox::sys::mount::map_ids;

use super::host_tree::HostTree;
use super::layout::{BULKHEAD, FRESH, HELPERS, LAB, MARKER, PYTHON, relative};
use super::mounts::{
    AttachPoint, INERT, overlay, part_of, place, read_only_view, tmpfs, twin, without_writers,
};

/// The user namespace by which owners of files are shown.
pub type Users<'a> = Option<BorrowedFd<'a>>;

/// One mount of a lab in which a build may be able to write.
#[derive(Debug)]
pub struct Tree {
    /// Where it lies in the lab.
    pub at: &'static str,
    /// The harness's own view. The lab attaches further mounts to the one that it gets; here they
    /// hide nothing.
    pub mount: OwnedFd,
    /// The mount that the lab gets.
    pub given: OwnedFd,
    /// The layers, for an overlay.
    pub layers: Option<Layers>,
}

/// The two layers of an overlay.
#[derive(Debug)]
pub struct Layers {
    /// The host's own tree, never written.
    pub lower: OwnedFd,
    /// Every write, and nothing else.
    pub upper: OwnedFd,
}

/// All mounts of a lab, the outer ones first.
#[derive(Debug, Default)]
pub struct Root {
    trees: Vec<Tree>,
    /// Further mounts of the host, where they are, each behind an overlay.
    shown: Vec<(String, OwnedFd)>,
    attach_point: Option<AttachPoint>,
}

/// The six device nodes: name, major, minor.
const NODES: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// The links that programs expect beside them.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

impl Root {
    /// Makes all mounts over the files of `host`; `prefix` is the interpreter's, where it must be staged, and `users` the
    /// user namespace whose root owns everything, where it is not that of the harness. The calling
    /// thread has a mount namespace of its own, in which they are attached as long as it lives.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn make(host: &HostTree, prefix: Option<&Path>, users: Users<'_>) -> io::Result<Self> {
        let attach_point = Some(AttachPoint::put_up()?);
        let mut root = Self { attach_point, ..Self::default() };
        root.layer("/", host.clone_of(Path::new("/"))?, users)?;
        root.add("/dev", device_tree(users)?, None)?;
        for (at, mode, size) in FRESH {
            let source = if at == LAB { MARKER } else { "tmpfs" };
            root.attach_point(Path::new(at))?;
            root.add(at, shown(tmpfs(source, mode, size, INERT)?, users)?, None)?;
        }
        if let Some(prefix) = prefix {
            root.attach_point(Path::new(PYTHON))?;
            root.layer(PYTHON, host.clone_of(prefix)?, users)?;
        }
        for at in ["/proc", "/sys"] {
            root.attach_point(Path::new(at))?;
        }
        Ok(root)
    }

    /// Shows mounts of the host where they are, read-only. One that the kernel lays no overlay over is
    /// not shown: no lab has a mount of the host itself.
    ///
    /// # Errors
    /// Those of mkdirat(2).
    pub fn show(&mut self, host: &HostTree, paths: &[String]) -> io::Result<()> {
        let Some(attached) = &mut self.attach_point else { return Ok(()) };
        let empty = attached.empty()?;
        for path in paths {
            let shown = host.clone_of(Path::new(path)).and_then(|lower| {
                attached.hold(lower.as_fd())?;
                read_only_view(lower.as_fd(), empty.as_fd())
            });
            self.shown.extend(shown.ok().map(|mount| (path.clone(), mount)));
        }
        Ok(())
    }

    /// Further mounts of the host: where they are, and what shows them.
    #[must_use]
    pub fn shown(&self) -> &[(String, OwnedFd)] {
        &self.shown
    }

    /// The lab's copy of the harness, which plays its first process, its victims and `bulkhead`, as
    /// a mount of its own.
    ///
    /// # Errors
    /// Those of `open_tree(2)`.
    pub fn program(&self) -> io::Result<OwnedFd> {
        let (tree, rest) = self.tree_of(Path::new(BULKHEAD)).ok_or(Errno::NOENT)?;
        part_of(tree.mount.as_fd(), rest)
    }

    /// Adds the one mount in which set-user-ID bits and capabilities of files count.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn add_helpers(&mut self, users: Users<'_>) -> io::Result<()> {
        self.attach_point(Path::new(HELPERS))?;
        let mount = tmpfs("tmpfs", 0o755, "16m", MountAttrFlags::MOUNT_ATTR_NODEV)?;
        self.add(HELPERS, shown(mount, users)?, None)
    }

    /// Attaches a mount where it can be cloned, and adds it.
    fn add(&mut self, at: &'static str, mount: OwnedFd, layers: Option<Layers>) -> io::Result<()> {
        self.hold(&mount)?;
        let given = twin(mount.as_fd())?;
        self.trees.push(Tree { at, mount, given, layers });
        Ok(())
    }

    fn hold(&mut self, mount: &OwnedFd) -> io::Result<()> {
        self.attach_point.as_mut().map_or(Ok(()), |attach_point| attach_point.hold(mount.as_fd()))
    }

    /// Adds an overlay over `lower`, a copy of a mount of the host's, its upper directory on a tmpfs of its own.
    fn layer(&mut self, at: &'static str, lower: OwnedFd, users: Users<'_>) -> io::Result<()> {
        // An overlay itself cannot be shown as another user's; its layers can, as long as they are
        // attached nowhere.
        let lower = shown(lower, users)?;
        let memory = shown(tmpfs("tmpfs", 0o700, "2g", INERT)?, users)?;
        self.hold(&lower)?;
        self.hold(&memory)?;
        for name in ["upper", "work"] {
            mkdirat(memory.as_fd(), name, Mode::from_raw_mode(0o755))?;
        }
        chmodat(memory.as_fd(), "upper", Mode::from_raw_mode(0o755), AtFlags::empty())?;
        let upper = place(memory.as_fd(), Path::new("upper"))?;
        let work = place(memory.as_fd(), Path::new("work"))?;
        let mount = overlay(lower.as_fd(), upper.as_fd(), work.as_fd())?;
        self.add(at, mount, Some(Layers { lower, upper }))
    }

    /// The mounts, the outer ones first.
    #[must_use]
    pub fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// The mount in which a path of the lab lies, and the path within it.
    #[must_use]
    pub fn tree_of<'a>(&self, path: &'a Path) -> Option<(&Tree, &'a Path)> {
        self.trees
            .iter()
            .filter_map(|tree| Some((tree, path.strip_prefix(tree.at).ok()?)))
            .max_by_key(|(tree, _)| tree.at.len())
    }

    /// Bytes and inodes in use in all writable places.
    #[must_use]
    pub fn space(&self) -> (u64, u64) {
        let used = |tree: &Tree| {
            let place = tree.layers.as_ref().map_or(&tree.mount, |layers| &layers.upper);
            let seen = rustix::fs::fstatvfs(place).ok()?;
            let bytes = (seen.f_blocks - seen.f_bfree).saturating_mul(seen.f_frsize);
            Some((bytes, seen.f_files - seen.f_ffree))
        };
        let all = self.trees.iter().filter_map(used);
        all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Opens the directory `path` of the lab; links are resolved within its mount.
    ///
    /// # Errors
    /// Those of openat2(2).
    pub fn directory(&self, path: &Path) -> io::Result<OwnedFd> {
        let (tree, rest) = self.tree_of(path).ok_or(Errno::NOENT)?;
        let rest = if rest == Path::new("") { Path::new(".") } else { rest };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(openat2(tree.mount.as_fd(), rest, flags, Mode::empty(), ResolveFlags::IN_ROOT)?)
    }

    /// Opens the directory `path` of the lab; it and its parents are made, 0755, where missing.
    ///
    /// # Errors
    /// Those of openat2(2) and mkdirat(2).
    pub fn directory_made(&self, path: &Path) -> io::Result<OwnedFd> {
        match self.directory(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let (parent, name) = split(path)?;
                let parent = self.directory_made(parent)?;
                mkdirat(parent.as_fd(), name, Mode::from_raw_mode(0o755))?;
                chmodat(parent.as_fd(), name, Mode::from_raw_mode(0o755), AtFlags::empty())?;
                self.directory(path)
            }
            other => other,
        }
    }

    /// Writes a file of the lab, in place of whatever was there, owned by root.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn write(&self, path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
        let (parent, name) = split(path)?;
        let parent = self.directory_made(parent)?;
        match unlinkat(parent.as_fd(), name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(parent.as_fd(), name, flags, Mode::from_raw_mode(0o600))?;
        let mut rest = content;
        while !rest.is_empty() {
            let written = rustix::io::write(file.as_fd(), rest)?;
            rest = rest.get(written..).unwrap_or_default();
        }
        rustix::fs::fchmod(file.as_fd(), Mode::from_raw_mode(mode))?;
        Ok(())
    }

    /// Makes a symbolic link of the lab, owned by root; it leads to what has the name `to` in the lab.
    ///
    /// # Errors
    /// Those of symlinkat(2); something is there.
    pub fn link(&self, path: &Path, to: &Path) -> io::Result<()> {
        let (parent, name) = split(path)?;
        Ok(symlinkat(to, self.directory_made(parent)?, name)?)
    }

    /// Copies a program of the host's to where the lab has nothing, owned by root. Nobody has the copy
    /// open for writing afterwards, so that it can be started.
    ///
    /// # Errors
    /// Those of the kernel.
    pub fn copy_program(&self, from: &Path, path: &Path) -> io::Result<()> {
        let (parent, _) = split(path)?;
        self.directory_made(parent)?;
        let (tree, rest) = self.tree_of(path).ok_or(Errno::NOENT)?;
        let mount = twin(tree.mount.as_fd())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let copy = openat(&mount, rest, flags, Mode::from_raw_mode(0o600))?;
        rustix::fs::fchmod(&copy, Mode::from_raw_mode(0o755))?;
        io::copy(&mut std::fs::File::open(from)?, &mut std::fs::File::from(copy))?;
        without_writers(&mount)
    }

    /// Sets the permission bits of a path of the lab.
    ///
    /// # Errors
    /// Those of fchmodat(2).
    pub fn set_mode(&self, path: &Path, mode: u32) -> io::Result<()> {
        let (parent, name) = split(path)?;
        let parent = self.directory(parent)?;
        Ok(chmodat(parent.as_fd(), name, Mode::from_raw_mode(mode), AtFlags::empty())?)
    }

    /// Makes a path of the lab, and with `all` everything below it, the property of `owner`, a user
    /// and a group.
    ///
    /// # Errors
    /// Those of fchownat(2).
    pub fn give(&self, path: &Path, owner: (u32, u32), all: bool) -> io::Result<()> {
        let (uid, gid) = (Some(Uid::from_raw(owner.0)), Some(Gid::from_raw(owner.1)));
        let (tree, rest) = self.tree_of(path).ok_or(Errno::NOENT)?;
        let rest = if rest == Path::new("") { Path::new(".") } else { rest };
        let mode = statat(&tree.mount, rest, AtFlags::SYMLINK_NOFOLLOW)?.st_mode;
        chownat(&tree.mount, rest, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(mode) != FileType::Directory || !all {
            return Ok(());
        }
        for entry in rustix::fs::Dir::read_from(self.directory(path)?)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                let name = OsStr::from_bytes(entry.file_name().to_bytes());
                self.give(&path.join(name), owner, true)?;
            }
        }
        Ok(())
    }

    /// Removes a file of the lab.
    ///
    /// # Errors
    /// Those of unlinkat(2).
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let (parent, name) = split(path)?;
        let parent = self.directory(parent)?;
        Ok(unlinkat(parent.as_fd(), name, AtFlags::empty())?)
    }

    /// Reads a regular file of the lab, never through a link, at most `limit` bytes.
    ///
    /// # Errors
    /// Those of openat2(2) and read(2); `EINVAL` for anything but a regular file.
    pub fn read(&self, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
        let (tree, rest) = self.tree_of(path).ok_or(Errno::NOENT)?;
        read_regular(&tree.mount, rest, limit)
    }

    /// A directory onto which a mount of the lab will be attached.
    fn attach_point(&self, path: &Path) -> io::Result<()> {
        self.directory_made(path).map(drop)
    }
}

/// Reads a regular file below `dir`, never through a link, at most `limit` bytes.
///
/// # Errors
/// Those of openat2(2) and read(2); `EINVAL` for anything but a regular file.
pub fn read_regular(dir: &OwnedFd, path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // Without O_NONBLOCK a FIFO that a build left there would hold us up.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let file = openat2(dir.as_fd(), relative(path), flags, Mode::empty(), resolve)?;
    let status = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL.into());
    }
    let mut content = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(std::fs::File::from(file), limit as u64),
        &mut content,
    )?;
    Ok(content)
}

/// A path's parent and last component.
fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    path.parent().zip(path.file_name()).ok_or_else(|| Errno::INVAL.into())
}

/// Shows a detached mount as `users` have it.
fn shown(mount: OwnedFd, users: Users<'_>) -> io::Result<OwnedFd> {
    if let Some(users) = users {
        map_ids(&mount, users)?;
    }
    Ok(mount)
}

/// A `/dev` of six nodes, with the attach points of `pts` and `shm`.
///
/// # Errors
/// Those of the kernel.
pub(super) fn device_tree(users: Users<'_>) -> io::Result<OwnedFd> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let dev = shown(tmpfs("tmpfs", 0o755, "1m", attributes)?, users)?;
    let mode = Mode::from_raw_mode(0o666);
    for (name, major, minor) in NODES {
        let device = makedev(major, minor);
        mknodat(dev.as_fd(), name, FileType::CharacterDevice, mode, device)?;
        chmodat(dev.as_fd(), name, mode, AtFlags::empty())?;
    }
    for (name, target) in LINKS {
        symlinkat(target, dev.as_fd(), name)?;
    }
    for name in ["pts", "shm"] {
        mkdirat(dev.as_fd(), name, Mode::from_raw_mode(0o755))?;
    }
    Ok(dev)
}
