//! Following a path from the root, one component at a time, so that nobody but the caller and root
//! decides where it leads.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, fstatfs, openat, openat2, readlinkat,
    stat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

/// As many links as the kernel follows for one path, `path_resolution(7)`.
const MOST_LINKS: usize = 40;

/// Where the system's own links lie, and what they lie right in. In a user namespace that has no root of
/// the host's, as that of a rootless container, they belong to whom the kernel shows in its place.
const SYSTEM: [&str; 8] = ["/usr", "/etc", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// The file system of `/proc` (`statfs(2)`), whose links lead to what a process has open.
const PROC: i128 = 0x9fa0;

/// A file, whatever it is called: as long as somebody has it open, no other has these numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
}

impl Identity {
    pub(crate) const fn of(status: &Stat) -> Self {
        Self { device: status.st_dev, inode: status.st_ino }
    }
}

/// A path that was followed to its end.
#[derive(Debug)]
pub struct Opened {
    /// The same place by a path without links and `..`.
    pub real: PathBuf,
    /// What is there, opened with `O_PATH`.
    pub file: OwnedFd,
    /// What it is.
    pub kind: FileType,
    /// The links that were followed: where each lies and what it leads to, both without links.
    pub links: Vec<(PathBuf, PathBuf)>,
    /// Which file it is.
    pub identity: Identity,
}

impl Opened {
    /// Whether it is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.kind == FileType::Directory
    }
}

/// Why a path was not followed to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A component is not there.
    #[error("{} does not exist", spoken(.0))]
    Missing(PathBuf),
    /// A component that others stand behind is no directory.
    #[error("{} is no directory", spoken(.0))]
    NoDirectory(PathBuf),
    /// A link on the way, which somebody else may have made.
    #[error(
        "{} is a symbolic link to {}, and {stranger}, so that it is not followed; name the place that \
         is meant itself, or put a directory in the place of the link",
        spoken(.at), spoken(.target)
    )]
    Link {
        /// Where it lies.
        at: PathBuf,
        /// What it says.
        target: PathBuf,
        /// Why it is not followed.
        stranger: Stranger,
    },
    /// There are too many links, or they form a circle.
    #[error("more than {MOST_LINKS} symbolic links lead on from {}; they may form a circle", spoken(.0))]
    Circle(PathBuf),
    /// The path does not begin at the root.
    #[error("{} is not absolute", spoken(.0))]
    Relative(PathBuf),
    /// A component cannot be looked at.
    #[error("{} cannot be opened: {errno}", spoken(.path))]
    Io {
        /// The component.
        path: PathBuf,
        /// What the system says.
        errno: Errno,
    },
}

/// Who but the caller may have made a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// The directory is one that builds write to, or lies below one.
    Build,
    /// Another user.
    User(u32),
    /// Everybody: the directory is open to all.
    Anybody,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Build => f.write_str("a source tree or a build may have made it"),
            Self::User(uid) => write!(f, "uid {uid} may have made it"),
            Self::Anybody => f.write_str("anybody may have made it"),
        }
    }
}

/// A path as it stands in a sentence: in quotes, without anything that a terminal obeys.
fn spoken(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

/// Whose links are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Everybody's: it is only to be known where a path leads.
    All,
    /// Those of root and of this user, and none below these directories, which builds may write to.
    But {
        /// The user who calls.
        caller: u32,
        /// The directories.
        suspects: Vec<Identity>,
    },
}

impl Trust {
    /// Those of root and of the user who calls, and none below `suspects`; what is not there of them
    /// is no suspect.
    #[must_use]
    pub fn of_caller<'a>(suspects: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        let identity = |path: &PathBuf| Some(open(path, &Self::All).ok()?.identity);
        let suspects = suspects.into_iter().filter_map(identity).collect();
        Self::But { caller: geteuid().as_raw(), suspects }
    }

    /// Who but root and the caller may write to a directory; `system` owns it as well, if it is one of
    /// the system's.
    fn suspects(&self, directory: &Stat, system: Option<u32>) -> Option<Stranger> {
        let Self::But { caller, suspects } = self else { return None };
        if suspects.contains(&Identity::of(directory)) {
            return Some(Stranger::Build);
        }
        foreign(directory.st_uid, *caller, system).or_else(|| {
            // In a directory with the sticky bit everybody's entries are their own.
            let open = directory.st_mode & 0o1002 == 0o0002;
            open.then_some(Stranger::Anybody)
        })
    }

    fn owns(&self, link: &Stat, system: Option<u32>) -> Option<Stranger> {
        match self {
            Self::All => None,
            Self::But { caller, .. } => foreign(link.st_uid, *caller, system),
        }
    }
}

fn foreign(owner: u32, caller: u32, system: Option<u32>) -> Option<Stranger> {
    (owner != 0 && owner != caller && Some(owner) != system).then_some(Stranger::User(owner))
}

