//! `WHEEL`, the file in which a wheel says how it was built and where it runs: the same that its name
//! says. Tools that pack a wheel anew take the name from there, build tag and all.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;

use super::headers::Headers;
use super::metadata_error::MetadataError;
use super::names::Artefact;

/// More combinations than the tags of any wheel have.
const MOST_TAGS: usize = 1024;

/// Checks the file of a wheel that is `artefact`, or of a metadata directory, whose name says nothing
/// of it.
///
/// # Errors
/// Readers could differ about it, or it says something else than the name.
pub(super) fn check(content: &[u8], artefact: &Artefact) -> Result<(), MetadataError> {
    let headers = Headers::read(content, &["Wheel-Version", "Root-Is-Purelib", "Build", "Tag"])?;
    let said = |name, found: &str| MetadataError::Built { name, found: found.to_owned() };
    let version = headers.single("Wheel-Version")?;
    if !is_first(version) {
        return Err(said("Wheel-Version", version));
    }
    if let Some(pure) = headers.optional("Root-Is-Purelib")?
        && !["true", "false"].iter().any(|it| pure.eq_ignore_ascii_case(it))
    {
        return Err(said("Root-Is-Purelib", pure));
    }
    let build = headers.optional("Build")?;
    let Some(tags) = &artefact.tags else { return Ok(()) };
    // That of an editable wheel stands in its name alone, as setuptools write them.
    if let Some(build) = build
        && artefact.build.as_deref() != Some(build)
    {
        return Err(said("Build", build));
    }
    let mut missing = combinations(tags).ok_or(MetadataError::Tags)?;
    let all = missing.clone();
    for (count, tag) in headers.all("Tag").enumerate() {
        let known = |found: &BTreeSet<String>| !found.is_empty() && found.is_subset(&all);
        let found = combinations(tag).filter(known).ok_or_else(|| said("Tag", tag))?;
        if count == MOST_TAGS {
            return Err(MetadataError::Tags);
        }
        missing.retain(|it| !found.contains(it));
    }
    match missing.first() {
        None => Ok(()),
        Some(missing) => Err(MetadataError::Untold { tag: missing.clone() }),
    }
}

/// `1.` and a number.
fn is_first(version: &str) -> bool {
    let minor = version.strip_prefix("1.").unwrap_or_default();
    matches!(minor.len(), 1..=4) && minor.bytes().all(|byte| byte.is_ascii_digit())
}

