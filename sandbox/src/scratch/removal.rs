//! Removing what a build left on disk, by descriptor only: no name is resolved through a
//! directory that the build could have exchanged (CVE-2025-46415).
#![forbid(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fchmod, openat, unlinkat};
use rustix::io::Errno;

/// Removes the directory `path` with all that is in it, as far as that is possible.
pub fn remove_directory(path: &Path) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    if let Ok(directory) = openat(CWD, path, flags, Mode::empty())
        && empty(directory.as_fd()).is_ok()
    {
        // Should it not be empty after all, the next sweep finds it again.
        let _ = unlinkat(CWD, path, AtFlags::REMOVEDIR);
    }
}

/// Removes everything in `directory`, without recursion, so that no depth exhausts the stack or
/// the descriptors: the tree is walked down along one branch, and up again through `..` never.
///
/// # Errors
/// The errno of the call that failed.
pub fn empty(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    loop {
        let mut deeper = false;
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            match unlinkat(directory, name, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => continue,
                Err(Errno::ISDIR | Errno::PERM) => {}
                Err(errno) => return Err(errno),
            }
            match unlinkat(directory, name, AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::NOTEMPTY | Errno::EXIST) => {
                    lift(directory, name)?;
                    deeper = true;
                }
                Err(errno) => return Err(errno),
            }
        }
        if !deeper {
            return Ok(());
        }
    }
}

/// Moves everything in the subdirectory `name` up into `directory`, under new names, so that the
/// tree gets one level flatter.
fn lift(directory: BorrowedFd<'_>, name: &std::ffi::CStr) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inner = match openat(directory, name, flags, Mode::empty()) {
        Ok(inner) => inner,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    fchmod(&inner, Mode::from_raw_mode(0o700))?;
    let mut number = 0_u64;
    for entry in Dir::read_from(&inner)? {
        let entry = entry?;
        let below = entry.file_name();
        if matches!(below.to_bytes(), b"." | b"..") {
            continue;
        }
        if unlinkat(&inner, below, AtFlags::empty()).is_ok() {
            continue;
        }
        loop {
            number += 1;
            let flat = format!(".bulkhead-lifted-{number}");
            let once = rustix::fs::RenameFlags::NOREPLACE;
            match rustix::fs::renameat_with(&inner, below, directory, &*flat, once) {
                Err(Errno::EXIST) => {}
                Err(Errno::NOENT) | Ok(()) => break,
                Err(errno) => return Err(errno),
            }
        }
    }
    match unlinkat(directory, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => Ok(()),
        Err(errno) => Err(errno),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_deep_tree_goes_and_what_its_links_name_stays() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "here").unwrap();
        let root = place.path().join("scratch");
        let mut deep = root.clone();
        for _ in 0..500 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("file"), "x").unwrap();
        symlink(&outside, root.join("d/link")).unwrap();
        fs::set_permissions(root.join("d/d"), fs::Permissions::from_mode(0o000)).unwrap();

        remove_directory(&root);

        assert!(!root.exists());
        assert_eq!(fs::read_to_string(outside.join("precious")).unwrap(), "here");
    }

    #[test]
    fn a_link_in_the_place_of_the_directory_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "here").unwrap();
        symlink(&outside, place.path().join("scratch")).unwrap();

        remove_directory(&place.path().join("scratch"));

        assert!(outside.join("precious").exists());
    }
}
