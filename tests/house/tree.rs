//! The checkout that the rules are about, and the report of what breaks them.

use std::fs;
use std::path::{Path, PathBuf};

/// Its top folder.
pub(crate) fn root() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.parent().expect("the harness lies in the workspace").to_owned()
}

/// The text of a file, by its path from the top folder.
pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names in a folder, sorted; of a folder that is not there, none.
pub(crate) fn names(folder: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The files below the folders, by their paths from the top folder, sorted; only those whose name
/// ends in `.extension`, or all.
pub(crate) fn files(folders: &[&str], extension: Option<&str>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<_> = folders.iter().map(PathBuf::from).collect();
    while let Some(path) = open.pop() {
        let full = root().join(&path);
        if full.is_symlink() {
            continue;
        }
        if full.is_dir() {
            let inner = names(&path).into_iter().filter(|name| name != "__pycache__");
            open.extend(inner.map(|name| path.join(name)));
        } else if extension.is_none_or(|wanted| path.extension().is_some_and(|it| it == wanted)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Fails with every breach of a rule.
pub(crate) fn hold(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}\n  {}", breaches.join("\n  "));
}
