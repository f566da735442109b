//! Files are written whole or not at all, and none of them with a live canary in it.
#![forbid(unsafe_code)]

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::redact::Canaries;
use crate::lab::run_temp_dir::PREFIX;

/// Nothing was written, or not everything.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file would have held a canary. Nothing was written.
    #[error("{} would hold a live canary, so nothing was written", .file.display())]
    Canary {
        /// The file.
        file: PathBuf,
    },
    /// A file cannot be written; it is what it was before.
    #[error("{} cannot be written", .file.display())]
    Unwritable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A file that is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where.
    pub file: PathBuf,
    /// What.
    pub text: String,
}

/// Writes all pages, after none of them was found to hold a canary.
///
/// # Errors
/// When one holds a canary, or cannot be written.
pub fn publish(pages: &[Page], canaries: &Canaries) -> Result<(), PublishError> {
    if let Some(page) = pages.iter().find(|page| canaries.are_in(page.text.as_bytes())) {
        return Err(PublishError::Canary { file: page.file.clone() });
    }
    for page in pages {
        write(&page.file, page.text.as_bytes())
            .map_err(|source| PublishError::Unwritable { file: page.file.clone(), source })?;
    }
    Ok(())
}

/// A new file takes the place of the old one in one step, so that a reader, or a full disk,
/// never meets half of it.
fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    // If we are killed now, `harness gc` knows it by its name.
    let mut draft = tempfile::Builder::new().prefix(PREFIX).tempfile_in(dir)?;
    draft.write_all(content)?;
    draft.as_file().set_permissions(Permissions::from_mode(0o644))?;
    draft.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "bulkhead-canary-0f3a";

    fn page(dir: &Path, name: &str, text: &str) -> Page {
        Page { file: dir.join(name), text: text.to_owned() }
    }

    #[test]
    fn one_canary_keeps_every_page_from_being_written() {
        let dir = tempfile::tempdir().unwrap();
        let pages = [page(dir.path(), "a", "clean"), page(dir.path(), "b", CANARY)];
        let error = publish(&pages, &Canaries::of([CANARY])).unwrap_err();
        assert!(matches!(error, PublishError::Canary { file } if file == pages[1].file));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_page_replaces_the_old_one_and_leaves_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["old", "new"] {
            publish(&[page(dir.path(), "sub/a", text)], &Canaries::default()).unwrap();
        }
        assert_eq!(fs::read_to_string(dir.path().join("sub/a")).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path().join("sub")).unwrap().count(), 1);
    }

    #[test]
    fn a_page_that_cannot_be_written_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let error = publish(&[page(dir.path(), "file/a", "x")], &Canaries::default()).unwrap_err();
        assert!(error.to_string().ends_with("file/a cannot be written"), "{error}");
    }
}
