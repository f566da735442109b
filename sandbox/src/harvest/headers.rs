//! Blocks of headers, as `METADATA`, `PKG-INFO` and `WHEEL` begin with one: in one reading, or none.
//!
//! Some readers end lines at more characters than others: those of mail in Python before 3.5, and
//! whoever takes lines by `str.splitlines`. And some decode words as mail has them (`=?utf-8?q?…?=`),
//! where others take them as they stand. What leaves room for both is refused where somebody acts on
//! it; in a text for people it is where one of the readers would find another header in it.
//! What only a terminal obeys is refused everywhere: `pip show` prints such texts.
#![forbid(unsafe_code)]

use super::metadata_error::MetadataError;

/// Headers on which installers, resolvers and indices act (the core metadata specification, and that of
/// `WHEEL`). All others are texts for people to read.
const ACTED_ON: [&str; 22] = [
    "Metadata-Version",
    "Name",
    "Version",
    "Requires-Dist",
    "Requires-Python",
    "Requires",
    "Provides-Dist",
    "Provides-Extra",
    "Provides",
    "Obsoletes-Dist",
    "Obsoletes",
    "Dynamic",
    "License-Expression",
    "License-File",
    "Import-Name",
    "Import-Namespace",
    "Description-Content-Type",
    "Setup-Requires-Dist",
    "Wheel-Version",
    "Root-Is-Purelib",
    "Tag",
    "Build",
];

/// Those of the headers before the first empty line that are asked for.
#[derive(Debug)]
pub(super) struct Headers(Vec<(String, String)>);

impl Headers {
    /// Reads the block at the start of `content`, and keeps, unfolded, what is in `wanted`.
    ///
    /// # Errors
    /// Not every reader reads it alike.
    pub(super) fn read(content: &[u8], wanted: &[&str]) -> Result<Self, MetadataError> {
        let is_in = |list: &[&str], key: &str| list.iter().any(|it| key.eq_ignore_ascii_case(it));
        let mut headers: Vec<(String, String)> = Vec::new();
        // Whether the last header is kept, and whether it is a text; none before the first.
        let mut last = None;
        for (index, raw) in content.split(|byte| *byte == b'\n').enumerate() {
            let bytes = raw.strip_suffix(b"\r").unwrap_or(raw);
            if bytes.is_empty() {
                break;
            }
            let line = String::from_utf8_lossy(bytes);
            let number = index + 1;
            let wrong = MetadataError::Line { line: number };
            let (value, (kept, text)) = if line.starts_with([' ', '\t']) {
                let (kept, text) = last.ok_or(wrong)?;
                if kept && let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                (&*line, (kept, text))
            } else {
                let (key, value) = line.split_once(':').ok_or(wrong)?;
                let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
                if key.is_empty() || !key.bytes().all(word) {
                    return Err(MetadataError::Line { line: number });
                }
                let kept = is_in(wanted, key);
                if kept {
                    headers.push((key.to_owned(), value.trim().to_owned()));
                }
                (value, (kept, !is_in(&ACTED_ON, key)))
            };
            let strange = if text {
                has_header(value) || value.contains(is_obeyed)
            } else {
                value.contains(is_control)
            };
            if strange {
                return Err(MetadataError::Control { line: number });
            }
            if !text && value.contains("=?") {
                return Err(MetadataError::Encoded { line: number });
            }
            last = Some((kept, text));
        }
        Ok(Self(headers))
    }

    /// The values of all headers of that name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.0.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// The value of the only header of that name, or none.
    ///
    /// # Errors
    /// There is more than one.
    pub(super) fn optional(&self, name: &'static str) -> Result<Option<&str>, MetadataError> {
        let mut values = self.all(name);
        match (values.next(), values.count()) {
            (value, 0) => Ok(value),
            (_, more) => Err(MetadataError::Count { name, found: more + 1 }),
        }
    }

    /// The value of the only header of that name.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub(super) fn single(&self, name: &'static str) -> Result<&str, MetadataError> {
        self.optional(name)?.ok_or(MetadataError::Count { name, found: 0 })
    }
}

/// Whether a text holds what some reader takes for a further header: behind a lone return, at which all
/// of Python's end a line and others do not, it may be anything, for what is none ends the headers.
fn has_header(text: &str) -> bool {
    text.contains('\r') || text.split(ends_line).skip(1).any(is_header)
}

