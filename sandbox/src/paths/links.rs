//! Following symbolic links one hop at a time, so that every place on the way is known.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows for one path, `path_resolution(7)`.
const MOST: usize = 40;

/// Why a path leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There are too many links, or they form a circle.
    #[error("more than {MOST} symbolic links lead on from {0:?}; they may form a circle")]
    Circle(PathBuf),
    /// A component is missing.
    #[error("{0:?} does not exist")]
    Missing(PathBuf),
    /// A component cannot be looked at.
    #[error("{path:?} cannot be read: {source}")]
    Io {
        /// The component.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Every path under which `path` is reached: itself, then one after each link followed. The last
/// one has no link in it. Links of directories count, not only the link of the file.
///
/// # Errors
/// When a component is missing or unreadable, or the links form a circle.
pub(crate) fn hops(path: &Path) -> Result<Vec<PathBuf>, LinkError> {
    let mut chain = vec![path.to_owned()];
    let mut solid = PathBuf::from("/");
    let mut rest = components(path);
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            solid.pop();
            continue;
        }
        let here = solid.join(&name);
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => LinkError::Missing(here.clone()),
            _ => LinkError::Io { path: here.clone(), source },
        };
        if !here.symlink_metadata().map_err(failed)?.is_symlink() {
            solid = here;
            continue;
        }
        if chain.len() > MOST {
            return Err(LinkError::Circle(path.to_owned()));
        }
        let target = here.read_link().map_err(failed)?;
        if target.is_absolute() {
            solid = PathBuf::from("/");
        }
        for part in components(&target).into_iter().rev() {
            rest.push_front(part);
        }
        // What of `..` can be taken back is taken back: `solid` has no link in it.
        while rest.front().is_some_and(|part| part == "..") {
            rest.pop_front();
            solid.pop();
        }
        chain.push(rest.iter().fold(solid.clone(), |path, part| path.join(part)));
    }
    // Where `..` stood behind the last link, the end is not on the list yet.
    if chain.last() != Some(&solid) {
        chain.push(solid);
    }
    Ok(chain)
}

/// The components of a path that lead somewhere: the root and `.` do not.
fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some(OsString::from("..")),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn root() -> (tempfile::TempDir, PathBuf) {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().canonicalize().unwrap();
        (tree, path)
    }

    #[test]
    fn a_file_is_its_own_only_hop() {
        let (_tree, root) = root();
        std::fs::write(root.join("a"), "").unwrap();
        assert_eq!(hops(&root.join("a")).unwrap(), [root.join("a")]);
    }

    #[test]
    fn links_of_files_and_of_directories_are_both_hops() {
        let (_tree, root) = root();
        std::fs::create_dir_all(root.join("3.12.5/bin")).unwrap();
        std::fs::write(root.join("3.12.5/bin/python3.12"), "").unwrap();
        symlink("3.12.5", root.join("3.12")).unwrap();
        std::fs::create_dir_all(root.join("venv/bin")).unwrap();
        symlink("../../3.12/bin/python3.12", root.join("venv/bin/python")).unwrap();
        assert_eq!(
            hops(&root.join("venv/bin/python")).unwrap(),
            [
                root.join("venv/bin/python"),
                root.join("3.12/bin/python3.12"),
                root.join("3.12.5/bin/python3.12"),
            ]
        );
    }

    #[test]
    fn the_last_hop_is_what_the_kernel_finds() {
        let (_tree, root) = root();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/file"), "").unwrap();
        symlink(root.join("a/b"), root.join("into")).unwrap();
        symlink("into/../file", root.join("up")).unwrap();
        let chain = hops(&root.join("up")).unwrap();
        assert_eq!(chain.last().unwrap(), &root.join("up").canonicalize().unwrap());
        assert_eq!(chain.last().unwrap(), &root.join("a/file"));
    }

    #[test]
    fn a_circle_is_an_error() {
        let (_tree, root) = root();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert!(matches!(hops(&root.join("a")).unwrap_err(), LinkError::Circle(_)));
    }

    #[test]
    fn a_link_to_nothing_names_what_is_missing() {
        let (_tree, root) = root();
        symlink("nowhere/python", root.join("a")).unwrap();
        let error = hops(&root.join("a")).unwrap_err();
        assert!(matches!(error, LinkError::Missing(path) if path == root.join("nowhere")));
    }
}
