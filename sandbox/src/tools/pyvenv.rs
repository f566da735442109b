//! `pyvenv.cfg`, which any package installed into a virtual environment may have overwritten.
#![forbid(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};

use crate::paths::{Beneath, OpenError};

/// The file's name.
pub(crate) const NAME: &str = "pyvenv.cfg";

/// No honest one has a tenth of it.
const MOST_BYTES: u64 = 64 << 10;

/// Why a `pyvenv.cfg` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PyvenvError {
    /// It is there but cannot be read.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// It has no `home`.
    #[error("it has no line `home = …`")]
    NoHome,
    /// Its `home` is no absolute path, or one with `..`, a NUL or a control character.
    #[error("its home {0:?} is not a plain absolute path")]
    Home(PathBuf),
}

/// What a `pyvenv.cfg` says. It is what anybody wrote who could install into the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// The directory of the base interpreter.
    pub(super) home: PathBuf,
    /// The packages of the base are seen as well.
    pub(super) with_packages: bool,
}

/// What the `pyvenv.cfg` of `prefix` says, or `None` when there is none in it.
///
/// The rules are those of `CPython`'s `getpath.py` and `site.py`: the first line whose key is `home`
/// in any case counts, white space around key and value does not.
///
/// # Errors
/// When the file is a link, no regular file or too large, or its `home` is missing or not plain.
pub(super) fn settings(prefix: &Path) -> Result<Option<Settings>, PyvenvError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = match rustix::fs::openat(CWD, prefix, flags, Mode::empty()) {
        Ok(directory) => Beneath::new(directory),
        Err(errno) => {
            return match OpenError::from(errno) {
                OpenError::Missing => Ok(None),
                cause => Err(cause.into()),
            };
        }
    };
    let bytes = match directory.read(OsStr::new(NAME), MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(OpenError::Missing) => return Ok(None),
        Err(cause) => return Err(cause.into()),
    };
    let value =
        |key| bytes.split(|byte| matches!(byte, b'\n' | b'\r')).find_map(|it| value_of(it, key));
    let home = value(b"home").ok_or(PyvenvError::NoHome)?;
    let home = PathBuf::from(OsString::from_vec(home.to_vec()));
    let parent = home.components().any(|part| part == std::path::Component::ParentDir);
    let control = home.as_os_str().as_bytes().iter().any(u8::is_ascii_control);
    if !home.is_absolute() || parent || control {
        return Err(PyvenvError::Home(home));
    }
    let with_packages = value(b"include-system-site-packages");
    Ok(Some(Settings {
        home: home.components().collect(),
        with_packages: with_packages.is_some_and(|value| value.eq_ignore_ascii_case(b"true")),
    }))
}

/// Whether there is a `pyvenv.cfg` in `prefix`, of whatever content.
pub(super) fn is_environment(prefix: &Path) -> bool {
    prefix.join(NAME).symlink_metadata().is_ok()
}

fn value_of<'a>(line: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let equals = line.iter().position(|byte| *byte == b'=')?;
    let (key, value) = line.split_at(equals);
    let value = value.get(1..)?;
    key.trim_ascii().eq_ignore_ascii_case(wanted).then(|| value.trim_ascii())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;

    use super::*;

    fn read(content: &[u8]) -> Result<Option<PathBuf>, PyvenvError> {
        let tree = tempfile::tempdir().unwrap();
        std::fs::write(tree.path().join(NAME), content).unwrap();
        home(tree.path())
    }

    fn home(prefix: &Path) -> Result<Option<PathBuf>, PyvenvError> {
        Ok(settings(prefix)?.map(|settings| settings.home))
    }

    #[test]
    fn the_packages_of_the_base_are_seen_only_where_it_says_so() {
        let says = |line: &str| {
            let tree = tempfile::tempdir().unwrap();
            std::fs::write(tree.path().join(NAME), format!("home = /x\n{line}\n")).unwrap();
            settings(tree.path()).unwrap().unwrap().with_packages
        };
        assert!(says("include-system-site-packages = true"));
        assert!(says("Include-System-Site-Packages=TRUE"));
        for line in ["", "include-system-site-packages = false", "include-system-site-packages"] {
            assert!(!says(line), "{line}");
        }
    }

    #[test]
    fn the_first_home_counts_in_any_case_and_spacing() {
        let content =
            b"include-system-site-packages = false\r\n HOME  =  /opt/py/bin/ \r\nhome=/x\n";
        assert_eq!(read(content).unwrap().unwrap(), Path::new("/opt/py/bin"));
    }

    #[test]
    fn a_home_that_is_not_utf_8_is_kept() {
        let home = read(b"home = /opt/p\xff/bin\n").unwrap().unwrap();
        assert_eq!(home.as_os_str().as_bytes(), b"/opt/p\xff/bin");
    }

    #[test]
    fn no_file_is_no_virtual_environment() {
        let tree = tempfile::tempdir().unwrap();
        assert!(home(tree.path()).unwrap().is_none());
        assert!(home(&tree.path().join("missing")).unwrap().is_none());
    }

    #[test]
    fn a_home_that_leads_elsewhere_is_refused() {
        for content in [&b"home = bin\n"[..], b"home = /opt/../root/bin\n", b"home = /a\0b\n"] {
            assert!(matches!(read(content).unwrap_err(), PyvenvError::Home(_)));
        }
        assert!(matches!(read(b"version = 3\n").unwrap_err(), PyvenvError::NoHome));
        assert!(matches!(read(b"").unwrap_err(), PyvenvError::NoHome));
    }

    #[test]
    fn a_link_or_a_giant_in_its_place_is_refused() {
        let tree = tempfile::tempdir().unwrap();
        symlink("/etc/hostname", tree.path().join(NAME)).unwrap();
        assert!(matches!(home(tree.path()).unwrap_err(), PyvenvError::Open(OpenError::Link)));
        let giant = read(&vec![b'\n'; 100_000]).unwrap_err();
        assert!(matches!(giant, PyvenvError::Open(OpenError::TooLarge { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn arbitrary_content_gives_a_plain_absolute_path_or_an_error(
            bytes in prop::collection::vec(any::<u8>(), 0..80),
        ) {
            let content = [b"home = /".as_slice(), &bytes].concat();
            if let Ok(Some(home)) = read(&content) {
                prop_assert!(home.is_absolute());
                prop_assert!(!home.as_os_str().as_bytes().contains(&b'\n'));
            }
        }
    }
}