/// Where `str.splitlines` ends a line, beside line feeds and returns.
const fn ends_line(it: char) -> bool {
    let ascii = matches!(it, '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}');
    ascii || matches!(it, '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether Python's reader of mail takes a line for a header (`headerRE` of `email.feedparser`).
fn is_header(line: &str) -> bool {
    let named = |(name, _): (&str, &str)| name.bytes().all(|byte| byte.is_ascii_graphic());
    line.split_once(':').is_some_and(named)
}

/// What a terminal obeys, but for what ends lines.
fn is_obeyed(it: char) -> bool {
    is_control(it) && !ends_line(it)
}

fn is_control(it: char) -> bool {
    (it.is_control() && it != '\t') || ends_line(it)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Headers for people to read, some of which nobody knows.
    const TEXTS: [&str; 12] = [
        "Summary",
        "Description",
        "Author",
        "Maintainer-email",
        "License",
        "Home-page",
        "Platform",
        "Supported-Platform",
        "Requires-External",
        "Contact",
        "Generator",
        "Unknown",
    ];

    #[rstest]
    fn a_word_that_not_every_reader_decodes_stands_in_texts_alone(
        #[values("", "x ", "\n ", "x\n\t")] before: &str,
    ) {
        let read = |key: &str| {
            let text = format!("{key}: {before}=?utf-8?q?=65?=\n");
            Headers::read(text.as_bytes(), &["Name"])
        };
        for key in ACTED_ON {
            assert!(matches!(read(key), Err(MetadataError::Encoded { .. })), "{key}");
        }
        for key in TEXTS {
            assert!(read(key).is_ok(), "{key}");
        }
    }

    #[rstest]
    fn no_character_hides_a_header_from_a_reader(
        #[values("", "x", "\n ", "x\n\t")] before: &str,
        #[values("", "GPL", " a: b", "a b: c", "\tName: x", "\u{e4}: b")] behind: &str,
    ) {
        let lines = ('\0'..='\u{ff}').chain(['\u{2028}', '\u{2029}']);
        for it in lines.filter(|it| it.is_control() || !it.is_ascii()).filter(|it| *it != '\n') {
            let line = 1 + before.matches('\n').count();
            let read = |key: &str, behind: &str| {
                let text = format!("{key}: {before}y{it}z{it}{behind}.\n");
                Headers::read(text.as_bytes(), &["Name"]).map(drop)
            };
            let told = Err(MetadataError::Control { line });
            for key in ACTED_ON {
                let fine = it == '\t' || !is_control(it);
                assert_eq!(read(key, behind), if fine { Ok(()) } else { told.clone() }, "{it:?}");
            }
            for key in TEXTS {
                let always = if is_obeyed(it) { told.clone() } else { Ok(()) };
                assert_eq!(read(key, behind), always, "{it:?}");
                for header in ["Name: x", "Version:", ":", "http://x"] {
                    let found = if ends_line(it) { told.clone() } else { always.clone() };
                    assert_eq!(read(key, header), found, "{it:?} {header}");
                }
            }
        }
    }

    #[test]
    fn the_text_of_a_licence_may_have_its_pages() {
        let page = "License: GPL\n        at your option.\n        \u{c}\n\
            \x20       \u{c}GNU LESSER GENERAL PUBLIC LICENSE\n        end\u{c}\nName: pkg\n";
        assert_eq!(Headers::read(page.as_bytes(), &["Name"]).unwrap().single("Name"), Ok("pkg"));
    }

    #[test]
    fn headers_are_found_in_any_case_and_counted() {
        let headers = Headers::read(b"A: 1\na: 2\nB: 3\n 4\nC: 5\n\nB: 6", &["A", "b"]).unwrap();
        assert_eq!(headers.all("a").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(headers.single("B"), Ok("3 4"));
        assert_eq!(headers.optional("C"), Ok(None));
        assert_eq!(headers.single("A"), Err(MetadataError::Count { name: "A", found: 2 }));
        assert_eq!(headers.single("C"), Err(MetadataError::Count { name: "C", found: 0 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Headers::read(&bytes, &["Name"]);
        }
    }
}
