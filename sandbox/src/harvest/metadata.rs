//! The header block of `METADATA` and `PKG-INFO`, as far as others act on it.
#![forbid(unsafe_code)]

use super::headers::Headers;
use super::metadata_error::{MOST_REQUIREMENTS, MetadataError};
use super::names::Release;
use super::requirement;

/// Checks that the metadata is well-formed and belongs to a release that `is_of` accepts.
///
/// Each `Requires-Dist` must be harmless as well: a front end resolves them after the hook,
/// outside and with network. An artefact that requires a URL is therefore refused, as `PyPI` does.
///
/// # Errors
/// When readers could disagree about it, or it says something else than the file name.
pub(crate) fn check(content: &[u8], is_of: impl Fn(&Release) -> bool) -> Result<(), MetadataError> {
    let headers = Headers::read(content, &["Name", "Version", "Requires-Dist"])?;
    let (name, version) = (headers.single("Name")?, headers.single("Version")?);
    if !Release::new(name, version).is_some_and(|release| is_of(&release)) {
        let (name, version) = (name.to_owned(), version.to_owned());
        return Err(MetadataError::Mismatch { name, version });
    }
    for (count, requirement) in headers.all("Requires-Dist").enumerate() {
        if count == MOST_REQUIREMENTS {
            return Err(MetadataError::TooMany);
        }
        requirement::check_required(requirement).map_err(|source| {
            let requirement = requirement.to_owned();
            MetadataError::Requirement { requirement, source }
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn checked(content: &str) -> Result<(), MetadataError> {
        let release = Release::new("my-pkg", "1.0").unwrap();
        check(content.as_bytes(), |found| *found == release)
    }

    #[test]
    fn metadata_as_back_ends_write_it_is_accepted() {
        let content = "Metadata-Version: 2.1\r\nName: My.Pkg\r\nVersion: 1.0.0\r\n\
            License: BSD\n        \n        Copyright: all\n\
            Requires-Dist: a (>=1.0) ; extra == 'x'\nRequires-Dist: old>=1.*\n\
            Author: J\u{fc}rgen\n\nName: of nothing\n\u{c}\n";
        assert_eq!(checked(content), Ok(()));
    }

    #[rstest]
    #[case("", MetadataError::Count { name: "Name", found: 0 })]
    #[case("Name: my-pkg\n", MetadataError::Count { name: "Version", found: 0 })]
    #[case("Name: my-pkg\nNAME: other\nVersion: 1\n", MetadataError::Count { name: "Name", found: 2 })]
    #[case("\nName: my-pkg\nVersion: 1\n", MetadataError::Count { name: "Name", found: 0 })]
    #[case(" Name: my-pkg\nVersion: 1\n", MetadataError::Line { line: 1 })]
    #[case("Name: my-pkg\nnonsense\nVersion: 1\n", MetadataError::Line { line: 2 })]
    #[case("Name: my-pkg\rName: x\nVersion: 1\n", MetadataError::Control { line: 1 })]
    #[case("Name : my-pkg\nVersion: 1\n", MetadataError::Line { line: 1 })]
    #[case("Summary: a\u{2028}Name: x\nName: my-pkg\nVersion: 1\n", MetadataError::Control { line: 1 })]
    fn metadata_that_readers_could_read_differently_is_refused(
        #[case] content: &str,
        #[case] expected: MetadataError,
    ) {
        assert_eq!(checked(content), Err(expected));
    }

    #[test]
    fn metadata_of_another_release_is_refused() {
        for content in ["Name: other\nVersion: 1.0\n", "Name: my-pkg\nVersion: 1.1\n"] {
            assert!(matches!(checked(content), Err(MetadataError::Mismatch { .. })), "{content}");
        }
        assert!(checked("Name: my-pkg\nVersion: 1.0\nVersion : 2\n").is_err());
    }

    #[test]
    fn a_requirement_that_names_a_place_is_refused_also_when_it_is_folded() {
        for line in [
            "x @ http://203.0.113.7/x.whl",
            "x @\n  http://203.0.113.7/x.whl",
            "-r /x",
            "x ? http",
            "x %40 http",
            "",
        ] {
            let error = checked(&format!("Name: my-pkg\nVersion: 1\nRequires-Dist: {line}\n"));
            assert!(matches!(error, Err(MetadataError::Requirement { .. })), "{line}");
        }
        for word in ["=?utf-8?q?x?=", "x\n =?utf-8?b?eA==?="] {
            let error = checked(&format!("Name: my-pkg\nVersion: 1\nRequires-Dist: {word}\n"));
            assert!(matches!(error, Err(MetadataError::Encoded { .. })), "{word}");
        }
        let many = format!("Name: my-pkg\nVersion: 1\n{}", "Requires-Dist: a\n".repeat(5001));
        assert_eq!(checked(&many), Err(MetadataError::TooMany));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes, |_| true);
        }
    }
}
