//! Copying the one product of a hook from staging to the caller.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::answer::Return;
use super::archive::{ArchiveError, Part};
use super::expected::Expected;
use super::limits::Limits;
use super::names::{Artefact, Form};
use super::note::{MOST_OF_A_KIND, Note, NoteKind};
use super::origin::Origin;
use super::publish::{Destination, Draft, Replacing};
use super::question::{Inspector, Opinion, Question};
use super::refused::{Refused, Why};
use super::tree;
use crate::paths::{Beneath, OpenError};
use crate::plain::hex;
use crate::scratch::{GoOn, each_part};

/// What was handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Harvest {
    /// The files, as they now are in the caller's directory.
    pub files: Vec<Harvested>,
    /// What is remarkable about them, and what was left behind.
    pub notes: Vec<Note>,
}

/// A file that was handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Harvested {
    /// Its path in the caller's directory.
    pub path: PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// The SHA-256 of what was written, in hexadecimal.
    pub sha256: String,
}

/// What a caller wishes of what is handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// What it asked for; anything where that is not given.
    pub expected: Option<Expected>,
    /// Artefacts that act on whoever installs them are refused.
    pub strict: bool,
    /// What had the name before may be replaced, also where nothing is expected.
    pub replace: bool,
    /// Names may be one on other file systems.
    pub twins: bool,
    /// The source tree, of which an earlier build may be replaced.
    pub origin: Option<Origin>,
}

impl Wishes {
    /// What had a name before and may be replaced: who says what it expects has said of which
    /// release that is.
    fn replacing(&self) -> Replacing {
        let anything = self.replace || self.expected.is_some();
        Replacing { anything, origin: self.origin.clone() }
    }
}

/// What is ready to be handed over: nothing of it is to be seen in the caller's directory yet.
#[must_use]
pub struct Collected<'a> {
    product: Option<(OsString, Product<'a>)>,
    /// What had its name before and may be replaced.
    replacing: Replacing,
    harvest: Harvest,
}

enum Product<'a> {
    File(Draft<'a>),
    Tree(Destination<'a>, Vec<tree::Node>),
}

impl Collected<'_> {
    /// The name that the product gets, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&OsStr> {
        self.product.as_ref().map(|(name, _)| name.as_os_str())
    }

    /// Gives the product its name, and does what is to be done when it has it. Where that fails the
    /// product is taken back: nobody is told of it.
    ///
    /// # Errors
    /// When it cannot be written or named there, and those of `and_then`.
    pub fn publish<E: From<Refused>>(
        self,
        and_then: impl FnOnce(&Harvest) -> Result<(), E>,
    ) -> Result<Harvest, E> {
        let harvest = self.harvest;
        let Some((name, product)) = self.product else {
            and_then(&harvest)?;
            return Ok(harvest);
        };
        let failed = |cause: io::Error| written(cause).refuse(&name);
        match product {
            Product::File(draft) => {
                let place = draft.place().map_err(failed)?;
                draft.publish(&name, &self.replacing).map_err(failed)?;
                and_then(&harvest).inspect_err(|_| place.take_back(&name))?;
            }
            Product::Tree(destination, nodes) => {
                let replace = self.replacing.anything;
                tree::write(&destination, &name, &nodes, replace).map_err(failed)?;
                and_then(&harvest).inspect_err(|_| tree::discard(&destination, &name, &nodes))?;
            }
        }
        Ok(harvest)
    }
}

