//! Requirements as projects write them, and as attackers do.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

#[rstest]
fn requirements_that_projects_write_are_accepted(
    #[values(
        "setuptools",
        "setuptools>=61",
        "setuptools >= 61.0.0 , < 80",
        "setuptools (>=61)",
        "setuptools[core]>=61.2",
        "a[ b , c.d-e ]",
        "a[]",
        "a",
        "A.B_c-d",
        "zope.interface==5.*",
        "numpy==2.0.0rc1; python_version >= '3.9'",
        "numpy!=1.*,~=1.21 ; platform_python_implementation != 'PyPy'",
        "cython<4,>=3.0.0a10",
        "x===2004d",
        "x == 1.0+local.1",
        "x>1!2",
        "wheel;extra=='a'",
        " wheel\t",
        "typing_extensions>=4; python_version < '3.11' and (os_name == 'nt' or extra == 'x')"
    )]
    text: &str,
) {
    assert_eq!(check(text), Ok(()));
}

#[rstest]
#[case("x @ http://203.0.113.7/canary/x-1-py3-none-any.whl", RequirementError::Place)]
#[case("x@file:///etc/passwd", RequirementError::Place)]
#[case("x @ git+ssh://host/x", RequirementError::Place)]
#[case("x [a] @ /tmp/x", RequirementError::Place)]
#[case("http://203.0.113.7/x.whl", RequirementError::Place)]
#[case("git+https://host/x", RequirementError::Place)]
#[case("./x", RequirementError::Place)]
#[case("../x.whl", RequirementError::Place)]
#[case("/tmp/x", RequirementError::Place)]
#[case("~/x", RequirementError::Place)]
#[case("file:x", RequirementError::Place)]
#[case("a/b", RequirementError::Place)]
#[case("a\\b", RequirementError::Place)]
#[case("C:\\x", RequirementError::Place)]
#[case("a.whl/../b", RequirementError::Place)]
#[case("-r /root/.netrc", RequirementError::Option)]
#[case("--index-url=http://x", RequirementError::Option)]
#[case(" -e .", RequirementError::Option)]
#[case("a\nb", RequirementError::Character)]
#[case("a\0", RequirementError::Character)]
#[case("a\u{1b}[2J", RequirementError::Character)]
#[case("a\u{2028}b", RequirementError::Character)]
#[case("аррle", RequirementError::Character)]
fn a_requirement_that_leads_outside_is_named_for_what_it_is(
    #[case] text: &str,
    #[case] expected: RequirementError,
) {
    assert_eq!(check(text), Err(expected));
}

#[rstest]
fn anything_else_is_not_understood(
    #[values(
        "",
        " ",
        "a b",
        "a -r x",
        "a --hash=sha256:00",
        "a # comment",
        "a==",
        "a==1,",
        "a=1",
        "a==1 2",
        "a>=1.*",
        "a==1.*.*",
        "a==1.0.dev1.*",
        "a~=1",
        "a~=1!2rc1",
        "a>=1.0+local",
        "a===",
        "a=== -r",
        "a==$HOME",
        "a[",
        "a[b",
        "a]b",
        "a[b,]",
        "a[,]",
        "a[-b]",
        "a[b]c",
        "a(>=1",
        "a>=1)",
        "a;",
        "a; x",
        "a-",
        "_a",
        ".a",
        "${HOME}",
        "{a}",
        "a;python_version<'3';extra=='b'"
    )]
    text: &str,
) {
    assert!(check(text).is_err());
}

#[rstest]
fn a_requirement_that_an_installer_takes_for_an_archive_is_named_for_that(
    #[values("evil-1.0", "evil", "a.b_c")] stem: &str,
    #[values(
        ".whl",
        ".zip",
        ".egg",
        ".tar",
        ".tgz",
        ".tbz",
        ".tbz2",
        ".txz",
        ".tlz",
        ".tar.gz",
        ".tar.bz2",
        ".tar.xz",
        ".tar.lz",
        ".tar.lzma",
        ".tar.zst",
        ".ZIP",
        ".Tar.Gz"
    )]
    suffix: &str,
    #[values(
        "",
        " ",
        "[a]",
        " [a, b]",
        "[]",
        "; python_version > '3'",
        "[a] ; extra == 'b'",
        ">=1"
    )]
    more: &str,
) {
    assert_eq!(check(&format!("{stem}{suffix}{more}")), Err(RequirementError::Archive));
}

#[rstest]
#[case("evil===1.0.zip", Err(RequirementError::Archive))]
#[case("evil==1.0+x.tar.gz", Err(RequirementError::Archive))]
#[case("evil[a]==1.0+x.whl", Err(RequirementError::Archive))]
#[case("evil===1.0.zip ; extra == 'a'", Err(RequirementError::Archive))]
#[case("evil==1.0+zip", Ok(()))]
#[case("zip", Ok(()))]
#[case("zipp>=3", Ok(()))]
#[case("whl", Ok(()))]
#[case("zope.zipped", Ok(()))]
#[case("tar-gz", Ok(()))]
#[case("backports.zoneinfo; python_version < '3.9'", Ok(()))]
#[case("a[b.zip]", Ok(()))]
#[case("a; extra == 'b.zip'", Ok(()))]
fn a_version_can_end_as_an_archive_does_and_a_name_can_be_one(
    #[case] text: &str,
    #[case] expected: Result<(), RequirementError>,
) {
    assert_eq!(check(text), expected);
}

#[test]
fn a_requirement_of_any_length_is_bounded() {
    assert_eq!(check(&"a".repeat(5000)), Err(RequirementError::TooLong));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_panics_and_what_passes_leads_nowhere(
        text in prop_oneof![
            any::<String>(),
            r#"[a-c1.\[\](),;@<>=!~ '"/:$\\#-]{0,24}"#,
            r"a[\[@;= ]{1,2}[a-z:/.'= -]{0,16}",
        ],
    ) {
        if check(&text).is_ok() {
            prop_assert!(!text.contains(['@', '\n', '\0', '\\', '$', '#']));
            prop_assert!(!text.contains("://") && !text.contains(" -"));
            prop_assert!(!text.trim_start().starts_with(['-', '.', '/']));
        }
    }
}

#[rstest]
#[case("a (>=1.0-dev,)", true)]
#[case("a (1.0)", true)]
#[case("a (=1.0)", true)]
#[case("a[b] (>=2.*)", true)]
#[case("a>=1.0.*|<2", true)]
#[case("a (==2004d-x)", true)]
#[case("a ; python_version==2.7 && os_name=='nt'", true)]
#[case("a>=1; python_version in '2.6 2.7'", true)]
#[case("a; secret == 'x'", true)]
#[case("", false)]
#[case("(a)", false)]
#[case("a b?", false)]
#[case("a %40 x", false)]
#[case("a $x", false)]
#[case("a `x`", false)]
#[case("a {x}", false)]
#[case("a # x", false)]
#[case("a [b", false)]
#[case("a[b?]", false)]
#[case("=?utf-8?q?x?=", false)]
#[case("a =?utf-8?q?x?=", false)]
#[case("a @ x", false)]
#[case("a ; x @ y", false)]
#[case("./a", false)]
#[case("a.zip (1.0)", false)]
#[case("a\u{a0}b", false)]
fn what_is_not_understood_is_let_through_only_where_it_is_the_version_or_marker_of_old(
    #[case] text: &str,
    #[case] passes: bool,
) {
    assert_eq!(check_required(text).is_ok(), passes, "{text}");
    assert!(check(text).is_err() || text.contains(" in "), "{text}");
}
