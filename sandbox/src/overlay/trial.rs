//! An overlay over a tree, tried before anything rests on it: which file systems, kernels and
//! depths of stacking allow one no version tells.
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use rustix::fs::{
    AtFlags, Mode, OFlags, XattrFlags, chownat, fsetxattr, mkdirat, openat, stat, statfs,
};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount,
    fsopen,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Gid, Pid, Uid, WaitOptions, getegid, geteuid, waitpid};
use rustix::thread::UnshareFlags;

use super::{
    AttachedScratch, LOWER, Notes, Obstacle, Sharing, WORK, lower_layer, mapping, survey, view,
    view_apart,
};
use crate::sys::clone::{Side, clone_into, exit_at_once};
use crate::sys::mount::{make_private, map_ids};

/// What a tree is looked at for.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The tree, a directory of the host's.
    pub tree: &'a Path,
    /// The supervisor mounts, and so can show the files as another user's; else the sandbox does,
    /// as its caller.
    pub privileged: bool,
    /// A uid that the build may have.
    pub user: u32,
    /// Where the private directories are to lie on disk; in memory when not given.
    pub scratch: Option<&'a Path>,
    /// When nobody needs the answer any more.
    pub until: Option<Instant>,
}

/// Looks through the tree, tries an overlay over it, and says how a build gets it.
///
/// Nothing is left of the trial, and nothing of it was attached where the host could see it. The caller must have one
/// thread only, for the trial starts a process.
#[must_use]
pub fn look(demand: Demand<'_>) -> Sharing {
    find(demand).map_or_else(Sharing::Copy, Sharing::Overlay)
}

fn find(demand: Demand<'_>) -> Result<Notes, Obstacle> {
    let Demand { tree, privileged, user, scratch, until } = demand;
    if survey::is_small(tree)? {
        return Err(Obstacle::Small);
    }
    let scratch = scratch.filter(|_| privileged);
    if scratch.is_some_and(|place| !can_lie_over(place)) {
        return Err(Obstacle::Scratch);
    }
    // The trial comes before the walk, for it costs the same for any tree.
    let (notes, owner) = if privileged {
        let found = stat(tree).map_err(Obstacle::Unreadable)?;
        (try_here(tree, (user, user), scratch.is_none())?, (found.st_uid, found.st_gid))
    } else {
        try_inside(tree)?;
        (Notes::User, (geteuid().as_raw(), getegid().as_raw()))
    };
    survey::check(tree, owner, until)?;
    Ok(notes)
}

/// The trial of a supervisor that mounts by itself. Root of a user namespace may only keep its
/// notes where every owner can, and there not on a disk of the machine's.
fn try_here(tree: &Path, user: (u32, u32), in_memory: bool) -> Result<Notes, Obstacle> {
    match attempt(tree, user, Notes::Trusted) {
        Err(Errno::PERM) if in_memory => {
            attempt(tree, user, Notes::User).map_err(cause)?;
            Ok(Notes::User)
        }
        tried => tried.map(|()| Notes::Trusted).map_err(cause),
    }
}

fn cause(errno: Errno) -> Obstacle {
    // It is the answer of what would be the upper layer, where notes are to be kept.
    if errno == Errno::OPNOTSUPP { Obstacle::Scratch } else { Obstacle::Refused(errno) }
}

/// The trial of a supervisor without privilege, in a user namespace as the sandbox has it.
fn try_inside(tree: &Path) -> Result<(), Obstacle> {
    let tried = || -> Result<(), Errno> {
        let (waiting, go) = pipe_with(PipeFlags::CLOEXEC)?;
        let started = match clone_into(UnshareFlags::NEWUSER | UnshareFlags::NEWNS)? {
            Side::Parent(started) => started,
            Side::Child => {
                drop(go);
                // Without a word its parent is dead, or could not map it.
                let told = matches!(rustix::io::read(&waiting, &mut [0; 1]), Ok(1));
                let user = (geteuid().as_raw(), getegid().as_raw());
                let tried = if told { make_private() } else { Err(Errno::PERM) };
                let tried = tried.and_then(|()| attempt_here(tree, user));
                exit_at_once(tried.err().map_or(0, Errno::raw_os_error))
            }
        };
        let mapped = map(started.pid).and_then(|()| rustix::io::write(&go, b"g"));
        drop(go);
        let ended = waitpid(Some(started.pid), WaitOptions::empty())?;
        mapped?;
        match ended.and_then(|(_, status)| status.exit_status()) {
            Some(0) => Ok(()),
            Some(errno) => Err(Errno::from_raw_os_error(errno)),
            None => Err(Errno::CHILD),
        }
    };
    tried().map_err(cause)
}

