//! A `.dist-info` directory: read whole into memory, then written whole.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::archive::{ArchiveError, Fault, Twins, check_name};
use super::limits::Limits;
use super::note::{Note, NoteKind, Notes};
use super::publish::{Destination, fresh_name, rename_anew};
use super::refused::{Refused, Why};
use crate::paths::{Beneath, OpenError, spoken};

/// One file or directory of a tree, by its path from the tree's root; parents come first.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) path: PathBuf,
    /// The bytes of a file; `None` for a directory.
    pub(crate) content: Option<Vec<u8>>,
}

/// Reads the directory `name` of `staging`: regular files and directories only, within `limits`, and
/// notes names that are one elsewhere.
pub(crate) fn read<Fd: AsFd>(
    staging: &Beneath<Fd>,
    name: &OsStr,
    limits: &Limits,
) -> Result<(Vec<Node>, Vec<Note>), Refused> {
    let root = staging.directory(name).map_err(|cause| Why::from(cause).refuse(name))?;
    let (notes, twins) = (Notes::default(), Twins::new(limits.parts));
    let mut reading = Reading { nodes: Vec::new(), bytes: 0, limits, notes, twins };
    reading.directory(&root, Path::new(""), 0).map_err(|(path, why)| {
        let path = PathBuf::from(name).join(path);
        why.refuse(path.as_os_str())
    })?;
    Ok((reading.nodes, reading.notes.into()))
}

struct Reading<'a> {
    nodes: Vec<Node>,
    bytes: u64,
    limits: &'a Limits,
    notes: Notes,
    twins: Twins,
}

type At<T> = Result<T, (PathBuf, Why)>;

impl Reading<'_> {
    fn directory(&mut self, here: &Beneath<OwnedFd>, path: &Path, depth: usize) -> At<()> {
        if depth == self.limits.tree_depth {
            return Err((path.to_path_buf(), Why::TooDeep { limit: depth }));
        }
        let limit = self.limits.tree_entries;
        let left = limit.saturating_sub(self.nodes.len());
        let names = here.names(left).map_err(|cause| (path.to_path_buf(), cause.into()))?;
        for name in names.ok_or_else(|| (path.to_path_buf(), Why::TooMany { limit }))? {
            let child = path.join(&name);
            if self.nodes.len() == limit {
                return Err((child, Why::TooMany { limit }));
            }
            self.node(here, &name, &child, depth)?;
        }
        Ok(())
    }

    /// Notes a name that is another's elsewhere.
    fn place(&mut self, path: &str, leaf: bool) -> Result<(), Fault> {
        if self.twins.add(path, leaf)? {
            self.notes.add(NoteKind::Twin, path);
        }
        Ok(())
    }

    fn node(
        &mut self,
        here: &Beneath<OwnedFd>,
        name: &OsStr,
        child: &Path,
        depth: usize,
    ) -> At<()> {
        let at = |why: Why| (child.to_path_buf(), why);
        let text = child.to_str().ok_or_else(|| at(OpenError::Name.into()))?;
        // As in an archive: whoever takes the tree over may unpack it on another file system.
        let of_member = |fault: Fault| at(ArchiveError::from(fault).into());
        check_name(text).map_err(|fault| of_member(fault.into()))?;
        // statat(2) only chooses how to open; what is opened is looked at again by descriptor.
        let stat = rustix::fs::statat(here.descriptor(), name, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| at(OpenError::from(errno).into()))?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                self.place(text, false).map_err(of_member)?;
                let inner = here.directory(name).map_err(|cause| at(cause.into()))?;
                self.nodes.push(Node { path: child.to_path_buf(), content: None });
                self.directory(&inner, child, depth + 1)
            }
            FileType::RegularFile => {
                self.place(text, true).map_err(of_member)?;
                let limit = self.limits.metadata_bytes;
                let left = limit.saturating_sub(self.bytes);
                let content = here.read(name, left).map_err(|cause| match cause {
                    OpenError::TooLarge { .. } => at(Why::TooLarge { limit }),
                    cause => at(cause.into()),
                })?;
                self.bytes += u64::try_from(content.len()).unwrap_or(u64::MAX);
                self.nodes.push(Node { path: child.to_path_buf(), content: Some(content) });
                Ok(())
            }
            FileType::Symlink => Err(at(OpenError::Link.into())),
            found => {
                let wanted = "a regular file or directory";
                Err(at(OpenError::WrongType { found: spoken(found), wanted }.into()))
            }
        }
    }
}

