//! Links that lead to what a build does not see: out of its tree, and out of `/usr`.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, OFlags};

use super::mentions::{kind, names};
use super::{Depth, Unseen, Visible, shown};
use crate::paths::{self, Beneath};
use crate::payload::PrivateTree;

/// How many directories of a tree are looked through for links, at a launch and for `explain`.
const DIRECTORIES: [usize; 2] = [64, 4_096];
/// How many links are told.
const MOST: usize = 8;
/// How far above a tree a repository is looked for.
const LEVELS: usize = 8;

/// Directories of the system in which programs keep what belongs to them, at a launch: what somebody
/// has put there who is no distribution; and for `explain`.
const SYSTEM: [&[&str]; 2] = [
    &["/usr/local/lib", "/usr/local/share", "/usr/local/libexec"],
    &["/usr/local/lib", "/usr/local/share", "/usr/local/libexec", "/usr/lib", "/usr/share"],
];

/// Names below `/etc` to which links of the system lead that no build needs.
const GUARDED: [&str; 3] = ["/etc/ssl/private", "/etc/environment", "/etc/systemd"];

/// What a tree leads to: links out of it, and a repository beside or above it.
pub(super) fn of_tree(tree: &PrivateTree, visible: &Visible, depth: Depth) -> Vec<Unseen> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let Ok(root) = paths::reopen(&tree.path, tree.identity, flags) else { return vec![] };
    let root = Beneath::new(root);
    let mut found = repository(&root, tree, visible);
    let mut left = if depth == Depth::Launch { DIRECTORIES[0] } else { DIRECTORIES[1] };
    let mut waiting = vec![PathBuf::new()];
    let mut links = Vec::new();
    while let (Some(inner), true) = (waiting.pop(), left > 0 && links.len() < MOST) {
        left -= 1;
        let Ok(directory) = root.descend(&inner) else { continue };
        for name in names(&directory) {
            match kind(&directory, &name) {
                Some(FileType::Symlink) => {
                    links.extend(out_of(&tree.path, &inner.join(&name), visible));
                }
                Some(FileType::Directory) if name != ".git" => waiting.push(inner.join(&name)),
                _ => {}
            }
        }
    }
    links.truncate(MOST);
    found.extend(links.into_iter().map(|(link, target)| {
        Unseen::told(format!(
            "{} in the source tree is a link to {1}, which is not there for the build; `--ro {1}` \
             grants it",
            shown(&link),
            shown(&target)
        ))
    }));
    found
}

/// The link at `inner` of the tree, with where it leads, if that exists, lies outside, and is not seen.
fn out_of(tree: &Path, inner: &Path, visible: &Visible) -> Option<(PathBuf, PathBuf)> {
    let target = tree.join(inner).canonicalize().ok()?;
    let unseen = !target.starts_with(tree) && !visible.has(&target);
    unseen.then(|| (inner.to_owned(), target))
}

/// The repository of the tree, where it is not in it: `.git` is a file that names it, or lies above.
fn repository(root: &Beneath<impl AsFd>, tree: &PrivateTree, visible: &Visible) -> Vec<Unseen> {
    let git = OsStr::new(".git");
    let place = match kind(root, git) {
        Some(FileType::Directory) => return vec![],
        Some(FileType::RegularFile) => {
            let content = root.read(git, 4096).unwrap_or_default();
            let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let named = line.strip_prefix(b"gitdir:").map(<[u8]>::trim_ascii);
            named.map(|named| tree.path.join(Path::new(OsStr::from_bytes(named))))
        }
        _ if asks_for_a_version(root) => {
            let above = tree.path.ancestors().skip(1).take(LEVELS).map(|above| above.join(git));
            above.into_iter().find(|path| path.exists())
        }
        _ => None,
    };
    let place = place.and_then(|place| place.canonicalize().ok());
    let unseen = place.filter(|place| !visible.has(place));
    let told = unseen.map(|place| {
        Unseen::told(format!(
            "the repository of the source tree, {0}, is not there for the build, so that it tells no \
             version; `--ro {0}` grants it",
            shown(&place)
        ))
    });
    told.into_iter().collect()
}

/// Whether the package takes its version from a repository.
fn asks_for_a_version(root: &Beneath<impl AsFd>) -> bool {
    const TOOLS: [&str; 7] = [
        "setuptools_scm",
        "setuptools-scm",
        "hatch-vcs",
        "versioneer",
        "dunamai",
        "pbr",
        "versioningit",
    ];
    ["pyproject.toml", "setup.cfg", "setup.py"].iter().any(|name| {
        let content = root.read(OsStr::new(name), 256 << 10).unwrap_or_default();
        let text = String::from_utf8_lossy(&content);
        TOOLS.iter().any(|tool| text.contains(tool))
    })
}

/// Links of the system's directories to settings in `/etc` that everybody may read and the build does
/// not see, two levels deep.
pub(super) fn of_system(visible: &Visible, depth: Depth) -> Vec<Unseen> {
    let places = if depth == Depth::Launch { SYSTEM[0] } else { SYSTEM[1] };
    let mut found = Vec::new();
    for place in places {
        for path in children(Path::new(place)) {
            found.extend(to_settings(&path, visible));
            if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                found.extend(children(&path).filter_map(|inner| to_settings(&inner, visible)));
            }
        }
    }
    found.truncate(MOST);
    found
}

fn children(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = directory.read_dir().into_iter().flatten().flatten();
    entries.take(2_000).map(|entry| entry.path())
}

fn to_settings(path: &Path, visible: &Visible) -> Option<Unseen> {
    if !path.symlink_metadata().ok()?.is_symlink() {
        return None;
    }
    let target = path.canonicalize().ok()?;
    let guarded = GUARDED.iter().any(|guarded| target.starts_with(guarded));
    if !target.starts_with("/etc") || guarded || visible.has(&target) {
        return None;
    }
    let open = target.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0);
    open.then(|| {
        Unseen::told(format!(
            "{} is a link to {1}, which is not there for the build; `--ro {1}` grants it",
            shown(path),
            shown(&target)
        ))
    })
}
