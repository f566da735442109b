//! Which names a package's own files, or the command, mention.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{FileType, OFlags};

use crate::paths::{self, Beneath};
use crate::payload::{Payload, PrivateTree, Purpose};
use crate::plain::quoted_path;

/// How many bytes of a file are read, and of all together.
const MOST_OF_A_FILE: u64 = 256 << 10;
const MOST_BYTES: u64 = 2 << 20;
/// How many files are read, and how many names a directory may have that is looked into.
const MOST_FILES: usize = 200;
const MOST_NAMES: usize = 2_000;
/// How many directories of the tree are looked into.
const MOST_DIRECTORIES: usize = 24;

/// Ends of names of files in which builds are described.
const ENDS: [&str; 13] = [
    ".py", ".toml", ".cfg", ".ini", ".build", ".txt", ".cmake", ".sh", ".in", ".ac", ".mk", ".rs",
    ".gyp",
];
/// Names of such files.
const NAMES: [&str; 6] =
    ["Makefile", "makefile", "GNUmakefile", "configure", "SConstruct", "wscript"];
/// Directories that are no part of what is built.
const OTHERS: [&str; 10] =
    [".git", ".hg", ".tox", ".nox", "node_modules", "__pycache__", "build", "dist", "doc", "docs"];

/// Those of `names` that the command of `payload` or a file of its source tree mentions, each with the
/// first that does.
pub(super) fn among(names: &[&str], payload: &Payload) -> Vec<(String, String)> {
    let wanted: HashMap<&[u8], &str> = names.iter().map(|name| (name.as_bytes(), *name)).collect();
    let mut looking = Looking { wanted, found: Vec::new(), bytes: MOST_BYTES, files: MOST_FILES };
    for word in &payload.argv {
        looking.text(word.as_bytes(), || "the command".to_owned());
    }
    for tree in payload.trees.iter().filter(|tree| tree.purpose == Purpose::Source) {
        looking.tree(tree);
    }
    looking.found
}

struct Looking<'a> {
    wanted: HashMap<&'a [u8], &'a str>,
    found: Vec<(String, String)>,
    bytes: u64,
    files: usize,
}

impl Looking<'_> {
    /// The files in the tree, and in the directories right in it.
    fn tree(&mut self, tree: &PrivateTree) {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let Ok(root) = paths::reopen(&tree.path, tree.identity, flags) else { return };
        let root = Beneath::new(root);
        let names = names(&root);
        let mut directories = Vec::new();
        for name in &names {
            match kind(&root, name) {
                Some(FileType::RegularFile) => self.file(&root, Path::new(name), name),
                Some(FileType::Directory) => directories.push(name),
                _ => {}
            }
        }
        let plain = |name: &&&OsString| {
            !OTHERS.iter().any(|other| name.as_os_str() == *other)
                && !name.to_string_lossy().ends_with(".egg-info")
                && !name.as_bytes().starts_with(b".venv")
        };
        for name in directories.iter().filter(plain).take(MOST_DIRECTORIES) {
            let Ok(directory) = root.directory(name) else { continue };
            for inner in self::names(&directory) {
                if kind(&directory, &inner) == Some(FileType::RegularFile) {
                    self.file(&directory, &Path::new(name).join(&inner), &inner);
                }
            }
        }
    }

    fn file(&mut self, directory: &Beneath<impl AsFd>, path: &Path, name: &OsStr) {
        let text = name.to_string_lossy();
        let of_a_build = ENDS.iter().any(|end| text.ends_with(end)) || NAMES.contains(&&*text);
        if !of_a_build || self.files == 0 || self.bytes == 0 || self.wanted.is_empty() {
            return;
        }
        self.files -= 1;
        let Ok((file, _)) = directory.file(name, u64::MAX) else { return };
        let content = read(file, MOST_OF_A_FILE.min(self.bytes));
        self.bytes -= u64::try_from(content.len()).unwrap_or(u64::MAX).min(self.bytes);
        self.text(&content, || quoted_path(path));
    }

    /// Takes note of the names that stand in a text as words of their own.
    fn text(&mut self, text: &[u8], by: impl Fn() -> String) {
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        for word in text.split(|byte| !letter(byte)).filter(|word| !word.is_empty()) {
            if let Some(name) = self.wanted.remove(word) {
                self.found.push((name.to_owned(), by()));
            }
        }
    }
}

fn read(file: File, limit: u64) -> Vec<u8> {
    let mut content = Vec::new();
    // What can be read of it counts.
    let _ = file.take(limit).read_to_end(&mut content);
    content
}

pub(super) fn names(directory: &Beneath<impl AsFd>) -> Vec<OsString> {
    directory.names(MOST_NAMES).ok().flatten().unwrap_or_default()
}

pub(super) fn kind(directory: &Beneath<impl AsFd>, name: &OsStr) -> Option<FileType> {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    let found = rustix::fs::statat(directory.descriptor(), name, flags).ok()?;
    Some(FileType::from_raw_mode(found.st_mode))
}