/// Copies the product that `returned` names from `staging` to `destination`, without its name.
///
/// A wheel or sdist is looked into by `inspector` before it costs any disk of the caller's, then
/// copied to a file without a name; what is copied must be what was looked into. A `.dist-info` tree
/// is read into memory. Whatever else lies in the staging directory is noted and stays. A hook whose answer names no
/// file hands nothing over.
///
/// The name must be exactly the one that the hook returned: a front end opens it by that name.
///
/// # Errors
/// When the product is missing, no plain file or tree, too large, or not what its name says.
pub fn collect<'a>(
    returned: &Return,
    staging: BorrowedFd<'_>,
    destination: &Destination<'a>,
    (limits, wishes): (&Limits, &Wishes),
    inspector: &mut dyn Inspector,
) -> Result<Collected<'a>, Refused> {
    let staging = Beneath::new(staging);
    let Some((name, artefact)) = returned.file() else {
        return Ok(Collected {
            product: None,
            replacing: Replacing::default(),
            harvest: Harvest::default(),
        });
    };
    let file = OsStr::new(name);
    let mut notes = left_behind(&staging, file, limits)?;
    let (product, files) = if artefact.form == Form::DistInfo {
        let (tree, found) = copy_tree(&staging, (name, artefact), (limits, wishes), inspector)?;
        notes.extend(found.notes);
        (Product::Tree(*destination, tree), found.files)
    } else {
        let question = Question::Archive(returned.hook, name.clone(), artefact.releases.clone());
        let mut take = || -> Result<_, Why> {
            let (opened, size) = open_file(&staging, file, limits)?;
            let (found, digest) = match inspector.ask(&question, opened.as_fd())? {
                Opinion::Archive(found, digest) => (found, digest),
                Opinion::Refused(why) => return Err(Why::Found(why)),
                _ => return Err(Why::Inspector("answers another question".to_owned())),
            };
            refuse_notes(&found, wishes)?;
            let copy = copy_file(&opened, size, destination, inspector)?;
            if copy.sha256 != hex(&digest) {
                return Err(Why::Exchanged);
            }
            Ok((copy, found))
        };
        let (copy, found) = take().map_err(|why| why.refuse(file))?;
        notes.extend(found);
        let files = vec![Harvested { path: file.into(), size: copy.size, sha256: copy.sha256 }];
        (Product::File(copy.draft), files)
    };
    let product = Some((file.to_owned(), product));
    let replacing = wishes.replacing();
    Ok(Collected { product, replacing, harvest: Harvest { files, notes } })
}

/// Whether one of the notes is a reason to refuse the artefact.
fn refuse_notes(notes: &[Note], wishes: &Wishes) -> Result<(), Why> {
    let twins = notes.iter().find(|note| !wishes.twins && note.kind == NoteKind::Twin);
    let strict = notes.iter().find(|note| wishes.strict && note.kind.is_refused_when_strict());
    match (twins, strict) {
        (Some(note), _) => Err(Why::Twin(note.clone())),
        (None, Some(note)) => Err(Why::Strict(note.clone())),
        (None, None) => Ok(()),
    }
}

/// Why something cannot be written under its name.
fn written(cause: io::Error) -> Why {
    match cause.kind() {
        io::ErrorKind::AlreadyExists => Why::Exists,
        _ => Why::Write(cause),
    }
}

fn left_behind(
    staging: &Beneath<BorrowedFd<'_>>,
    product: &OsStr,
    limits: &Limits,
) -> Result<Vec<Note>, Refused> {
    let here = OsStr::new(".");
    let limit = limits.entries;
    let names =
        staging.names(limit.saturating_add(1)).map_err(|cause| Why::from(cause).refuse(here))?;
    let names = names.ok_or_else(|| Why::TooMany { limit }.refuse(here))?;
    let others = names.iter().filter(|name| *name != product).take(MOST_OF_A_KIND);
    let note = |name: &std::ffi::OsString| Note {
        kind: NoteKind::LeftBehind,
        member: name.to_string_lossy().into_owned(),
    };
    Ok(others.map(note).collect())
}

struct Copy<'a> {
    draft: Draft<'a>,
    size: u64,
    sha256: String,
}

/// Opens the file `name`, of which no byte has been read yet.
fn open_file(
    staging: &Beneath<BorrowedFd<'_>>,
    name: &OsStr,
    limits: &Limits,
) -> Result<(File, u64), Why> {
    let limit = limits.artefact_bytes;
    match staging.file(name, limit) {
        Err(OpenError::TooLarge { size, limit }) => Err(Why::TooMuch { size, limit }),
        opened => Ok(opened.map(|(file, metadata)| (file, metadata.len()))?),
    }
}

/// Copies `file`, of `size` bytes, and hashes it meanwhile. Its holes are hashed and not written.
fn copy_file<'a>(
    file: &File,
    size: u64,
    destination: &Destination<'a>,
    inspector: &mut dyn Inspector,
) -> Result<Copy<'a>, Why> {
    let mut copying = Copying {
        draft: Draft::create(destination).map_err(Why::Write)?,
        hash: Sha256::new(),
        buffer: vec![0; 128 << 10],
        at: 0,
    };
    each_part(file.as_fd(), &mut |start, length| {
        copying.part(file, start, length, &mut || inspector.goes_on())
    })?;
    copying.hole(size, &mut || inspector.goes_on())?;
    let Copying { mut draft, hash, at, .. } = copying;
    if at != size {
        return Err(Why::Changed { expected: size, found: at });
    }
    draft.file().set_len(size).map_err(Why::Write)?;
    Ok(Copy { draft, size, sha256: hex(&hash.finalize()) })
}

