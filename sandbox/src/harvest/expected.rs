//! Which release a caller asked for: nothing else is handed over under any name.
//!
//! What a build hands over is named by the build. Where a name goes into a directory that several
//! builds share, or into an index, a build of one project could replace another's wheel, or bring a
//! version or build tag that wins over every later rebuild of its own.
#![forbid(unsafe_code)]

use super::names::{Artefact, ORDINARY, Release};
use super::version;

/// A release that was asked for, or any ordinary one of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    project: String,
    /// The version, as versions are compared.
    version: Option<String>,
    /// The build tag that a wheel may have; it need not have one.
    build: Option<String>,
}

/// Why an artefact is not the one that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unexpected {
    /// It is of another project or version.
    #[error("it is of {found}, and `--expect {wanted}` asks for another release")]
    Release {
        /// Whose it is.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// Its version wins over every ordinary one.
    #[error(
        "its version has {what} that nobody asked for and that wins over every ordinary version; \
         if it is wanted, name it whole: `--expect {found}`"
    )]
    Advantage {
        /// By what it wins.
        what: &'static str,
        /// Whose it is.
        found: String,
    },
    /// It has a build tag, which wins over every wheel of the release without one.
    #[error(
        "its build tag {found:?} was not asked for and wins over other wheels of this release; if \
         it is wanted, name it: `--build-tag {found}`"
    )]
    Build {
        /// The tag.
        found: String,
    },
}

impl Expected {
    /// The release of `project` and `version`, or every ordinary one where there is no version;
    /// nothing when one of them is none.
    #[must_use]
    pub fn new(project: &str, version: Option<&str>, build: Option<&str>) -> Option<Self> {
        // Any version will do to read the name.
        let release = Release::new(project, version.unwrap_or("0"))?;
        let version = version.map(|_| release.version);
        Some(Self { project: release.project, version, build: build.map(str::to_owned) })
    }

    /// The artefact with only those readings of its name that were asked for.
    ///
    /// # Errors
    /// When there is none, or it has a build tag that was not asked for.
    pub fn narrow(&self, artefact: Artefact) -> Result<Artefact, Unexpected> {
        let wanted = |release: &&Release| {
            let version = self.version.as_ref().filter(|_| !release.version.is_empty());
            release.project == self.project && version.is_none_or(|it| *it == release.version)
        };
        // What the name leaves open the metadata must say.
        let version = || self.version.clone().unwrap_or_else(|| ORDINARY.to_owned());
        let said = |release: Release| {
            if release.version.is_empty() {
                Release { version: version(), ..release }
            } else {
                release
            }
        };
        let releases: Vec<_> = artefact.releases.iter().filter(wanted).cloned().map(said).collect();
        let Some(first) = releases.first() else {
            let found: Vec<_> = artefact.releases.iter().map(spoken).collect();
            return Err(Unexpected::Release { found: found.join(" or "), wanted: self.spoken() });
        };
        let advantage = version::advantage(&first.version).filter(|_| self.version.is_none());
        if let Some(what) = advantage {
            return Err(Unexpected::Advantage { what, found: spoken(first) });
        }
        match artefact.build {
            Some(found) if self.build.as_ref() != Some(&found) => Err(Unexpected::Build { found }),
            _ => Ok(Artefact { releases, ..artefact }),
        }
    }

    fn spoken(&self) -> String {
        match &self.version {
            Some(version) => format!("{}=={version}", self.project),
            None => self.project.clone(),
        }
    }
}

