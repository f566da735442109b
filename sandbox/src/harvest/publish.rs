//! Writing into a directory of the caller: a file without a name first, its name last.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, RenameFlags, fstat, statat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::origin::Origin;

/// The prefix of every name that exists only for a moment.
pub(crate) const PREFIX: &str = ".bulkhead-";

static COUNT: AtomicU64 = AtomicU64::new(0);

/// A directory of the caller that an output is copied to.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The directory. Nothing outside of it is touched and no link in it is followed.
    pub directory: BorrowedFd<'a>,
    /// Whose the copies are to be; `None` leaves them to the user that the supervisor runs as.
    pub owner: Option<Owner>,
}

/// A user and a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's number.
    pub uid: u32,
    /// The group's number.
    pub gid: u32,
}

impl Destination<'_> {
    /// Gives what was just made its mode and owner, whatever the umask is. The mode comes last,
    /// for a change of owner would clear bits of it, chown(2).
    pub(crate) fn settle(&self, made: impl AsFd, permissions: u32) -> io::Result<()> {
        if let Some(owner) = self.owner {
            let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
            rustix::fs::fchown(&made, Some(uid), Some(gid))?;
        }
        rustix::fs::fchmod(&made, Mode::from_raw_mode(permissions))?;
        Ok(())
    }
}

/// What may be replaced by a file that gets its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Replacing {
    /// Whatever is there.
    pub(crate) anything: bool,
    /// What was made from the same source tree.
    pub(crate) origin: Option<Origin>,
}

impl Replacing {
    fn allows(&self, directory: BorrowedFd<'_>, name: &OsStr) -> bool {
        let made = || self.origin.as_ref().is_some_and(|origin| origin.has_made(directory, name));
        self.anything || made()
    }
}

/// A file that has no name yet, or, where the file system cannot do that, a temporary one.
///
/// Without a name, nothing of it is left when the supervisor is killed half-way.
pub(crate) struct Draft<'a> {
    destination: Destination<'a>,
    file: File,
    name: Option<OsString>,
}

impl<'a> Draft<'a> {
    /// Begins a file in the destination.
    pub(crate) fn create(destination: &Destination<'a>) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        // open(2): without O_EXCL such a file can be given a name later.
        let unnamed = rustix::fs::openat(
            destination.directory,
            ".",
            flags | OFlags::TMPFILE,
            Mode::from_raw_mode(0o600),
        );
        if let Ok(descriptor) = unnamed
            && proc_path(&descriptor).is_some()
        {
            return Ok(Self { destination: *destination, file: descriptor.into(), name: None });
        }
        let name = fresh_name();
        let descriptor = rustix::fs::openat(
            destination.directory,
            &name,
            flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW,
            Mode::from_raw_mode(0o600),
        )?;
        Ok(Self { destination: *destination, file: descriptor.into(), name: Some(name) })
    }

    /// Where it gets its name, and which file it is.
    pub(crate) fn place(&self) -> io::Result<Place<'a>> {
        let found = fstat(&self.file)?;
        Ok(Place { directory: self.destination.directory, file: (found.st_dev, found.st_ino) })
    }

    /// The file, to be written.
    pub(crate) const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives the file its owner, mode and name. Whatever had the name, also a link, is replaced
    /// if that is allowed, and not followed; if not, that it is there is an error.
    pub(crate) fn publish(mut self, name: &OsStr, replacing: &Replacing) -> io::Result<()> {
        let directory = self.destination.directory;
        if let Some(origin) = &replacing.origin {
            origin.mark(&self.file);
        }
        self.destination.settle(&self.file, 0o644)?;
        let replace = replacing.allows(directory, name);
        if self.name.is_none() {
            match self.link(name) {
                Err(Errno::EXIST) if replace => {}
                linked => return Ok(linked?),
            }
            let temporary = fresh_name();
            self.link(&temporary)?;
            self.name = Some(temporary);
        }
        if let Some(temporary) = &self.name {
            if replace {
                rustix::fs::renameat(directory, temporary, directory, name)?;
            } else {
                rename_anew(directory, temporary, name)?;
            }
            self.name = None;
        }
        Ok(())
    }

    /// linkat(2): by way of /proc, for `AT_EMPTY_PATH` asks for a capability.
    fn link(&self, name: &OsStr) -> Result<(), Errno> {
        let path = proc_path(&self.file).ok_or(Errno::NOENT)?;
        rustix::fs::linkat(CWD, path, self.destination.directory, name, AtFlags::SYMLINK_FOLLOW)
    }
}

/// A file in a directory of the caller, known again by its device and inode.
pub(crate) struct Place<'a> {
    directory: BorrowedFd<'a>,
    file: (u64, u64),
}

impl Place<'_> {
    /// Takes its `name` away, unless that is another file's by now.
    pub(crate) fn take_back(&self, name: &OsStr) {
        let found = statat(self.directory, name, AtFlags::SYMLINK_NOFOLLOW);
        if found.is_ok_and(|found| (found.st_dev, found.st_ino) == self.file) {
            let _ = rustix::fs::unlinkat(self.directory, name, AtFlags::empty());
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = rustix::fs::unlinkat(self.destination.directory, name, AtFlags::empty());
        }
    }
}

