//! What a caller demands of what a build hands over. It concerns hooks: `bulkhead run` hands nothing
//! over.
#![forbid(unsafe_code)]

use std::str::FromStr;

use super::package::Package;

/// What a caller demands of what a build hands over; what is not given is left as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Artefacts {
    /// The release that is asked for, or the project.
    pub expect: Option<Package>,
    /// The build tag that a wheel may have.
    pub build_tag: Option<BuildTag>,
    /// Whether what runs code on installation, or replaces a program, is refused.
    pub strict: Option<bool>,
    /// Whether a file of the same name may be replaced though nothing is expected.
    pub replace: Option<bool>,
    /// Whether two members may have names that are one on other file systems.
    pub twins: Option<bool>,
}

/// The build tag of a wheel, which begins with a digit and stands between two dashes of its name (the
/// specification of binary distributions, "File name convention").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildTag(String);

/// A text that is no build tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no build tag, which begins with a digit and has letters, digits and `._+!` behind it"
)]
pub struct NoBuildTag(String);

impl BuildTag {
    /// It as it stands in a name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BuildTag {
    type Err = NoBuildTag;

    fn from_str(text: &str) -> Result<Self, NoBuildTag> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._+!".contains(&byte);
        let good = text.starts_with(|it: char| it.is_ascii_digit()) && text.bytes().all(known);
        if good { Ok(Self(text.to_owned())) } else { Err(NoBuildTag(text.to_owned())) }
    }
}

impl Artefacts {
    /// The same with what `narrower` says in its place.
    #[must_use]
    pub fn narrowed(self, narrower: Self) -> Self {
        Self {
            expect: narrower.expect.or(self.expect),
            build_tag: narrower.build_tag.or(self.build_tag),
            strict: narrower.strict.or(self.strict),
            replace: narrower.replace.or(self.replace),
            twins: narrower.twins.or(self.twins),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_tag_begins_with_a_digit_and_has_no_dash() {
        for text in ["1", "0", "2local", "9999zz", "1.a_b+c!d"] {
            assert_eq!(text.parse::<BuildTag>().unwrap().as_str(), text);
        }
        for text in ["", "x", "x1", "-1", "1-2", "1 2", " 1", "\u{663}", "1\u{e4}", "1/2", "1\n"] {
            assert!(text.parse::<BuildTag>().is_err(), "{text:?}");
        }
    }
}