/// Whether what lies at `path`, which has no links, is of the system itself.
fn is_of_system(path: &Path) -> bool {
    path == Path::new("/") || SYSTEM.iter().any(|place| path.starts_with(place))
}

/// Opens what is at the absolute `path`, following only links that are to be trusted.
///
/// # Errors
/// When a component is missing, unreadable, or a link that a stranger may have made.
pub fn open(path: &Path, trust: &Trust) -> Result<Opened, PathError> {
    if path.is_relative() {
        return Err(PathError::Relative(path.to_owned()));
    }
    if let Some(result) = without_links(path) {
        return result;
    }
    let mut walk = Walk::begin(trust)?;
    walk.follow(path)?;
    walk.end()
}

/// Opens the directory in which the last component of `path` lies, and gives that component. A last
/// component that is a link is followed as any other, so that the directory is that of its target.
///
/// # Errors
/// As [`open`], and where the path ends in no name. That there is no such name is none.
pub fn open_parent(path: &Path, trust: &Trust) -> Result<(Opened, OsString), PathError> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(PathError::NoDirectory(path));
        };
        let directory = open(parent, trust)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let Ok(found) = openat(&directory.file, name, flags, Mode::empty()) else {
            return Ok((directory, name.to_owned()));
        };
        let status = fstat(&found).map_err(|errno| failed(&path, errno))?;
        // What a process has open is opened by that link itself.
        if FileType::from_raw_mode(status.st_mode) != FileType::Symlink || is_of_proc(&found) {
            return Ok((directory, name.to_owned()));
        }
        let mut walk = Walk::begin(trust)?;
        walk.follow(parent)?;
        let target = walk.read_trusted(&found, &status, name)?;
        path = directory.real.join(target);
    }
    Err(PathError::Circle(path))
}

/// Who but root and the caller may write to the directory `path`, or to one on the way to it.
///
/// # Errors
/// As [`open`].
pub fn stranger(path: &Path, trust: &Trust) -> Result<Option<Stranger>, PathError> {
    let mut walk = Walk::begin(trust)?;
    walk.follow(path)?;
    Ok(walk.here()?.stranger)
}

/// The file at `path`, a path without links, if it is still the one of `identity`; opened with
/// `flags`.
///
/// # Errors
/// ESTALE where another file is there, or the errno of the call that failed.
pub fn reopen(path: &Path, identity: Option<Identity>, flags: OFlags) -> Result<OwnedFd, Errno> {
    let file = openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty())?;
    same(&file, identity)?;
    Ok(file)
}

/// Looks whether whoever opens `path` now gets the file of `identity`, wherever links lead.
///
/// # Errors
/// ESTALE where it is another one, or the errno of the call that failed.
pub fn leads_to(path: &Path, identity: Identity) -> Result<(), Errno> {
    let file = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    same(&file, Some(identity))
}

/// Looks whether `file` is the one of `identity`, where that is known. The root of a mount is the
/// file that is mounted.
///
/// # Errors
/// ESTALE where it is another one.
pub fn same(file: impl AsFd, identity: Option<Identity>) -> Result<(), Errno> {
    match identity {
        Some(known) if Identity::of(&fstat(file)?) != known => Err(Errno::STALE),
        _ => Ok(()),
    }
}

/// Whether a component of `path` is a link; told by one call (`openat2(2)`, ELOOP).
#[must_use]
pub fn has_link(path: &Path) -> bool {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let opened = openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve);
    matches!(opened, Err(Errno::LOOP))
}

/// What most paths are: one that has no link in it, by a single call, or one that is missing in a
/// directory that has none, by two. None where that cannot be told so.
fn without_links(path: &Path) -> Option<Result<Opened, PathError>> {
    if path.components().any(|part| part == Component::ParentDir) {
        return None;
    }
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let file = match openat2(CWD, path, flags, Mode::empty(), resolve) {
        Ok(file) => file,
        // A link on the way would have been met before. What is missing is the last component if what
        // it stands in is there.
        Err(Errno::NOENT) => {
            openat2(CWD, path.parent()?, flags, Mode::empty(), resolve).ok()?;
            return Some(Err(PathError::Missing(path.components().collect())));
        }
        Err(_) => return None,
    };
    let status = fstat(&file).ok()?;
    Some(Ok(Opened {
        real: path.components().collect(),
        file,
        kind: FileType::from_raw_mode(status.st_mode),
        links: Vec::new(),
        identity: Identity::of(&status),
    }))
}

/// A walk: the directories from the root to here, and who may have written to each.
struct Walk<'a> {
    trust: &'a Trust,
    places: Vec<Place>,
    real: PathBuf,
    links: Vec<(PathBuf, PathBuf)>,
    followed: usize,
    /// Who owns the system's directories.
    system: Option<u32>,
}

