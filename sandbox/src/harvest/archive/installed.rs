//! Where the members of a wheel end up once it is installed, and what there acts by itself.
//!
//! A wheel's members go to the directory of packages, those below `NAME-VERSION.data` to one of five
//! places, the schemes. By `data` any place in the environment can be reached, the directory of
//! packages and the interpreter's own library among them.
#![forbid(unsafe_code)]

use super::environment::{self, is_configuration};
use super::programs;
use crate::harvest::note::NoteKind;

const SCHEMES: [&str; 5] = ["purelib", "platlib", "headers", "scripts", "data"];

/// Modules that something imports at every start: `site` itself, and the files that virtualenv,
/// setuptools and Debian put beside it.
const IMPORTED: [&str; 5] =
    ["sitecustomize", "usercustomize", "_virtualenv", "_distutils_hack", "apport_python_hook"];

/// A place in an environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// In the directory of packages.
    Packages(&'a str),
    /// In the directory of programs.
    Programs(&'a str),
    /// Below the directory of the project's C headers.
    Headers(&'a str),
    /// By its path from the root of the environment.
    Environment(&'a str),
}

/// The name of a member, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member<'a> {
    /// A file or directory that is installed there.
    At(Place<'a>),
    /// A part of the `.data` directory that holds the schemes.
    Above,
    /// Below a `.data` directory that is not the wheel's own, or a scheme that nobody knows.
    Astray,
}

/// Where the member `name` ends up. Installers take every first component that ends in `.data` for a
/// directory of schemes, whatever stands before it; `is_own` tells of the component whether it is right.
pub(super) fn member<'a>(name: &'a str, is_own: impl FnOnce(&'a str) -> bool) -> Member<'a> {
    let (first, inner) = name.split_once('/').unwrap_or((name, ""));
    let lower = first.to_ascii_lowercase();
    if inner.is_empty() || lower.strip_suffix(".data").is_none() {
        return Member::At(Place::Packages(name));
    }
    if first.strip_suffix(".data").is_none() || !is_own(first) {
        return Member::Astray;
    }
    let (scheme, path) = inner.split_once('/').unwrap_or((inner, ""));
    if !SCHEMES.contains(&scheme) {
        return Member::Astray;
    }
    if path.is_empty() {
        return Member::Above;
    }
    Member::At(match scheme {
        "purelib" | "platlib" => Place::Packages(path),
        "scripts" => Place::Programs(path),
        "headers" => Place::Headers(path),
        _ => in_environment(path),
    })
}

/// The place of what `data` has at `path`: a directory of packages, wherever it lies, or the
/// directory of programs, or any other.
fn in_environment(path: &str) -> Place<'_> {
    let is_packages = |part: &str| {
        part.eq_ignore_ascii_case("site-packages") || part.eq_ignore_ascii_case("dist-packages")
    };
    let mut from = 0;
    for part in path.split('/') {
        from += part.len() + 1;
        if is_packages(part)
            && let Some(inner) = path.get(from..).filter(|inner| !inner.is_empty())
        {
            return Place::Packages(inner);
        }
    }
    match path.split_once('/') {
        Some((bin, program)) if is_programs(bin) => Place::Programs(program),
        _ => Place::Environment(path),
    }
}

fn is_programs(part: &str) -> bool {
    ["bin", "sbin", "scripts"].iter().any(|it| part.eq_ignore_ascii_case(it))
}

impl Place<'_> {
    /// The place as one path, in which two places are equal where a file of the one replaces a file
    /// of the other.
    pub(super) fn path(&self) -> String {
        let (root, path) = match self {
            Self::Packages(path) => ("lib/packages/", path),
            Self::Programs(path) => ("bin/", path),
            Self::Headers(path) => ("include/headers/", path),
            Self::Environment(path) => ("", path),
        };
        [root, path].concat()
    }

    /// What a file there does by itself, if a release of one of `projects` brings it.
    pub(super) fn acts(&self, projects: &[&str]) -> Option<NoteKind> {
        match self {
            Self::Packages(path) | Self::Headers(path) => {
                is_start_up(path).then_some(NoteKind::StartUp)
            }
            Self::Programs(path) => {
                let configures = is_configuration(path) || path.starts_with("Modules/");
                let program = || programs::is_taken(path, projects).then_some(NoteKind::Program);
                configures.then_some(NoteKind::Environment).or_else(program)
            }
            Self::Environment(path) => environment::acts(path, projects),
        }
    }
}

/// Whether the file, by its path from the directory of packages, is run by the interpreter at every
/// start: path configuration files, the start files of PEP 829, and modules that one of these or
/// `site` imports, in whatever form and also from their cache.
fn is_start_up(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let inner = lower.strip_prefix("__pycache__/").unwrap_or(&lower);
    let (first, deeper) = match inner.split_once('/') {
        Some((first, _)) => (first, true),
        None => (inner, false),
    };
    let module = first.split('.').next().unwrap_or_default();
    let suffix = [".pth", ".start"].iter().any(|suffix| first.ends_with(suffix));
    (suffix && !deeper) || IMPORTED.contains(&module)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn acts(name: &str) -> Option<NoteKind> {
        match member(name, |first| first == "pkg-1.0.data") {
            Member::At(place) => place.acts(&["pkg"]),
            other => panic!("{name}: {other:?}"),
        }
    }

    /// Every way into the directory of packages.
    const PACKAGES: [&str; 9] = [
        "",
        "pkg-1.0.data/purelib/",
        "pkg-1.0.data/platlib/",
        "pkg-1.0.data/data/lib/python3.11/site-packages/",
        "pkg-1.0.data/data/lib64/python3.13t/site-packages/",
        "pkg-1.0.data/data/lib/python3/dist-packages/",
        "pkg-1.0.data/data/local/lib/python3.11/dist-packages/",
        "pkg-1.0.data/data/Lib/site-packages/",
        "pkg-1.0.data/data/lib/pypy3.10/site-packages/",
    ];

    #[rstest]
    fn files_that_run_at_every_start_are_known_by_whatever_way_they_come(
        #[values(
            "x.pth",
            "x.PTH",
            ".x.pth",
            "x.start",
            "sitecustomize.py",
            "usercustomize.py",
            "sitecustomize/__init__.py",
            "usercustomize/__init__.py",
            "sitecustomize/deep/x.py",
            "sitecustomize.cpython-311-x86_64-linux-gnu.so",
            "sitecustomize.abi3.so",
            "sitecustomize.pyc",
            "__pycache__/sitecustomize.cpython-311.pyc",
            "SiteCustomize.py",
            "_virtualenv.py",
            "_distutils_hack/__init__.py"
        )]
        path: &str,
    ) {
        for way in PACKAGES {
            assert_eq!(acts(&format!("{way}{path}")), Some(NoteKind::StartUp), "{way}");
        }
        assert_eq!(acts(&format!("pkg-1.0.data/headers/{path}")), Some(NoteKind::StartUp));
    }

    #[rstest]
    fn other_files_there_are_not(
        #[values(
            "pkg/x.pth",
            "pkg/sitecustomize.py",
            "pth",
            "sitecustomize_.py",
            "pkg/__init__.py",
            "pkg/x.start",
            "start",
            "pkg-1.0.dist-info/METADATA",
            "__pycache__/pkg.cpython-311.pyc"
        )]
        path: &str,
    ) {
        for way in PACKAGES {
            assert_eq!(acts(&format!("{way}{path}")), None, "{way}");
        }
    }

    #[rstest]
    #[case("data/pyvenv.cfg", Some(NoteKind::Environment))]
    #[case("data/PYVENV.cfg", Some(NoteKind::Environment))]
    #[case("data/bin/pyvenv.cfg", Some(NoteKind::Environment))]
    #[case("scripts/pyvenv.cfg", Some(NoteKind::Environment))]
    #[case("scripts/pybuilddir.txt", Some(NoteKind::Environment))]
    #[case("scripts/python311._pth", Some(NoteKind::Environment))]
    #[case("scripts/Modules/Setup.local", Some(NoteKind::Environment))]
    #[case("data/pip.conf", Some(NoteKind::Environment))]
    #[case("data/lib/libpython3.11.so.1.0", Some(NoteKind::Environment))]
    #[case("scripts/python3", Some(NoteKind::Program))]
    #[case("data/bin/python3", Some(NoteKind::Program))]
    #[case("data/sbin/sudo", Some(NoteKind::Program))]
    #[case("data/Scripts/pip.exe", Some(NoteKind::Program))]
    #[case("scripts/activate", Some(NoteKind::Program))]
    #[case("data/lib/python3.11/os.py", Some(NoteKind::StartUp))]
    #[case("data/lib64/python3.11/encodings/__init__.py", Some(NoteKind::StartUp))]
    #[case("data/lib/python311.zip", Some(NoteKind::StartUp))]
    #[case("data/local/lib/python3.11/sitecustomize.py", Some(NoteKind::StartUp))]
    #[case("data/share/doc/pkg/x.txt", None)]
    #[case("data/share/pkg/lib/python/x.py", None)]
    #[case("data/share/models/x.pth", None)]
    #[case("data/share/man/man1/x.1", None)]
    #[case("data/etc/pkg.conf", None)]
    #[case("data/etc/jupyter/jupyter_config.d/x.json", None)]
    #[case("data/lib/libpkg.so", None)]
    #[case("data/lib/pkgconfig/pkg.pc", None)]
    #[case("data/bin/cmake", None)]
    #[case("scripts/pkg-tool", None)]
    #[case("headers/pkg.h", None)]
    fn what_acts_by_itself_is_told_from_what_lies_there(
        #[case] path: &str,
        #[case] expected: Option<NoteKind>,
    ) {
        assert_eq!(acts(&format!("pkg-1.0.data/{path}")), expected);
    }

    #[test]
    fn other_directories_of_data_and_other_schemes_lead_astray() {
        for name in
            ["other-1.0.data/data/x", "pkg-1.0.DATA/data/x", "pkg-1.0.data/etc/x", "x.Data/data/x"]
        {
            assert_eq!(member(name, |first| first == "pkg-1.0.data"), Member::Astray, "{name}");
        }
        assert_eq!(member("pkg-1.0.data/data", |_| true), Member::Above);
        assert_eq!(member("pkg.data", |_| false), Member::At(Place::Packages("pkg.data")));
    }

    #[test]
    fn two_members_for_one_place_have_one_path() {
        let path = |name| match member(name, |_| true) {
            Member::At(place) => place.path(),
            other => panic!("{other:?}"),
        };
        let packages = PACKAGES.map(|way| path(Box::leak(format!("{way}pkg/a.py").into())));
        assert!(packages.iter().all(|it| *it == packages[0]), "{packages:?}");
        assert_eq!(path("p.data/scripts/x"), path("p.data/data/bin/x"));
        assert_ne!(path("p.data/scripts/x"), path("p.data/headers/x"));
    }
}