/// The tags that a tag with dots in it stands for, as they are compared; none where it has another form,
/// or there are too many of them.
fn combinations(tag: &str) -> Option<BTreeSet<String>> {
    let lower = tag.to_ascii_lowercase();
    let parts: Vec<BTreeSet<&str>> =
        lower.split('-').map(|part| part.split('.').collect()).collect();
    let [pythons, abis, platforms] = parts.as_slice() else { return None };
    let sizes = [pythons, abis, platforms].map(BTreeSet::len);
    if sizes.iter().fold(1_usize, |all, size| all.saturating_mul(*size)) > MOST_TAGS {
        return None;
    }
    let mut tags = BTreeSet::new();
    for python in pythons {
        for abi in abis {
            tags.extend(platforms.iter().map(|platform| format!("{python}-{abi}-{platform}")));
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn checked(name: &str, content: &str) -> Result<(), MetadataError> {
        check(content.as_bytes(), &Artefact::wheel(name).unwrap())
    }

    const HEAD: &str = "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\n";

    #[rstest]
    #[case::setuptools("py3-none-any", "Tag: py3-none-any\n\n")]
    #[case::flit("py2.py3-none-any", "Tag: py2-none-any\nTag: py3-none-any\n")]
    #[case::poetry("py2.py3-none-any", "Tag: py2.py3-none-any\n")]
    #[case::maturin(
        "cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "Tag: cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64\n"
    )]
    #[case::expanded(
        "cp38-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64",
        "Tag: cp38-abi3-manylinux2014_x86_64\r\nTag: cp38-abi3-manylinux_2_17_x86_64\r\n"
    )]
    #[case::capitals("cp311-cp311-win_AMD64", "Tag: cp311-cp311-win_amd64\n")]
    #[case::twice("py3-none-any", "Tag: py3-none-any\nTag: py3-none-any\n")]
    #[case::editable("0.editable-py3-none-any", "Tag: py3-none-any\n")]
    #[case::number("1-py3-none-any", "Build: 1\nTag: py3-none-any\n")]
    #[case::number_behind("2local-py3-none-any", "Tag: py3-none-any\nBuild: 2local\n")]
    fn what_back_ends_write_is_what_the_name_says(#[case] tag: &str, #[case] content: &str) {
        assert_eq!(checked(&format!("pkg-1.0-{tag}.whl"), &format!("{HEAD}{content}")), Ok(()));
    }

    #[rstest]
    #[case::another("py3-none-any", "Tag: cp27-cp27m-win32\n")]
    #[case::one_more("py3-none-any", "Tag: py3-none-any\nTag: py2-none-any\n")]
    #[case::more_within("py3-none-any", "Tag: py2.py3-none-any\n")]
    #[case::one_less("py2.py3-none-any", "Tag: py3-none-any\n")]
    #[case::none("py3-none-any", "")]
    #[case::no_tag("py3-none-any", "Tag: py3\nTag: py3-none-any\n")]
    #[case::four("py3-none-any", "Tag: 1-py3-none-any\n")]
    #[case::empty("py3-none-any", "Tag: py3-none-any\nTag:\n")]
    #[case::number_unasked("py3-none-any", "Tag: py3-none-any\nBuild: 9999zz\n")]
    #[case::another_number("1-py3-none-any", "Tag: py3-none-any\nBuild: 2\n")]
    #[case::empty_number("1-py3-none-any", "Tag: py3-none-any\nBuild:\n")]
    #[case::two_numbers("1-py3-none-any", "Tag: py3-none-any\nBuild: 1\nBuild: 2\n")]
    #[case::two_roots("py3-none-any", "Tag: py3-none-any\nRoot-Is-Purelib: false\n")]
    #[case::two_versions("py3-none-any", "Tag: py3-none-any\nWheel-Version: 1.0\n")]
    #[case::encoded("py3-none-any", "Tag: py3-none-any\nTag: =?utf-8?q?x?=\n")]
    #[case::no_headers("py3-none-any", "nonsense\n")]
    fn anything_else_is_refused(#[case] tag: &str, #[case] content: &str) {
        assert!(checked(&format!("pkg-1.0-{tag}.whl"), &format!("{HEAD}{content}")).is_err());
    }

    #[rstest]
    fn the_version_is_one_that_every_installer_knows(
        #[values(
            "",
            "1",
            "2.0",
            "9.0",
            "1.",
            "1.x",
            "1.0.0",
            "01.0",
            "+1.0",
            "1.00000",
            "=?a?q?1.0?="
        )]
        version: &str,
    ) {
        let tag = "Tag: py3-none-any\n";
        let content = format!("Wheel-Version: {version}\n{tag}");
        assert!(checked("pkg-1.0-py3-none-any.whl", &content).is_err());
        assert!(checked("pkg-1.0-py3-none-any.whl", tag).is_err());
        let pure = format!("Wheel-Version: 1.9\nRoot-Is-Purelib: {version}x\n{tag}");
        assert!(checked("pkg-1.0-py3-none-any.whl", &pure).is_err());
        let content = format!("Wheel-Version: 1.9\n{tag}");
        assert_eq!(checked("pkg-1.0-py3-none-any.whl", &content), Ok(()));
    }

    #[test]
    fn of_a_metadata_directory_no_name_says_the_tags() {
        let artefact = Artefact::dist_info("pkg-1.0.dist-info").unwrap();
        for content in ["Tag: py3-none-any\n", "Build: 1\nTag: x\n", ""] {
            assert_eq!(check(format!("{HEAD}{content}").as_bytes(), &artefact), Ok(()));
        }
        for content in ["Wheel-Version: 9.0\n", "\u{1}", "Wheel-Version: 1.0\nBuild: 1\nBuild: 2\n"]
        {
            assert!(check(content.as_bytes(), &artefact).is_err(), "{content}");
        }
    }

    #[test]
    fn the_number_of_combinations_is_bounded() {
        let many = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>().join(".");
        assert_eq!(combinations(&format!("{}-{}-any", many(32), many(32))).unwrap().len(), 1024);
        assert!(combinations(&format!("{}-{}-any", many(32), many(33))).is_none());
        let name = format!("p-1-{}-none-any.whl", many(60));
        let tags = |times: usize| {
            format!("{HEAD}{}", format!("Tag: {}-none-any\n", many(60)).repeat(times))
        };
        assert_eq!(checked(&name, &tags(1024)), Ok(()));
        assert_eq!(checked(&name, &tags(1025)), Err(MetadataError::Tags));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes, &Artefact::wheel("pkg-1.0-py3-none-any.whl").unwrap());
        }
    }
}