struct Place {
    file: OwnedFd,
    status: Stat,
    stranger: Option<Stranger>,
}

impl<'a> Walk<'a> {
    fn begin(trust: &'a Trust) -> Result<Self, PathError> {
        let real = PathBuf::from("/");
        let (file, status) = place(CWD, "/".as_ref(), &real)?;
        let system = stat("/usr").ok().map(|usr| usr.st_uid);
        let root = Place { stranger: trust.suspects(&status, system), file, status };
        Ok(Self { trust, places: vec![root], real, links: Vec::new(), followed: 0, system })
    }

    /// Who may own what lies in `directory` besides root and the caller.
    fn system(&self, directory: &Path) -> Option<u32> {
        self.system.filter(|_| is_of_system(directory))
    }

    fn follow(&mut self, path: &Path) -> Result<(), PathError> {
        for component in path.components() {
            match component {
                Component::CurDir | Component::Prefix(_) => {}
                Component::RootDir => {
                    self.places.truncate(1);
                    self.real = PathBuf::from("/");
                }
                Component::ParentDir => {
                    if self.places.len() > 1 {
                        self.places.pop();
                        self.real.pop();
                    }
                }
                Component::Normal(name) => self.step(name)?,
            }
        }
        Ok(())
    }

    fn step(&mut self, name: &OsStr) -> Result<(), PathError> {
        let at = self.real.join(name);
        let here = self.here()?;
        if FileType::from_raw_mode(here.status.st_mode) != FileType::Directory {
            return Err(PathError::NoDirectory(self.real.clone()));
        }
        let (file, status) = place(here.file.as_fd(), name, &at)?;
        if FileType::from_raw_mode(status.st_mode) != FileType::Symlink {
            // Below a place that a stranger writes to everything is a stranger's.
            let stranger = here.stranger.or_else(|| {
                let directory = FileType::from_raw_mode(status.st_mode) == FileType::Directory;
                let system = self.system(&at);
                directory.then(|| self.trust.suspects(&status, system)).flatten()
            });
            self.places.push(Place { file, status, stranger });
            self.real = at;
            return Ok(());
        }
        if is_of_proc(&file) {
            return self.through_proc(name, at);
        }
        let target = self.read_trusted(&file, &status, name)?;
        self.followed += 1;
        if self.followed > MOST_LINKS {
            return Err(PathError::Circle(at));
        }
        self.follow(&target)?;
        self.links.push((at, self.real.clone()));
        Ok(())
    }

    /// What the link `name` of this directory says, if it is to be trusted.
    fn read_trusted(
        &self,
        link: &OwnedFd,
        status: &Stat,
        name: &OsStr,
    ) -> Result<PathBuf, PathError> {
        let at = self.real.join(name);
        let target = readlinkat(link, "", Vec::new()).map_err(|errno| failed(&at, errno))?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        match self.here()?.stranger.or_else(|| self.trust.owns(status, self.system(&self.real))) {
            Some(stranger) => Err(PathError::Link { at, target, stranger }),
            None => Ok(target),
        }
    }

    /// A link to what a process has open, or to a process: no text says where it leads.
    fn through_proc(&mut self, name: &OsStr, at: PathBuf) -> Result<(), PathError> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let file = openat(&self.here()?.file, name, flags, Mode::empty());
        let file = file.map_err(|errno| failed(&at, errno))?;
        let status = fstat(&file).map_err(|errno| failed(&at, errno))?;
        self.places.push(Place { stranger: self.trust.suspects(&status, None), file, status });
        self.real = at;
        Ok(())
    }

    fn here(&self) -> Result<&Place, PathError> {
        self.places.last().ok_or_else(|| PathError::Missing(self.real.clone()))
    }

    fn end(mut self) -> Result<Opened, PathError> {
        let last = self.places.pop().ok_or_else(|| PathError::Missing(self.real.clone()))?;
        Ok(Opened {
            real: self.real,
            kind: FileType::from_raw_mode(last.status.st_mode),
            identity: Identity::of(&last.status),
            file: last.file,
            links: self.links,
        })
    }
}

fn place(here: BorrowedFd<'_>, name: &OsStr, at: &Path) -> Result<(OwnedFd, Stat), PathError> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(here, name, flags, Mode::empty()).map_err(|errno| failed(at, errno))?;
    let status = fstat(&file).map_err(|errno| failed(at, errno))?;
    Ok((file, status))
}

fn is_of_proc(file: &OwnedFd) -> bool {
    fstatfs(file).is_ok_and(|found| i128::from(found.f_type) == PROC)
}

fn failed(path: &Path, errno: Errno) -> PathError {
    match errno {
        Errno::NOENT => PathError::Missing(path.to_owned()),
        Errno::NOTDIR => PathError::NoDirectory(path.to_owned()),
        other => PathError::Io { path: path.to_owned(), errno: other },
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
