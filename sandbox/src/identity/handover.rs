//! Handing directories to an ephemeral user by a change of owner, for the level `proposal`.
//!
//! Every entry is opened beneath the directory and without following links, because the build may
//! exchange it for a link at any moment (CVE-2025-52993 is this mistake in Nix).
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, chownat, fstat, openat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use crate::paths::{self, Identity};

/// Deeper trees than this are not handed over.
const DEPTH: usize = 256;

/// The directory `path`, if it still is the one of `identity` and no link.
///
/// # Errors
/// ESTALE where it was exchanged, or the errno of the call that failed; LOOP or NOTDIR for a link.
pub fn open(path: &Path, identity: Option<Identity>) -> Result<OwnedFd, Errno> {
    paths::reopen(path, identity, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW)
}

/// Makes `user` the owner of the open `directory` and of everything in it.
///
/// # Errors
/// The errno of the call that failed; LOOP where it is too deep.
pub fn give(directory: &OwnedFd, user: (u32, u32)) -> Result<(), Errno> {
    give_tree(directory, None, user, DEPTH)
}

/// Makes `user` the owner of what belongs to the uid `from` of the directory `path`, itself and
/// everything in it, and of nothing else.
///
/// # Errors
/// As [`open`] and [`give`].
pub fn give_back(path: &Path, from: u32, user: (u32, u32)) -> Result<(), Errno> {
    give_tree(&open(path, None)?, Some(from), user, DEPTH)
}

/// The owner of the open `directory`.
///
/// # Errors
/// The errno of `fstat(2)`.
pub fn owner(directory: &OwnedFd) -> Result<(u32, u32), Errno> {
    let status = fstat(directory)?;
    Ok((status.st_uid, status.st_gid))
}

fn give_tree(
    directory: &OwnedFd,
    from: Option<u32>,
    user: (u32, u32),
    depth: usize,
) -> Result<(), Errno> {
    let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    let ids = (Some(Uid::from_raw(user.0)), Some(Gid::from_raw(user.1)));
    if belongs(&fstat(directory)?, from) {
        chownat(directory, "", ids.0, ids.1, AtFlags::EMPTY_PATH)?;
    }
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match entry.file_type() {
            FileType::Directory => {
                give_tree(&inner(directory.as_fd(), name)?, from, user, depth)?;
            }
            FileType::RegularFile | FileType::Symlink => {
                // By descriptor, so that what is looked at is what is given.
                let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let file = openat(directory, name, flags, Mode::empty())?;
                if belongs(&fstat(&file)?, from) {
                    chownat(&file, "", ids.0, ids.1, AtFlags::EMPTY_PATH)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn belongs(status: &Stat, from: Option<u32>) -> bool {
    from.is_none_or(|uid| status.st_uid == uid)
}

fn inner<P: rustix::path::Arg>(directory: BorrowedFd<'_>, name: P) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, lchown};

    use super::*;

    #[test]
    fn only_what_is_the_accounts_is_given_back() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path();
        fs::create_dir(root.join("d")).unwrap();
        for name in ["own", "d/own", "roots", "d/roots"] {
            fs::write(root.join(name), "").unwrap();
        }
        for name in ["own", "d/own", "d"] {
            lchown(root.join(name), Some(4711), Some(4711)).unwrap();
        }
        give_back(root, 4711, (1234, 1234)).unwrap();
        let owner = |name: &str| root.join(name).metadata().unwrap().uid();
        for name in ["own", "d/own", "d"] {
            assert_eq!(owner(name), 1234, "{name}");
        }
        for name in ["", "roots", "d/roots"] {
            assert_eq!(owner(name), 0, "{name}");
        }
    }
}
