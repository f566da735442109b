//! Which source tree a file was made from: a build of the same tree may replace it.
//!
//! Who builds one project again and again into one directory wants the newer wheel, without saying
//! each time which release that is. A file that was handed over bears a mark for the directory that
//! its source tree lay in. Another tree, also one that is laid there later, has another.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, StatxFlags, XattrFlags, fgetxattr, fsetxattr, fstat,
    openat, statx,
};
use sha2::{Digest as _, Sha256};

use crate::plain::hex;

/// The extended attribute that holds the mark.
const ATTRIBUTE: &str = "user.bulkhead.tree";

/// A source tree, as it is known again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The tree in the working directory of this process; none where the file system does not tell
    /// when a directory was made, for its number is used again.
    #[must_use]
    pub fn here() -> Option<Self> {
        let wanted = StatxFlags::INO | StatxFlags::BTIME;
        let found = statx(CWD, ".", AtFlags::empty(), wanted).ok()?;
        if !StatxFlags::from_bits_retain(found.stx_mask).contains(wanted) {
            return None;
        }
        let (place, made) = ((found.stx_dev_major, found.stx_dev_minor), found.stx_btime);
        let told = (place, found.stx_ino, made.tv_sec, made.tv_nsec);
        // A digest, for the file may be given away.
        Some(Self(hex(&Sha256::digest(format!("{told:?}")))))
    }

    /// Some other tree.
    #[cfg(test)]
    pub(super) fn other() -> Self {
        Self("0".repeat(64))
    }

    /// Marks a file that was made from it. Where that cannot be, a later build does not replace it.
    pub(super) fn mark(&self, file: impl AsFd) {
        let _ = fsetxattr(file, ATTRIBUTE, self.0.as_bytes(), XattrFlags::empty());
    }

    /// Whether `name` in `directory` is a file that was made from it.
    pub(super) fn has_made(&self, directory: BorrowedFd<'_>, name: &OsStr) -> bool {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(directory, name, flags, Mode::empty()) else { return false };
        let is_file =
            fstat(&file).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
        let mut value = [0; 64];
        let length = fgetxattr(&file, ATTRIBUTE, &mut value[..]);
        is_file && length == Ok(value.len()) && value == *self.0.as_bytes()
    }
}
