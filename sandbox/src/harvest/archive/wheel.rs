//! What a wheel must be beyond a well-formed zip file.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::content::{self, HEAD};
use super::installed::Place;
use super::own::{Own, Part};
use super::paths::{Kind, Names};
use super::record::{self, Hasher, Row};
use super::twins::Twins;
use super::unpack::Unpacker;
use super::zip::{self, Directory, Entry};
use super::{ArchiveError, Checked, Fault, check_unpacked, layout};
use crate::harvest::limits::Limits;
use crate::harvest::metadata;
use crate::harvest::names::Artefact;
use crate::harvest::note::{NoteKind, Notes};

/// An inspection of a wheel.
pub(super) struct Wheel<'a> {
    pub(super) artefact: &'a Artefact,
    /// Whether it claims to run on every platform.
    pub(super) any: bool,
    pub(super) limits: &'a Limits,
    pub(super) notes: &'a mut Notes,
}

impl Wheel<'_> {
    pub(super) fn inspect(
        &mut self,
        archive: &mut (impl Read + Seek),
        size: u64,
    ) -> Result<(), ArchiveError> {
        if let Some(release) = self.artefact.releases.iter().find(|release| release.is_legacy()) {
            self.notes.add(NoteKind::Legacy, &release.version);
        }
        let directory = zip::directory(archive, size, self.limits)?;
        let mut twins = Twins::new(self.limits.parts);
        let info = self.names(&directory, &mut twins)?;
        let unpacked = directory.entries.iter().map(|entry| entry.unpacked);
        check_unpacked(unpacked.fold(0, u64::saturating_add), size, self.limits)?;
        let starts = layout::check(archive, &directory)?;
        let members = Unpacker::default();
        let (directory, limits) = (&directory, self.limits);
        let mut reader = Members { archive, directory, starts, limits, unpacker: members };
        let content = reader.content(&format!("{info}/RECORD"))?;
        let rows = record::parse(&content, directory.entries.len())?;
        drop(content);
        self.contents(&mut reader, &rows, info)?;
        let name = format!("{info}/METADATA");
        let content = reader.content(&name)?;
        metadata::check(&content, |release| self.artefact.is_of(release))
            .map_err(|cause| Fault::from(cause).of(&name))?;
        reader.entry(&format!("{info}/WHEEL"))?;
        self.parts(&mut reader, info, &mut twins)
    }

    /// Checks the names against each other, and notes those that mean something once installed. Gives
    /// the directory with the metadata.
    fn names<'d>(
        &mut self,
        directory: &'d Directory,
        twins: &mut Twins,
    ) -> Result<&'d str, ArchiveError>
    where
        Self: 'd,
    {
        let mut names = Names::new(self.limits);
        let artefact = self.artefact;
        let mut own = Own::of(artefact);
        let projects = projects(artefact);
        for entry in &directory.entries {
            let name = entry.name.strip_suffix('/').unwrap_or(&entry.name);
            let kind = if entry.is_directory() { Kind::Directory } else { Kind::File };
            let mut check = || -> Result<(), Fault> {
                names.add(name, kind)?;
                let Some(place) = own.place(name)? else { return Ok(()) };
                if let Some(kind) = place.acts(&projects) {
                    self.notes.add(kind, name);
                }
                // Two names may lead to one place also by way of the schemes.
                if twins.add(&place.path(), kind == Kind::File)? {
                    self.notes.add(NoteKind::Twin, name);
                }
                Ok(())
            };
            check().map_err(|fault| fault.of(name))?;
        }
        Ok(own.info()?)
    }

    /// Checks the other files beside the metadata on which somebody acts, and notes what they do.
    fn parts<R: Read + Seek>(
        &mut self,
        reader: &mut Members<'_, R>,
        info: &str,
        twins: &mut Twins,
    ) -> Result<(), ArchiveError> {
        for (index, entry) in reader.directory.entries.iter().enumerate() {
            let name = &entry.name;
            let inner = name.strip_prefix(info).and_then(|rest| rest.strip_prefix('/'));
            let part = inner.map_or(Ok(None), Part::of).map_err(|fault| fault.of(name))?;
            let Some(part) = part else { continue };
            let content = reader.content_at(index, entry)?;
            let Checked { notes, programs } = part.check(name, &content, self.artefact)?;
            for note in notes {
                self.notes.add(note.kind, &note.member);
            }
            // An installer writes it where another member may lie.
            for program in programs {
                if twins.add(&Place::Programs(&program).path(), true)? {
                    self.notes.add(NoteKind::Twin, &format!("{name}: {program}"));
                }
            }
        }
        Ok(())
    }

    /// Unpacks every member into its hash and compares it with its row of RECORD.
    fn contents<R: Read + Seek>(
        &mut self,
        reader: &mut Members<'_, R>,
        rows: &HashMap<String, Row>,
        info: &str,
    ) -> Result<(), ArchiveError> {
        let unhashed = ["RECORD", "RECORD.jws", "RECORD.p7s"].map(|name| format!("{info}/{name}"));
        let mut listed = 0;
        for (index, entry) in reader.directory.entries.iter().enumerate() {
            let name = &entry.name;
            let row = rows.get(name);
            listed += usize::from(row.is_some());
            let exempt = entry.is_directory() || unhashed.contains(name);
            let digest = match row {
                Some(Row { hash: Some(_), .. }) => row,
                _ if exempt => None,
                Some(_) => return Err(Fault::Record("RECORD has no hash of it").of(name)),
                None => return Err(Fault::Record("RECORD does not list it").of(name)),
            };
            self.content(reader, index, digest).map_err(|fault| fault.of(name))?;
        }
        if listed == rows.len() {
            return Ok(());
        }
        let members: std::collections::HashSet<&str> =
            reader.directory.entries.iter().map(|entry| entry.name.as_str()).collect();
        let missing = rows.keys().find(|name| !members.contains(name.as_str()));
        Err(Fault::Record("RECORD lists it, but it is not there")
            .of(missing.map_or("RECORD", String::as_str)))
    }

    fn content<R: Read + Seek>(
        &mut self,
        reader: &mut Members<'_, R>,
        index: usize,
        row: Option<&Row>,
    ) -> Result<(), Fault> {
        let Some(entry) = reader.directory.entries.get(index) else { return Ok(()) };
        if entry.is_directory() && entry.unpacked != 0 {
            return Err(Fault::Type("a directory with content"));
        }
        let expected = row.and_then(|row| row.hash.as_ref());
        let mut hash = expected.and_then(|(name, _)| Hasher::new(name));
        if expected.is_some() && hash.is_none() {
            return Err(Fault::Record("RECORD has a hash of it that is weaker than SHA-256"));
        }
        let mut head = Vec::new();
        reader.unpack(index, &mut |piece| {
            if let Some(hash) = &mut hash {
                hash.update(piece);
            }
            head.extend(piece.iter().take(HEAD.saturating_sub(head.len())));
        })?;
        let digest = hash.map(Hasher::digest);
        if digest.as_ref() != expected.map(|(_, digest)| digest) {
            return Err(Fault::Record("RECORD has another hash of it"));
        }
        if row.and_then(|row| row.size).is_some_and(|size| size != entry.unpacked) {
            return Err(Fault::Record("RECORD has another size of it"));
        }
        if content::is_archive(&entry.name, &head) {
            self.notes.add(NoteKind::Nested, &entry.name);
        }
        if self.any && content::is_native(&head) {
            self.notes.add(NoteKind::Native, &entry.name);
        }
        Ok(())
    }
}

