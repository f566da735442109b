//! Blocks of headers, as `METADATA`, `PKG-INFO` and `WHEEL` begin with one: in one reading, or none.
//!
//! Python's reader of mail ends lines at more characters than others, and some decode words as mail
//! has them (`=?utf-8?q?…?=`), where others take them as they stand. What leaves room for both is
//! refused.
#![forbid(unsafe_code)]

use super::metadata_error::MetadataError;

/// Headers of text for people to read. Only there may words be encoded, as old back ends did with the
/// names of authors.
const TEXTS: [&str; 14] = [
    "Summary",
    "Description",
    "Keywords",
    "Author",
    "Author-email",
    "Maintainer",
    "Maintainer-email",
    "License",
    "Home-page",
    "Download-URL",
    "Project-URL",
    "Classifier",
    "Platform",
    "Generator",
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
            if line.contains(ends_line) {
                return Err(wrong);
            }
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
                (value, (kept, is_in(&TEXTS, key)))
            };
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

fn ends_line(it: char) -> bool {
    (it.is_control() && it != '\t') || matches!(it, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn a_word_that_not_every_reader_decodes_stands_in_texts_alone(
        #[values(
            "Name",
            "Version",
            "Requires-Dist",
            "Requires-Python",
            "Provides-Extra",
            "Dynamic",
            "License-File",
            "Tag",
            "Build",
            "Unknown"
        )]
        key: &str,
        #[values("", "x ", "\n ", "x\n\t")] before: &str,
    ) {
        let text = |key: &str| format!("{key}: {before}=?utf-8?q?=65?=\n");
        assert!(Headers::read(text(key).as_bytes(), &["Name"]).is_err());
        for key in TEXTS {
            assert!(Headers::read(text(key).as_bytes(), &["Name"]).is_ok(), "{key}");
        }
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
