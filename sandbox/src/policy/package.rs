//! Packages as a policy names them, and as a front end does.
#![forbid(unsafe_code)]

use std::fmt;
use std::str::FromStr;

use super::version::compared;

/// A package, or one version of it, that a policy has a section for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The name, in its normal form.
    pub name: String,
    /// The version; every one when not given.
    pub version: Option<Version>,
}

/// A version, as it was written. Two are equal whose normal forms are.
#[derive(Clone, Debug)]
pub struct Version {
    text: String,
    normal: String,
}

impl Version {
    /// The version that `text` is; nothing where it is none.
    fn new(text: &str) -> Option<Self> {
        let normal = compared(text)?;
        Some(Self { text: text.to_owned(), normal })
    }

    /// It as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for Version {}

/// The package that is being built.
pub type Wanted = Package;

/// Two releases that are both said to be what is built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` and `{1}` are two releases; `--package`, `--expect` and `expect` in the policy file all say \
     what is built, so let them say the same"
)]
pub struct TwoReleases(Box<Package>, Box<Package>);

/// A text that names no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPackage {
    /// It has another form.
    #[error("`{0}` names no package; write NAME or NAME==VERSION")]
    Form(String),
    /// Its version is none.
    #[error("`{0}` names a version that is none; write NAME==VERSION as the package does")]
    Version(String),
}

impl Package {
    /// Whether what is said of this package applies to `wanted`.
    #[must_use]
    pub fn covers(&self, wanted: &Wanted) -> bool {
        self.name == wanted.name && (self.version.is_none() || self.version == wanted.version)
    }

    /// The narrower of two that both say what is built.
    ///
    /// # Errors
    /// Neither covers the other.
    pub fn both(one: Option<Self>, other: Option<Self>) -> Result<Option<Self>, TwoReleases> {
        match (one, other) {
            (Some(one), Some(other)) if other.covers(&one) => Ok(Some(one)),
            (Some(one), Some(other)) if one.covers(&other) => Ok(Some(other)),
            (Some(one), Some(other)) => Err(TwoReleases(one.into(), other.into())),
            (one, other) => Ok(one.or(other)),
        }
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        let version = self.version.as_ref();
        version.map_or(Ok(()), |version| write!(f, "=={}", version.as_str()))
    }
}

impl FromStr for Package {
    type Err = NoPackage;

    fn from_str(text: &str) -> Result<Self, NoPackage> {
        let (name, version) = match text.split_once("==") {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let plain = |text: &str, more: &str| {
            let allowed = |it: char| it.is_ascii_alphanumeric() || more.contains(it);
            !text.is_empty() && text.chars().all(allowed)
        };
        if !plain(name, "-_.") || !version.is_none_or(|version| plain(version, ".+!-_")) {
            return Err(NoPackage::Form(text.to_owned()));
        }
        let none = || NoPackage::Version(text.to_owned());
        let version = version.map(|version| Version::new(version).ok_or_else(none)).transpose()?;
        Ok(Self { name: normal(name), version })
    }
}

/// The form in which names are compared: small letters, and one dash for every run of `-`, `_` and
/// `.` (the specification of names at packaging.python.org).
fn normal(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(text: &str) -> Package {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_compared_in_their_normal_form() {
        assert!(package("Foo_Bar").covers(&package("foo-bar==1.0")));
        assert!(package("foo.bar==1.0").covers(&package("FOO--BAR==1.0")));
        assert!(!package("foo==1.0").covers(&package("foo==1.0.1")));
        assert!(!package("foo==1.0").covers(&package("foo")));
        assert!(!package("foo").covers(&package("foo-bar")));
    }

    #[test]
    fn versions_are_compared_in_their_normal_form() {
        for text in ["pkg==1.0", "pkg==1", "pkg==1.0.0", "pkg==v1.0", "pkg==01.0", "PKG==1.0"] {
            assert!(package("pkg==1.0").covers(&package(text)), "{text}");
            assert_eq!(package("pkg==1.0"), package(text));
        }
        assert!(package("pkg==1.0-RC1").covers(&package("pkg==1rc1")));
        assert!(package("pkg==2004D").covers(&package("pkg==2004d")), "from before PEP 440");
        for text in ["pkg==1.0.1", "pkg==1!1.0", "pkg==1.0+x", "pkg==1.0.post0"] {
            assert!(!package("pkg==1.0").covers(&package(text)), "{text}");
        }
        for text in ["pkg==x", "pkg==", "pkg==-"] {
            let error = text.parse::<Package>();
            assert!(error.is_err(), "{text}: {error:?}");
        }
    }

    #[test]
    fn what_names_no_package_is_an_error_that_says_how() {
        for text in ["", "==1", "a==", "a b", "a>=1", "a==1==2", "../a"] {
            let error = text.parse::<Package>().unwrap_err().to_string();
            assert!(error.contains("NAME==VERSION"), "{error}");
        }
    }
}
