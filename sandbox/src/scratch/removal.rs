//! Removing what a build left on disk, by descriptor only: no name is resolved through a
//! directory that the build could have exchanged (CVE-2025-46415).
//!
//! A build may leave what cannot be removed, on file systems that let it: what is immutable, a part
//! that is read-only, a mount of the host's. It stays, and all beside it goes.
#![forbid(unsafe_code)]

use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, Stat, chmod, fstat, openat, unlinkat};
use rustix::io::Errno;

use super::GoOn;

/// What of a directory could not be removed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{:?} could not be removed: {}{}",
    .path.to_string_lossy(),
    std::io::Error::from(*.errno),
    if *.more > 0 { format!(", and {more} more") } else { String::new() }
)]
pub struct Left {
    /// The first that stays, of a deep one the beginning; where it was found.
    pub path: PathBuf,
    /// Why it stays; CANCELED where there was no time for it.
    pub errno: Errno,
    /// How much stays beside it.
    pub more: u64,
}

/// Removes the directory `path` with all that is in it; one that is not there is no error.
///
/// # Errors
/// What stays. The next sweep finds it again.
pub fn remove_directory(path: &Path, go_on: &mut GoOn<'_>) -> Result<(), Left> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(CWD, path, flags, Mode::empty()) {
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Left { path: path.to_owned(), errno, more: 0 }),
        Ok(directory) => remove_opened(path, directory.as_fd(), go_on),
    }
}

/// Removes the directory `path`, which is open as `directory`, with all that is in it.
///
/// # Errors
/// What stays.
pub fn remove_opened(
    path: &Path,
    directory: BorrowedFd<'_>,
    go_on: &mut GoOn<'_>,
) -> Result<(), Left> {
    let left = |left: Left| Left { path: path.join(left.path), ..left };
    empty(directory, go_on).map_err(left)?;
    let removed = gone(unlinkat(CWD, path, AtFlags::REMOVEDIR));
    removed.map_err(|errno| Left { path: path.to_owned(), errno, more: 0 })
}

/// Removes everything in `directory` that can be removed. No depth exhausts the stack or the
/// descriptors: of a deep tree the outer directories are closed, and found again through `..`, where
/// they must be the same. Nothing is moved, for that may be forbidden where removing is not.
///
/// # Errors
/// What stays, with its path in `directory`; that of nothing once `go_on` says no.
pub fn empty(directory: BorrowedFd<'_>, go_on: &mut GoOn<'_>) -> Result<(), Left> {
    let top = fstat(directory).and_then(|status| {
        let open = Some(Dir::read_from(directory)?);
        Ok(Level {
            name: CString::default(),
            identity: identity(&status),
            open,
            stay: HashSet::new(),
        })
    });
    let top = top.map_err(|errno| Left { path: PathBuf::new(), errno, more: 0 })?;
    let hasher = RandomState::new();
    Emptying { levels: vec![top], left: None, hasher, go_on }.run()
}

/// How many directories that lie in one another are open at a time, beside the top.
const OPEN: usize = 16;

/// How many names there are in the path of what stays, at most.
const NAMED: usize = 32;

struct Emptying<'a, 'b> {
    /// The directories that are being emptied, each in the one before.
    levels: Vec<Level>,
    left: Option<Left>,
    hasher: RandomState,
    go_on: &'a mut GoOn<'b>,
}

/// A directory that is being emptied.
struct Level {
    /// Its name in the one around it.
    name: CString,
    identity: (u64, u64),
    /// Where it has been read to. The innermost one is open, and the top.
    open: Option<Dir>,
    /// The names in it that stay, for they are met again where it is read again.
    stay: HashSet<u64>,
}

impl Emptying<'_, '_> {
    fn run(mut self) -> Result<(), Left> {
        while let Some(level) = self.levels.last_mut() {
            let name = match level.open.as_mut().and_then(Dir::read) {
                Some(Ok(entry)) => entry.file_name().to_owned(),
                // A directory that is removed while it is read.
                None | Some(Err(Errno::NOENT)) => {
                    self.leave();
                    continue;
                }
                Some(Err(errno)) => {
                    self.note(None, errno);
                    self.leave();
                    continue;
                }
            };
            let stays = || level.stay.contains(&self.hasher.hash_one(&name));
            if matches!(name.to_bytes(), b"." | b"..") || stays() {
                continue;
            }
            if !(self.go_on)() {
                let more = self.left.map_or(0, |left| left.more + 1);
                return Err(Left { path: PathBuf::new(), errno: Errno::CANCELED, more });
            }
            if let Err(errno) = self.remove(&name) {
                self.stays(&name);
                self.note(Some(&name), errno);
            }
        }
        self.left.map_or(Ok(()), Err)
    }

