//! The two directories of a wheel that bear the name of its release: `NAME-VERSION.dist-info`, which
//! has its metadata, and `NAME-VERSION.data`, which has its schemes.
//!
//! Where packages lie, programs take every directory or file of certain names for a release that is
//! installed, whoever put it there: resolvers count it as there, and its lists say what belongs to it.
//! So a wheel may have one such directory, its own, in plain view; and that is held for the place at
//! which a member ends up, by whatever scheme it gets there.
#![forbid(unsafe_code)]

use super::Fault;
use super::environment;
use super::installed::{self, Member, Place};
use super::twins::folded;
use crate::harvest::names::Artefact;

/// Ends of the names that `importlib.metadata` and `pkg_resources` take for a release.
const LISTED: [&str; 4] = [".dist-info", ".egg-info", ".egg", ".egg-link"];

/// Another directory of metadata, or none.
pub(super) const METADATA: Fault = Fault::Layout(
    "it needs exactly one .dist-info directory of its release, and no other metadata of one",
);
/// Another directory of schemes, or one of no scheme.
const SCHEMES: Fault = Fault::Layout("its `.data` directory is not one of this wheel's schemes");

/// What only an installer writes into a directory of metadata: where a release came from, who installed
/// it and who asked for it. Others believe that, and fetch it from there again.
const INSTALLERS: [&str; 4] = ["installer", "requested", "direct_url.json", "provenance_url.json"];

const INSTALLED: Fault =
    Fault::Layout("only an installer writes a file of this name, and is believed");

/// A file of a directory of metadata on which others act, beside `METADATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::harvest) enum Part {
    /// What installers make programs of.
    EntryPoints,
    /// What says how the wheel was built.
    Wheel,
}

impl Part {
    /// What the file of that name is, by its path from the directory of metadata. Some file systems make
    /// no difference where others do, so the name is taken as [`folded`].
    ///
    /// # Errors
    /// Only an installer writes it.
    pub(in crate::harvest) fn of(name: &str) -> Result<Option<Self>, Fault> {
        let (first, deeper) =
            name.split_once('/').map_or((name, false), |(first, _)| (first, true));
        let first = folded(first);
        if INSTALLERS.contains(&first.as_str()) || first.starts_with("uv_") {
            return Err(INSTALLED);
        }
        Ok(match first.as_str() {
            _ if deeper => None,
            "entry_points.txt" => Some(Self::EntryPoints),
            "wheel" => Some(Self::Wheel),
            _ => None,
        })
    }
}

/// The directories of a wheel that are its release's own, by the first component of its members.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own<'a> {
    artefact: &'a Artefact,
    info: Option<&'a str>,
    data: Option<&'a str>,
}

impl<'a> Own<'a> {
    /// None found yet, of a wheel that is `artefact`.
    pub(super) const fn of(artefact: &'a Artefact) -> Self {
        Self { artefact, info: None, data: None }
    }

    /// The directory with the metadata.
    ///
    /// # Errors
    /// No member was in one.
    pub(super) fn info(&self) -> Result<&'a str, Fault> {
        self.info.ok_or(METADATA)
    }

    /// Where the member `name` ends up; nowhere if it only holds the schemes.
    ///
    /// # Errors
    /// It is metadata of a release, or holds schemes, and not in the wheel's own directory for that.
    pub(super) fn place(&mut self, name: &'a str) -> Result<Option<Place<'a>>, Fault> {
        let place = match installed::member(name, |first| self.is_data(first)) {
            Member::At(place) => place,
            Member::Above => return Ok(None),
            Member::Astray => return Err(SCHEMES),
        };
        match listed(&place) {
            Some(part) if name.split('/').next() != Some(part) || !self.is_info(part) => {
                Err(METADATA)
            }
            _ => Ok(Some(place)),
        }
    }

    /// Whether `first` is the one directory with the metadata. Its name is taken apart once, for that
    /// takes long for a long one.
    fn is_info(&mut self, first: &'a str) -> bool {
        if self.info.is_none() && first.strip_suffix(".dist-info").is_some_and(|it| self.names(it))
        {
            self.info = Some(first);
        }
        self.info == Some(first)
    }

    /// The same of the one with the schemes.
    fn is_data(&mut self, first: &'a str) -> bool {
        if self.data.is_none() && first.strip_suffix(".data").is_some_and(|it| self.names(it)) {
            self.data = Some(first);
        }
        self.data == Some(first)
    }

    /// Whether `NAME-VERSION` is the wheel's release. Readers take what stands before the first dash for
    /// the name, so there is one.
    fn names(&self, stem: &str) -> bool {
        stem.matches('-').count() == 1
            && Artefact::dist_info(&format!("{stem}.dist-info"))
                .is_ok_and(|it| it.releases.iter().any(|release| self.artefact.is_of(release)))
    }
}

