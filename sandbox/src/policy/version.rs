//! Version numbers of PEP 440, read strictly and compared in their canonical form; and those from
//! before it.
#![forbid(unsafe_code)]

/// Longer than any version of any distribution.
const MOST_BYTES: usize = 256;

const SEPARATORS: [char; 3] = ['.', '-', '_'];
const PRE: [(&str, &str); 8] = [
    ("alpha", "a"),
    ("beta", "b"),
    ("preview", "rc"),
    ("pre", "rc"),
    ("rc", "rc"),
    ("a", "a"),
    ("b", "b"),
    ("c", "rc"),
];
const POST: [(&str, &str); 3] = [("post", ".post"), ("rev", ".post"), ("r", ".post")];
const DEV: [(&str, &str); 1] = [("dev", ".dev")];

/// The canonical form of a version, in which equal versions are equal strings, or `None` when
/// `text` is no version.
///
/// As in `packaging.utils.canonicalize_version`: without the spellings that PEP 440 allows beside
/// the normal one, and without trailing zeros of the release. What is one is what the regular
/// expression in appendix B of PEP 440 takes, without blanks around it.
pub(crate) fn canonical(text: &str) -> Option<String> {
    if text.len() > MOST_BYTES || !text.is_ascii() {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let (public, local) = match lower.split_once('+') {
        Some((public, local)) => (public, Some(local)),
        None => (lower.as_str(), None),
    };
    let mut rest = public.strip_prefix('v').unwrap_or(public);
    let mut canonical = epoch(&mut rest)?;
    canonical.push_str(&release(&mut rest)?);
    labelled(&mut rest, &PRE, &mut canonical);
    if let Some(number) = implicit_post(&mut rest) {
        canonical.push_str(".post");
        canonical.push_str(number);
    } else {
        labelled(&mut rest, &POST, &mut canonical);
    }
    labelled(&mut rest, &DEV, &mut canonical);
    if !rest.is_empty() {
        return None;
    }
    if let Some(local) = local {
        canonical.push('+');
        canonical.push_str(&local_label(local)?);
    }
    Some(canonical)
}

/// The form in which any version is compared. In names of wheels a dash is written as a line below
/// (the specification of binary distributions, "Escaping and Unicode"), so that `1.0_1` is `1.0-1`;
/// what is no version of PEP 440 then either may be one from before it.
pub(crate) fn compared(text: &str) -> Option<String> {
    canonical(text).or_else(|| canonical(&text.replace('_', "-"))).or_else(|| legacy(text))
}

/// Whether a version in the form in which it is compared is one that PEP 440 does not know.
pub(crate) fn is_legacy(compared: &str) -> bool {
    canonical(compared).is_none()
}

/// The form in which a version that PEP 440 does not know is compared, as old setuptools writes it
/// into names (`safe_version`): `2004d`, `1.0-beta-x`. One that does not begin with a digit is none,
/// or any name with a dash in it would have one; nor is one whose form would be that of a version of
/// PEP 440. `!` and `+` stay, for some readers take them for what they are there.
fn legacy(text: &str) -> Option<String> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._+!-".contains(&byte);
    let number = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    if text.len() > MOST_BYTES || !number || !text.bytes().all(known) {
        return None;
    }
    let words = text.split(['-', '_']).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    is_legacy(&joined).then_some(joined)
}

/// What of a version, in the form in which it is compared, makes it win over every ordinary one without
/// being newer.
pub(crate) fn advantage(compared: &str) -> Option<&'static str> {
    match () {
        () if compared.contains('!') => Some("an epoch"),
        () if compared.contains('+') => Some("a local part"),
        () => None,
    }
}

/// `1!` at the start; the epoch 0 is the one that is not written.
fn epoch(rest: &mut &str) -> Option<String> {
    let Some((epoch, after)) = rest.split_once('!') else { return Some(String::new()) };
    let mut digits = epoch;
    let number = number(&mut digits)?;
    *rest = after;
    match (digits.is_empty(), number) {
        (false, _) => None,
        (true, "0") => Some(String::new()),
        (true, number) => Some(format!("{number}!")),
    }
}

fn release(rest: &mut &str) -> Option<String> {
    let mut parts = vec![number(rest)?];
    while let Some(mut after) = rest.strip_prefix('.') {
        let Some(part) = number(&mut after) else { break };
        parts.push(part);
        *rest = after;
    }
    while parts.len() > 1 && parts.last() == Some(&"0") {
        parts.pop();
    }
    Some(parts.join("."))
}

/// A label such as `rc1`, with an optional separator before it and before its number, either of which
/// may be missing.
fn labelled(rest: &mut &str, labels: &[(&str, &str)], canonical: &mut String) {
    let bare = rest.strip_prefix(SEPARATORS).unwrap_or(rest);
    let found = labels.iter().find_map(|(label, short)| Some((bare.strip_prefix(label)?, short)));
    let Some((after, short)) = found else { return };
    *rest = after.strip_prefix(SEPARATORS).unwrap_or(after);
    canonical.push_str(short);
    canonical.push_str(number(rest).unwrap_or("0"));
}