fn spoken(release: &Release) -> String {
    if release.version.is_empty() {
        return release.project.clone();
    }
    format!("{}=={}", release.project, release.version)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn expected(text: &str, build: Option<&str>) -> Expected {
        let (project, version) = match text.split_once("==") {
            Some((project, version)) => (project, Some(version)),
            None => (text, None),
        };
        Expected::new(project, version, build).unwrap()
    }

    #[rstest]
    fn what_was_asked_for_passes_in_every_spelling(
        #[values("My_Pkg==1.0", "my.pkg==1.0.0", "MY--PKG==v1", "my-pkg")] wanted: &str,
        #[values("my_pkg-1.0-py3-none-any.whl", "My.Pkg-1-cp311-cp311-linux_x86_64.whl")]
        name: &str,
    ) {
        let wheel = Artefact::wheel(name).unwrap();
        assert_eq!(expected(wanted, None).narrow(wheel.clone()), Ok(wheel));
        for sdist in ["my-pkg-1.0.tar.gz", "my_pkg-1.tar.gz"] {
            assert!(expected(wanted, None).narrow(Artefact::sdist(sdist).unwrap()).is_ok());
        }
        let directory = Artefact::dist_info("my_pkg-1.0.dist-info").unwrap();
        assert!(expected(wanted, None).narrow(directory).is_ok());
    }

    #[test]
    fn what_a_name_leaves_open_the_metadata_must_say() {
        let directory = || Artefact::dist_info("my_pkg.dist-info").unwrap();
        let admits = |wanted: &str, version: &str| {
            let narrowed = expected(wanted, None).narrow(directory()).unwrap();
            narrowed.is_of(&Release::new("my-pkg", version).unwrap())
        };
        assert!(admits("my-pkg==1.0", "1") && admits("my-pkg", "1") && admits("my-pkg", "2004d"));
        for version in ["1.1", "1!1.0", "1.0+cpu"] {
            assert!(!admits("my-pkg==1.0", version), "{version}");
        }
        assert!(!admits("my-pkg", "1!1.0") && !admits("my-pkg", "1.0+cpu"));
        let told = expected("pkg", None).narrow(directory()).unwrap_err().to_string();
        assert!(told.starts_with("it is of my-pkg,"), "{told}");
    }

    #[rstest]
    #[case("pkg==1.0", "other-1.0-py3-none-any.whl", "it is of other==1,")]
    #[case("pkg==1.0", "pkg-1.1-py3-none-any.whl", "it is of pkg==1.1,")]
    #[case("pkg==1.0", "pkg-1.0.post1-py3-none-any.whl", "it is of pkg==1.post1,")]
    #[case("pkg==1.0", "pkg-1!1.0-py3-none-any.whl", "it is of pkg==1!1,")]
    #[case("pkg==1.0", "pkg-1.0+cpu-py3-none-any.whl", "it is of pkg==1+cpu,")]
    #[case("pkg==1.0+cpu", "pkg-1.0-py3-none-any.whl", "it is of pkg==1,")]
    #[case("pkg==1.0", "pkg-1.0-9999zz-py3-none-any.whl", "build tag \"9999zz\"")]
    #[case("pkg", "pkg-1.0-1-py3-none-any.whl", "`--build-tag 1`")]
    #[case("pkg", "pkg-1!1.0-py3-none-any.whl", "an epoch")]
    #[case("pkg", "pkg-1.0+zzz-py3-none-any.whl", "`--expect pkg==1+zzz`")]
    #[case("pkg", "pkgs-1.0-py3-none-any.whl", "`--expect pkg`")]
    #[case("pkg==2004d", "pkg-2004e-py3-none-any.whl", "it is of pkg==2004e,")]
    #[case("pkg", "pkg-1!1.0.post_-py3-none-any.whl", "an epoch")]
    #[case("pkg", "pkg-1.0a_+zzz-py3-none-any.whl", "a local part")]
    #[case("pkg", "pkg-1!2004d-py3-none-any.whl", "an epoch")]
    #[case("pkg", "pkg-1.0d+zzz-py3-none-any.whl", "a local part")]
    #[case("pkg", "pkg-1.0_1+zzz-py3-none-any.whl", "a local part")]
    fn another_release_version_or_build_is_refused(
        #[case] wanted: &str,
        #[case] name: &str,
        #[case] said: &str,
    ) {
        let refused = expected(wanted, None).narrow(Artefact::wheel(name).unwrap()).unwrap_err();
        assert!(refused.to_string().contains(said), "{refused}");
    }

    #[test]
    fn what_is_named_whole_may_win() {
        let passes = |wanted: &str, build, name: &str| {
            expected(wanted, build).narrow(Artefact::wheel(name).unwrap()).is_ok()
        };
        assert!(passes("pkg==1!1.0", None, "pkg-1!1.0-py3-none-any.whl"));
        assert!(passes("pkg==1.0+CPU", None, "pkg-1.0+cpu-py3-none-any.whl"));
        assert!(passes("pkg", Some("2x"), "pkg-1.0-2x-py3-none-any.whl"));
        assert!(passes("pkg", Some("2x"), "pkg-1.0-py3-none-any.whl"));
        assert!(!passes("pkg", Some("2x"), "pkg-1.0-3-py3-none-any.whl"));
        assert!(passes("pkg==2004d", None, "pkg-2004d-py3-none-any.whl"));
        assert!(passes("pkg==1.0.post1", None, "pkg-1.0_1-py3-none-any.whl"));
    }

    #[test]
    fn of_a_name_with_several_readings_the_one_that_was_asked_for_is_left() {
        let narrowed =
            expected("a-2==1", None).narrow(Artefact::sdist("a-2-1.tar.gz").unwrap()).unwrap();
        assert_eq!(narrowed.releases, [Release::new("a-2", "1").unwrap()]);
        let refused = expected("b", None).narrow(Artefact::sdist("a-2-1.tar.gz").unwrap());
        assert!(refused.unwrap_err().to_string().contains("a==2.post1 or a-2==1"));
    }

    #[test]
    fn what_is_no_name_or_version_is_nothing_to_expect() {
        for (project, version) in [("", None), ("a b", None), ("a", Some("x")), ("../a", None)] {
            assert_eq!(Expected::new(project, version, None), None, "{project}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_is_of_the_project_and_version(
            name in "(a|b|a-b|A)-(1|1\\.0|2|1\\+x|1!1|1x)(-1)?-py3-none-any\\.whl",
            wanted in "(a|b)(==(1|2|1\\+x|1!1|1x))?",
        ) {
            let expected = expected(&wanted, None);
            if let Ok(wheel) = Artefact::wheel(&name)
                && let Ok(narrowed) = expected.narrow(wheel)
            {
                prop_assert_eq!(&narrowed.releases[0].project, &expected.project);
                prop_assert!(narrowed.build.is_none());
                let version = &narrowed.releases[0].version;
                prop_assert!(expected.version.as_ref().is_none_or(|wanted| wanted == version));
                prop_assert!(expected.version.is_some() || !version.contains(['+', '!']));
            }
        }
    }
}
