//! The source tree of an entry: what is in it, its digest, and whether it stays within itself.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use sandbox::plain::hex;
use sha2::{Digest, Sha256};

use super::diagnostic::{Code, Diagnostic};

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A regular file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// What is in it.
        content: Vec<u8>,
    },
    /// A symbolic link.
    Link(PathBuf),
}

/// The files of a tree by their relative path.
pub type Tree = BTreeMap<PathBuf, Node>;

/// The trees of all entries in one that holds them as `<folder>/<slug>/…`.
pub(crate) fn split(all: &Tree) -> BTreeMap<(String, String), Tree> {
    let mut trees: BTreeMap<_, Tree> = BTreeMap::new();
    for (path, node) in all {
        let mut parts = path.components();
        let mut name = || Some(parts.next()?.as_os_str().to_str()?.to_owned());
        let (Some(folder), Some(slug)) = (name(), name()) else { continue };
        let rest = parts.as_path().to_owned();
        trees.entry((folder, slug)).or_default().insert(rest, node.clone());
    }
    trees
}

/// Reads the tree at `dir`. Byte-compiled files are left out: they come and go.
pub(crate) fn read(dir: &Path) -> Result<Tree, Vec<Diagnostic>> {
    let mut tree = Tree::new();
    let mut found = Vec::new();
    walk(dir, dir, &mut tree, &mut found);
    if found.is_empty() { Ok(tree) } else { Err(found) }
}

/// `sha256:` and twelve hexadecimal digits over paths, execute bits and contents.
pub(crate) fn digest(tree: &Tree) -> String {
    let mut sha = Sha256::new();
    for (path, node) in tree {
        let (kind, content) = match node {
            Node::File { executable: false, content } => (b'f', content.as_slice()),
            Node::File { executable: true, content } => (b'x', content.as_slice()),
            Node::Link(target) => (b'l', target.as_os_str().as_bytes()),
        };
        // Lengths stand before the texts, so that no two trees give the same bytes.
        for part in [path.as_os_str().as_bytes(), &[kind], content] {
            sha.update((part.len() as u64).to_le_bytes());
            sha.update(part);
        }
    }
    let hash = sha.finalize();
    format!("sha256:{}", hex(hash.get(..6).unwrap_or_default()))
}

fn walk(root: &Path, dir: &Path, tree: &mut Tree, found: &mut Vec<Diagnostic>) {
    let entries = match fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => return found.push(unreadable(dir, &error)),
    };
    for entry in entries {
        let path = entry.path();
        if entry.file_name() == "__pycache__" {
            continue;
        }
        match visit(root, &path, found) {
            Ok(Some(node)) => {
                let short = path.strip_prefix(root).unwrap_or(&path);
                tree.insert(short.to_owned(), node);
            }
            Ok(None) if path.is_dir() && !path.is_symlink() => walk(root, &path, tree, found),
            Ok(None) => {}
            Err(error) => found.push(unreadable(&path, &error)),
        }
    }
}

fn visit(root: &Path, path: &Path, found: &mut Vec<Diagnostic>) -> io::Result<Option<Node>> {
    let meta = fs::symlink_metadata(path)?;
    let kind = meta.file_type();
    if kind.is_file() {
        let executable = meta.permissions().mode() & 0o100 != 0;
        return Ok(Some(Node::File { executable, content: fs::read(path)? }));
    }
    if kind.is_symlink() {
        let target = fs::read_link(path)?;
        if leaves(root, path, &target) {
            let message = format!("the link leads out of the tree, to `{}`", target.display());
            let help = "let the attack make the link when it runs, or point it within the tree";
            found.push(Diagnostic::of_file(path, Code::LeavesTree, message, help));
        }
        return Ok(Some(Node::Link(target)));
    }
    if !kind.is_dir() {
        let message = "it is neither a file nor a folder nor a link".to_owned();
        let help = "let the attack make it when it runs";
        found.push(Diagnostic::of_file(path, Code::LeavesTree, message, help));
    }
    Ok(None)
}

/// Whether `target`, as text, leads out of `root`. Nothing is followed: a link to a link is
/// judged by the one that leaves.
fn leaves(root: &Path, link: &Path, target: &Path) -> bool {
    if target.is_absolute() {
        return true;
    }
    let below = link.parent().and_then(|dir| dir.strip_prefix(root).ok());
    let mut depth = below.map_or(0, |dir| dir.components().count());
    for part in target.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir if depth == 0 => return true,
            Component::ParentDir => depth -= 1,
            _ => {}
        }
    }
    false
}

/// The mistake that a file or folder which cannot be read is.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let message = format!("cannot be read: {error}");
    Diagnostic::of_file(path, Code::Unreadable, message, "check that it exists and who may read it")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.py"), "a = 1\n").unwrap();
        fs::create_dir(dir.path().join("src")).unwrap();
        fs::write(dir.path().join("src/b.py"), "b = 1\n").unwrap();
        dir
    }

    fn digest_of(dir: &Path) -> String {
        digest(&read(dir).unwrap())
    }

    #[test]
    fn the_digest_is_of_twelve_digits_and_the_same_for_equal_trees() {
        let (one, two) = (tree(), tree());
        let digest = digest_of(one.path());
        assert_eq!(digest, digest_of(two.path()));
        assert_eq!(digest.len(), "sha256:".len() + 12);
    }

    #[test]
    fn content_name_and_execute_bit_all_change_the_digest() {
        let dir = tree();
        let mut seen = vec![digest_of(dir.path())];
        fs::write(dir.path().join("a.py"), "a = 2\n").unwrap();
        seen.push(digest_of(dir.path()));
        fs::rename(dir.path().join("a.py"), dir.path().join("c.py")).unwrap();
        seen.push(digest_of(dir.path()));
        fs::set_permissions(dir.path().join("c.py"), fs::Permissions::from_mode(0o755)).unwrap();
        seen.push(digest_of(dir.path()));
        seen.dedup();
        assert_eq!(seen.len(), 4, "{seen:?}");
    }

    #[test]
    fn byte_compiled_files_do_not_change_the_digest() {
        let dir = tree();
        let before = digest_of(dir.path());
        fs::create_dir(dir.path().join("__pycache__")).unwrap();
        fs::write(dir.path().join("__pycache__/a.pyc"), "x").unwrap();
        assert_eq!(digest_of(dir.path()), before);
    }

    #[test]
    fn only_a_link_that_climbs_out_leaves_the_tree() {
        let root = Path::new("/r");
        for (link, target, out) in [
            ("/r/a", "b", false),
            ("/r/s/a", "../b", false),
            ("/r/s/a", "../../b", true),
            ("/r/a", "s/../../b", true),
            ("/r/a", "/r/b", true),
        ] {
            assert_eq!(leaves(root, Path::new(link), Path::new(target)), out, "{link} {target}");
        }
    }
}
