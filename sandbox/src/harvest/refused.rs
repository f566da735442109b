//! Why an output is not handed over.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::io;

use super::archive::ArchiveError;
use super::expected::Unexpected;
use super::metadata_error::MetadataError;
use super::names::NameError;
use super::note::Note;
use super::return_error::ReturnError;
use crate::paths::OpenError;
use crate::pep517::JsonError;
use crate::plain::plural;
use crate::policy::limits::Limit;

/// An output that is not handed over, and why. The caller's directories are as they were.
#[derive(Debug, thiserror::Error)]
#[error("the output {file:?} is refused: {why}")]
pub struct Refused {
    /// The file, by its path in the directory that the payload wrote.
    pub file: String,
    /// Why.
    pub why: Why,
}

/// The situations in which an output is not handed over.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// It is not there, or not a plain file or directory.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// `output.json` is too large, too deep or no JSON.
    #[error("{0}")]
    Json(#[from] JsonError),
    /// `output.json` says what the hook cannot say.
    #[error("{0}")]
    Return(#[from] ReturnError),
    /// Its name is not the name of such an artefact.
    #[error("{0}")]
    Name(#[from] NameError),
    /// It is not what the caller asked for.
    #[error("{0}")]
    Unexpected(#[from] Unexpected),
    /// It would replace what was there before.
    #[error(
        "there is something of this name already that is not of this source tree, and nobody said \
         that it may be replaced: say which release is built with `--expect NAME==VERSION`, or \
         allow it with `--replace`"
    )]
    Exists,
    /// Its metadata is malformed or speaks of another release.
    #[error("{0}")]
    Metadata(#[from] MetadataError),
    /// The archive is malformed, ambiguous, dangerous to unpack or of another release.
    #[error("{0}")]
    Archive(#[from] ArchiveError),
    /// There are too many files.
    #[error("there are more than {limit} entries")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The directories nest too deep.
    #[error("its directories nest deeper than {limit} levels")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// The files are too large together.
    #[error("its files have more than {limit} bytes together")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// It has more bytes than the caller takes, holes included.
    #[error(
        "it has {size} bytes, and at most {limit} are handed over; raise {}",
        Limit::Output.remedy()
    )]
    TooMuch {
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// It grew or shrank while it was copied.
    #[error("it changed while it was read: {} became {found}", plural(.expected, "byte"))]
    Changed {
        /// Its size when it was opened.
        expected: u64,
        /// How many bytes were read.
        found: u64,
    },
    /// Two of its members have names that are one elsewhere.
    #[error("{0}: who unpacks it there gets one of them, and `--allow-twins` allows it")]
    Twin(Note),
    /// It is refused only because the caller is strict.
    #[error("{0}, which `--strict-artefacts` refuses")]
    Strict(Note),
    /// What whoever looked into it found.
    #[error("{0}")]
    Found(String),
    /// Whoever was to look into it did not answer.
    #[error("its inspector {0}")]
    Inspector(String),
    /// The call was ended before it was looked into, or copied.
    #[error("the call was ended before it was handed over")]
    Interrupted,
    /// What was looked into is not what was copied.
    #[error("it changed between its inspection and its copy")]
    Exchanged,
    /// The payload's side cannot be read.
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    /// The caller's side cannot be written.
    #[error("it cannot be written to the caller's directory: {0}")]
    Write(io::Error),
}

impl From<rustix::io::Errno> for Why {
    fn from(errno: rustix::io::Errno) -> Self {
        Self::Read(errno.into())
    }
}

impl Why {
    /// The refusal of `file` for this reason.
    pub(crate) fn refuse(self, file: &OsStr) -> Refused {
        Refused { file: file.to_string_lossy().into_owned(), why: self }
    }
}
