//! Text that leaves the program, without what terminals and CI services obey.
//!
//! A log is read by more than people. A terminal obeys escape sequences (CVE-2024-52005 is that
//! mistake in git), the services that run builds obey lines such as `::set-env` and `##vso[`, and a
//! front end that reads UTF-8 ends at a byte that is none. Whatever a payload prints, and whatever
//! of it this program quotes, passes here: the text stays; sequences are dropped, commands are
//! broken by a blank, a line that overwrites itself becomes several, and what is no character is
//! shown as U+FFFD.
#![forbid(unsafe_code)]

mod characters;
mod colour;
mod digits;
mod document;
mod line;
mod plural;
mod quoted;
mod speech;

pub use colour::Colour;
pub use digits::hex;
pub use document::document;
pub use plural::plural;
pub use quoted::{escaped, quoted, quoted_path};
pub use speech::{heard, print, print_own, say};

use characters::Characters;
use line::Line;

/// A sequence that is longer than this is none, and the text behind it is to be seen.
const LONGEST_SEQUENCE: usize = 4096;

/// Where in a stream of characters the filter is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    /// Behind ESC.
    Escape,
    /// Within a control sequence, up to its final character (ECMA-48, 5.4).
    Control(usize),
    /// Within a string that BEL or ESC `\` ends (ECMA-48, 5.6).
    String(usize),
    /// Behind a carriage return, of which the next character tells what it was.
    Return,
}

/// The filter for one stream of bytes. It keeps back no more than the first bytes of a character.
#[derive(Debug, Default)]
pub struct Plain {
    characters: Characters,
    state: State,
    line: Line,
}

impl Plain {
    /// What is to be handed on of `bytes`, which follow those of the call before.
    pub fn clean(&mut self, bytes: &[u8]) -> String {
        let mut out = String::with_capacity(bytes.len() + bytes.len() / 16);
        let Self { characters, state, line } = self;
        characters.decode(bytes, &mut |text| pass(text, state, line, &mut out));
        out
    }

    /// What is still to be handed on when nothing follows.
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        let Self { characters, state, line } = self;
        characters.finish(&mut |text| pass(text, state, line, &mut out));
        if *state == State::Return {
            line.put('\n', &mut out);
        }
        *state = State::Text;
        out
    }
}

/// The whole of `text` as it may be shown.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut filter = Plain::default();
    let mut shown = filter.clean(text.as_bytes());
    shown.push_str(&filter.finish());
    shown
}

fn pass(text: &str, state: &mut State, line: &mut Line, out: &mut String) {
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if *state == State::Text {
            let (ordinary, after) = line::ordinary(rest);
            if !ordinary.is_empty() {
                line.put_all(ordinary, out);
                rest = after;
                continue;
            }
        }
        *state = next(*state, first, line, out);
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
}

/// Takes one character; gives the state behind it.
fn next(state: State, it: char, line: &mut Line, out: &mut String) -> State {
    match state {
        State::Text => return shown(it, line, out),
        State::Escape => match it {
            '[' => return State::Control(0),
            ']' | 'P' | 'X' | '^' | '_' => return State::String(0),
            // Intermediate characters of a longer sequence; a final one ends it.
            ' '..='/' => return State::Escape,
            '\n' => return shown(it, line, out),
            _ => {}
        },
        State::Control(length) => match it {
            ' '..='?' if length < LONGEST_SEQUENCE => return State::Control(length + 1),
            '\n' => return shown(it, line, out),
            _ => {}
        },
        State::String(length) => match it {
            '\u{7}' => {}
            '\u{1b}' => return State::Escape,
            '\n' => return shown(it, line, out),
            _ if length < LONGEST_SEQUENCE => return State::String(length + it.len_utf8()),
            _ => return shown(it, line, out),
        },
        State::Return => {
            line.put('\n', out);
            if it != '\n' {
                return shown(it, line, out);
            }
        }
    }
    State::Text
}

/// Takes a character that belongs to no sequence.
fn shown(it: char, line: &mut Line, out: &mut String) -> State {
    match it {
        '\u{1b}' => return State::Escape,
        '\r' => return State::Return,
        _ if is_dropped(it) => {}
        _ => line.put(it, out),
    }
    State::Text
}

/// Control characters of seven and of eight bits, marks and overrides of the direction of writing,
/// and what separates lines for some readers only.
fn is_dropped(it: char) -> bool {
    let separates = matches!(it, '\u{2028}' | '\u{2029}');
    let turns = matches!(it, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (it.is_control() && !matches!(it, '\n' | '\t')) || separates || turns
}

#[cfg(test)]
mod tests;