/// Writes `nodes` as the directory `name`; under a temporary name first, so that the name appears
/// with the whole tree behind it or not at all. If `replace`, an empty directory of that name is.
pub(crate) fn write(
    destination: &Destination<'_>,
    name: &OsStr,
    nodes: &[Node],
    replace: bool,
) -> io::Result<()> {
    let temporary = fresh_name();
    let written = Writing::new(destination, &temporary).and_then(|writing| writing.all(nodes));
    let directory = destination.directory;
    let placed = written.and_then(|()| {
        if replace {
            Ok(rustix::fs::renameat(directory, &temporary, directory, name)?)
        } else {
            Ok(rename_anew(directory, &temporary, name)?)
        }
    });
    if placed.is_err() {
        discard(destination, &temporary, nodes);
    }
    placed
}

struct Writing<'a> {
    destination: &'a Destination<'a>,
    root: OwnedFd,
}

impl<'a> Writing<'a> {
    fn new(destination: &'a Destination<'a>, temporary: &OsString) -> io::Result<Self> {
        let root = make(destination, destination.directory, temporary)?;
        Ok(Self { destination, root })
    }

    fn all(&self, nodes: &[Node]) -> io::Result<()> {
        for node in nodes {
            let (Some(parent), Some(name)) = (node.path.parent(), node.path.file_name()) else {
                continue;
            };
            let parent = Beneath::new(&self.root).descend(parent).map_err(io::Error::other)?;
            match &node.content {
                None => {
                    make(self.destination, parent.descriptor(), name)?;
                }
                Some(content) => {
                    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
                    let mode = Mode::from_raw_mode(0o600);
                    let flags = flags | OFlags::CLOEXEC;
                    let mut file: File =
                        rustix::fs::openat(parent.descriptor(), name, flags, mode)?.into();
                    file.write_all(content)?;
                    self.destination.settle(&file, 0o644)?;
                }
            }
        }
        Ok(())
    }
}

/// Makes a directory and opens it.
fn make(destination: &Destination<'_>, parent: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o700))?;
    let made = Beneath::new(&parent).directory(name).map_err(io::Error::other)?;
    destination.settle(made.descriptor(), 0o755)?;
    Ok(made.into_descriptor())
}

/// Removes what was written of a tree, the children first; only what the list names.
pub(crate) fn discard(destination: &Destination<'_>, temporary: &OsStr, nodes: &[Node]) {
    if let Ok(root) = Beneath::new(destination.directory).directory(temporary) {
        for node in nodes.iter().rev() {
            let flags = if node.content.is_some() { AtFlags::empty() } else { AtFlags::REMOVEDIR };
            let (Some(parent), Some(name)) = (node.path.parent(), node.path.file_name()) else {
                continue;
            };
            if let Ok(parent) = root.descend(parent) {
                let _ = rustix::fs::unlinkat(parent.descriptor(), name, flags);
            }
        }
    }
    let _ = rustix::fs::unlinkat(destination.directory, temporary, AtFlags::REMOVEDIR);
}

/// The content of the file at `path` in the tree.
pub(crate) fn content<'a>(nodes: &'a [Node], path: &str) -> Option<&'a [u8]> {
    let found = nodes.iter().find(|node| node.path.as_os_str().as_bytes() == path.as_bytes());
    found.and_then(|node| node.content.as_deref())
}
