//! Whether an overlay over a tree would look as a copy of it looks.
//!
//! A copy belongs to the build's user, has no set-id bits and nothing special in it, and its user
//! can read all of it. Where the tree itself is not so, an overlay would show the difference.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Statx, StatxAttributes, StatxFlags, openat, statx,
};
use rustix::io::Errno;

use super::Obstacle;

/// A tree with fewer entries than this, and fewer bytes than [`BYTES`], is copied sooner than an
/// overlay is tried and mounted: both take about two milliseconds here.
const ENTRIES: u64 = 200;
/// See [`ENTRIES`].
const BYTES: u64 = 4 << 20;

/// Deeper trees are left to the copy, which refuses them.
const DEPTH: usize = 256;

/// The number that stands for every owner that is not mapped into this user namespace.
const NOBODY: u32 = 65_534;

/// What a walk ends early with.
type Stop = ControlFlow<Obstacle>;

/// Whether a copy of `tree` is quicker than an overlay.
pub(super) fn is_small(tree: &Path) -> Result<bool, Obstacle> {
    let (mut entries, mut bytes) = (0, 0);
    let walked = walk(tree, &mut |found| {
        entries += 1;
        bytes += found.stx_size;
        if entries < ENTRIES && bytes < BYTES { Stop::Continue(()) } else { STOP }
    });
    match walked {
        Ok(()) => Ok(true),
        Err(Obstacle::Small) => Ok(false),
        Err(other) => Err(other),
    }
}

/// The walk has seen enough.
const STOP: Stop = Stop::Break(Obstacle::Small);

/// The first thing that keeps an overlay over `tree`, all of which should be `owner`'s, from
/// looking as a copy of it does; it is looked for `until` then.
pub(super) fn check(
    tree: &Path,
    owner: (u32, u32),
    until: Option<Instant>,
) -> Result<(), Obstacle> {
    walk(tree, &mut |found| match obstacle(found, owner) {
        _ if until.is_some_and(|until| Instant::now() >= until) => Stop::Break(Obstacle::Late),
        Some(obstacle) => Stop::Break(obstacle),
        None => Stop::Continue(()),
    })
}

fn obstacle(found: &Statx, owner: (u32, u32)) -> Option<Obstacle> {
    let mode = u32::from(found.stx_mode);
    let wanted = match FileType::from_raw_mode(mode) {
        FileType::Directory => 0o700,
        FileType::RegularFile => 0o400,
        FileType::Symlink => 0,
        _ => return Some(Obstacle::Special),
    };
    let sealed = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND;
    let rules = [
        ((found.stx_uid, found.stx_gid) != owner, Obstacle::Owners),
        // For one who is not mapped here nothing can be mapped either.
        (found.stx_uid == NOBODY || found.stx_gid == NOBODY, Obstacle::Owners),
        (mode & 0o6000 != 0, Obstacle::SetId),
        (mode & wanted != wanted, Obstacle::Closed),
        (found.stx_attributes.intersects(sealed), Obstacle::Sealed),
        (found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT), Obstacle::Mounts),
    ];
    rules.into_iter().find_map(|(broken, obstacle)| broken.then_some(obstacle))
}

/// Shows `visit` every file below `tree`, but not the directory itself, whose likeness is made.
fn walk(tree: &Path, visit: &mut dyn FnMut(&Statx) -> Stop) -> Result<(), Obstacle> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = openat(CWD, tree, flags, Mode::empty()).map_err(Obstacle::Unreadable)?;
    match descend(&directory, DEPTH, visit).map_err(Obstacle::Unreadable)? {
        Stop::Continue(()) => Ok(()),
        Stop::Break(obstacle) => Err(obstacle),
    }
}

fn descend(
    directory: &OwnedFd,
    depth: usize,
    visit: &mut dyn FnMut(&Statx) -> Stop,
) -> Result<Stop, Errno> {
    let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let found = look_at(directory, name)?;
        let mut stop = visit(&found);
        let mode = u32::from(found.stx_mode);
        if stop.is_continue() && FileType::from_raw_mode(mode) == FileType::Directory {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let inner = openat(directory, name, flags, Mode::empty())?;
            stop = descend(&inner, depth, visit)?;
        }
        if stop.is_break() {
            return Ok(stop);
        }
    }
    Ok(Stop::Continue(()))
}

