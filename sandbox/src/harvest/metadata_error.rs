//! What can be wrong with a metadata file: `METADATA`, `PKG-INFO` or `WHEEL`.
#![forbid(unsafe_code)]

use super::requirement::RequirementError;

/// More than any distribution requires; resolvers choke long before.
pub(super) const MOST_REQUIREMENTS: usize = 5000;

/// Why a metadata file is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// A line is neither a header nor the continuation of one, so readers would disagree.
    #[error("line {line} of its metadata is no header")]
    Line {
        /// The line's number.
        line: usize,
    },
    /// A line has a character that a terminal obeys, or at which some readers end it and find something
    /// that they act on.
    #[error(
        "line {line} of its metadata has a control character, which a terminal obeys or at which some \
         readers end the line and find another header"
    )]
    Control {
        /// The line's number.
        line: usize,
    },
    /// A word is encoded as in mail where readers act on what it says.
    #[error(
        "line {line} of its metadata has an encoded word (`=?`), which not every reader decodes"
    )]
    Encoded {
        /// The line's number.
        line: usize,
    },
    /// What says how a wheel was built says something else than its name, or nothing that is known.
    #[error(
        "it says `{name}: {found}`, which is not what the name of the wheel or the standard says"
    )]
    Built {
        /// The header.
        name: &'static str,
        /// Its value.
        found: String,
    },
    /// It has not all tags of the name.
    #[error("it has no `Tag: {tag}`, which the name of the wheel says")]
    Untold {
        /// The first that is missing.
        tag: String,
    },
    /// There are too many tags.
    #[error("it has more tags than any wheel")]
    Tags,
    /// A header that must be there once is missing or there twice.
    #[error("its metadata has {found} headers `{name}`, which must be there once")]
    Count {
        /// The header.
        name: &'static str,
        /// How many there are.
        found: usize,
    },
    /// Name or version speak of something else than the file name.
    #[error("its metadata says {name:?} {version:?}, its name says something else")]
    Mismatch {
        /// The name.
        name: String,
        /// The version.
        version: String,
    },
    /// A requirement leads outside.
    #[error("its metadata requires {requirement:?}: {source}")]
    Requirement {
        /// The requirement.
        requirement: String,
        /// What is wrong with it.
        source: RequirementError,
    },
    /// There are too many requirements.
    #[error("its metadata has more than {MOST_REQUIREMENTS} requirements")]
    TooMany,
}
