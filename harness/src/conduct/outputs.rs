//! What lies in an output directory once everything is over, read without following anything.
#![forbid(unsafe_code)]

use std::path::Path;

use rustix::fs::{AtFlags, FileType, statat};

use crate::lab::root::{Root, read_regular};
use crate::oracle::Entry;

/// No artefact is read beyond this.
const ARTEFACT: usize = 64 << 20;
/// No more artefacts than this are read.
const ARTEFACTS: usize = 64;

/// Tells what lies below a directory under a name that a hook returned.
pub(super) fn exists(root: &Root, dir: &'static str) -> impl Fn(&str) -> Option<FileType> {
    move |name: &str| {
        if name.is_empty() || name.contains('/') || name.starts_with('.') {
            return None;
        }
        let dir = root.directory(Path::new(dir)).ok()?;
        let status = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        Some(FileType::from_raw_mode(status.st_mode))
    }
}

/// Everything in an output directory, and in the directories in it.
pub(super) fn outputs(root: &Root, top: &str) -> Vec<Entry> {
    let mut found = Vec::new();
    let mut places = vec![(top.to_owned(), String::new())];
    while let Some((place, prefix)) = places.pop() {
        let Ok(dir) = root.directory(Path::new(&place)) else { continue };
        let Ok(entries) = rustix::fs::Dir::read_from(&dir) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." || found.len() >= ARTEFACTS {
                continue;
            }
            let Ok(status) = statat(&dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let shown = format!("{prefix}{name}");
            let kind = FileType::from_raw_mode(status.st_mode);
            if kind == FileType::Directory && prefix.matches('/').count() < 4 {
                places.push((format!("{place}/{name}"), format!("{shown}/")));
            }
            let content = match kind {
                FileType::RegularFile => read_regular(&dir, Path::new(&name), ARTEFACT).ok(),
                // A link, a FIFO, a device: nothing is read through it.
                _ => None,
            };
            found.push(Entry {
                name: shown,
                kind,
                mode: status.st_mode & 0o7777,
                links: status.st_nlink,
                content: content.unwrap_or_default(),
            });
        }
    }
    found.sort_by(|one, two| one.name.cmp(&two.name));
    found
}
