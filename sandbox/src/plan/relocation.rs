//! Where a build finds its private directories when nothing can be mounted.
//!
//! With mounts a private directory has the path of the original. Without, it lies in the staging
//! directory, and whatever names the original is rewritten: the working directory, the program,
//! arguments that are such a path, variables that list such paths, and the values of `input.json`.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::payload::PrivateTree;

/// The staging directory of a build, and what is moved there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    root: PathBuf,
    /// Originals and their places, the longest original first.
    moved: Vec<(PathBuf, PathBuf)>,
}

impl Relocation {
    /// The private `trees`, each below `root` under the name of its purpose.
    #[must_use]
    pub fn new(root: &Path, trees: &[PrivateTree]) -> Self {
        let place = |tree: &PrivateTree| (tree.path.clone(), root.join(tree.purpose.name()));
        let mut moved: Vec<_> = trees.iter().map(place).collect();
        moved.sort_by_key(|(original, _)| std::cmp::Reverse(original.as_os_str().len()));
        Self { root: root.to_owned(), moved }
    }

    /// The staging directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The originals and their places.
    pub fn moved(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.moved.iter().map(|(original, place)| (original.as_path(), place.as_path()))
    }

    /// The directory of that name in the staging directory.
    #[must_use]
    pub fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where the build finds `path`; `None` where it stays.
    #[must_use]
    pub fn place(&self, path: &Path) -> Option<PathBuf> {
        self.moved.iter().find_map(|(original, place)| {
            let below = path.strip_prefix(original).ok()?;
            Some(if below == Path::new("") { place.clone() } else { place.join(below) })
        })
    }

    /// Where the build finds `path`, moved or not.
    #[must_use]
    pub fn path(&self, path: &Path) -> PathBuf {
        self.place(path).unwrap_or_else(|| path.to_owned())
    }

    /// A word of the command line: rewritten if it is an absolute path that has moved.
    #[must_use]
    pub fn word(&self, word: &OsStr) -> OsString {
        self.place(Path::new(word)).map_or_else(|| word.to_owned(), PathBuf::into_os_string)
    }

    /// The value of a variable: every element that has moved is rewritten, of a list with colons or
    /// of a list in JSON, as `pyproject_hooks` passes the path of a back end on.
    #[must_use]
    pub fn list(&self, value: &OsStr) -> OsString {
        let json = value.to_str().filter(|text| text.starts_with('['));
        if let Some(Ok(elements)) = json.map(serde_json::from_str::<Vec<String>>) {
            let moved = elements.iter().map(|element| self.word(OsStr::new(element)));
            let moved: Vec<_> = moved.map(|path| path.to_string_lossy().into_owned()).collect();
            return serde_json::json!(moved).to_string().into();
        }
        let elements = value.as_bytes().split(|byte| *byte == b':');
        let moved = elements.map(|element| self.word(OsStr::from_bytes(element)).into_vec());
        OsString::from_vec(moved.collect::<Vec<_>>().join(&b':'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Purpose;

    fn relocation() -> Relocation {
        let tree = |path: &str, purpose| PrivateTree { path: path.into(), purpose };
        let trees = [
            tree("/build/pkg", Purpose::Source),
            tree("/build/pkg/dist", Purpose::Output),
            tree("/tmp/control", Purpose::Control),
        ];
        Relocation::new(Path::new("/run/s"), &trees)
    }

    #[test]
    fn the_innermost_directory_decides_where_a_path_has_moved() {
        let relocation = relocation();
        let place = |path: &str| relocation.place(Path::new(path));
        assert_eq!(place("/build/pkg"), Some("/run/s/source".into()));
        assert_eq!(place("/build/pkg/setup.py"), Some("/run/s/source/setup.py".into()));
        assert_eq!(place("/build/pkg/dist/x.whl"), Some("/run/s/output/x.whl".into()));
        assert_eq!(place("/build/pkg-other"), None);
        assert_eq!(place("pkg"), None);
    }

    #[test]
    fn lists_of_paths_are_rewritten_element_by_element() {
        let list = |value: &str| relocation().list(OsStr::new(value));
        assert_eq!(list("/build/pkg/_lab:/usr/lib"), "/run/s/source/_lab:/usr/lib");
        assert_eq!(list("-O2 -I/build/pkg"), "-O2 -I/build/pkg", "no list of paths");
        assert_eq!(list(r#"["/build/pkg", "/usr"]"#), r#"["/run/s/source","/usr"]"#);
        assert_eq!(list("[/build/pkg"), "[/build/pkg");
        assert_eq!(list(""), "");
    }
}