/// The names of the project, which may bring programs of its own.
fn projects(artefact: &Artefact) -> Vec<&str> {
    artefact.releases.iter().map(|release| release.project.as_str()).collect()
}

/// The members of a wheel whose layout is checked.
struct Members<'a, R> {
    archive: &'a mut R,
    directory: &'a Directory,
    /// Where the data of each entry starts.
    starts: Vec<u64>,
    limits: &'a Limits,
    unpacker: Unpacker,
}

impl<'a, R: Read + Seek> Members<'a, R> {
    fn unpack(&mut self, index: usize, take: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        match (self.directory.entries.get(index), self.starts.get(index)) {
            (Some(entry), Some(start)) => self.unpacker.unpack(self.archive, entry, *start, take),
            _ => Ok(()),
        }
    }

    /// The metadata file `name`, with its place in the list of members.
    fn entry(&self, name: &str) -> Result<(usize, &'a Entry), ArchiveError> {
        let found = |(_, entry): &(usize, &Entry)| entry.name == name;
        let mut entries = self.directory.entries.iter().enumerate();
        entries.find(found).ok_or_else(|| Fault::Layout("it is missing").of(name))
    }

    /// Its whole content.
    fn content(&mut self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let (index, entry) = self.entry(name)?;
        self.content_at(index, entry)
    }

    /// The same of the entry at `index`.
    fn content_at(&mut self, index: usize, entry: &Entry) -> Result<Vec<u8>, ArchiveError> {
        let (name, limit) = (&entry.name, self.limits.metadata_bytes);
        if entry.unpacked > limit {
            return Err(Fault::TooLarge { unpacked: entry.unpacked, limit }.of(name));
        }
        let mut content = Vec::new();
        self.unpack(index, &mut |piece| content.extend_from_slice(piece))
            .map_err(|fault| fault.of(name))?;
        Ok(content)
    }
}