/// Renames where nothing has the new name.
pub(crate) fn rename_anew(
    directory: BorrowedFd<'_>,
    old: &OsStr,
    new: &OsStr,
) -> Result<(), Errno> {
    let flags = RenameFlags::NOREPLACE;
    match rustix::fs::renameat_with(directory, old, directory, new, flags) {
        // renameat2(2): not every file system knows the flag. A second name is never given to a
        // file where there is one already, and a directory is made only where there is none.
        Err(Errno::INVAL) => {
            match rustix::fs::linkat(directory, old, directory, new, AtFlags::empty()) {
                Ok(()) => rustix::fs::unlinkat(directory, old, AtFlags::empty()),
                Err(Errno::PERM) => {
                    rustix::fs::mkdirat(directory, new, Mode::from_raw_mode(0o700))?;
                    rustix::fs::renameat(directory, old, directory, new)
                }
                Err(errno) => Err(errno),
            }
        }
        answer => answer,
    }
}

/// A name that nothing has: the number of the process, a count, and the time, since processes in
/// different containers may have the same number.
pub(crate) fn fresh_name() -> OsString {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{PREFIX}{}-{count}-{time}", std::process::id()).into()
}

fn proc_path(descriptor: impl AsFd) -> Option<String> {
    let path = format!("/proc/self/fd/{}", descriptor.as_fd().as_raw_fd());
    rustix::fs::readlinkat(CWD, &path, Vec::new()).is_ok().then_some(path)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    fn publish(directory: &std::path::Path, name: &str, named: bool) -> io::Result<()> {
        publish_if(directory, name, named, true)
    }

    fn publish_if(
        directory: &std::path::Path,
        name: &str,
        named: bool,
        replace: bool,
    ) -> io::Result<()> {
        let opened = File::open(directory)?;
        let destination = Destination { directory: opened.as_fd(), owner: None };
        let mut draft = Draft::create(&destination)?;
        if named {
            let temporary = fresh_name();
            draft.link(&temporary)?;
            draft.name = Some(temporary);
        }
        draft.file().write_all(b"new")?;
        draft.publish(OsStr::new(name), &Replacing { anything: replace, origin: None })
    }

    #[test]
    fn nothing_is_replaced_unless_that_is_asked_for() {
        for named in [false, true] {
            let tree = tempfile::tempdir().unwrap();
            let place = |name: &str| tree.path().join(name);
            std::fs::write(place("file"), "old").unwrap();
            symlink("nowhere", place("link")).unwrap();
            std::fs::create_dir(place("directory")).unwrap();
            for name in ["file", "link", "directory"] {
                let error = publish_if(tree.path(), name, named, false).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
            }
            publish_if(tree.path(), "fresh", named, false).unwrap();
            assert_eq!(std::fs::read(place("file")).unwrap(), b"old");
            assert_eq!(std::fs::read_link(place("link")).unwrap().to_str(), Some("nowhere"));
            assert_eq!(std::fs::read(place("fresh")).unwrap(), b"new");
            assert_eq!(tree.path().read_dir().unwrap().count(), 4);
        }
    }

    #[test]
    fn a_published_file_is_readable_by_all_and_leaves_no_other_name() {
        for named in [false, true] {
            let tree = tempfile::tempdir().unwrap();
            publish(tree.path(), "a", named).unwrap();
            publish(tree.path(), "a", named).unwrap();
            let metadata = tree.path().join("a").metadata().unwrap();
            assert_eq!((metadata.mode() & 0o7777, metadata.nlink()), (0o644, 1));
            assert_eq!(tree.path().read_dir().unwrap().count(), 1);
        }
    }

    #[test]
    fn a_link_in_the_destination_is_replaced_and_not_followed() {
        let tree = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        symlink(outside.path(), tree.path().join("a")).unwrap();
        publish(tree.path(), "a", false).unwrap();
        assert_eq!(std::fs::read(tree.path().join("a")).unwrap(), b"new");
        assert_eq!(std::fs::read(outside.path()).unwrap(), b"");
    }

    #[test]
    fn a_directory_in_the_place_is_left_alone_and_nothing_stays_behind() {
        let tree = tempfile::tempdir().unwrap();
        std::fs::create_dir(tree.path().join("a")).unwrap();
        assert!(publish(tree.path(), "a", false).is_err());
        assert_eq!(tree.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let tree = tempfile::tempdir().unwrap();
        let opened = File::open(tree.path()).unwrap();
        let destination = Destination { directory: opened.as_fd(), owner: None };
        let mut draft = Draft::create(&destination).unwrap();
        draft.name = Some(fresh_name());
        draft.link(draft.name.as_ref().unwrap()).unwrap();
        assert_eq!(tree.path().read_dir().unwrap().count(), 1);
        drop(draft);
        assert_eq!(tree.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_replaced_by_one_from_the_same_source_tree_and_by_no_other() {
        let tree = tempfile::tempdir_in(".").unwrap();
        let opened = File::open(tree.path()).unwrap();
        let destination = Destination { directory: opened.as_fd(), owner: None };
        let origin = Origin::here().unwrap();
        let put = |text: &str, origin: &Origin| {
            let mut draft = Draft::create(&destination)?;
            draft.file().write_all(text.as_bytes())?;
            let replacing = Replacing { anything: false, origin: Some(origin.clone()) };
            draft.publish(OsStr::new("a"), &replacing)
        };
        put("first", &origin).unwrap();
        put("second", &origin).unwrap();
        assert_eq!(std::fs::read(tree.path().join("a")).unwrap(), b"second");
        let other = Origin::other();
        assert_eq!(put("third", &other).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        std::fs::remove_file(tree.path().join("a")).unwrap();
        std::fs::write(tree.path().join("a"), "a stranger's").unwrap();
        assert_eq!(put("fourth", &origin).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(tree.path().read_dir().unwrap().count(), 1);
    }
}
