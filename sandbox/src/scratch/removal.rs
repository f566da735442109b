//! Removing what a build left on disk, by descriptor only: no name is resolved through a
//! directory that the build could have exchanged (CVE-2025-46415).
#![forbid(unsafe_code)]

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, chmod, fstat, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;

use super::GoOn;

/// Removes the directory `path` with all that is in it; one that is not there is no error.
///
/// # Errors
/// Those of `empty`; what is left of it the next sweep finds again.
pub fn remove_directory(path: &Path, go_on: &mut GoOn<'_>) -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(CWD, path, flags, Mode::empty()) {
        Err(Errno::NOENT) => Ok(()),
        directory => remove_opened(path, directory?.as_fd(), go_on),
    }
}

/// Removes the directory `path`, which is open as `directory`, with all that is in it.
///
/// # Errors
/// Those of `empty`.
pub fn remove_opened(
    path: &Path,
    directory: BorrowedFd<'_>,
    go_on: &mut GoOn<'_>,
) -> Result<(), Errno> {
    empty(directory, go_on)?;
    gone(unlinkat(CWD, path, AtFlags::REMOVEDIR))
}

/// Removes everything in `directory`, and goes down no further than a few levels, so that no depth
/// exhausts the stack or the descriptors: what lies deeper is moved up first, and nothing goes up
/// through `..`.
///
/// Each directory is moved at most once for every few levels, so the time follows the number of what
/// there is.
///
/// # Errors
/// The errno of the call that failed; CANCELED once `go_on` says no.
pub fn empty(directory: BorrowedFd<'_>, go_on: &mut GoOn<'_>) -> Result<(), Errno> {
    let mut emptying = Emptying { top: directory, lifted: 0, go_on };
    loop {
        let before = emptying.lifted;
        emptying.level(directory, 0)?;
        if emptying.lifted == before {
            return Ok(());
        }
    }
}

/// How many levels below the top are entered before what lies deeper is moved up.
const LEVELS: usize = 16;

struct Emptying<'a, 'b> {
    top: BorrowedFd<'a>,
    /// How many names have been given to what was lifted.
    lifted: u64,
    go_on: &'a mut GoOn<'b>,
}

impl Emptying<'_, '_> {
    /// Empties `directory`, which lies so many levels below the top.
    fn level(&mut self, directory: BorrowedFd<'_>, level: usize) -> Result<(), Errno> {
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            let name = entry.file_name();
            if !matches!(name.to_bytes(), b"." | b"..") {
                self.remove(directory, name, level)?;
            }
        }
        Ok(())
    }

    fn remove(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CStr,
        level: usize,
    ) -> Result<(), Errno> {
        if !(self.go_on)() {
            return Err(Errno::CANCELED);
        }
        match unlinkat(directory, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(Errno::NOTDIR) => return gone(unlinkat(directory, name, AtFlags::empty())),
            Err(errno) => return Err(errno),
        }
        if level == LEVELS {
            return self.lift(directory, name);
        }
        let Some(inner) = open_for_removal(directory, name)? else { return Ok(()) };
        self.level(inner.as_fd(), level + 1)?;
        match unlinkat(directory, name, AtFlags::REMOVEDIR) {
            // Somebody has put something into it meanwhile.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => Ok(()),
            removed => gone(removed),
        }
    }

    /// Moves the subdirectory `name` to the top, under a new name.
    fn lift(&mut self, directory: BorrowedFd<'_>, name: &CStr) -> Result<(), Errno> {
        // Who moves a directory must be able to write to it, for its `..` changes.
        drop(open_for_removal(directory, name)?);
        loop {
            self.lifted += 1;
            let flat = format!(".bulkhead-lifted-{}", self.lifted);
            match renameat_with(directory, name, self.top, &*flat, RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => {}
                moved => return gone(moved),
            }
        }
    }
}

/// What is not there any more needs no removing.
fn gone(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}

/// Opens the subdirectory `name` after its owner was given every right to it; nothing where it is no
/// directory any more.
fn open_for_removal(directory: BorrowedFd<'_>, name: &CStr) -> Result<Option<OwnedFd>, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(directory, name, flags | OFlags::RDONLY, Mode::empty()) {
        Ok(opened) if fstat(&opened)?.st_mode & 0o700 == 0o700 => return Ok(Some(opened)),
        Ok(_) | Err(Errno::ACCESS) => {}
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(errno) => return Err(errno),
    }
    let found = match openat(directory, name, flags | OFlags::PATH, Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        found => found?,
    };
    // By the descriptor, for by a name `chmod(2)` follows links.
    chmod(format!("/proc/self/fd/{}", found.as_raw_fd()), Mode::from_raw_mode(0o700))?;
    openat(&found, c".", flags | OFlags::RDONLY, Mode::empty()).map(Some)
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

        remove_directory(&root, &mut || true).unwrap();

        assert!(!root.exists());
        assert_eq!(fs::read_to_string(outside.join("precious")).unwrap(), "here");
    }

    /// The time of it is processor time, of which most is the kernel's.
    fn time_to_remove(trees: usize) -> std::time::Duration {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("scratch");
        for number in 0..trees {
            fs::create_dir_all(root.join(format!("t{number}/x/y"))).unwrap();
        }
        let now = || rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        let begun = now();
        remove_directory(&root, &mut || true).unwrap();
        let ended = now();
        assert!(!root.exists());
        let nanoseconds = |time: rustix::time::Timespec| time.tv_sec * 1_000_000_000 + time.tv_nsec;
        let taken = nanoseconds(ended) - nanoseconds(begun);
        std::time::Duration::from_nanos(taken.try_into().unwrap())
    }

    #[test]
    fn the_time_to_remove_follows_the_number_of_what_there_is() {
        let (short, long) = (time_to_remove(200).min(time_to_remove(200)), time_to_remove(1600));
        let allowed = 20 * short + std::time::Duration::from_millis(50);
        assert!(long < allowed, "{short:?} became {long:?} for eight times as many");
    }

    #[test]
    fn removal_stops_when_it_is_told_to_and_goes_on_later() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("a/b/c")).unwrap();
        fs::create_dir_all(place.path().join("d/e/f")).unwrap();
        let directory = fs::File::open(place.path()).unwrap();
        let mut left = 2;
        let stopped = empty(directory.as_fd(), &mut || {
            left -= 1;
            left >= 0
        });
        assert_eq!(stopped, Err(Errno::CANCELED));
        assert_ne!(place.path().read_dir().unwrap().count(), 0);
        empty(directory.as_fd(), &mut || true).unwrap();
        assert_eq!(place.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_link_in_the_place_of_the_directory_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("precious"), "here").unwrap();
        symlink(&outside, place.path().join("scratch")).unwrap();

        remove_directory(&place.path().join("scratch"), &mut || true).unwrap_err();

        assert!(outside.join("precious").exists());
    }
}
