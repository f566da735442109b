//! How much a payload may hand over.
#![forbid(unsafe_code)]

use crate::pep517::JsonLimits;

/// The longest name of a member, in bytes.
pub(crate) const NAME_BYTES: usize = 2048;

/// The longest part of one, in bytes, which is the longest that Linux file systems take.
pub(crate) const PART_BYTES: usize = 255;

/// Bounds of what is read and copied. The defaults let every honest build through that was seen;
/// the largest wheels on `PyPI` have some gigabytes and some ten thousand members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size and shape of `output.json`.
    pub json: JsonLimits,
    /// How many requirements, features or warnings a return value may list.
    pub listed: usize,
    /// How many entries the output directory may have beside the product.
    pub entries: usize,
    /// Bytes of a wheel or sdist, holes included.
    pub artefact_bytes: u64,
    /// How many files and directories a `.dist-info` tree may have.
    pub tree_entries: usize,
    /// How deep a `.dist-info` tree may nest.
    pub tree_depth: usize,
    /// Bytes of all files of a `.dist-info` tree, and of any one metadata file.
    pub metadata_bytes: u64,
    /// How many members an archive may have.
    pub members: usize,
    /// How many parts the names of all members may have together, each directory counted once.
    pub parts: usize,
    /// Bytes of the list of members of a zip file.
    pub directory_bytes: u64,
    /// Bytes of a header that stands before a member of a tar file and says more about it.
    pub extension_bytes: u64,
    /// Bytes of the target of a link; no system call takes a longer one (`PATH_MAX`).
    pub link_bytes: usize,
    /// Bytes of the names and targets of all links together.
    pub links_bytes: usize,
    /// Bytes of all members of an archive, unpacked.
    pub unpacked_bytes: u64,
    /// How many times larger than the archive its members may be, once they exceed
    /// `ratio_from_bytes`.
    pub ratio: u64,
    /// Below this many unpacked bytes no ratio is a bomb.
    pub ratio_from_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json: JsonLimits::HOOK,
            listed: 2000,
            entries: 10_000,
            artefact_bytes: 4 << 30,
            tree_entries: 10_000,
            tree_depth: 16,
            metadata_bytes: 32 << 20,
            members: 200_000,
            parts: 800_000,
            directory_bytes: 64 << 20,
            extension_bytes: 64 << 10,
            link_bytes: 4095,
            links_bytes: 16 << 20,
            unpacked_bytes: 64 << 30,
            ratio: 100,
            ratio_from_bytes: 256 << 20,
        }
    }
}
