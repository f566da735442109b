//! A payload's output without what terminals and CI services obey.
//!
//! A log is read by more than people. A terminal obeys escape sequences (CVE-2024-52005 is that
//! mistake in git), the services that run builds obey lines such as `::set-env` and `##vso[`. The
//! text stays; sequences are dropped, commands are broken by a blank, and a line that overwrites
//! itself becomes several.
#![forbid(unsafe_code)]

/// What a `[` behind it turns into a command of GitHub's first runner, of Azure and of `TeamCity`.
const BEFORE_BRACKET: [&[u8]; 3] = [b"##", b"##vso", b"##teamcity"];
/// What a `:` behind it turns into a section mark of GitLab.
const BEFORE_COLON: [&[u8]; 2] = [b"section_start", b"section_end"];
/// The longest of these.
const RECENT: usize = 16;
/// A sequence that is longer than this is none, and the text behind it is to be seen.
const LONGEST_SEQUENCE: usize = 4096;

/// Where in the stream of bytes the filter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Behind ESC.
    Escape,
    /// Within a control sequence, up to its final byte (ECMA-48, 5.4).
    Control(usize),
    /// Within a string that BEL or ESC `\` ends (ECMA-48, 5.6).
    String(usize),
    /// Behind a carriage return, of which the next byte tells what it was.
    Return,
    /// Behind the first byte of a character that may be one to drop.
    Two,
    /// Behind the first two bytes of one.
    Three(u8),
}

/// The filter for one stream. It keeps no text back but the first bytes of a character.
#[derive(Debug)]
pub(super) struct Plain {
    state: State,
    /// The last bytes of the line, in lower case.
    recent: Vec<u8>,
    /// Nothing that can be seen is in the line yet, but for one colon if `colon`.
    blank: bool,
    colon: bool,
}

impl Plain {
    pub(super) fn new() -> Self {
        Self { state: State::Text, recent: Vec::new(), blank: true, colon: false }
    }

