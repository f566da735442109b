//! Reading the policy file that the caller names.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{FileType, OFlags};

use super::error::Failure;
use crate::paths::{self, Opened, Trust};
use crate::policy::file::{Granted, Mistake, Mistakes, PolicyFile};
use crate::policy::package::Package;

/// More than any policy has.
const MOST_BYTES: u64 = 1 << 21;

/// A policy file as it counts for one build.
#[derive(Debug, Default)]
pub(super) struct ForBuild {
    pub(super) file: PolicyFile,
    /// What is built.
    pub(super) package: Option<Package>,
    /// The paths that are granted to it.
    pub(super) granted: Vec<Granted>,
}

/// Reads the policy in the file `path`, for a build of what
/// [`PolicyFile::built`] makes of the two names.
pub(super) fn read(
    path: &Path,
    (package, asked): (Option<&Package>, Option<&Package>),
    trust: &Trust,
) -> Result<ForBuild, Failure> {
    let named = std::path::absolute(path).map_err(Failure::Directory)?;
    let placed = |problem| Failure::Place { what: "policy file", path: path.to_owned(), problem };
    let opened = paths::open(&named, trust).map_err(placed)?;
    let text = text(&opened)
        .map_err(|source| Failure::PolicyUnreadable { path: path.to_owned(), source })?;
    let name = path.display().to_string();
    let file = PolicyFile::parse(&name, &text)?;
    let package = file.built(package, asked).map_err(|two| Failure::Usage(two.to_string()))?;
    let granted: Vec<_> = file.paths(package.as_ref()).cloned().collect();
    let missing = granted.iter().filter_map(|granted| {
        let cause = granted.path.metadata().err()?;
        let message = format!("{} cannot be granted: {}", granted.path.display(), cause.kind());
        Some(Mistake::new(granted.span.clone(), message))
    });
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        Ok(ForBuild { file, package, granted })
    } else {
        Err(Mistakes::new(&name, &text, missing).into())
    }
}

/// The content of a regular file; anything else could keep the reader waiting.
fn text(opened: &Opened) -> io::Result<String> {
    if opened.kind != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let file = paths::reopen(&opened.real, Some(opened.identity), OFlags::RDONLY)?;
    let mut text = String::new();
    File::from(file).take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
