//! Copying the one product of a hook from staging to the caller.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::archive;
use super::limits::Limits;
use super::metadata::{self, MetadataError};
use super::names::{Artefact, Form};
use super::note::{MOST_OF_A_KIND, Note, NoteKind};
use super::publish::{Destination, Draft};
use super::refused::{Refused, Why};
use super::returned::Return;
use super::tree;
use crate::pep517::Beneath;

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

/// Copies the product that `returned` names from `staging` to `destination`.
///
/// A wheel or sdist is copied to a file without a name, inspected there, and named last; a
/// `.dist-info` tree is read into memory, checked, and written. Whatever else lies in the staging
/// directory is noted and stays. With `strict`, artefacts that run code when they are installed
/// are refused; every editable wheel is one. A hook whose answer names no file hands nothing over.
///
/// The name must be exactly the one that the hook returned: a front end opens it by that name.
///
/// # Errors
/// When the product is missing, no plain file or tree, too large, or not what its name says.
pub fn collect(
    returned: &Return,
    staging: BorrowedFd<'_>,
    destination: &Destination<'_>,
    limits: &Limits,
    strict: bool,
) -> Result<Harvest, Refused> {
    let staging = Beneath::new(staging);
    let Some((name, artefact)) = returned.file() else { return Ok(Harvest::default()) };
    let file = OsStr::new(name);
    let mut notes = left_behind(&staging, file, limits)?;
    let files = if artefact.form == Form::DistInfo {
        copy_tree(&staging, file, artefact, destination, limits)?
    } else {
        let mut copy =
            copy_file(&staging, file, destination, limits).map_err(|why| why.refuse(file))?;
        let found = archive::inspect(copy.draft.file(), artefact, limits)
            .map_err(|cause| Why::Archive(cause).refuse(file))?;
        if let Some(note) = found.iter().find(|note| strict && note.kind.is_refused_when_strict()) {
            return Err(Why::Strict(note.clone()).refuse(file));
        }
        notes.extend(found);
        copy.draft.publish(file).map_err(|cause| Why::Write(cause).refuse(file))?;
        vec![Harvested { path: file.into(), size: copy.size, sha256: copy.sha256 }]
    };
    Ok(Harvest { files, notes })
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

fn copy_file<'a>(
    staging: &Beneath<BorrowedFd<'_>>,
    name: &OsStr,
    destination: &Destination<'a>,
    limits: &Limits,
) -> Result<Copy<'a>, Why> {
    let (file, metadata) = staging.file(name, limits.artefact_bytes)?;
    let mut draft = Draft::create(destination).map_err(Why::Write)?;
    let mut hash = Sha256::new();
    let mut source = file.take(limits.artefact_bytes);
    let mut buffer = vec![0; 128 << 10];
    let mut size = 0;
    loop {
        let count = source.read(&mut buffer).map_err(Why::Read)?;
        let chunk = buffer.get(..count).unwrap_or_default();
        if chunk.is_empty() {
            break;
        }
        hash.update(chunk);
        draft.file().write_all(chunk).map_err(Why::Write)?;
        size += u64::try_from(count).unwrap_or(u64::MAX);
    }
    if size != metadata.len() {
        return Err(Why::Changed { expected: metadata.len(), found: size });
    }
    Ok(Copy { draft, size, sha256: hex(&hash.finalize()) })
}

fn copy_tree(
    staging: &Beneath<BorrowedFd<'_>>,
    name: &OsStr,
    artefact: &Artefact,
    destination: &Destination<'_>,
    limits: &Limits,
) -> Result<Vec<Harvested>, Refused> {
    let nodes = tree::read(staging, name, limits)?;
    let root = PathBuf::from(name);
    let refuse = |why: MetadataError| Why::from(why).refuse(root.join("METADATA").as_os_str());
    let content = tree::content(&nodes, "METADATA").ok_or_else(|| {
        Why::Open(crate::pep517::OpenError::Missing).refuse(root.join("METADATA").as_os_str())
    })?;
    metadata::check(content, |release| artefact.is_of(release)).map_err(refuse)?;
    tree::write(destination, name, &nodes).map_err(|cause| Why::Write(cause).refuse(name))?;
    let harvested = |node: tree::Node| {
        let content = node.content?;
        Some(Harvested {
            path: root.join(node.path),
            size: u64::try_from(content.len()).unwrap_or(u64::MAX),
            sha256: hex(&Sha256::digest(&content)),
        })
    };
    Ok(nodes.into_iter().filter_map(harvested).collect())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
