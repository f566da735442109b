//! Keeps what a trial wrote: files as plain files, everything else as a line in a list.
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, readlinkat, statat};

use crate::lab::layout::relative;
use crate::lab::root::{Root, read_regular};
use crate::lab::snapshot::{Change, What};
use crate::redact;

/// No file is kept beyond this.
const LARGEST: usize = 64 << 20;
/// Nor are more bytes than this kept altogether.
const ALL: usize = 512 << 20;

/// Makes the directory, which must not be there or be empty.
pub(in crate::cli) fn ready(dir: &Path) -> io::Result<()> {
    folder(dir)?;
    if fs::read_dir(dir)?.next().is_some() {
        return Err(io::Error::other("it is not empty, and nothing in it is overwritten"));
    }
    Ok(())
}

/// Writes the log, a list of all writes, and the files of them; how many files that were.
///
/// Names and contents are hostile. Everything lies below a directory in which only we have written,
/// nothing keeps a mode that could be used, and a link is a line in the list, never a link.
pub(super) fn all(dir: &Path, root: &Root, changes: &[Change], log: &[u8]) -> io::Result<usize> {
    write(&dir.join("log"), log)?;
    let (mut list, mut files, mut left) = (String::new(), 0, ALL);
    for change in changes {
        let what = match change.what {
            What::Created => "created",
            What::Changed => "changed",
            What::Removed => "removed",
        };
        let (note, content) = content(root, change, LARGEST.min(left));
        let name = redact::one_line(&change.path.to_string_lossy());
        // Writing into a string cannot fail.
        let _ = writeln!(list, "{what:8} {:04o} {name}{note}", change.mode);
        if let Some(content) = content {
            left = left.saturating_sub(content.len());
            let file = dir.join("files").join(relative(&change.path));
            file.parent().map_or(Ok(()), folder)?;
            write(&file, &content)?;
            files += 1;
        }
    }
    write(&dir.join("writes.txt"), list.as_bytes())?;
    Ok(files)
}

/// What is in a file that was written, or a note on what it is instead.
fn content(root: &Root, change: &Change, most: usize) -> (String, Option<Vec<u8>>) {
    if change.what == What::Removed {
        return (String::new(), None);
    }
    let Some((tree, rest)) = root.tree_of(&change.path) else { return (String::new(), None) };
    let Ok(status) = statat(&tree.mount, rest, AtFlags::SYMLINK_NOFOLLOW) else {
        return (" (gone)".to_owned(), None);
    };
    match FileType::from_raw_mode(status.st_mode) {
        FileType::RegularFile => match read_regular(&tree.mount, rest, most) {
            Ok(content) if content.len() < most => (String::new(), Some(content)),
            Ok(content) => (" (cut off)".to_owned(), Some(content)),
            Err(error) => (format!(" ({error})"), None),
        },
        FileType::Symlink => {
            let target = readlinkat(&tree.mount, rest, Vec::new());
            let target = target.map(|target| target.to_string_lossy().into_owned());
            (format!(" -> {}", redact::one_line(&target.unwrap_or_default())), None)
        }
        kind => (format!(" ({kind:?})"), None),
    }
}

fn folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(content)
}