    /// What is to be handed on of `bytes`, which follow those of the call before.
    pub(super) fn clean(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 16);
        for byte in bytes {
            self.take(*byte, &mut out);
        }
        out
    }

    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            State::Text => self.text(byte, out),
            State::Escape => {
                self.state = match byte {
                    b'[' => State::Control(0),
                    b']' | b'P' | b'X' | b'^' | b'_' => State::String(0),
                    // Intermediate bytes of a longer sequence; a final byte ends it.
                    0x20..=0x2f => State::Escape,
                    _ => State::Text,
                };
            }
            State::Control(length) => {
                let goes_on = (0x20..=0x3f).contains(&byte) && length < LONGEST_SEQUENCE;
                self.state = if goes_on { State::Control(length + 1) } else { State::Text };
                if byte == b'\n' {
                    self.text(byte, out);
                }
            }
            State::String(length) => match byte {
                0x07 => self.state = State::Text,
                0x1b => self.state = State::Escape,
                b'\n' => self.text(byte, out),
                _ if length < LONGEST_SEQUENCE => self.state = State::String(length + 1),
                _ => self.text(byte, out),
            },
            State::Return => {
                self.put(b'\n', out);
                self.state = State::Text;
                if byte != b'\n' {
                    self.text(byte, out);
                }
            }
            State::Two => match byte {
                // U+0080 to U+009F: the control characters in eight bits.
                0x80..=0x9f => self.state = State::Text,
                _ => self.give_back(&[0xc2], byte, out),
            },
            State::Three(0) if matches!(byte, 0x80 | 0x81) => self.state = State::Three(byte),
            State::Three(0) => self.give_back(&[0xe2], byte, out),
            State::Three(second) => {
                // Marks and overrides of direction, line and paragraph separators.
                let dropped = match second {
                    0x80 => matches!(byte, 0x8e | 0x8f | 0xa8..=0xae),
                    _ => (0xa6..=0xa9).contains(&byte),
                };
                if dropped {
                    self.state = State::Text;
                } else {
                    self.give_back(&[0xe2, second], byte, out);
                }
            }
        }
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = match byte {
            0x1b => State::Escape,
            b'\r' => State::Return,
            0xc2 => State::Two,
            0xe2 => State::Three(0),
            _ => State::Text,
        };
        let shown = matches!(byte, b'\t' | b'\n' | 0x20..=0x7e | 0x80..);
        if self.state == State::Text && shown {
            self.put(byte, out);
        }
    }

    /// The bytes that were kept back are no character to drop.
    fn give_back(&mut self, kept: &[u8], byte: u8, out: &mut Vec<u8>) {
        for byte in kept {
            self.put(*byte, out);
        }
        self.text(byte, out);
    }

    /// Hands one byte on, behind a blank where it would complete a command.
    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        let completes = match byte {
            b'[' => self.ends_with(&BEFORE_BRACKET),
            b':' => self.ends_with(&BEFORE_COLON) || (self.blank && self.colon),
            _ => false,
        };
        if completes {
            out.push(b' ');
            self.recent.clear();
            self.blank = false;
        }
        out.push(byte);
        if byte == b'\n' {
            self.recent.clear();
            (self.blank, self.colon) = (true, false);
            return;
        }
        self.recent.push(byte.to_ascii_lowercase());
        if self.recent.len() > RECENT {
            self.recent.remove(0);
        }
        if byte == b':' && self.blank && !self.colon {
            self.colon = true;
        } else if byte.is_ascii_graphic() {
            self.blank = false;
        }
    }

    fn ends_with(&self, marks: &[&[u8]]) -> bool {
        marks.iter().any(|mark| self.recent.ends_with(mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn clean(text: &[u8]) -> String {
        String::from_utf8_lossy(&Plain::new().clean(text)).into_owned()
    }

    #[rstest]
    #[case::ordinary("gcc -c a.c: 3 warnings [-Wall]\n", "gcc -c a.c: 3 warnings [-Wall]\n")]
    #[case::other_languages(
        "Gr\u{fc}\u{df}e \u{2014} \u{65e5}\u{672c}\n",
        "Gr\u{fc}\u{df}e \u{2014} \u{65e5}\u{672c}\n"
    )]
    #[case::colours("\x1b[1;31merror\x1b[0m: x\n", "error: x\n")]
    #[case::title("a\x1b]0;title\x07b\x1b]0;title\x1b\\c", "abc")]
    #[case::eight_bits("a\u{9b}31mb", "a31mb")]
    #[case::direction("a\u{202e}b\u{2066}c\u{2028}d", "abcd")]
    #[case::bell("a\x07\x08b\x00c\x7f", "abc")]
    #[case::progress("10%\r20%\rdone\r\n", "10%\n20%\ndone\n")]
    #[case::github("::set-env name=X::y\n", ": :set-env name=X::y\n")]
    #[case::github_behind_blanks(" \t::x::\n::y::", " \t: :x::\n: :y::")]
    #[case::github_behind_return("ok\r::x::", "ok\n: :x::")]
    #[case::github_hidden(":\x1b[0m:x::", ": :x::")]
    #[case::paths("a::b c::d", "a::b c::d")]
    #[case::first_runner("pkg: ##[add-mask]x", "pkg: ## [add-mask]x")]
    #[case::azure("##VSO[task.setvariable]", "##VSO [task.setvariable]")]
    #[case::teamcity("##teamcity[x]", "##teamcity [x]")]
    #[case::gitlab("section_start:1:x\r\x1b[0K", "section_start :1:x\n")]
    fn text_stays_and_what_is_obeyed_goes(#[case] raw: &str, #[case] plain: &str) {
        let shown = clean(raw.as_bytes());
        assert_eq!(shown.trim_end_matches('\n'), plain.trim_end_matches('\n'));
    }

    #[test]
    fn an_unended_sequence_does_not_swallow_the_log() {
        let raw =
            format!("\x1b]0;{}seen\n\x1b[11111\nseen too\n", "x".repeat(LONGEST_SEQUENCE + 9));
        let shown = clean(raw.as_bytes());
        assert!(shown.contains("seen\n") && shown.contains("seen too\n"), "{shown}");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_stream_is_cut(bytes: Vec<u8>, cut: usize) {
            let whole = Plain::new().clean(&bytes);
            let (first, second) = bytes.split_at(cut % (bytes.len() + 1));
            let mut plain = Plain::new();
            let mut parts = plain.clean(first);
            parts.extend(plain.clean(second));
            prop_assert_eq!(whole, parts);
        }

        #[test]
        fn no_escape_and_no_command_gets_through(
            pieces in proptest::collection::vec(
                proptest::sample::select(vec![
                    "\x1b", "[", "]", ":", "::", "#", "##", "vso", "teamcity", "section_start", " ",
                    "\r", "\n", "\x07", "a", "\u{9b}", "\u{202e}", "set-env", "\\",
                ]),
                0..40,
            ),
        ) {
            let shown = clean(pieces.concat().as_bytes());
            let obeyed = ['\x1b', '\r', '\x07', '\u{9b}', '\u{202e}'];
            prop_assert!(!shown.contains(obeyed), "{shown:?}");
            for mark in ["##[", "##vso[", "##teamcity[", "section_start:"] {
                prop_assert!(!shown.contains(mark), "{shown:?}");
            }
            prop_assert!(shown.lines().all(|line| !line.trim().starts_with("::")), "{shown:?}");
        }
    }
}
