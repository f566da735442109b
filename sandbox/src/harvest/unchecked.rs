//! What front ends do with outputs: copy them, whatever they are.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;

use crate::scratch::GoOn;

/// Copies everything in the directory `staging` into the directory `target`: links as links, and
/// the content of files by name. Only for a sandbox without the layer `harvest`, whose worth is
/// measured by the difference.
///
/// # Errors
/// Those of copying; [`io::ErrorKind::Interrupted`] once `go_on` says no.
pub fn copy_unchecked(
    staging: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    go_on: &mut GoOn<'_>,
) -> io::Result<()> {
    let path = |directory: BorrowedFd<'_>| format!("/proc/self/fd/{}", directory.as_raw_fd());
    copy(Path::new(&path(staging)), Path::new(&path(target)), go_on)
}

fn copy(from: &Path, to: &Path, go_on: &mut GoOn<'_>) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        if !go_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let entry = entry?;
        let (kind, source) = (entry.file_type()?, entry.path());
        let target = to.join(entry.file_name());
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&source, &target, go_on)?;
        } else if kind.is_fifo() {
            let mode = nix::sys::stat::Mode::from_bits_truncate(0o644);
            nix::unistd::mkfifo(&target, mode)?;
        } else if kind.is_file() {
            copy_file(&source, &target, go_on)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, go_on: &mut GoOn<'_>) -> io::Result<()> {
    const PIECE: u64 = 1 << 20;
    let (source, mut target) = (fs::File::open(from)?, fs::File::create(to)?);
    target.set_permissions(source.metadata()?.permissions())?;
    while io::copy(&mut (&source).take(PIECE), &mut target)? == PIECE {
        if !go_on() {
            return Err(io::ErrorKind::Interrupted.into());
        }
    }
    Ok(())
}
