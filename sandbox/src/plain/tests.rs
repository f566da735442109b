//! Logs as builds print them, and as attackers do.

use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn whole(bytes: &[u8]) -> String {
    let mut filter = Plain::default();
    filter.clean(bytes) + &filter.finish()
}

#[rstest]
#[case::ordinary("gcc -c a.c: 3 warnings [-Wall]\n", "gcc -c a.c: 3 warnings [-Wall]\n")]
#[case::other_languages(
    "Gr\u{fc}\u{df}e \u{2014} \u{65e5}\u{672c} \u{1f40d} e\u{301}\n",
    "Gr\u{fc}\u{df}e \u{2014} \u{65e5}\u{672c} \u{1f40d} e\u{301}\n"
)]
#[case::colours("\x1b[1;31merror\x1b[0m: x\n", "error: x\n")]
#[case::title("a\x1b]0;title\x07b\x1b]0;title\x1b\\c", "abc")]
#[case::eight_bits("a\u{9b}31mb\u{85}c", "a31mbc")]
#[case::direction("a\u{202e}b\u{2066}c\u{2028}d\u{61c}e", "abcde")]
#[case::bell("a\x07\x08b\x00c\x7fd\x0be\x0cf\x1cg", "abcdefg")]
#[case::progress("10%\r20%\rdone\r\n", "10%\n20%\ndone\n")]
#[case::last_return("done\r", "done\n")]
#[case::github("::set-env name=X::y\n", ": :set-env name=X::y\n")]
#[case::github_behind_blanks(" \t::x::\n::y::", " \t: :x::\n: :y::")]
#[case::github_behind_wide_blanks("\u{a0}\u{3000}\u{feff}::x::", "\u{a0}\u{3000}\u{feff}: :x::")]
#[case::github_behind_return("ok\r::x::", "ok\n: :x::")]
#[case::github_hidden(":\x1b[0m:x::", ": :x::")]
#[case::github_in_a_sequence("\x1b\n::x::", "\n: :x::")]
#[case::paths("a::b c::d \u{e9}::f", "a::b c::d \u{e9}::f")]
#[case::a_letter_of_another_language("\u{e9}::x::", "\u{e9}::x::")]
#[case::first_runner("pkg: ##[add-mask]x", "pkg: ## [add-mask]x")]
#[case::azure("##VSO[task.setvariable]", "##VSO [task.setvariable]")]
#[case::azure_by_a_long_s("##v\u{17f}o[task.x]", "##v\u{17f}o [task.x]")]
#[case::azure_behind_much(
    "a long line that ends in ##vso[x]",
    "a long line that ends in ##vso [x]"
)]
#[case::teamcity("##teamcity[x]", "##teamcity [x]")]
#[case::gitlab("section_start:1:x\r\x1b[0K", "section_start :1:x\n")]
fn text_stays_and_what_is_obeyed_goes(#[case] raw: &str, #[case] shown: &str) {
    assert_eq!(whole(raw.as_bytes()), shown);
    assert_eq!(plain(raw), shown);
}

#[rstest]
#[case(b"ok \xff\xfe end\n", "ok \u{fffd}\u{fffd} end\n")]
#[case(b"\xc3(", "\u{fffd}(")]
#[case(b"\xed\xa0\x80", "\u{fffd}\u{fffd}\u{fffd}")]
#[case(b"\xc0\xaf", "\u{fffd}\u{fffd}")]
#[case(b"\xf0\x9f\x90x", "\u{fffd}x")]
#[case(b"cut \xe2\x82", "cut \u{fffd}")]
fn what_is_no_character_is_shown_as_none(#[case] raw: &[u8], #[case] shown: &str) {
    assert_eq!(whole(raw), shown);
}

#[test]
fn an_unended_sequence_does_not_swallow_the_log() {
    let raw = format!("\x1b]0;{}seen\n\x1b[11111\nseen too\n", "x".repeat(LONGEST_SEQUENCE + 9));
    let shown = whole(raw.as_bytes());
    assert!(shown.contains("seen\n") && shown.contains("seen too\n"), "{shown}");
}