fn map(child: Pid) -> Result<(), Errno> {
    let write = |file: &str, text: String| {
        let path = format!("/proc/{}/{file}", child.as_raw_nonzero());
        std::fs::write(path, text)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    };
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{uid} {uid} 1"))?;
    write("gid_map", format!("{gid} {gid} 1"))
}

/// What the trials lay over each other.
const UPPER: &str = "source";

/// Makes an overlay over `tree` for `user`, and lets go of it. In a namespace of its own.
fn attempt(tree: &Path, user: (u32, u32), notes: Notes) -> Result<(), Errno> {
    let scratch = prepare(user, notes)?;
    view_apart(scratch.as_fd(), lower_layer(tree, user)?.as_fd(), UPPER, notes).map(drop)
}

/// The same in the namespace of this process, which must be private.
fn attempt_here(tree: &Path, user: (u32, u32)) -> Result<(), Errno> {
    let lower = lower_layer(tree, user)?;
    let attached = AttachedScratch::take(prepare(user, Notes::User)?)?;
    view(&attached, lower.as_fd(), UPPER, Notes::User).map(drop)
}

/// A scratch file system as a launch with an overlay has it, on which notes can be kept.
///
/// An overlay can be made without, and says only when a directory is removed that it cannot: a file
/// system in memory takes attributes of users since Linux 6.6.
fn prepare(user: (u32, u32), notes: Notes) -> Result<OwnedFd, Errno> {
    let scratch = in_memory()?;
    for name in [UPPER, WORK, LOWER] {
        mkdirat(&scratch, name, Mode::from_raw_mode(0o755))?;
    }
    let (uid, gid) = (Uid::from_raw(user.0), Gid::from_raw(user.1));
    chownat(&scratch, UPPER, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let upper = openat(&scratch, UPPER, flags, Mode::empty())?;
    let note = match notes {
        Notes::Trusted => c"trusted.overlay.trial",
        Notes::User => c"user.overlay.trial",
    };
    fsetxattr(&upper, note, b"y", XattrFlags::CREATE)?;
    Ok(scratch)
}

fn in_memory() -> Result<OwnedFd, Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "size", "1m")?;
    fsconfig_create(context.as_fd())?;
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

/// Whether files in memory stay their owners', whoever they are to be shown as: before Linux 6.3, and
/// where the caller may not show anything as another's at all.
///
/// The caller must have one thread only, for the trial starts a process.
#[must_use]
pub fn owners_in_memory_are_fixed() -> bool {
    let shown = || map_ids(in_memory()?, mapping::user_namespace((0, 0), (1, 1))?.as_fd());
    shown().is_err()
}

/// Whether the file system of `place` is one that can be an upper layer. It is known by its kind:
/// a trial would leave a directory there if it were killed.
fn can_lie_over(place: &Path) -> bool {
    /// ext4, XFS, Btrfs, F2FS and tmpfs (`statfs(2)`).
    const KINDS: [i64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];
    statfs(place)
        .is_ok_and(|found| KINDS.iter().any(|kind| i128::from(*kind) == i128::from(found.f_type)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn look_at(tree: &Path, scratch: Option<&Path>) -> Sharing {
        look(Demand { tree, privileged: geteuid().is_root(), user: 61_905, scratch, until: None })
    }

    #[test]
    fn a_small_tree_is_copied() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(look_at(tree.path(), None), Sharing::Copy(Obstacle::Small));
    }

    #[test]
    fn a_scratch_directory_that_cannot_lie_over_another_is_seen() {
        assert!(can_lie_over(Path::new("/dev/shm")));
        assert!(!can_lie_over(Path::new("/proc")));
        assert!(!can_lie_over(Path::new("/nowhere")));
        let tree = tempfile::tempdir().unwrap();
        fs::File::create(tree.path().join("large")).unwrap().set_len(64 << 20).unwrap();
        if geteuid().is_root() {
            let sharing = look_at(tree.path(), Some(Path::new("/proc")));
            assert_eq!(sharing, Sharing::Copy(Obstacle::Scratch));
        }
    }
}