/// `1.0-1` means `1.0.post1`.
fn implicit_post<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let mut after = rest.strip_prefix('-')?;
    let number = number(&mut after)?;
    *rest = after;
    Some(number)
}

fn local_label(local: &str) -> Option<String> {
    let parts: Option<Vec<&str>> = local
        .split(SEPARATORS)
        .map(|part| {
            let word = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let numeric = part.bytes().all(|byte| byte.is_ascii_digit());
            word.then(|| if numeric { significant(part) } else { part })
        })
        .collect();
    parts.map(|parts| parts.join("."))
}

/// Takes the digits at the start of `rest`; numbers stay text, so none is too large.
fn number<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
    let (digits, after) = rest.split_at_checked(end)?;
    if digits.is_empty() {
        return None;
    }
    *rest = after;
    Some(significant(digits))
}

fn significant(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        significant => significant,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Each spelling, with its canonical form where it has one.
    fn spellings() -> impl Iterator<Item = (&'static str, Option<&'static str>)> {
        let lines = include_str!("version/spellings.txt").lines();
        lines.filter(|line| !line.starts_with('#')).map(|line| match line.split_once('\t') {
            Some((text, canonical)) => (text, Some(canonical)),
            None => (line, None),
        })
    }

    #[test]
    fn a_version_is_what_packaging_takes_for_one_and_has_its_canonical_form() {
        assert_eq!(spellings().count(), 450);
        for (text, expected) in spellings() {
            assert_eq!(canonical(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn no_version_wins_over_others_without_showing_by_what() {
        let seps = ["", ".", "-", "_", "--", "__", ".-"];
        let ends =
            seps.iter().flat_map(|it| [format!("{it}1"), format!("{it}x"), (*it).to_owned()]);
        let more = ends.map(|end| format!("1.0.post{end}")).collect::<Vec<_>>();
        let texts = spellings().map(|(text, _)| text).chain(more.iter().map(String::as_str));
        for text in texts {
            for raw in [text.to_owned(), format!("1!{text}"), format!("{text}+zzz")] {
                let Some(form) = compared(&raw) else { continue };
                // The epoch 0 is the one that every version has.
                let epoch =
                    raw.contains('!') && !raw.trim_start_matches(['v', 'V']).starts_with("0!");
                let shown = advantage(&form).is_some();
                assert_eq!(shown, epoch || raw.contains('+'), "{raw} {form}");
                assert_eq!(compared(&form).as_ref(), Some(&form), "{raw}");
                assert_eq!(is_legacy(&form), canonical(&raw.replace('_', "-")).is_none(), "{raw}");
            }
        }
    }

    #[rstest]
    fn what_is_no_version_is_refused(
        #[values(
            "",
            "a",
            "1.0-",
            "1..0",
            "1.0.",
            ".1",
            "1.0+",
            "1.0+a..b",
            "1.0+a+b",
            "1 .0",
            " 1.0",
            "1.0\n",
            "1!",
            "!1",
            "1!1!1",
            "1.0a1a2",
            "1.0.post1.post2",
            "-1",
            "1.0/2",
            "\u{ff11}.0",
            "1.0devel",
            "1.0.dev1a1"
        )]
        text: &str,
    ) {
        assert_eq!(canonical(text), None);
        assert_eq!(canonical(&"1".repeat(300)), None);
    }

    #[rstest]
    #[case("2004d", Some("2004d"))]
    #[case("2004D", Some("2004d"))]
    #[case("1.0-beta-x", Some("1.0-beta-x"))]
    #[case("1.0_beta_x", Some("1.0-beta-x"))]
    #[case("1!2004d", Some("1!2004d"))]
    #[case("2004d+x_y", Some("2004d+x-y"))]
    #[case("0.1.dev-r123.x", Some("0.1.dev-r123.x"))]
    #[case("1.0-1", Some("1.post1"))]
    #[case("1.0_1", Some("1.post1"))]
    #[case("1.0__1", None)]
    #[case("1-", None)]
    #[case("unknown", None)]
    #[case("", None)]
    #[case("1/2", None)]
    #[case("1 0", None)]
    fn a_version_from_before_the_standard_is_known_by_its_digit(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(compared(text).as_deref(), expected);
        assert_eq!(compared(&format!("1x{}", "1".repeat(300))), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn the_canonical_form_is_its_own(text in "[v0-9!.abcdeoprstv+_-]{0,16}") {
            if let Some(once) = canonical(&text) {
                prop_assert_eq!(canonical(&once), Some(once.clone()));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = canonical(&text);
        }
    }
}
