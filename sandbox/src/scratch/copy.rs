//! Copying a source tree by descriptor: contents, modes, times and links; nothing special.
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, chownat, fchmod, fstat,
    futimens, mkdirat, openat, readlinkat, statat, symlinkat, utimensat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::own;

/// Deeper trees than this are refused: nobody has one, but a circle of mounts could be.
const DEPTH: usize = 256;

/// Copies the directory `source` with all that is in it into the directory `target`.
///
/// Regular files, directories and links are copied; sockets, pipes and devices are not, because a
/// copy of one would either not work or reach out of the sandbox. Every copy belongs to `owner`
/// and has no set-id bit.
///
/// # Errors
/// The errno of the call that failed; LOOP where the tree is too deep.
pub fn copy_tree(source: &Path, target: &OwnedFd, owner: (u32, u32)) -> Result<(), Errno> {
    let directory = open_directory(CWD, source, OFlags::empty())?;
    copy_directory(&directory, target.as_fd(), owner, DEPTH)
}

/// Gives the directory `target` the mode and the times of the directory `source`, but nothing that
/// is in it.
///
/// # Errors
/// The errno of the call that failed.
pub fn copy_likeness(source: &Path, target: &OwnedFd, owner: (u32, u32)) -> Result<(), Errno> {
    let directory = open_directory(CWD, source, OFlags::empty())?;
    finish(target.as_fd(), owner, &fstat(&directory)?, 0o700)
}

/// Copies the regular file `name` of the directory `source`.
///
/// # Errors
/// The errno of the call that failed.
pub fn copy_file(
    source: &Path,
    name: &CStr,
    target: &OwnedFd,
    owner: (u32, u32),
) -> Result<(), Errno> {
    let directory = open_directory(CWD, source, OFlags::empty())?;
    regular(&directory, name, target.as_fd(), owner)
}

fn copy_directory(
    source: &OwnedFd,
    target: BorrowedFd<'_>,
    owner: (u32, u32),
    depth: usize,
) -> Result<(), Errno> {
    let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    for entry in Dir::read_from(source)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let status = statat(source, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => regular(source, name, target, owner)?,
            FileType::Symlink => link(source, name, target, owner, &status)?,
            FileType::Directory => {
                mkdirat(target, name, Mode::from_raw_mode(0o700))?;
                let inner = open_directory(source.as_fd(), name, OFlags::NOFOLLOW)?;
                let copy = open_directory(target, name, OFlags::NOFOLLOW)?;
                copy_directory(&inner, copy.as_fd(), owner, depth)?;
            }
            _ => {}
        }
    }
    finish(target, owner, &fstat(source)?, 0o700)
}

fn regular(
    source: &OwnedFd,
    name: &CStr,
    target: BorrowedFd<'_>,
    owner: (u32, u32),
) -> Result<(), Errno> {
    // NONBLOCK: should the file have become a pipe, opening it must not wait for a writer.
    let reading = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let from = openat(source, name, reading, Mode::empty())?;
    let status = fstat(&from)?;
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        return Ok(());
    }
    let making = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let mut to = File::from(openat(target, name, making, Mode::from_raw_mode(0o600))?);
    std::io::copy(&mut File::from(from), &mut to)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    finish(to.as_fd(), owner, &status, 0o400)
}

/// Owner first, for a change of owner clears mode bits; times last, for writing changes them.
fn finish(
    file: BorrowedFd<'_>,
    owner: (u32, u32),
    status: &Stat,
    at_least: u32,
) -> Result<(), Errno> {
    own(file, owner)?;
    fchmod(file, Mode::from_raw_mode(status.st_mode & 0o777 | at_least))?;
    futimens(file, &times(status))
}

fn link(
    source: &OwnedFd,
    name: &CStr,
    target: BorrowedFd<'_>,
    owner: (u32, u32),
    status: &Stat,
) -> Result<(), Errno> {
    let to = readlinkat(source, name, Vec::new())?;
    symlinkat(&to, target, name)?;
    let (uid, gid) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
    let quiet = AtFlags::SYMLINK_NOFOLLOW;
    chownat(target, name, Some(uid), Some(gid), quiet)?;
    utimensat(target, name, &times(status), quiet)
}

#[expect(clippy::cast_possible_wrap, reason = "nanoseconds are below 10^9")]
const fn times(status: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: status.st_atime, tv_nsec: status.st_atime_nsec as i64 },
        last_modification: Timespec {
            tv_sec: status.st_mtime,
            tv_nsec: status.st_mtime_nsec as i64,
        },
    }
}

fn open_directory<P: rustix::path::Arg>(
    directory: BorrowedFd<'_>,
    name: P,
    further: OFlags,
) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | further;
    openat(directory, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_copy_has_contents_modes_times_and_links_but_nothing_special() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let inner = from.path().join("pkg");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("tool"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(inner.join("tool"), fs::Permissions::from_mode(0o4755)).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        File::options().write(true).open(inner.join("tool")).unwrap().set_modified(then).unwrap();
        symlink("/etc/shadow", from.path().join("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(from.path().join("socket")).unwrap();

        let owner = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let target = OwnedFd::from(File::open(to.path()).unwrap());
        copy_tree(from.path(), &target, owner).unwrap();

        let tool = fs::metadata(to.path().join("pkg/tool")).unwrap();
        assert_eq!(tool.permissions().mode() & 0o7777, 0o755, "the set-id bit is gone");
        assert_eq!(tool.mtime(), 1_000_000_000);
        assert_eq!(fs::read_link(to.path().join("link")).unwrap(), Path::new("/etc/shadow"));
        assert!(!to.path().join("socket").exists());
    }
}
