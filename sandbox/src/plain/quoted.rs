//! Names that a stranger has chosen, within a sentence of this program's own.
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::path::Path;

/// A name as it stands in a sentence: as it is if it consists of letters, digits and a few signs of
/// which no sentence consists, else as one text in double quotes. In these nothing ends them, nothing
/// is a backtick, and nothing controls what shows it; so a name that says `it; use --rw /` is one.
#[must_use]
pub fn quoted(name: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-+=@%:,~#".contains(it);
    if !name.is_empty() && name.chars().all(|it| is_plain(it) || is_letter(it)) {
        return name.to_owned();
    }
    let escaped = name.chars().map(|it| match it {
        '"' | '\\' => format!("\\{it}"),
        ' ' => it.to_string(),
        _ if it.is_ascii_graphic() && it != '`' => it.to_string(),
        _ if is_letter(it) => it.to_string(),
        _ => it.escape_unicode().to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

/// A letter or digit of another script than the Latin one, which is no sign of any kind.
fn is_letter(it: char) -> bool {
    !it.is_ascii() && it.is_alphanumeric() && !is_modifier(it)
}

/// Letters that look as accents or quotation marks do.
fn is_modifier(it: char) -> bool {
    matches!(it, '\u{2b0}'..='\u{2ff}' | '\u{a700}'..='\u{a721}' | '\u{a788}'..='\u{a78c}' | '\u{1fbd}'..='\u{1fff}')
}

/// A text as it is, but for control characters, which are written as escapes: so it cannot take over the
/// reader's terminal or pretend to be a line of its own.
#[must_use]
pub fn escaped(text: &OsStr) -> String {
    text.to_string_lossy().chars().flat_map(printable).collect()
}

fn printable(letter: char) -> impl Iterator<Item = char> {
    let escaped = letter.is_control().then(|| letter.escape_default());
    let itself = escaped.is_none().then_some(letter);
    escaped.into_iter().flatten().chain(itself)
}

/// A path, in the same way as a name.
#[must_use]
pub fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn what_controls_a_terminal_is_shown_and_the_rest_stays() {
        assert_eq!(escaped(OsStr::new("a\u{1b}[1m\nb `c`")), "a\\u{1b}[1m\\nb `c`");
    }

    #[rstest]
    #[case("/opt/acme-1.0/include/a+b.h", "/opt/acme-1.0/include/a+b.h")]
    #[case("/home/j\u{fc}rgen", "/home/j\u{fc}rgen")]
    #[case("cc1plus", "cc1plus")]
    #[case("", "\"\"")]
    #[case("a b", "\"a b\"")]
    #[case("(sd-pam)", "\"(sd-pam)\"")]
    #[case("`--rw /` opens", "\"\\u{60}--rw /\\u{60} opens\"")]
    #[case("x\" helps", "\"x\\\" helps\"")]
    #[case("x\\", "\"x\\\\\"")]
    #[case("a\nb", "\"a\\u{a}b\"")]
    #[case("a\u{2cb}b", "\"a\\u{2cb}b\"")]
    #[case("a\u{2018}b", "\"a\\u{2018}b\"")]
    #[case("a\u{a0}b", "\"a\\u{a0}b\"")]
    #[case("a;b", "\"a;b\"")]
    fn a_name_is_one_whatever_it_says(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(quoted(name), expected);
        assert_eq!(quoted_path(Path::new(name)), expected);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn no_name_leaves_its_quotes(name in prop_oneof![any::<String>(), r#"[`"\\; x/-]{0,12}"#]) {
            let shown = quoted(&name);
            prop_assert!(!shown.contains('`') && !shown.chars().any(char::is_control));
            match shown.strip_prefix('"') {
                None => prop_assert!(!shown.contains([' ', '"', '\'', ';', '(', '\\'])),
                Some(rest) => {
                    let mut escaped = false;
                    let ends = rest.char_indices().filter(|(_, it)| {
                        let end = *it == '"' && !escaped;
                        escaped = *it == '\\' && !escaped;
                        end
                    });
                    prop_assert_eq!(ends.map(|(at, _)| at).collect::<Vec<_>>(), [rest.len() - 1]);
                }
            }
        }
    }
}
