//! Where a build finds its private directories when nothing can be mounted.
//!
//! With mounts a private directory has the path of the original. Without, it lies in the staging
//! directory, and whatever names the original is rewritten: the working directory, the program,
//! arguments that are such a path, variables that list such paths, and the values of `input.json`.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::payload::{Grant, PrivateTree};

/// The staging directory of a build, and what is moved there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relocation {
    root: PathBuf,
    /// Originals and their places, the longest original first.
    moved: Vec<(PathBuf, PathBuf)>,
    /// Other names of what has moved or lies around it, and the paths without links.
    names: Vec<(PathBuf, PathBuf)>,
    /// What lies in one of the originals and may be written as it is: it has not moved.
    stays: Vec<PathBuf>,
}

impl Relocation {
    /// The private `trees`, each below `root` under the name of its purpose; `links` are other names
    /// of theirs. What of `grants` may be written and lies in one of them stays where it is.
    #[must_use]
    pub fn new(
        root: &Path,
        trees: &[PrivateTree],
        links: &[(PathBuf, PathBuf)],
        grants: &[Grant],
    ) -> Self {
        let place = |tree: &PrivateTree| (tree.path.clone(), root.join(tree.purpose.name()));
        let mut moved: Vec<_> = trees.iter().map(place).collect();
        moved.sort_by_key(|(original, _)| std::cmp::Reverse(original.as_os_str().len()));
        let within = |path: &PathBuf| {
            moved.iter().any(|(original, _)| path.starts_with(original) && path != original)
        };
        let written = grants.iter().filter(|grant| grant.writable).map(|grant| grant.path.clone());
        let mut stays: Vec<_> = written.filter(within).collect();
        stays.sort();
        // What lies in another one stays with it.
        stays.dedup_by(|later, first| later.starts_with(first));
        Self { root: root.to_owned(), moved, names: links.to_vec(), stays }
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

    /// What has not moved with the original that it lies in: the original, and the path below it.
    pub fn stays(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.stays.iter().filter_map(|path| {
            let (original, _) = self.moved().find(|(original, _)| path.starts_with(original))?;
            Some((original, path.strip_prefix(original).ok()?))
        })
    }

    /// The directory of that name in the staging directory.
    #[must_use]
    pub fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where the build finds `path`; `None` where it stays.
    #[must_use]
    pub fn place(&self, path: &Path) -> Option<PathBuf> {
        let named = self.names.iter().find_map(|(name, real)| {
            let below = path.strip_prefix(name).ok()?;
            Some(if below == Path::new("") { real.clone() } else { real.join(below) })
        });
        let path = named.as_deref().unwrap_or(path);
        let stays = self.stays.iter().find(|kept| path.starts_with(kept));
        self.moved.iter().find_map(|(original, place)| {
            let below = path.strip_prefix(original).ok()?;
            // The innermost decides.
            if stays.is_some_and(|kept| kept.starts_with(original)) {
                return None;
            }
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
        let tree = |path: &str, purpose| PrivateTree::new(path.into(), purpose);
        let trees = [
            tree("/build/pkg", Purpose::Source),
            tree("/build/pkg/dist", Purpose::Output),
            tree("/tmp/control", Purpose::Control),
        ];
        let names = [("/home/me".into(), "/build".into())];
        let grants =
            [("/build/pkg/out", true), ("/build/pkg/out/in", true), ("/build/pkg/data", false)];
        let grants = grants.map(|(path, writable)| Grant::new(path.into(), writable, true));
        Relocation::new(Path::new("/run/s"), &trees, &names, &grants)
    }

    #[test]
    fn what_may_be_written_as_it_is_stays_where_it_is() {
        let relocation = relocation();
        let place = |path: &str| relocation.place(Path::new(path));
        for path in ["/build/pkg/out", "/build/pkg/out/x.whl", "/home/me/pkg/out/in"] {
            assert_eq!(place(path), None, "{path}");
        }
        assert_eq!(place("/build/pkg/data/x"), Some("/run/s/source/data/x".into()));
        assert_eq!(place("/build/pkg/outer"), Some("/run/s/source/outer".into()));
        let stays: Vec<_> = relocation.stays().collect();
        assert_eq!(stays, [(Path::new("/build/pkg"), Path::new("out"))]);
    }

    #[test]
    fn the_innermost_directory_decides_where_a_path_has_moved() {
        let relocation = relocation();
        let place = |path: &str| relocation.place(Path::new(path));
        assert_eq!(place("/build/pkg"), Some("/run/s/source".into()));
        assert_eq!(place("/build/pkg/setup.py"), Some("/run/s/source/setup.py".into()));
        assert_eq!(place("/build/pkg/dist/x.whl"), Some("/run/s/output/x.whl".into()));
        assert_eq!(place("/home/me/pkg/dist/x.whl"), Some("/run/s/output/x.whl".into()));
        assert_eq!(place("/home/me/pkg"), Some("/run/s/source".into()));
        assert_eq!(place("/home/me/elsewhere"), None);
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
