//! The names of wheels, sdists and `.dist-info` directories, taken apart.
#![forbid(unsafe_code)]

use super::requirement::is_name;
use super::version;
use crate::policy::artefacts::BuildTag;

/// The longest name of a file that Linux file systems take, in bytes.
const MOST_BYTES: usize = 255;

/// A distribution and its version, as a file name says them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The name as PEP 503 compares it: lower case, runs of `-_.` as one dash.
    pub project: String,
    /// The version as PEP 440 compares it, or as old setuptools writes one from before that. Empty
    /// where a name does not say it, and `*` where any will do that has no advantage over others.
    pub version: String,
}

/// Any version that has no advantage over others; no version is spelt like this.
pub(super) const ORDINARY: &str = "*";

/// What a hook's file name promises that the file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artefact {
    /// What it is.
    pub form: Form,
    /// Whose it is. Where dashes leave more than one reading, all of them.
    pub releases: Vec<Release>,
    /// The build tag of a wheel.
    pub build: Option<String>,
    /// The tags of a wheel for Python, ABI and platform, as they stand in its name.
    pub tags: Option<String>,
}

/// The forms of what a hook hands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A wheel; `any` tells whether it claims to run on every platform.
    Wheel {
        /// Whether its platform tag is `any`.
        any: bool,
    },
    /// An sdist.
    Sdist,
    /// A directory of metadata.
    DistInfo,
}

/// Why a name is not the name of an artefact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is a path, or holds what no file name of an artefact holds.
    #[error("it is not a plain file name of letters, digits and `._-+!`")]
    NotPlain,
    /// Where the version stands is none.
    #[error(
        "its version is not one: neither by PEP 440 nor as old setuptools wrote them, which begin \
         with a digit"
    )]
    Version,
    /// It does not have the form of a wheel's name.
    #[error("a wheel is named NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl")]
    Wheel,
    /// It does not have the form of an sdist's name.
    #[error("an sdist is named NAME-VERSION.tar.gz")]
    Sdist,
    /// It does not have the form of a metadata directory's name.
    #[error("a metadata directory is named NAME-VERSION.dist-info, without another dash")]
    DistInfo,
}

impl Release {
    /// The release of a project and a version, if both are well-formed.
    #[must_use]
    pub fn new(project: &str, version: &str) -> Option<Self> {
        let version = version::compared(version)?;
        is_name(project).then(|| Self { project: normalised(project), version })
    }

    /// Whether its version is one that PEP 440 does not know.
    #[must_use]
    pub fn is_legacy(&self) -> bool {
        let said = !self.version.is_empty() && self.version != ORDINARY;
        said && version::is_legacy(&self.version)
    }

    /// Whether `found`, which says its version, is this release.
    #[must_use]
    pub fn admits(&self, found: &Self) -> bool {
        let version = match self.version.as_str() {
            "" => true,
            ORDINARY => version::advantage(&found.version).is_none(),
            version => version == found.version,
        };
        version && self.project == found.project
    }
}

impl Artefact {
    /// Takes the name of a wheel apart, as the wheel specification's "File name convention" says.
    ///
    /// # Errors
    /// When it has another form.
    pub fn wheel(name: &str) -> Result<Self, NameError> {
        let stem = plain(name)?.strip_suffix(".whl").ok_or(NameError::Wheel)?;
        let parts: Vec<&str> = stem.split('-').collect();
        let (project, version, build, tags) = match parts.as_slice() {
            [project, version, tags @ ..] if tags.len() == 3 => (project, version, None, tags),
            [project, version, build, tags @ ..] if tags.len() == 3 => {
                (project, version, Some(build), tags)
            }
            _ => return Err(NameError::Wheel),
        };
        let tag = |tag: &&str| {
            !tag.is_empty()
                && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte))
        };
        let tagged = build.is_none_or(|build| build.parse::<BuildTag>().is_ok());
        if !tagged || !tags.iter().all(tag) || !is_name(project) {
            return Err(NameError::Wheel);
        }
        let release = Release::new(project, version).ok_or(NameError::Version)?;
        let any = tags.last().is_some_and(|platforms| platforms.split('.').any(|it| it == "any"));
        let form = Form::Wheel { any };
        let (build, tags) = (build.map(|build| (*build).to_owned()), Some(tags.join("-")));
        Ok(Self { form, releases: vec![release], build, tags })
    }

    /// Takes the name of an sdist apart. The project may hold dashes, as it did before PEP 625.
    ///
    /// # Errors
    /// When it has another form.
    pub fn sdist(name: &str) -> Result<Self, NameError> {
        let stem = plain(name)?.strip_suffix(".tar.gz").ok_or(NameError::Sdist)?;
        let releases = readings(stem, NameError::Sdist)?;
        Ok(Self { form: Form::Sdist, releases, build: None, tags: None })
    }

    /// Takes the name of a metadata directory apart. Old setuptools leave the version out of it.
    ///
    /// # Errors
    /// When it has another form.
    pub fn dist_info(name: &str) -> Result<Self, NameError> {
        let stem = plain(name)?.strip_suffix(".dist-info").ok_or(NameError::DistInfo)?;
        let releases = if is_name(stem) && !stem.contains('-') {
            vec![Release { project: normalised(stem), version: String::new() }]
        } else if stem.matches('-').count() == 1 {
            readings(stem, NameError::DistInfo)?
        } else {
            // Readers take what stands before the first dash for the name.
            return Err(NameError::DistInfo);
        };
        Ok(Self { form: Form::DistInfo, releases, build: None, tags: None })
    }

    /// Whether the name says that it is `release`.
    #[must_use]
    pub fn is_of(&self, release: &Release) -> bool {
        self.releases.iter().any(|own| own.admits(release))
    }
}

