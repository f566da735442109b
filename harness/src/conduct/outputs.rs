//! What lies in an output directory once everything is over, read without following anything.
#![forbid(unsafe_code)]

use std::path::Path;

use rustix::fs::{AtFlags, FileType, statat};

use crate::lab::root::{Root, read_regular};
use crate::oracle::Entry;

/// No more than this is read of all artefacts together, in bytes. What is only said to be there, as in
/// a sparse file, counts as if it were.
const READ: usize = 96 << 20;
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

/// Everything in an output directory, and in the directories in it; whether there was too much to look
/// at all of it.
pub(super) fn outputs(root: &Root, directory: &str) -> (Vec<Entry>, bool) {
    let (mut found, mut rest, mut cut_off) = (Vec::new(), READ, false);
    let mut places = vec![(directory.to_owned(), String::new())];
    while let Some((place, prefix)) = places.pop() {
        let Ok(dir) = root.directory(Path::new(&place)) else { continue };
        let Ok(entries) = rustix::fs::Dir::read_from(&dir) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "." || name == ".." {
                continue;
            }
            if found.len() >= ARTEFACTS {
                cut_off = true;
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
                FileType::RegularFile => read_regular(&dir, Path::new(&name), rest).ok(),
                // A link, a FIFO, a device: nothing is read through it.
                _ => None,
            };
            let content = content.unwrap_or_default();
            rest = rest.saturating_sub(content.len());
            let size = u64::try_from(status.st_size).unwrap_or(u64::MAX);
            cut_off |= kind == FileType::RegularFile && size > content.len() as u64;
            found.push(Entry {
                name: shown,
                kind,
                mode: status.st_mode & 0o7777,
                linked: status.st_nlink > 1,
                content,
            });
        }
    }
    found.sort_by(|one, two| one.name.cmp(&two.name));
    (found, cut_off)
}
