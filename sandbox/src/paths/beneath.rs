//! Opening what a stranger may have put into a directory: once, by descriptor, never through a link.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Why an entry of a directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such entry.
    #[error("it does not exist")]
    Missing,
    /// The entry is a symbolic link, or lies behind one.
    #[error("it is a symbolic link or lies behind one")]
    Link,
    /// The entry is neither a regular file nor, where one is wanted, a directory.
    #[error("it is {found}, not {wanted}")]
    WrongType {
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// The file has further names, so whoever holds one of them could change it.
    #[error("it has {links} names (hard links); exactly one is accepted")]
    HardLink {
        /// How many names it has.
        links: u64,
    },
    /// The file is larger than the limit.
    #[error("it has {size} bytes; at most {limit} are accepted")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The name is not one plain component.
    #[error("its name is not a plain file name")]
    Name,
    /// The system refuses.
    #[error("it cannot be opened or read: {0}")]
    Io(#[from] io::Error),
}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Missing,
            // O_NOFOLLOW and RESOLVE_NO_SYMLINKS both say ELOOP, openat2(2).
            Errno::LOOP => Self::Link,
            Errno::NOTDIR => Self::WrongType { found: "no directory", wanted: "a directory" },
            other => Self::Io(other.into()),
        }
    }
}

/// A directory whose content somebody else may have written.
#[derive(Debug)]
pub struct Beneath<Fd>(Fd);

impl<Fd: AsFd> Beneath<Fd> {
    /// Treats an open directory as one with hostile content.
    pub const fn new(directory: Fd) -> Self {
        Self(directory)
    }

    /// The directory itself.
    pub const fn descriptor(&self) -> &Fd {
        &self.0
    }

    /// The directory itself, kept.
    pub fn into_descriptor(self) -> Fd {
        self.0
    }

    /// Opens the regular file `name`, which must have a single name and at most `limit` bytes.
    ///
    /// # Errors
    /// When the entry is anything else; a FIFO or a device is never opened for long enough to
    /// block or to act.
    pub fn file(&self, name: &OsStr, limit: u64) -> Result<(File, Metadata), OpenError> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = File::from(self.open(name, flags)?);
        let metadata = file.metadata()?;
        let found = FileType::from_raw_mode(metadata.mode());
        if found != FileType::RegularFile {
            return Err(OpenError::WrongType { found: spoken(found), wanted: "a regular file" });
        }
        if metadata.nlink() != 1 {
            return Err(OpenError::HardLink { links: metadata.nlink() });
        }
        if metadata.size() > limit {
            return Err(OpenError::TooLarge { size: metadata.size(), limit });
        }
        Ok((file, metadata))
    }

    /// Opens the directory `name`.
    ///
    /// # Errors
    /// When the entry is not a directory, or is a link to one.
    pub fn directory(&self, name: &OsStr) -> Result<Beneath<OwnedFd>, OpenError> {
        self.open(name, OFlags::RDONLY | OFlags::DIRECTORY).map(Beneath)
    }

    /// Opens the directory at the relative `path`, one component after the other.
    ///
    /// # Errors
    /// When a component is missing, a link, or not a directory.
    pub fn descend(&self, path: &Path) -> Result<Beneath<OwnedFd>, OpenError> {
        let mut here = Beneath(self.0.as_fd().try_clone_to_owned()?);
        for component in path.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => here = here.directory(name)?,
                _ => return Err(OpenError::Name),
            }
        }
        Ok(here)
    }

    /// Reads the whole regular file `name`, which must have at most `limit` bytes.
    ///
    /// # Errors
    /// As [`Self::file`], and when the file grows beyond the limit while it is read.
    pub fn read(&self, name: &OsStr, limit: u64) -> Result<Vec<u8>, OpenError> {
        let (file, _) = self.file(name, limit)?;
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > limit { Err(OpenError::TooLarge { size, limit }) } else { Ok(bytes) }
    }

    /// The names in the directory, sorted; at most `limit` of them, or `None` when there are more.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self, limit: usize) -> Result<Option<Vec<OsString>>, OpenError> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if names.len() == limit {
                return Ok(None);
            }
            names.push(name.to_owned());
        }
        names.sort();
        Ok(Some(names))
    }

    /// One component only, so that where openat2(2) is missing (an old seccomp profile of a
    /// container answers EPERM or ENOSYS) `O_NOFOLLOW` alone says the same.
    fn open(&self, name: &OsStr, flags: OFlags) -> Result<OwnedFd, OpenError> {
        let plain = !matches!(name.as_bytes(), b"" | b"." | b"..");
        if !plain || name.as_bytes().iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(OpenError::Name);
        }
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match rustix::fs::openat2(&self.0, name, flags, Mode::empty(), resolve) {
            Err(Errno::NOSYS | Errno::PERM) => {
                Ok(rustix::fs::openat(&self.0, name, flags, Mode::empty())?)
            }
            // A socket, or a device without a driver: open(2) says ENXIO before fstat could tell.
            Err(Errno::NXIO) => {
                Err(OpenError::WrongType { found: "a socket or device", wanted: "a regular file" })
            }
            opened => Ok(opened?),
        }
    }
}

