//! Lines in which nothing is a command to a CI service.
#![forbid(unsafe_code)]

/// What a `[` behind it turns into a command of GitHub's first runner, of Azure and of `TeamCity`,
/// anywhere in a line.
const BEFORE_BRACKET: [&str; 3] = ["##", "##vso", "##teamcity"];
/// What a `:` behind it turns into a section mark of GitLab, anywhere in a line.
const BEFORE_COLON: [&str; 2] = ["section_start", "section_end"];
/// The longest of these, in characters.
const RECENT: usize = 13;

/// A line that is being written, with as much memory of it as is needed to tell commands.
#[derive(Debug)]
pub(super) struct Line {
    /// Its last characters, as readers that ignore case compare them.
    recent: String,
    /// Nothing that can be seen is in it yet, but for a colon at its end if `colon`.
    blank: bool,
    colon: bool,
}

impl Default for Line {
    fn default() -> Self {
        Self { recent: String::new(), blank: true, colon: false }
    }
}

impl Line {
    /// Writes `it`, behind a blank where it would complete a command.
    pub(super) fn put(&mut self, it: char, out: &mut String) {
        if self.completes(it) {
            out.push(' ');
            self.recent.clear();
            self.blank = false;
        }
        out.push(it);
        self.note(it);
    }

    /// Writes what [`ordinary`] has found.
    pub(super) fn put_all(&mut self, ordinary: &str, out: &mut String) {
        out.push_str(ordinary);
        let last = ordinary.char_indices().rev().take(RECENT).last().map_or(0, |(at, _)| at);
        self.blank &= !self.colon && ordinary.chars().all(is_blank);
        ordinary.get(last..).unwrap_or_default().chars().for_each(|it| self.note(it));
    }

    /// Whether a service would obey the line once `it` stands at its end. GitHub obeys `::` where
    /// only blanks stand before it.
    pub(super) fn completes(&self, it: char) -> bool {
        match it {
            '[' => self.ends_with(&BEFORE_BRACKET),
            ':' => self.ends_with(&BEFORE_COLON) || (self.blank && self.colon),
            _ => false,
        }
    }

    pub(super) fn note(&mut self, it: char) {
        if it == '\n' {
            *self = Self::default();
            return;
        }
        self.recent.push(folded(it));
        if self.recent.chars().count() > RECENT {
            self.recent.remove(0);
        }
        let first = it == ':' && self.blank && !self.colon;
        self.blank &= first || (is_blank(it) && !self.colon);
        self.colon |= first;
    }

    fn ends_with(&self, marks: &[&str]) -> bool {
        marks.iter().any(|mark| self.recent.ends_with(mark))
    }
}

/// The part at the beginning of `text` in which no character needs to be looked at alone, and what
/// follows it.
pub(super) fn ordinary(text: &str) -> (&str, &str) {
    let looked_at = |byte: u8| matches!(byte, b'[' | b':' | 0x80..) || byte.is_ascii_control();
    let end = text.bytes().position(looked_at).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Two letters beside the ASCII ones are such a letter once their case is ignored.
fn folded(it: char) -> char {
    match it {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        _ => it.to_ascii_lowercase(),
    }
}

/// What readers cut off at the beginning of a line, some of them long ago: white space, and marks
/// that have no width.
fn is_blank(it: char) -> bool {
    let has_no_width = matches!(it, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    it.is_whitespace() || has_no_width
}