#[test]
fn a_document_means_the_same_and_commands_nothing() {
    let text = "##vso[task.x]\u{9b}\u{202e}\u{7f}##[y] \u{1f40d} \n::z::";
    let value = json!({ text: [text, { "section_start:1:x": [text] }] });
    let shown = document(&value);
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    assert_eq!(commands(&shown), Vec::<&str>::new());
    let harmless = json!({ "a": ["b::c [d]", "\u{e9}"], "##": ["x"], "section_start": 1 });
    assert_eq!(document(&harmless), format!("{harmless:#}\n"));
}

/// Written anew: what is left in `shown` that somebody would obey, or could not read.
fn commands(shown: &str) -> Vec<&str> {
    let folded = |it: char| match it {
        '\u{17f}' => 's',
        _ => it.to_ascii_lowercase(),
    };
    let obeyed = |line: &&str| {
        let text: String = line.chars().map(folded).collect();
        let anywhere = ["##[", "##vso[", "##teamcity[", "section_start:", "section_end:"];
        let width = |it: char| it.is_whitespace() || matches!(it, '\u{200b}' | '\u{feff}');
        anywhere.iter().any(|mark| text.contains(mark))
            || text.trim_start_matches(width).starts_with("::")
            || text.chars().any(is_dropped)
    };
    shown.split('\n').filter(obeyed).collect()
}

/// The parts that commands are made of, and what could stand between them.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let parts: Vec<&'static [u8]> = vec![
        b"\x1b",
        b"[",
        b"]",
        b":",
        b"::",
        b"#",
        b"##",
        b"vso",
        b"VSO",
        b"v\xc5\xbfo",
        b"teamcity",
        b"section_start",
        b"section_end",
        b" ",
        b"\t",
        b"\r",
        b"\n",
        b"\x07",
        b"a",
        b"\xc2",
        b"\x9b",
        b"\xc2\x9b",
        b"\xe2\x80\xae",
        b"\xe2",
        b"\x80",
        b"\xae",
        b"\xff",
        b"set-env",
        b"\\",
        b"\x00",
        b"\xc2\xa0",
        b"\xef\xbb\xbf",
        b"\xe2\x80\x8b",
        b"\xe2\x82\xac",
        b"\xf0\x9f",
        b"\x90\x8d",
        b"0",
        b"\x7f",
        b"P",
        b"\x0b",
    ];
    prop::collection::vec(prop::sample::select(parts), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_command_and_no_byte_that_is_no_character_gets_through_however_a_stream_is_cut(
        bytes in prop_oneof![pieces(), prop::collection::vec(any::<u8>(), 0..80)],
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let shown = whole(&bytes);
        prop_assert_eq!(commands(&shown), Vec::<&str>::new());
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let mut filter = Plain::default();
        let mut parts: String =
            cuts.windows(2).map(|cut| filter.clean(&bytes[cut[0]..cut[1]])).collect();
        parts.push_str(&filter.finish());
        prop_assert_eq!(&parts, &shown);
        // What is clean stays as it is, so it does not matter how often a text passes.
        prop_assert_eq!(plain(&shown), shown);
    }

    #[test]
    fn good_text_arrives_unchanged(text in "([a-zA-Z0-9 .,#(){}/-]|é|€|🐍|日|\t|\n){0,60}") {
        prop_assert_eq!(whole(text.as_bytes()), text);
    }

    #[test]
    fn every_document_means_what_it_meant(text in any::<String>(), parts in pieces()) {
        let parts = String::from_utf8_lossy(&parts).into_owned();
        let value = json!({ "a": text, parts.clone(): [parts] });
        let shown = document(&value);
        prop_assert_eq!(commands(&shown), Vec::<&str>::new());
        prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}
