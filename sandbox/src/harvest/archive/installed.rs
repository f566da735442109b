//! Where the members of a wheel end up once it is installed, and what there acts by itself.
//!
//! A wheel's members go to the directory of packages, those below `NAME-VERSION.data` to one of five
//! places, the schemes. By `data` any place in the environment can be reached, the directory of
//! packages and the interpreter's own library among them.
#![forbid(unsafe_code)]

use super::environment::{self, is_configuration};
use super::twins::{folded, folded_path};
use super::{modules, programs};
use crate::harvest::note::NoteKind;

const SCHEMES: [&str; 5] = ["purelib", "platlib", "headers", "scripts", "data"];

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
    let is_packages =
        |part: &str| matches!(folded(part).as_str(), "site-packages" | "dist-packages");
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
        Some((bin, program)) if matches!(folded(bin).as_str(), "bin" | "scripts") => {
            Place::Programs(program)
        }
        _ => Place::Environment(path),
    }
}

/// The path from the directory of a project's headers, by that from `include`: with the version of Python
/// and the name of the project between them.
fn headers(inner: &str) -> Option<&str> {
    let inner = match inner.split_once('/') {
        Some((site, rest)) if site.eq_ignore_ascii_case("site") => rest,
        _ => inner,
    };
    let (python, rest) = inner.split_once('/')?;
    let versioned = ["python", "pypy"].iter().any(|it| folded(python).starts_with(it));
    versioned.then(|| rest.split_once('/').map(|(_, path)| path))?
}

impl Place<'_> {
    /// The place as one path, in which two places are equal where a file of the one replaces a file
    /// of the other. What no scheme names begins as no name of a member can.
    pub(super) fn path(&self) -> String {
        let (root, path) = match self {
            Self::Packages(path) => ("\0packages/", *path),
            Self::Programs(path) => ("\0programs/", *path),
            Self::Headers(path) => ("\0headers/", *path),
            Self::Environment(path) => match path.split_once('/') {
                // In most environments the one is a link to the other.
                Some((first, inner)) if first.eq_ignore_ascii_case("lib64") => ("lib/", inner),
                Some((first, inner)) if first.eq_ignore_ascii_case("include") => {
                    headers(inner).map_or(("", *path), |path| ("\0headers/", path))
                }
                _ => ("", *path),
            },
        };
        [root, path].concat()
    }

    /// What a file there does by itself, if a release of one of `projects` brings it. Whoever unpacks it
    /// may have a file system to which several names are one, so they are compared as such.
    pub(super) fn acts(&self, projects: &[&str]) -> Option<NoteKind> {
        match self {
            Self::Packages(path) | Self::Headers(path) => {
                modules::is_start_up(&folded_path(path), projects).then_some(NoteKind::StartUp)
            }
            Self::Programs(path) => acts_beside_programs(&folded_path(path), projects),
            Self::Environment(path) => {
                let path = folded_path(path);
                match environment::program(&path) {
                    Some(program) => acts_beside_programs(program, projects),
                    None => environment::acts(&path, projects),
                }
            }
        }
    }
}

/// The same of what lies at `path` in a directory of programs.
fn acts_beside_programs(path: &str, projects: &[&str]) -> Option<NoteKind> {
    let configures = is_configuration(path) || path.starts_with("modules/");
    if configures || environment::is_loaded_on_windows(path) {
        return Some(NoteKind::Environment);
    }
    if modules::comes_first(path, projects) {
        return Some(NoteKind::StartUp);
    }
    programs::is_taken(path, projects).then_some(NoteKind::Program)
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
            "\u{17f}itecustomize.py",
            "sitecustomize\u{ad}.py",
            "x.pth::$DATA",
            "x.pt\u{210e}",
            "msvcrt.py",
            "org/python/core.py",
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
        // The root of an environment is one of them on Windows.
        assert_eq!(acts(&format!("pkg-1.0.data/data/{path}")), Some(NoteKind::StartUp));
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
    #[case("data/pyvenv.cfg::$DATA", Some(NoteKind::Environment))]
    #[case("data/pyvenv.cf\u{210a}", Some(NoteKind::Environment))]
    #[case("scripts/python311.dll", Some(NoteKind::Environment))]
    #[case("scripts/re.py", Some(NoteKind::StartUp))]
    #[case("data/bin/re/__init__.py", Some(NoteKind::StartUp))]
    #[case("data/usr/local/bin/Re.py", Some(NoteKind::StartUp))]
    #[case("data/sitecustomize\u{ad}.py", Some(NoteKind::StartUp))]
    #[case("scripts/ma\u{212a}e", Some(NoteKind::Program))]
    #[case("scripts/\u{17f}udo", Some(NoteKind::Program))]
    #[case("scripts/sudo\u{ad}", Some(NoteKind::Program))]
    #[case("scripts/sh::$DATA", Some(NoteKind::Program))]
    #[case("data/\u{17f}bin/sudo", Some(NoteKind::Program))]
    #[case("data/local/bin/git", Some(NoteKind::Program))]
    #[case("data/usr/local/sbin/sudo", Some(NoteKind::Program))]
    #[case("data/USR/games/sh", Some(NoteKind::Program))]
    #[case("data/Library/bin/git.exe", Some(NoteKind::Program))]
    #[case("data/Library/mingw-w64/bin/make.exe", Some(NoteKind::Program))]
    #[case("data/condabin/conda", Some(NoteKind::Program))]
    #[case("data/compiler_compat/ld", Some(NoteKind::Program))]
    #[case("data/x86_64-conda-linux-gnu/bin/ld", Some(NoteKind::Program))]
    #[case("data/python311.zip", Some(NoteKind::StartUp))]
    #[case("data/games/sh", Some(NoteKind::Program))]
    #[case("data/python.exe", Some(NoteKind::Program))]
    #[case("data/git.BAT", Some(NoteKind::Program))]
    #[case("data/Library/bin/mkl_core.2.dll", None)]
    #[case("data/local/bin/pkg-tool", None)]
    #[case("data/share/pkg/bin/tool", None)]
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
    #[case("data/etc/jupyter/jupyter_config.d/pkg.json", None)]
    #[case("data/etc/Jupyter/Jupyter_Config.py", Some(NoteKind::Environment))]
    #[case("data/Include/String.h", Some(NoteKind::Environment))]
    #[case("data/include/site/python3.11/pkg/x.h", None)]
    #[case("scripts/git-remote-https", Some(NoteKind::Program))]
    #[case("scripts/Pinentry", Some(NoteKind::Program))]
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
        assert_eq!(path("p.data/headers/x"), path("p.data/data/include/site/python3.11/p/x"));
        assert_eq!(path("p.data/headers/x/y"), path("p.data/data/Include/python3.11/p/x/y"));
        assert_ne!(path("p.data/headers/x"), path("p.data/data/include/x"));
        assert_eq!(path("p.data/data/lib/x.so"), path("p.data/data/lib64/x.so"));
        // No member lies where none of a scheme can.
        for name in ["lib/packages/pkg/a.py", "Lib/pkg/a.py", "include/headers/x", "programs/x"] {
            let place = path(Box::leak(format!("p.data/data/{name}").into()));
            assert!(!place.starts_with('\0'), "{place:?}");
        }
    }
}