fn look_at(directory: &OwnedFd, name: &CStr) -> Result<Statx, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let wanted =
        StatxFlags::TYPE | StatxFlags::MODE | StatxFlags::UID | StatxFlags::GID | StatxFlags::SIZE;
    statx(directory, name, flags, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    /// A tree, what makes it other than a copy, and what is found.
    type Case = (&'static str, fn(&Path), Result<(), Obstacle>);

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_tree_is_shared_only_if_a_copy_of_it_would_look_the_same() {
        let cases: [Case; 6] = [
            ("plain", |_| {}, Ok(())),
            ("set-uid", |tree| set_mode(&tree.join("d/file"), 0o4755), Err(Obstacle::SetId)),
            ("set-gid", |tree| set_mode(&tree.join("d"), 0o2755), Err(Obstacle::SetId)),
            ("closed", |tree| set_mode(&tree.join("d/file"), 0o200), Err(Obstacle::Closed)),
            ("read-only", |tree| set_mode(&tree.join("d"), 0o555), Err(Obstacle::Closed)),
            ("socket", |tree| drop(UnixListener::bind(tree.join("d/s"))), Err(Obstacle::Special)),
        ];
        for (name, spoil, expected) in cases {
            let tree = tempfile::tempdir().unwrap();
            fs::create_dir(tree.path().join("d")).unwrap();
            fs::write(tree.path().join("d/file"), "x").unwrap();
            symlink("/etc/shadow", tree.path().join("d/link")).unwrap();
            let meta = tree.path().metadata().unwrap();
            spoil(tree.path());
            assert_eq!(check(tree.path(), (meta.uid(), meta.gid()), None), expected, "{name}");
            let late = check(tree.path(), (meta.uid(), meta.gid()), Some(Instant::now()));
            assert_eq!(late, Err(Obstacle::Late), "{name}");
            set_mode(&tree.path().join("d"), 0o755);
        }
    }

    #[test]
    fn a_file_that_is_sealed_against_changes_is_found() {
        use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
        let tree = tempfile::tempdir().unwrap();
        let file = fs::File::create(tree.path().join("file")).unwrap();
        let meta = tree.path().metadata().unwrap();
        let owner = (meta.uid(), meta.gid());
        assert_eq!(check(tree.path(), owner, None), Ok(()));
        let before = ioctl_getflags(&file).unwrap_or(IFlags::empty());
        if let Err(errno) = ioctl_setflags(&file, before | IFlags::IMMUTABLE) {
            eprintln!("skipped: no file can be sealed here: {errno}");
            return;
        }
        let found = check(tree.path(), owner, None);
        ioctl_setflags(&file, before).unwrap();
        assert_eq!(found, Err(Obstacle::Sealed));
    }

    #[test]
    fn files_of_another_than_the_owner_are_found() {
        let tree = tempfile::tempdir().unwrap();
        fs::write(tree.path().join("file"), "x").unwrap();
        let meta = tree.path().metadata().unwrap();
        assert_eq!(check(tree.path(), (meta.uid(), meta.gid()), None), Ok(()));
        let other = (meta.uid(), meta.gid() + 1);
        assert_eq!(check(tree.path(), other, None), Err(Obstacle::Owners));
    }

    #[test]
    fn a_tree_is_small_by_its_files_and_by_their_size() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(is_small(tree.path()), Ok(true));
        for number in 0..ENTRIES {
            fs::write(tree.path().join(number.to_string()), "x").unwrap();
        }
        assert_eq!(is_small(tree.path()), Ok(false));
        let tree = tempfile::tempdir().unwrap();
        fs::File::create(tree.path().join("large")).unwrap().set_len(BYTES).unwrap();
        assert_eq!(is_small(tree.path()), Ok(false));
    }
}
