//! What front ends do with outputs: copy them, whatever they are.
#![forbid(unsafe_code)]

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;

/// Copies everything in the directory `staging` into the directory `target`: links as links, and
/// the content of files by name. Only for a sandbox without the layer `harvest`, whose worth is
/// measured by the difference.
///
/// # Errors
/// Those of copying.
pub fn copy_unchecked(staging: BorrowedFd<'_>, target: &Path) -> io::Result<()> {
    copy(Path::new(&format!("/proc/self/fd/{}", staging.as_raw_fd())), target)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, source) = (entry.file_type()?, entry.path());
        let target = to.join(entry.file_name());
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&source, &target)?;
        } else if kind.is_fifo() {
            let mode = nix::sys::stat::Mode::from_bits_truncate(0o644);
            nix::unistd::mkfifo(&target, mode)?;
        } else if kind.is_file() {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}