/// The ways to read `NAME-VERSION`. Only names from before PEP 625 have more than one: `a-2-1` is
/// version 1 of `a-2` or version 2.post1 of `a`. Of older versions, which may hold dashes themselves
/// (`a-2011-01-20`), only the longest counts where another reading has one of PEP 440, or every dash
/// would give a further reading.
fn readings(stem: &str, shape: NameError) -> Result<Vec<Release>, NameError> {
    let split = |(at, _)| {
        let (project, version) = stem.split_at_checked(at)?;
        Release::new(project, version.strip_prefix('-')?)
    };
    let mut releases: Vec<_> = stem.match_indices('-').filter_map(split).collect();
    if releases.iter().any(|release| !release.is_legacy()) {
        let longest = releases.first().filter(|release| release.is_legacy()).cloned();
        releases.retain(|release| !release.is_legacy());
        releases.extend(longest);
    }
    match (releases.is_empty(), stem.contains('-')) {
        (false, _) => Ok(releases),
        (true, true) => Err(NameError::Version),
        (true, false) => Err(shape),
    }
}

/// The name of a project as PEP 503 compares it.
fn normalised(project: &str) -> String {
    let words = project.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

fn plain(name: &str) -> Result<&str, NameError> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+!".contains(&byte);
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if first && name.len() <= MOST_BYTES && name.bytes().all(known) {
        Ok(name)
    } else {
        Err(NameError::NotPlain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("pkg-1.0-py3-none-any.whl", "pkg", "1", true)]
    #[case(
        "My_Pkg.x-1.0.post1-2local-cp311-cp311-manylinux_2_17_x86_64.whl",
        "my-pkg-x",
        "1.post1",
        false
    )]
    #[case("pkg-1.0+cpu-py2.py3-none-linux_x86_64.manylinux1_x86_64.whl", "pkg", "1+cpu", false)]
    #[case("pkg-1!2-py3-none-any.whl", "pkg", "1!2", true)]
    #[case("pkg-1-py3-none-linux_x86_64.any.whl", "pkg", "1", true)]
    #[case("pkg-1-py3-none-any.linux_x86_64.whl", "pkg", "1", true)]
    fn a_wheel_name_is_taken_apart(
        #[case] name: &str,
        #[case] project: &str,
        #[case] version: &str,
        #[case] any: bool,
    ) {
        let releases = vec![Release { project: project.into(), version: version.into() }];
        let wheel = Artefact::wheel(name).unwrap();
        assert_eq!((wheel.form, wheel.releases), (Form::Wheel { any }, releases));
    }

    #[rstest]
    fn what_is_no_wheel_name_is_refused(
        #[values(
            "",
            ".whl",
            "pkg.whl",
            "pkg-1.0.whl",
            "pkg-1.0-py3-none.whl",
            "pkg-1.0-x1-py3-none-any.whl",
            "pkg-1.0-1-1-py3-none-any.whl",
            "pkg-x-py3-none-any.whl",
            "pkg-1.0-py3--any.whl",
            "pkg-1.0-py3-none-any.WHL",
            "pkg-1.0-py3-none-any.whl.zip",
            "-pkg-1.0-py3-none-any.whl",
            ".pkg-1.0-py3-none-any.whl",
            "../pkg-1.0-py3-none-any.whl",
            "/pkg-1.0-py3-none-any.whl",
            "a/pkg-1.0-py3-none-any.whl",
            "pkg-1.0-py3-none-any.whl\n",
            "pkg\0-1.0-py3-none-any.whl",
            "pkg -1.0-py3-none-any.whl",
            "pkg-1.0-py3-none-\u{202e}any.whl"
        )]
        name: &str,
    ) {
        assert!(Artefact::wheel(name).is_err());
        assert!(Artefact::wheel(&format!("{}-1-py3-none-any.whl", "a".repeat(250))).is_err());
    }

    #[test]
    fn an_sdist_name_may_hold_dashes_and_a_directory_name_has_its_suffix() {
        let release = |project: &str, version: &str| Release::new(project, version).unwrap();
        let sdist = Artefact::sdist("my-old.Pkg-1.0rc1.tar.gz").unwrap();
        assert_eq!(sdist.releases, [release("my_old_pkg", "1.0c1")]);
        let directory = Artefact::dist_info("my_pkg-1.0.dist-info").unwrap();
        assert_eq!(directory.releases, [release("my-pkg", "1")]);
        assert_eq!(Artefact::wheel("a-1-2b-py3-none-any.whl").unwrap().build.unwrap(), "2b");
        let unclear = Artefact::sdist("a-2-1.tar.gz").unwrap();
        assert!(unclear.is_of(&release("a-2", "1")) && unclear.is_of(&release("a", "2.post1")));
        assert!(Artefact::sdist("pkg-1.0.zip").is_err());
        assert!(Artefact::sdist("pkg.tar.gz").is_err());
        assert!(Artefact::dist_info("pkg-1.0.dist-info/METADATA").is_err());
        assert!(Artefact::dist_info("..").is_err());
    }

    #[test]
    fn a_metadata_directory_may_leave_its_version_to_the_metadata() {
        let directory = Artefact::dist_info("My_Pkg.dist-info").unwrap();
        for version in ["1.0", "2004d", "1!2", "1+local"] {
            assert!(directory.is_of(&Release::new("my-pkg", version).unwrap()), "{version}");
            assert!(!directory.is_of(&Release::new("pkg", version).unwrap()));
        }
        let ordinary = Release { project: "my-pkg".to_owned(), version: ORDINARY.to_owned() };
        assert!(ordinary.admits(&Release::new("my.pkg", "1.0").unwrap()));
        for version in ["1!2", "1+local"] {
            assert!(!ordinary.admits(&Release::new("my.pkg", version).unwrap()), "{version}");
        }
        assert!(!directory.releases[0].is_legacy() && !ordinary.is_legacy());
        assert!(Artefact::dist_info("my-pkg.dist-info").is_err());
        assert!(Artefact::dist_info(".dist-info").is_err());
    }

    #[test]
    fn a_version_from_before_the_standard_is_told_from_none() {
        let release = Release::new("pkg", "2004d").unwrap();
        assert!(release.is_legacy() && !Release::new("pkg", "2004").unwrap().is_legacy());
        for found in [
            Artefact::wheel("pkg-2004d-py3-none-any.whl"),
            Artefact::sdist("pkg-2004d.tar.gz"),
            Artefact::dist_info("pkg-2004d.dist-info"),
        ] {
            assert_eq!(found.unwrap().releases, std::slice::from_ref(&release));
        }
        // A dash may also belong to such a version; beside a good reading only the longest counts.
        let told = |name: &str| -> Vec<String> {
            let releases = Artefact::sdist(name).unwrap().releases;
            releases.iter().map(|it| format!("{}=={}", it.project, it.version)).collect()
        };
        assert_eq!(told("a-2x-1.tar.gz"), ["a-2x==1", "a==2x-1"]);
        assert_eq!(
            told("My.Pkg-2011-01-20.tar.gz"),
            ["my-pkg-2011==1.post20", "my-pkg-2011-01==20", "my-pkg==2011-01-20"]
        );
        assert_eq!(Artefact::sdist("a-2x-3-1.tar.gz").unwrap().releases.len(), 3);
        assert_eq!(Artefact::sdist("a-2x-1z.tar.gz").unwrap().releases.len(), 2);
        for found in [
            Artefact::wheel("pkg-x1-py3-none-any.whl"),
            Artefact::sdist("pkg-x1.tar.gz"),
            Artefact::dist_info("pkg-x1.dist-info"),
        ] {
            assert_eq!(found, Err(NameError::Version));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_text_panics_and_what_passes_is_one_component(
            text in prop_oneof![any::<String>(), r"[a./\\+!-]{0,4}-1[.0a/-]{0,4}(-py3-none-any\.whl|\.tar\.gz|\.dist-info)"],
        ) {
            for parsed in [Artefact::wheel(&text), Artefact::sdist(&text), Artefact::dist_info(&text)] {
                if parsed.is_ok() {
                    prop_assert!(!text.contains(['/', '\\', '\0', '\n']) && !text.starts_with('.'));
                }
            }
        }
    }
}
