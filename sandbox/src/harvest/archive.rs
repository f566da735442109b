//! Looking into a wheel or sdist without unpacking it.
//!
//! The danger is less a strange archive than two readers that disagree about it: one checks, the
//! other installs. So the structures are read here by hand, in the one form that every reader
//! understands alike, and whatever leaves room for a second reading is refused: a comment behind
//! which another directory could hide, a local header that differs from the central one, bytes
//! that belong to no member, a name in a second encoding.
//!
//! Nothing is written and little is held in memory: members are unpacked into a hash.
#![forbid(unsafe_code)]

mod content;
mod entry_points;
mod environment;
mod fields;
mod installed;
mod layout;
mod member;
mod modules;
mod own;
mod paths;
mod pax;
mod programs;
mod project_names;
mod record;
mod sdist;
mod shared;
mod tar;
mod tar_fields;
mod twins;
mod unpack;
mod wheel;
mod zip;

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};

use super::build_info;
use super::limits::Limits;
use super::metadata_error::MetadataError;
use super::names::{Artefact, Form, Release};
use super::note::{Note, NoteKind, Notes};
pub use member::NameFault;
pub(super) use member::check as check_name;
pub(super) use own::Part;
pub(super) use twins::Twins;

/// Why an archive is refused.
#[derive(Debug, thiserror::Error)]
#[error("{}{fault}", place(.member.as_deref()))]
pub struct ArchiveError {
    /// The member that it is about, if it is about one.
    pub member: Option<String>,
    /// What is wrong.
    pub fault: Fault,
}

fn place(member: Option<&str>) -> String {
    member.map(|name| format!("its member {name:?}: ")).unwrap_or_default()
}

/// What can be wrong with an archive or a member of one.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Its structure is broken, or has more than one reading.
    #[error("{0}")]
    Structure(&'static str),
    /// A member's name could lead elsewhere.
    #[error("{0}")]
    Name(#[from] NameFault),
    /// Two members have the same name, or one stands where the other has a directory.
    #[error("another member has the same name, or one of them is a file and the other lies in it")]
    Duplicate,
    /// A member is neither a file nor a directory.
    #[error("it is {0}; only plain files and directories are accepted")]
    Type(&'static str),
    /// A link of an sdist leads out of it, or through another link.
    #[error("it links to {0:?}, which does not stay plainly within the archive")]
    Link(String),
    /// A member has a set-user-id or set-group-id bit.
    #[error("its mode {0:04o} would give it another user's rights")]
    SetId(u32),
    /// Something has no natural end, and goes beyond what any honest archive needs.
    #[error("{what} has more than {limit} {unit}")]
    Beyond {
        /// What.
        what: &'static str,
        /// The limit.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// There are too many members.
    #[error("it has more than {limit} members")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// It would unpack to too much.
    #[error("it unpacks to {unpacked} bytes, more than {limit}")]
    TooLarge {
        /// How much is known of.
        unpacked: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// RECORD and content disagree.
    #[error("{0}")]
    Record(&'static str),
    /// A directory that must be the release's own is not.
    #[error("{0}")]
    Layout(&'static str),
    /// Its metadata is malformed or of another release.
    #[error("{0}")]
    Metadata(#[from] MetadataError),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl Fault {
    /// The error about `member`.
    fn of(self, member: &str) -> ArchiveError {
        ArchiveError { member: Some(member.to_owned()), fault: self }
    }
}

impl From<Fault> for ArchiveError {
    fn from(fault: Fault) -> Self {
        Self { member: None, fault }
    }
}

/// Checks that `archive` is what its name says, and tells what is remarkable about it.
///
/// # Errors
/// When it is malformed, ambiguous, dangerous to unpack, or of another release.
pub fn inspect(
    archive: &mut (impl Read + Seek),
    artefact: &Artefact,
    limits: &Limits,
) -> Result<Vec<Note>, ArchiveError> {
    let mut notes = Notes::default();
    let size = archive.seek(SeekFrom::End(0)).map_err(Fault::from)?;
    archive.seek(SeekFrom::Start(0)).map_err(Fault::from)?;
    match artefact.form {
        Form::Wheel { any } => {
            wheel::Wheel { artefact, any, limits, notes: &mut notes }.inspect(archive, size)?;
        }
        Form::Sdist => sdist::inspect(archive, size, artefact, limits, &mut notes)?,
        Form::DistInfo => return Err(Fault::Structure("it is a directory, not an archive").into()),
    }
    Ok(notes.into())
}

/// The notes about the file `name` of the metadata directory of one of `releases`.
///
/// # Errors
/// When readers could differ about it, a program of it would lie elsewhere, or only an installer writes
/// such a file.
pub fn part(name: &str, content: &[u8], releases: &[Release]) -> Result<Vec<Note>, ArchiveError> {
    let releases = releases.to_vec();
    let directory = Artefact { form: Form::DistInfo, releases, build: None, tags: None };
    Ok(match Part::of(name).map_err(|fault| fault.of(name))? {
        Some(part) => part.check(name, content, &directory)?.notes,
        None => Vec::new(),
    })
}

/// What a part of the metadata is found to do.
#[derive(Debug, Default)]
struct Checked {
    notes: Vec<Note>,
    /// The programs that an installer makes of it.
    programs: BTreeSet<String>,
}

impl Part {
    /// What `content` does, which is this part of `artefact` and called `name`.
    fn check(
        self,
        name: &str,
        content: &[u8],
        artefact: &Artefact,
    ) -> Result<Checked, ArchiveError> {
        match self {
            Self::EntryPoints => entry_points(name, content, &artefact.releases),
            Self::Wheel => {
                build_info::check(content, artefact)
                    .map_err(|cause| Fault::from(cause).of(name))?;
                Ok(Checked::default())
            }
        }
    }
}

/// What the file `name` does, which lists entry points.
fn entry_points(name: &str, content: &[u8], releases: &[Release]) -> Result<Checked, ArchiveError> {
    let projects: Vec<_> = releases.iter().map(|release| release.project.as_str()).collect();
    let listed = entry_points::read(content).map_err(|fault| fault.of(name))?;
    let mut notes = Notes::default();
    for group in listed.loaded(&projects) {
        notes.add(NoteKind::Plugin, &format!("{name}: [{group}]"));
    }
    let programs = listed.programs;
    for program in &programs {
        // On Windows pip and uv write `git.exe` for an entry point `git.py`, and so for `git.pyx`.
        let python = |end: &str| end.to_ascii_lowercase().starts_with("py");
        let stem = program.rsplit_once('.').filter(|(_, end)| python(end));
        let written = [Some(&**program), stem.map(|(stem, _)| stem)];
        let acts = |name| installed::Place::Programs(name).acts(&projects);
        if let Some(kind) = written.into_iter().flatten().find_map(acts) {
            notes.add(kind, &format!("{name}: {program}"));
        }
    }
    Ok(Checked { notes: notes.into(), programs })
}

/// Whether this many unpacked bytes are too many for an archive of `size` bytes.
fn check_unpacked(unpacked: u64, size: u64, limits: &Limits) -> Result<(), Fault> {
    let by_ratio = size.saturating_mul(limits.ratio).max(limits.ratio_from_bytes);
    let limit = by_ratio.min(limits.unpacked_bytes);
    if unpacked > limit { Err(Fault::TooLarge { unpacked, limit }) } else { Ok(()) }
}

#[cfg(test)]
pub(super) mod build_tests;
#[cfg(test)]
mod sdist_tests;
#[cfg(test)]
mod wheel_tests;