/// What a file type is called in a sentence.
pub(crate) const fn spoken(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice => "a character device",
        FileType::BlockDevice => "a block device",
        FileType::Unknown => "of an unknown type",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn tree() -> (tempfile::TempDir, Beneath<File>) {
        let tree = tempfile::tempdir().unwrap();
        let beneath = Beneath::new(File::open(tree.path()).unwrap());
        (tree, beneath)
    }

    fn refusal(beneath: &Beneath<File>, name: &str) -> String {
        beneath.read(OsStr::new(name), 10).unwrap_err().to_string()
    }

    #[test]
    fn a_regular_file_is_read_whole() {
        let (tree, beneath) = tree();
        std::fs::write(tree.path().join("a"), "0123456789").unwrap();
        assert_eq!(beneath.read(OsStr::new("a"), 10).unwrap(), b"0123456789");
    }

    #[test]
    fn a_link_to_a_file_is_not_followed() {
        let (tree, beneath) = tree();
        symlink("/etc/hostname", tree.path().join("a")).unwrap();
        assert!(refusal(&beneath, "a").contains("symbolic link"));
    }

    #[test]
    fn a_fifo_neither_blocks_nor_passes() {
        let (tree, beneath) = tree();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            tree.path().join("a"),
            FileType::Fifo,
            Mode::from_raw_mode(0o644),
            0,
        )
        .unwrap();
        assert!(refusal(&beneath, "a").contains("a FIFO"));
    }

    #[test]
    fn a_socket_and_a_directory_are_not_files() {
        let (tree, beneath) = tree();
        let _listener = UnixListener::bind(tree.path().join("s")).unwrap();
        std::fs::create_dir(tree.path().join("d")).unwrap();
        assert!(refusal(&beneath, "s").contains("a socket"));
        assert!(refusal(&beneath, "d").contains("a directory"));
    }

    #[test]
    fn a_file_with_a_second_name_is_refused() {
        let (tree, beneath) = tree();
        std::fs::write(tree.path().join("a"), "x").unwrap();
        std::fs::hard_link(tree.path().join("a"), tree.path().join("b")).unwrap();
        assert!(refusal(&beneath, "a").contains("2 names"));
    }

    #[test]
    fn a_sparse_giant_is_refused_without_being_read() {
        let (tree, beneath) = tree();
        File::create(tree.path().join("a")).unwrap().set_len(1 << 40).unwrap();
        assert!(refusal(&beneath, "a").contains("at most 10"));
    }

    #[test]
    fn a_name_that_is_a_path_is_refused() {
        let (_tree, beneath) = tree();
        for name in ["", ".", "..", "../x", "/etc/hostname", "a/b"] {
            assert!(refusal(&beneath, name).contains("plain"), "{name}");
        }
    }

    #[test]
    fn descending_stops_at_a_link_in_the_middle() {
        let (tree, beneath) = tree();
        std::fs::create_dir_all(tree.path().join("real/inner")).unwrap();
        symlink("real", tree.path().join("alias")).unwrap();
        assert!(beneath.descend(Path::new("real/inner")).is_ok());
        assert!(beneath.descend(Path::new("alias/inner")).is_err());
        assert!(beneath.descend(Path::new("real/../real")).is_err());
    }
}