    /// Removes what has this name in the innermost directory, or enters it.
    fn remove(&mut self, name: &CStr) -> Result<(), Errno> {
        let here = self.levels.last().and_then(|level| level.open.as_ref()).ok_or(Errno::BADF)?;
        let here = here.fd()?;
        match unlinkat(here, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::NOTEMPTY | Errno::EXIST) => {}
            Err(Errno::NOTDIR) => return gone(unlinkat(here, name, AtFlags::empty())),
            Err(errno) => return Err(errno),
        }
        let Some(inner) = open_for_removal(here, name)? else { return Ok(()) };
        let identity = identity(&fstat(&inner)?);
        let open = Some(Dir::new(inner)?);
        self.levels.push(Level { name: name.to_owned(), identity, open, stay: HashSet::new() });
        let outer = self.levels.len().checked_sub(OPEN + 1).filter(|outer| *outer > 0);
        if let Some(outer) = outer.and_then(|outer| self.levels.get_mut(outer)) {
            outer.open = None;
        }
        Ok(())
    }

    /// Goes on in the directory around the innermost one, and removes that if it is empty.
    fn leave(&mut self) {
        let Some(inner) = self.levels.pop() else { return };
        let Some(outer) = self.levels.last_mut() else { return };
        if outer.open.is_none() {
            match outer.again(&inner) {
                Ok(open) => outer.open = Some(open),
                Err(errno) => return self.go_back(&inner.name, errno),
            }
        }
        let Some(Ok(here)) = outer.open.as_ref().map(Dir::fd) else { return };
        match unlinkat(here, &*inner.name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => {}
            // It was told what stays in it, or somebody has put something into it meanwhile.
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => self.stays(&inner.name),
            Err(errno) => {
                self.stays(&inner.name);
                self.note(Some(&inner.name), errno);
            }
        }
    }

    /// Goes on at the top, for the way to where `name` lies is lost.
    fn go_back(&mut self, name: &CStr, errno: Errno) {
        self.note(Some(name), errno);
        let first = self.levels.get(1).map(|level| level.name.clone());
        self.levels.truncate(1);
        if let Some(first) = first {
            self.stays(&first);
        }
    }

    /// What has this name in the innermost directory is left alone from here on.
    fn stays(&mut self, name: &CStr) {
        let hash = self.hasher.hash_one(name);
        if let Some(level) = self.levels.last_mut() {
            level.stay.insert(hash);
        }
    }

    /// Something stays: what has this name in the innermost directory, or that itself.
    fn note(&mut self, name: Option<&CStr>, errno: Errno) {
        if let Some(left) = &mut self.left {
            left.more += 1;
            return;
        }
        let names = self.levels.iter().skip(1).map(|level| level.name.as_c_str()).chain(name);
        let names = names.take(NAMED).map(|name| OsStr::from_bytes(name.to_bytes()));
        self.left = Some(Left { path: names.collect(), errno, more: 0 });
    }
}

impl Level {
    /// Opens it again, which lies around `inner`.
    fn again(&self, inner: &Self) -> Result<Dir, Errno> {
        let inner = inner.open.as_ref().ok_or(Errno::BADF)?.fd()?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let outer = openat(inner, c"..", flags, Mode::empty())?;
        if identity(&fstat(&outer)?) != self.identity {
            return Err(Errno::STALE);
        }
        Dir::new(outer)
    }
}

const fn identity(status: &Stat) -> (u64, u64) {
    (status.st_dev, status.st_ino)
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
        assert_eq!(stopped.unwrap_err().errno, Errno::CANCELED);
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

    /// Makes `path` so that nobody can remove it, and gives whether the file system can do that.
    fn immutable(path: &Path, on: bool) -> bool {
        let switch = if on { "+i" } else { "-i" };
        let run = std::process::Command::new("chattr").arg(switch).arg(path).output();
        run.is_ok_and(|output| output.status.success())
    }

    #[test]
    fn what_cannot_be_removed_stays_alone_and_is_told() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("scratch");
        let (mut deep, mut beside) = (root.join("a/b"), root.join("c"));
        for _ in 0..60 {
            deep.push("d");
            beside.push("e");
        }
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(&beside).unwrap();
        for path in [root.join("a"), root.join("a/b"), deep.parent().unwrap().to_owned()] {
            for number in 0..100 {
                fs::write(path.join(format!("f{number}")), "x").unwrap();
                fs::create_dir_all(path.join(format!("g{number}/h/i"))).unwrap();
            }
        }
        let kept = [root.join("a/kept"), deep.parent().unwrap().join("kept"), deep.join("kept")];
        for path in &kept {
            fs::write(path, "x").unwrap();
        }
        if !kept.iter().all(|path| immutable(path, true)) {
            return;
        }
        let left = remove_directory(&root, &mut || true).unwrap_err();
        let mut stays = Vec::new();
        let mut places = vec![root.clone()];
        while let Some(path) = places.pop() {
            for entry in fs::read_dir(&path).unwrap().map(Result::unwrap) {
                if entry.file_type().unwrap().is_dir() {
                    places.push(entry.path());
                } else {
                    stays.push(entry.path());
                }
            }
        }
        for path in &kept {
            assert!(immutable(path, false));
        }
        assert!(!root.join("c").exists() && !root.join("a/g1").exists());
        assert_eq!(stays.len(), kept.len(), "{stays:?}");
        assert!(kept.iter().any(|kept| kept.starts_with(&left.path)), "{left}");
        assert_eq!((left.errno, left.more), (Errno::PERM, 2));
        remove_directory(&root, &mut || true).unwrap();
        assert!(!root.exists());
    }
}