/// The part of a place for which a release counts as installed. It lies right in a directory in which
/// an interpreter looks for modules: that of packages, that of the program it was started with, the
/// root of an environment on Windows, or any below programs and `lib`.
fn listed<'a>(place: &Place<'a>) -> Option<&'a str> {
    let (path, deep) = match place {
        Place::Packages(path) | Place::Headers(path) => (*path, false),
        // A stray interpreter there has more of such directories below.
        Place::Programs(path) => (*path, true),
        Place::Environment(path) => (*path, environment::is_library(path)),
    };
    path.split('/').take(if deep { usize::MAX } else { 1 }).find(|part| {
        let part = folded(part);
        LISTED.iter().any(|end| part.ends_with(end))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn placed(names: &[&str]) -> Result<(), String> {
        let artefact = Artefact::wheel("my_pkg-1.0-py3-none-any.whl").unwrap();
        let mut own = Own::of(&artefact);
        names.iter().try_for_each(|name| own.place(name).map(drop)).map_err(|it| it.to_string())
    }

    /// Every way to a place in which an interpreter looks for modules.
    const WAYS: [&str; 23] = [
        "",
        "my_pkg-1.0.data/purelib/",
        "my_pkg-1.0.data/platlib/",
        "my_pkg-1.0.data/headers/",
        "my_pkg-1.0.data/scripts/",
        "my_pkg-1.0.data/data/",
        "my_pkg-1.0.data/data/bin/",
        "my_pkg-1.0.data/data/Scripts/",
        "my_pkg-1.0.data/data/lib/",
        "my_pkg-1.0.data/data/lib/python/",
        "my_pkg-1.0.data/data/lib/python3.11/",
        "my_pkg-1.0.data/data/lib/python3.11/lib-dynload/",
        "my_pkg-1.0.data/data/lib/python3.11/site-packages/",
        "my_pkg-1.0.data/data/lib64/python3.13t/Site-Packages/",
        "my_pkg-1.0.data/data/lib/python3/dist-packages/",
        "my_pkg-1.0.data/data/local/lib/python3.11/dist-packages/",
        "my_pkg-1.0.data/data/usr/local/lib/python3.11/",
        "my_pkg-1.0.data/data/lib/pypy3.10/site-packages/",
        "my_pkg-1.0.data/data/bin/lib-dynload/",
        "my_pkg-1.0.data/data/DLLs/",
        "my_pkg-1.0.data/data/lib-python/3/",
        "my_pkg-1.0.data/data/lib_pypy/",
        "my_pkg-1.0.data/data/Library/lib/",
    ];

    #[rstest]
    fn no_other_release_counts_as_installed_by_whatever_way_it_comes(
        #[values(
            "requests-99.0.dist-info/METADATA",
            "requests-99.0.dist-info",
            "requests.dist-info/RECORD",
            "my_pkg-1.0.0.dist-info/METADATA",
            "MY_PKG-1.0.dist-info/METADATA",
            "my_pkg-1.0.DIST-INFO/entry_points.txt",
            "my_pkg-1.0.dist\u{ad}-info/METADATA",
            "requests-99.0.egg-info/PKG-INFO",
            "my_pkg-1.0.egg-info/PKG-INFO",
            "requests.egg-info",
            "requests.Egg-Info",
            "requests-99.0-py3.11.egg/EGG-INFO/PKG-INFO",
            "requests-99.0-py3.11.egg",
            "requests.egg-link",
            "requests.egg-lin\u{212a}"
        )]
        name: &str,
    ) {
        for way in WAYS {
            let name = format!("{way}{name}");
            let found = placed(&["my_pkg-1.0.dist-info/METADATA", &name]);
            assert!(found.is_err_and(|it| it.contains("exactly one .dist-info")), "{name}");
        }
    }

    #[test]
    fn the_wheels_own_comes_by_no_scheme_and_in_one_spelling() {
        let own = "my_pkg-1.0.dist-info/METADATA";
        for way in WAYS.iter().skip(1) {
            assert!(placed(&[&format!("{way}{own}")]).is_err(), "{way}");
        }
        for name in [own, "My.Pkg-1.0.0.dist-info/licenses/x.egg-info/y"] {
            assert_eq!(placed(&[name, name]), Ok(()), "{name}");
        }
        let [one, other] = ["my_pkg-1.0.data/purelib/a", "my_pkg-1.0.0.data/purelib/b"];
        assert_eq!(placed(&[one, own, one]), Ok(()));
        assert!(placed(&[one, other]).is_err_and(|it| it.contains("schemes")));
        let artefact = Artefact::wheel("my_pkg-1.0-py3-none-any.whl").unwrap();
        assert!(Own::of(&artefact).info().is_err());
    }

    #[rstest]
    #[case("requests_2-31-py3-none-any.whl", "requests-2-31")]
    #[case("a_2-1-py3-none-any.whl", "a-2-1")]
    #[case("a-2.post1-py3-none-any.whl", "a-2-1")]
    #[case("a_b-1-py3-none-any.whl", "a-b-1")]
    fn its_name_is_the_release_in_the_one_reading_that_others_have(
        #[case] wheel: &str,
        #[case] stem: &str,
    ) {
        let artefact = Artefact::wheel(wheel).unwrap();
        for name in [format!("{stem}.dist-info/METADATA"), format!("{stem}.data/purelib/x")] {
            assert!(Own::of(&artefact).place(&name).is_err(), "{name}");
        }
    }

    #[rstest]
    #[case("entry_points.txt", Some(Part::EntryPoints))]
    #[case("Entry_Points.TXT", Some(Part::EntryPoints))]
    #[case("entry_point\u{17f}.txt", Some(Part::EntryPoints))]
    #[case("entry_points.txt::$DATA", Some(Part::EntryPoints))]
    #[case("WHEEL", Some(Part::Wheel))]
    #[case("Wheel", Some(Part::Wheel))]
    #[case("METADATA", None)]
    #[case("RECORD", None)]
    #[case("top_level.txt", None)]
    #[case("licenses/INSTALLER", None)]
    #[case("sboms/direct_url.json", None)]
    #[case("licenses/WHEEL", None)]
    fn the_parts_of_metadata_are_known_in_any_spelling(
        #[case] name: &str,
        #[case] part: Option<Part>,
    ) {
        assert_eq!(Part::of(name).unwrap(), part);
    }

    #[rstest]
    fn what_only_an_installer_writes_is_refused(
        #[values(
            "direct_url.json",
            "Direct_URL.json",
            "direct_url.j\u{17f}on",
            "direct_url.json::$DATA",
            "INSTALLER",
            "installer",
            "REQUESTED",
            "provenance_url.json",
            "uv_cache.json",
            "uv_build.json",
            "direct_url.json/x"
        )]
        name: &str,
    ) {
        assert!(Part::of(name).unwrap_err().to_string().contains("only an installer"));
    }

    #[rstest]
    fn what_lies_deeper_or_only_looks_alike_is_a_packages_own(
        #[values(
            "my_pkg/_vendor/requests-2.0.dist-info/METADATA",
            "my_pkg/x.egg-info/PKG-INFO",
            "my_pkg/dist-info/x",
            "dist-info",
            "egg.py",
            "my_pkg.eggs/x",
            "my_pkg-1.0.data/data/share/pkg/x-1.0.dist-info/METADATA",
            "my_pkg-1.0.data/data/lib/python3.11/site-packages/pkg/_vendor/x-1.dist-info/METADATA",
            "my_pkg-1.0.data/purelib/pkg/x.egg"
        )]
        name: &str,
    ) {
        assert_eq!(placed(&[name]), Ok(()));
    }
}
