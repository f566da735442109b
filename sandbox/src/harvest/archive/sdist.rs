//! What an sdist must be: one gzip member holding one tar file of one directory.
//!
//! Links are accepted where they cannot leave: real sdists ship symbolic links between their own
//! files. A link's target is relative, stays within the top directory and passes through no other
//! link; no member lies beneath a link; a hard link names an earlier plain file. Then unpacking
//! in any order by any tool writes only beneath the top directory. All links are noted.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::io::{BufRead as _, BufReader, Read};

use flate2::bufread::GzDecoder;
use sha2::{Digest as _, Sha256};

use super::content::{self, HEAD};
use super::paths::{Kind as Is, Names};
use super::tar::{ENDS_WITHIN, Kind, Member, Reader};
use super::twins::Twins;
use super::{ArchiveError, Fault};
use crate::harvest::limits::Limits;
use crate::harvest::metadata;
use crate::harvest::names::Artefact;
use crate::harvest::note::{NoteKind, Notes};
use crate::policy::files::USER;

const METADATA: &str = "PKG-INFO";

/// RFC 1952 lets a file have as many as it likes (section 2.2).
const SEVERAL: Fault = Fault::Structure(
    "it is made of several gzip members, of which some readers take the first alone; compress it in \
     one go",
);

/// Checks an sdist of `size` bytes.
pub(super) fn inspect(
    archive: &mut impl Read,
    size: u64,
    artefact: &Artefact,
    limits: &Limits,
    notes: &mut Notes,
) -> Result<(), ArchiveError> {
    let mut unzipped = GzDecoder::new(BufReader::new(archive));
    let tar = Reader::new(&mut unzipped, size, limits);
    let mut sdist = Sdist {
        tar,
        artefact,
        limits,
        notes,
        names: Names::new(limits),
        twins: Twins::new(limits.parts),
        top: None,
        metadata: None,
        linked: false,
        links: Vec::new(),
        links_bytes: 0,
        is_the_builds: false,
    };
    let read = sdist.members().and_then(|()| sdist.finish());
    let whole = match &read {
        Ok(()) => true,
        Err(ArchiveError { fault: Fault::Structure(ENDS_WITHIN), .. }) => false,
        Err(_) => return read,
    };
    if whole {
        header(&unzipped)?;
    }
    // Some readers stop at the end of the first gzip member, others go on.
    let mut rest = unzipped.into_inner();
    match rest.fill_buf().map_err(Fault::from)? {
        [0x1f, 0x8b, ..] => Err(SEVERAL.into()),
        [_, ..] if whole => {
            Err(Fault::Structure("there are bytes behind its compressed data").into())
        }
        _ => read,
    }
}

/// Checks what stands before the compressed data: at most the name that the file once had. Extra
/// fields and comments may be of any length and hold anything.
fn header<R>(unzipped: &GzDecoder<R>) -> Result<(), Fault> {
    const MOST_BYTES: usize = 1024;
    let header = unzipped.header().ok_or(Fault::Structure("its compressed data has no header"))?;
    if header.extra().is_some() || header.comment().is_some() {
        return Err(Fault::Structure("its compressed data has an extra field or a comment"));
    }
    let name = header.filename().unwrap_or_default();
    if name.len() > MOST_BYTES || name.iter().any(u8::is_ascii_control) {
        return Err(Fault::Structure("the name in its compressed data is none"));
    }
    Ok(())
}

struct Sdist<'a, R> {
    tar: Reader<'a, R>,
    artefact: &'a Artefact,
    limits: &'a Limits,
    notes: &'a mut Notes,
    names: Names,
    twins: Twins,
    top: Option<String>,
    /// The digest of the last metadata.
    metadata: Option<[u8; 32]>,
    /// Whether a hard link names the metadata.
    linked: bool,
    /// Symbolic links with their targets.
    links: Vec<(String, String)>,
    /// How long these are together.
    links_bytes: usize,
    /// Whether a member has been seen that says it belongs to the user inside.
    is_the_builds: bool,
}

