//! What comes from a build is hostile text: made harmless before a person or a file sees it.
//!
//! The sandbox has a filter of its own, [`sandbox::plain`]. That one is on trial here, so what the harness
//! shows does not rest on it.
#![forbid(unsafe_code)]

mod commands;

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// How much of one text is shown at most.
const CAP: usize = 64 * 1024;

/// What stands in the place of a line that holds a canary.
const WITHHELD: &str = "[withheld: holds a canary]";

/// The text without terminal sequences, control and direction characters, in which no line is a
/// command to a CI service, capped.
#[must_use]
pub fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..CAP).unwrap_or(bytes));
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            '\u{9b}' => skip_csi(&mut rest),
            '\u{9d}' | '\u{90}' => skip_string(&mut rest),
            '\n' | '\t' => plain.push(c),
            c if c.is_control() || is_direction(c) || is_no_character(c) => {}
            c => plain.push(c),
        }
    }
    let mut plain = commands::broken(&plain);
    if bytes.len() > CAP {
        plain.push_str("\n[cut off]");
    }
    plain
}

/// The text on one line, as [`plain`] leaves it.
#[must_use]
pub fn one_line(text: &str) -> String {
    plain(text.as_bytes()).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text on one line, with everything escaped that means something in Markdown or HTML.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut escaped = String::new();
    for c in one_line(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~'
            | '@' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// The text on one line, with everything escaped that means something in HTML or XML.
#[must_use]
pub fn markup(text: &str) -> String {
    let mut escaped = String::new();
    for c in one_line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// How many bytes of a form decide whether it is compared at all. A shorter text than this would
/// be found everywhere, and is no canary.
const KEY: usize = 8;

/// The live canaries of a run, in every form in which one could get out.
#[derive(Clone, Debug, Default)]
pub struct Canaries {
    /// The forms by their first bytes: a run has thousands of forms and every output is searched
    /// for all of them.
    forms: HashMap<[u8; KEY], Vec<Vec<u8>>>,
}

impl Canaries {
    /// The forms of these canaries: as they are, base64, hexadecimal, reversed.
    pub fn of<'a>(canaries: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found = Self::default();
        let long = canaries.into_iter().filter(|canary| canary.len() >= KEY);
        for form in long.flat_map(forms) {
            let Some(key) = form.first_chunk::<KEY>() else { continue };
            found.forms.entry(*key).or_default().push(form);
        }
        found
    }

    /// Whether one of them is in these bytes.
    #[must_use]
    pub fn are_in(&self, bytes: &[u8]) -> bool {
        if self.forms.is_empty() {
            return false;
        }
        (0..bytes.len()).any(|start| {
            let rest = bytes.get(start..).unwrap_or_default();
            let forms = rest.first_chunk::<KEY>().and_then(|key| self.forms.get(key));
            forms.is_some_and(|forms| forms.iter().any(|form| rest.starts_with(form)))
        })
    }

    /// The text with every line withheld that holds one.
    #[must_use]
    pub fn withheld(&self, text: &str) -> String {
        let lines = text.split('\n');
        let lines = lines.map(|line| if self.are_in(line.as_bytes()) { WITHHELD } else { line });
        let text = lines.collect::<Vec<_>>().join("\n");
        // One that is spread over lines is not found line by line.
        if self.are_in(text.as_bytes()) { WITHHELD.to_owned() } else { text }
    }
}

fn forms(canary: &str) -> Vec<Vec<u8>> {
    let raw = canary.as_bytes();
    let hex = sandbox::plain::hex(raw);
    let mut forms = vec![
        raw.to_vec(),
        raw.iter().rev().copied().collect(),
        hex.to_ascii_uppercase().into_bytes(),
        hex.into_bytes(),
    ];
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        // What comes before the canary shifts its letters by zero, one or two bytes. The first
        // and the last letter then depend on the neighbours and are left out.
        for shift in 0..3 {
            let text = engine.encode([&vec![0; shift], raw].concat());
            let from = (shift * 8).div_ceil(6);
            let to = (shift + raw.len()) * 8 / 6;
            forms.extend(text.get(from..to).map(|inner| inner.as_bytes().to_vec()));
        }
    }
    forms
}

fn is_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What no text may hold: XML has no way to write it.
const fn is_no_character(c: char) -> bool {
    matches!(c, '\u{fffe}' | '\u{ffff}')
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn skip_sequence(rest: &mut Chars<'_>) {
    match rest.next() {
        Some('[') => skip_csi(rest),
        Some(']' | 'P' | 'X' | '^' | '_') => skip_string(rest),
        Some('(' | ')' | '*' | '+' | '#' | '%') => drop(rest.next()),
        _ => {}
    }
}

/// Parameters, then one final letter.
fn skip_csi(rest: &mut Chars<'_>) {
    while let Some(c) = rest.peek().copied() {
        if !(' '..='~').contains(&c) {
            return;
        }
        rest.next();
        if ('@'..='~').contains(&c) {
            return;
        }
    }
}

/// Anything up to BEL or ESC \, but not beyond the line: an open one would eat the log.
fn skip_string(rest: &mut Chars<'_>) {
    while let Some(c) = rest.peek().copied() {
        if c == '\n' {
            return;
        }
        rest.next();
        if c == '\u{7}' || c == '\u{9c}' {
            return;
        }
        if c == '\u{1b}' {
            rest.next_if_eq(&'\\');
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CANARY: &str = "bulkhead-canary-0f3a";

    #[rstest]
    #[case::colour("a\u{1b}[31;1mb\u{1b}[0mc", "abc")]
    #[case::title("a\u{1b}]0;owned\u{7}b", "ab")]
    #[case::link("a\u{1b}]8;;http://x\u{1b}\\b", "ab")]
    #[case::an_open_title_ends_with_its_line("a\u{1b}]0;owned\nb", "a\nb")]
    #[case::eight_bit_sequence("a\u{9b}2Jb", "ab")]
    #[case::direction("a\u{202e}b\u{2066}c", "abc")]
    #[case::carriage_return("safe\revil", "safeevil")]
    #[case::plain_text("ümlaut\tand\nline", "ümlaut\tand\nline")]
    #[case::ends_in_the_middle("a\u{1b}[", "a")]
    fn a_terminal_is_told_nothing(#[case] hostile: &str, #[case] harmless: &str) {
        assert_eq!(plain(hostile.as_bytes()), harmless);
    }

    #[test]
    fn a_long_text_is_cut_off() {
        assert!(plain(&vec![b'x'; CAP + 1]).ends_with("x\n[cut off]"));
        assert_eq!(plain(&vec![b'x'; CAP]).len(), CAP);
    }

    #[test]
    fn markdown_and_html_mean_nothing() {
        assert_eq!(
            markdown("| <img src=x> ![a](b) `c`\n# d"),
            "\\| &lt;img src=x&gt; \\!\\[a\\]\\(b\\) \\`c\\` \\# d"
        );
    }

    #[test]
    fn nothing_in_markup_ends_a_tag_an_attribute_or_a_text() {
        assert_eq!(
            markup("<a b=\"c\" d='e'> & f"),
            "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt; &amp; f"
        );
    }

    #[rstest]
    #[case::raw(CANARY.to_owned())]
    #[case::reversed(CANARY.chars().rev().collect())]
    #[case::base64(STANDARD_NO_PAD.encode(CANARY))]
    #[case::base64_after_one_byte(STANDARD_NO_PAD.encode(format!("x{CANARY}tail")))]
    #[case::base64_after_two_bytes(URL_SAFE_NO_PAD.encode(format!("xy{CANARY}tail")))]
    #[case::hexadecimal(CANARY.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat())]
    #[case::capital_hexadecimal(CANARY.bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat())]
    fn a_canary_is_found_in_every_form(#[case] form: String) {
        let canaries = Canaries::of([CANARY]);
        assert!(canaries.are_in(format!("before {form} after").as_bytes()));
        assert_eq!(
            canaries.withheld(&format!("one\nx{form}x\nthree")),
            format!("one\n{WITHHELD}\nthree")
        );
    }

    #[test]
    fn a_canary_that_ends_with_the_text_is_found() {
        let canaries = Canaries::of([CANARY, "bulkhead-canary-0f3a-and-more"]);
        assert!(canaries.are_in(format!("x{CANARY}").as_bytes()));
        assert!(!canaries.are_in(CANARY.get(1..).unwrap().as_bytes()));
        assert!(!canaries.are_in(b"short"));
    }

    #[test]
    fn what_holds_no_canary_is_left_alone() {
        let canaries = Canaries::of([CANARY, "", "short"]);
        assert!(!canaries.are_in(b"bulkhead-canary-0f3b short"));
        assert_eq!(canaries.withheld("one\ntwo\n"), "one\ntwo\n");
    }
}
