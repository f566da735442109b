//! Handing directories to an ephemeral user by a change of owner, for the level `proposal`.
//!
//! Every entry is opened beneath the directory and without following links, because the build may
//! exchange it for a link at any moment (CVE-2025-52993 is this mistake in Nix).
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chownat, fstat, openat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

/// Deeper trees than this are not handed over.
const DEPTH: usize = 256;

/// Makes `user` the owner of the directory `path` and of everything in it.
///
/// # Errors
/// The errno of the call that failed; LOOP where the directory is a link or too deep.
pub fn give(path: &Path, user: (u32, u32)) -> Result<(), Errno> {
    give_tree(&open(CWD, path)?, user, DEPTH)
}

/// The owner of the directory `path`.
///
/// # Errors
/// As [`give`].
pub fn owner(path: &Path) -> Result<(u32, u32), Errno> {
    let status = fstat(open(CWD, path)?)?;
    Ok((status.st_uid, status.st_gid))
}

fn give_tree(directory: &OwnedFd, user: (u32, u32), depth: usize) -> Result<(), Errno> {
    let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    let ids = (Uid::from_raw(user.0), Gid::from_raw(user.1));
    chownat(directory, "", Some(ids.0), Some(ids.1), AtFlags::EMPTY_PATH)?;
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match entry.file_type() {
            FileType::Directory => give_tree(&open(directory.as_fd(), name)?, user, depth)?,
            FileType::RegularFile | FileType::Symlink => {
                chownat(directory, name, Some(ids.0), Some(ids.1), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn open<P: rustix::path::Arg>(directory: BorrowedFd<'_>, name: P) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(directory, name, flags, Mode::empty())
}
