//! What the host has at a path that a build has asked for: only whether there is something, and of
//! what kind.
//!
//! The path is a stranger's. Nothing is opened, nothing is mounted on the way, no server is asked for
//! news, and what is found is told to the caller alone, with the rights of the caller.
#![forbid(unsafe_code)]

use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, StatxFlags, statx};

use crate::plain::quoted;

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Directory,
    Program,
    Socket,
    Other,
}

/// What the host has at `path`, through links; none where there is nothing, or it cannot be seen.
pub(super) fn found(path: &Path) -> Option<Found> {
    let flags = AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let status = statx(CWD, path, flags, StatxFlags::TYPE | StatxFlags::MODE).ok()?;
    let mode = u32::from(status.stx_mode);
    Some(match FileType::from_raw_mode(mode) {
        FileType::Directory => Found::Directory,
        FileType::Socket => Found::Socket,
        FileType::RegularFile if mode & 0o111 != 0 => Found::Program,
        _ => Found::Other,
    })
}

/// The path without `.` and `..`, by its text; none where it is not absolute.
pub(super) fn normal(path: &Path) -> Option<PathBuf> {
    if !path.is_absolute() {
        return None;
    }
    let mut normal = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    Some(normal)
}

/// Whether a path is text that means in a command line what it looks like, and stands in a sentence as
/// one word of it.
pub(super) fn is_text(path: &Path) -> bool {
    path.to_str().is_some_and(|text| quoted(text) == text || quoted(text) == format!("\"{text}\""))
}

/// A path as a word of a shell's.
pub(super) fn word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |it: char| it.is_ascii_alphanumeric() || "/._-+=@%:,".contains(it);
    if text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_made_normal_by_its_text() {
        for (path, normalised) in [
            ("/a/./b/../c", Some("/a/c")),
            ("/../..", Some("/")),
            ("//a//b/", Some("/a/b")),
            ("a/b", None),
            ("", None),
        ] {
            assert_eq!(normal(Path::new(path)), normalised.map(PathBuf::from), "{path}");
        }
    }

    #[test]
    fn what_lies_there_is_told_without_being_opened() {
        let place = tempfile::tempdir().unwrap();
        let socket = place.path().join("socket");
        let _bound = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert_eq!(found(&socket), Some(Found::Socket));
        assert_eq!(found(place.path()), Some(Found::Directory));
        assert_eq!(found(Path::new("/bin/sh")), Some(Found::Program));
        assert_eq!(found(Path::new("/etc/passwd")), Some(Found::Other));
        assert_eq!(found(&place.path().join("none")), None);
        assert_eq!(found(Path::new("/etc/passwd/none")), None);
    }

    #[test]
    fn a_word_is_one_word_for_a_shell() {
        assert_eq!(word(Path::new("/opt/a-1.0")), "/opt/a-1.0");
        assert_eq!(word(Path::new("/opt/a b$(x)'`")), "'/opt/a b$(x)'\\''`'");
    }
}
