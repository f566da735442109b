//! The environment that pip builds in: not a virtual one, but directories that a variable names.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::payload::is_normal;

/// The variable by which pip leads the interpreter there.
pub(crate) const PYTHONPATH: &str = "PYTHONPATH";

/// How pip calls the directory, in `BuildEnvironment` of its `build_env.py`.
const PREFIX: &str = "pip-build-env-";
const SITE: &str = "site";
const PARTS: [&str; 3] = [SITE, "overlay", "normal"];

/// The directories of the build environment that the value of PYTHONPATH leads to; none when it
/// is anything else than pip's.
///
/// pip installs build requirements below `pip-build-env-…/overlay` and `…/normal`, and starts the
/// back end with `…/site` as PYTHONPATH, whose `sitecustomize.py` does the rest. Without it the
/// interpreter would not fail: it would take what the front end's own environment happens to hold.
pub(crate) fn overlay(value: &OsStr) -> Vec<PathBuf> {
    let site = Path::new(value);
    let (Some(parent), true) = (site.parent(), is_normal(site) && site.ends_with(SITE)) else {
        return vec![];
    };
    let name = parent.file_name().unwrap_or_default().to_string_lossy();
    if !name.starts_with(PREFIX) || value.as_encoded_bytes().contains(&b':') {
        return vec![];
    }
    // Not the parent: it is its owner's alone, and a build is somebody else. Never a link, for a
    // build requirement could have put one there.
    let mut parts: Vec<_> = PARTS.iter().map(|part| parent.join(part)).collect();
    parts.retain(|part| part.symlink_metadata().is_ok_and(|found| found.is_dir()));
    parts
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn pip() -> (tempfile::TempDir, PathBuf) {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().join("pip-build-env-x1");
        std::fs::create_dir_all(root.join("site")).unwrap();
        std::fs::create_dir_all(root.join("overlay/bin")).unwrap();
        (tree, root)
    }

    #[test]
    fn what_pip_installed_is_found() {
        let (_tree, root) = pip();
        let found = overlay(root.join("site").as_os_str());
        assert_eq!(found, [root.join("site"), root.join("overlay")]);
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let (tree, root) = pip();
        std::fs::create_dir(tree.path().join("secrets")).unwrap();
        symlink("../secrets", root.join("normal")).unwrap();
        let found = overlay(root.join("site").as_os_str());
        assert_eq!(found, [root.join("site"), root.join("overlay")]);
    }

    #[test]
    fn any_other_python_path_leads_nowhere() {
        let (tree, root) = pip();
        std::fs::create_dir_all(tree.path().join("site")).unwrap();
        let (site, text) = (root.join("site"), root.to_string_lossy().into_owned());
        let two = format!("{text}/site:{text}/site");
        let through = format!("{text}/../{}/site", root.file_name().unwrap().display());
        for value in [two, through, format!("{text}/overlay"), "site".into(), String::new()] {
            assert!(overlay(OsStr::new(&value)).is_empty(), "{value}");
        }
        assert!(overlay(tree.path().join("site").as_os_str()).is_empty());
        assert!(!overlay(site.as_os_str()).is_empty(), "the plain one is found");
    }
}
