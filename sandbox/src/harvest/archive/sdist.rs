//! What an sdist must be: one gzip member holding one tar file of one directory.
//!
//! Links are accepted where they cannot leave: real sdists ship symbolic links between their own
//! files. A link's target is relative, stays within the top directory and passes through no other
//! link; no member lies beneath a link; a hard link names an earlier plain file. Then unpacking
//! in any order by any tool writes only beneath the top directory. All links are noted.
#![forbid(unsafe_code)]

use std::io::{BufRead as _, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::content::{self, HEAD};
use super::member::{self, Names};
use super::tar::{Kind, Member, Reader};
use super::{ArchiveError, Fault};
use crate::harvest::limits::Limits;
use crate::harvest::metadata;
use crate::harvest::names::Artefact;
use crate::harvest::note::{NoteKind, Notes};

const METADATA: &str = "PKG-INFO";

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
        names: Names::default(),
        top: None,
        metadata: None,
        links: Vec::new(),
    };
    sdist.members()?;
    sdist.finish()?;
    // Some readers stop at the end of the first gzip member, others go on.
    let mut rest = unzipped.into_inner();
    if !rest.fill_buf().map_err(Fault::from)?.is_empty() {
        return Err(Fault::Structure("there are bytes behind its compressed data").into());
    }
    Ok(())
}

struct Sdist<'a, R> {
    tar: Reader<'a, R>,
    artefact: &'a Artefact,
    limits: &'a Limits,
    notes: &'a mut Notes,
    names: Names,
    top: Option<String>,
    metadata: Option<Vec<u8>>,
    /// Symbolic links with their targets.
    links: Vec<(String, String)>,
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
        match &member.kind {
            Kind::Directory => {
                self.names.add(&member.name, member::Kind::Directory, self.notes)?;
            }
            Kind::Symlink(target) => {
                self.names.add(&member.name, member::Kind::Link, self.notes)?;
                self.notes.add(NoteKind::Link, &member.name);
                self.links.push((member.name.clone(), target.clone()));
            }
            Kind::HardLink(target) => {
                if self.names.kind(target) != Some(member::Kind::File) {
                    return Err(Fault::Link(target.clone()));
                }
                self.names.add(&member.name, member::Kind::File, self.notes)?;
                self.notes.add(NoteKind::Link, &member.name);
            }
            Kind::File => {
                self.names.add(&member.name, member::Kind::File, self.notes)?;
                self.file(member)?;
            }
        }
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
            self.metadata = Some(kept);
        }
        if content::is_archive(&member.name, &head) {
            self.notes.add(NoteKind::Nested, &member.name);
        }
        Ok(())
    }

    /// Checks what can only be told when all members are known.
    fn finish(&self) -> Result<(), ArchiveError> {
        if let Some(name) = self.names.beneath_a_file() {
            return Err(Fault::Duplicate.of(name));
        }
        for (name, target) in &self.links {
            self.link(name, target).ok_or_else(|| Fault::Link(target.clone()).of(name))?;
        }
        let content =
            self.metadata.as_ref().ok_or_else(|| Fault::Layout("it is missing").of(METADATA))?;
        metadata::check(content, |release| self.artefact.is_of(release))
            .map_err(|cause| Fault::from(cause).of(METADATA))
    }

    /// Follows the target of a link from the link's directory; `None` when it leaves the top
    /// directory or passes through another link.
    fn link(&self, name: &str, target: &str) -> Option<()> {
        let absolute = target.starts_with('/') || target.as_bytes().get(1) == Some(&b':');
        let odd = target.chars().any(|it| it == '\\' || it.is_control());
        if target.is_empty() || absolute || odd {
            return None;
        }
        let mut here: Vec<&str> = name.split('/').collect();
        here.pop();
        let mut components = target.split('/').peekable();
        while let Some(component) = components.next() {
            match component {
                "" | "." => continue,
                ".." => {
                    here.pop();
                }
                _ => here.push(component),
            }
            if here.is_empty() {
                return None;
            }
            let last = components.peek().is_none();
            if !last && self.names.kind(&here.join("/")) == Some(member::Kind::Link) {
                return None;
            }
        }
        Some(())
    }
}
