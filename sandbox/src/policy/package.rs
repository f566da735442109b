//! Packages as a policy names them, and as a front end does.
#![forbid(unsafe_code)]

use std::str::FromStr;

/// A package, or one version of it, that a policy has a section for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// The name, in its normal form.
    pub name: String,
    /// The version; every one when not given.
    pub version: Option<String>,
}

/// The package that is being built.
pub type Wanted = Package;

/// A text that names no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no package; write NAME or NAME==VERSION")]
pub struct NoPackage(String);

impl Package {
    /// Whether what is said of this package applies to `wanted`.
    #[must_use]
    pub fn covers(&self, wanted: &Wanted) -> bool {
        self.name == wanted.name && (self.version.is_none() || self.version == wanted.version)
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
            return Err(NoPackage(text.to_owned()));
        }
        Ok(Self { name: normal(name), version: version.map(str::to_ascii_lowercase) })
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
    fn what_names_no_package_is_an_error_that_says_how() {
        for text in ["", "==1", "a==", "a b", "a>=1", "a==1==2", "../a"] {
            let error = text.parse::<Package>().unwrap_err().to_string();
            assert!(error.contains("NAME==VERSION"), "{error}");
        }
    }
}