/// A copy that is being made.
struct Copying<'a> {
    draft: Draft<'a>,
    hash: Sha256,
    buffer: Vec<u8>,
    /// How far it has come.
    at: u64,
}

impl Copying<'_> {
    /// Copies what is from `start` on, behind a hole if there is one.
    fn part(
        &mut self,
        file: &File,
        start: u64,
        length: u64,
        go_on: &mut GoOn<'_>,
    ) -> Result<(), Why> {
        self.hole(start, go_on)?;
        let end = start.saturating_add(length);
        while self.at < end {
            if !go_on() {
                return Err(Why::Interrupted);
            }
            let left = usize::try_from(end - self.at).unwrap_or(usize::MAX);
            let piece = self.buffer.len().min(left);
            let piece = self.buffer.get_mut(..piece).unwrap_or_default();
            let count = file.read_at(piece, self.at).map_err(Why::Read)?;
            let piece = piece.get(..count).unwrap_or_default();
            if piece.is_empty() {
                break;
            }
            self.hash.update(piece);
            self.draft.file().write_all_at(piece, self.at).map_err(Why::Write)?;
            self.at += u64::try_from(count).unwrap_or(0);
        }
        Ok(())
    }

    /// Passes over a hole that ends at `end`, which is read as zeros.
    fn hole(&mut self, end: u64, go_on: &mut GoOn<'_>) -> Result<(), Why> {
        self.buffer.fill(0);
        while self.at < end {
            if !go_on() {
                return Err(Why::Interrupted);
            }
            let left = usize::try_from(end - self.at).unwrap_or(usize::MAX);
            let zeros = self.buffer.get(..self.buffer.len().min(left)).unwrap_or_default();
            self.hash.update(zeros);
            self.at += u64::try_from(zeros.len()).unwrap_or(0);
        }
        Ok(())
    }
}

fn copy_tree(
    staging: &Beneath<BorrowedFd<'_>>,
    (text, artefact): (&str, &Artefact),
    (limits, wishes): (&Limits, &Wishes),
    inspector: &mut dyn Inspector,
) -> Result<(Vec<tree::Node>, Harvest), Refused> {
    let name = OsStr::new(text);
    let (nodes, mut found) = tree::read(staging, name, limits)?;
    let root = PathBuf::from(name);
    let mut check = |file: &str, question: &Question| -> Result<Vec<Note>, Why> {
        let directory = staging.directory(name)?;
        let (opened, _) = directory.file(OsStr::new(file), limits.metadata_bytes)?;
        let (seen, digest) = match (question, inspector.ask(question, opened.as_fd())?) {
            (Question::Metadata(..), Opinion::Metadata(digest)) => (Vec::new(), digest),
            (Question::Part(..), Opinion::Archive(seen, digest)) => (seen, digest),
            (_, Opinion::Refused(why)) => return Err(Why::Found(why)),
            _ => return Err(Why::Inspector("answers another question".to_owned())),
        };
        let content = tree::content(&nodes, file).ok_or(Why::Exchanged)?;
        let same = <[u8; 32]>::from(Sha256::digest(content)) == digest;
        if same { Ok(seen) } else { Err(Why::Exchanged) }
    };
    let mut asked = |file: &str, question: Question| {
        check(file, &question).map_err(|why| why.refuse(root.join(file).as_os_str()))
    };
    asked("METADATA", Question::Metadata(text.to_owned(), artefact.releases.clone()))?;
    for file in nodes.iter().filter_map(|node| node.path.to_str()) {
        let part = Part::of(file).map_err(|fault| {
            Why::from(ArchiveError::from(fault)).refuse(root.join(file).as_os_str())
        })?;
        if part.is_some() {
            let question = Question::Part(file.to_owned(), artefact.releases.clone());
            found.extend(asked(file, question)?);
        }
    }
    refuse_notes(&found, wishes).map_err(|why| why.refuse(name))?;
    let harvested = |node: &tree::Node| {
        let content = node.content.as_ref()?;
        Some(Harvested {
            path: root.join(&node.path),
            size: u64::try_from(content.len()).unwrap_or(u64::MAX),
            sha256: hex(&Sha256::digest(content)),
        })
    };
    let files = nodes.iter().filter_map(harvested).collect();
    Ok((nodes, Harvest { files, notes: found }))
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