impl<R: Read> Sdist<'_, R> {
    fn members(&mut self) -> Result<(), ArchiveError> {
        while let Some(member) = self.tar.member()? {
            if self.names.len() == self.limits.members {
                return Err(Fault::TooMany { limit: self.limits.members }.into());
            }
            self.member(&member).map_err(|fault| fault.of(&member.name))?;
        }
        Ok(())
    }

    fn member(&mut self, member: &Member) -> Result<(), Fault> {
        self.in_top(&member.name)?;
        if member.user == USER.as_bytes() && !self.is_the_builds {
            self.is_the_builds = true;
            self.notes.add(NoteKind::Owner, &member.name);
        }
        match &member.kind {
            Kind::Directory => self.name(&member.name, Is::Directory)?,
            Kind::Symlink(target) => {
                self.name(&member.name, Is::Link)?;
                self.notes.add(NoteKind::Link, &member.name);
                self.keep(&member.name, target)?;
            }
            Kind::HardLink(target) => {
                if self.names.kind(target) != Some(Is::File) {
                    return Err(Fault::Link(target.clone()));
                }
                self.name(&member.name, Is::File)?;
                self.linked |= target.split_once('/').is_some_and(|(_, inner)| inner == METADATA);
                self.notes.add(NoteKind::Link, &member.name);
            }
            Kind::File => self.file(member)?,
        }
        Ok(())
    }

    /// Adds a name to those of the archive.
    fn name(&mut self, name: &str, kind: Is) -> Result<(), Fault> {
        self.names.add(name, kind)?;
        if self.twins.add(name, kind != Is::Directory)? {
            self.notes.add(NoteKind::Twin, name);
        }
        Ok(())
    }

    /// Keeps a symbolic link until all members are known.
    fn keep(&mut self, name: &str, target: &str) -> Result<(), Fault> {
        self.links_bytes = self.links_bytes.saturating_add(name.len() + target.len());
        let limit = self.limits.links_bytes;
        if self.links_bytes > limit {
            return Err(Fault::Beyond { what: "the list of its links", limit, unit: "bytes" });
        }
        self.links.push((name.to_owned(), target.to_owned()));
        Ok(())
    }

    /// Every member lies in the one directory that is named as the file is.
    fn in_top(&mut self, name: &str) -> Result<(), Fault> {
        let first = name.split('/').next().unwrap_or_default();
        if let Some(top) = &self.top {
            return if top == first {
                Ok(())
            } else {
                Err(Fault::Layout("it lies outside of the sdist's one top directory"))
            };
        }
        let own = Artefact::sdist(&format!("{first}.tar.gz"))
            .is_ok_and(|it| it.releases.iter().any(|release| self.artefact.is_of(release)));
        if !own {
            return Err(Fault::Layout("the top directory is not named as the sdist is"));
        }
        self.top = Some(first.to_owned());
        Ok(())
    }

    fn file(&mut self, member: &Member) -> Result<(), Fault> {
        let inner = member.name.split_once('/').map_or("", |(_, inner)| inner);
        let limit = self.limits.metadata_bytes;
        let is_metadata = inner == METADATA;
        if inner.is_empty() {
            return Err(Fault::Layout("the top directory is a file"));
        }
        // Of an unpacked sdist hatchling makes one with two: the tree's own and the one that it
        // writes. Whoever reads it takes the last, and each of them is held against the name.
        if !is_metadata || self.metadata.is_none() {
            self.name(&member.name, Is::File)?;
        } else if self.linked {
            // Some write it through the link, others put it in the place of that.
            return Err(Fault::Duplicate);
        }
        if is_metadata && member.size > limit {
            return Err(Fault::TooLarge { unpacked: member.size, limit });
        }
        let (mut head, mut kept) = (Vec::new(), Vec::new());
        self.tar.data(member.size, &mut |piece| {
            head.extend(piece.iter().take(HEAD.saturating_sub(head.len())));
            if is_metadata {
                kept.extend_from_slice(piece);
            }
        })?;
        if is_metadata {
            // Of several readings of its name the metadata say which is meant.
            let legacy = Cell::new(None);
            metadata::check(&kept, |release| {
                legacy.set(release.is_legacy().then(|| release.version.clone()));
                self.artefact.is_of(release)
            })?;
            if let Some(version) = legacy.take().filter(|_| self.metadata.is_none()) {
                self.notes.add(NoteKind::Legacy, &version);
            }
            let digest = Sha256::digest(&kept).into();
            if self.metadata.replace(digest).is_some_and(|before| before != digest) {
                self.notes.add(NoteKind::Twice, &member.name);
            }
        }
        if content::is_archive(&member.name, &head) {
            self.notes.add(NoteKind::Nested, &member.name);
        }
        Ok(())
    }

    /// Checks what can only be told when all members are known.
    fn finish(&self) -> Result<(), ArchiveError> {
        for (name, target) in &self.links {
            if !self.stays_within(name, target) {
                return Err(Fault::Link(target.clone()).of(name));
            }
        }
        match self.metadata {
            Some(_) => Ok(()),
            None => Err(Fault::Layout("it is missing").of(METADATA)),
        }
    }

    /// Whether a link stays within the top directory and passes through no other link.
    fn stays_within(&self, name: &str, target: &str) -> bool {
        let absolute = target.starts_with('/') || target.as_bytes().get(1) == Some(&b':');
        let odd = target.chars().any(|it| it == '\\' || it.is_control());
        !target.is_empty() && !absolute && !odd && self.names.stays_within(name, target)
    }
}
