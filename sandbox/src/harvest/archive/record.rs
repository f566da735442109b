//! RECORD: the list of a wheel's files with their hashes, checked against the files.
#![forbid(unsafe_code)]

use std::collections::HashMap;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{ArchiveError, Fault};

/// A hash that is being computed. Weaker ones than these are forbidden by the specification.
#[derive(Clone)]
pub(super) enum Hasher {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

/// What RECORD says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Name and digest of the hash; only RECORD itself and its signatures have none.
    pub(super) hash: Option<(String, String)>,
    /// The size, which old tools leave out.
    pub(super) size: Option<u64>,
}

impl Hasher {
    /// The hash of that name.
    pub(super) fn new(name: &str) -> Option<Self> {
        match name {
            "sha256" => Some(Self::Sha256(Sha256::new())),
            "sha384" => Some(Self::Sha384(Sha384::new())),
            "sha512" => Some(Self::Sha512(Sha512::new())),
            _ => None,
        }
    }

    pub(super) fn update(&mut self, piece: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(piece),
            Self::Sha384(hash) => hash.update(piece),
            Self::Sha512(hash) => hash.update(piece),
        }
    }

    /// The digest as RECORD writes it: URL-safe base64 without padding.
    pub(super) fn digest(self) -> String {
        match self {
            Self::Sha256(hash) => base64(&hash.finalize()),
            Self::Sha384(hash) => base64(&hash.finalize()),
            Self::Sha512(hash) => base64(&hash.finalize()),
        }
    }
}

/// Parses RECORD into its rows, by the name of the file. There can be no more than there are
/// `members`.
pub(super) fn parse(content: &[u8], members: usize) -> Result<HashMap<String, Row>, ArchiveError> {
    const SHAPE: Fault = Fault::Record("RECORD is no list of lines of a path, a hash and a size");
    let Ok(text) = std::str::from_utf8(content) else { return Err(SHAPE.into()) };
    let mut rows = HashMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (fields, after) = line(rest).ok_or(SHAPE)?;
        rest = after;
        let [path, hash, size] = match <[String; 3]>::try_from(fields) {
            Ok(fields) => fields,
            Err(fields) if fields.iter().all(String::is_empty) && fields.len() == 1 => continue,
            Err(_) => return Err(SHAPE.into()),
        };
        let row = row(&hash, &size).ok_or_else(|| SHAPE.of(&path))?;
        if rows.contains_key(&path) {
            return Err(Fault::Record("RECORD lists it twice").of(&path));
        }
        if rows.len() == members {
            return Err(Fault::Record("RECORD lists it, but it is not there").of(&path));
        }
        rows.insert(path, row);
    }
    Ok(rows)
}

fn row(hash: &str, size: &str) -> Option<Row> {
    let hash = match hash {
        "" => None,
        _ => hash
            .split_once('=')
            .map(|(name, digest)| (name.to_owned(), digest.trim_end_matches('=').to_owned())),
    };
    let digits = size.bytes().all(|byte| byte.is_ascii_digit());
    match size {
        "" => Some(Row { hash, size: None }),
        _ if digits => Some(Row { hash, size: Some(size.parse().ok()?) }),
        _ => None,
    }
}

/// The fields of the first line of comma-separated values, and what follows it. A field may be
/// quoted; a quote in it is then doubled. There are no more than three.
fn line(text: &str) -> Option<(Vec<String>, &str)> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = field(rest)?;
        if fields.len() == 3 {
            return None;
        }
        fields.push(field);
        let Some(more) = after.strip_prefix(',') else {
            let end = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n'));
            let following = end.or_else(|| after.is_empty().then_some(after))?;
            return Some((fields, following));
        };
        rest = more;
    }
}

fn field(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find([',', '\n', '\r', '"']).unwrap_or(text.len());
        let (field, after) = text.split_at_checked(end)?;
        return (!after.starts_with('"')).then(|| (field.to_owned(), after));
    };
    let mut field = String::new();
    loop {
        let (piece, after) = rest.split_once('"')?;
        field.push_str(piece);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, after)),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut bits = [0; 4];
        for (place, byte) in bits.iter_mut().skip(1).zip(group) {
            *place = *byte;
        }
        let bits = u32::from_be_bytes(bits);
        for digit in 0..=group.len() {
            let index = (bits >> (18 - 6 * digit)) & 63;
            let digit = usize::try_from(index).ok().and_then(|index| DIGITS.get(index));
            text.extend(digit.map(|digit| char::from(*digit)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn digests_are_written_as_record_writes_them() {
        for (bytes, text) in
            [(&b""[..], ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"\xfb\xff", "-_8")]
        {
            assert_eq!(base64(bytes), text);
        }
        let empty = Hasher::new("sha256").unwrap().digest();
        assert_eq!(empty, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
        assert!(Hasher::new("md5").is_none());
    }

    #[test]
    fn quoted_paths_and_both_line_ends_are_understood() {
        let text = "a.py,sha256=xx,3\r\n\"b,\"\"c\"\"\n.py\",sha512=yy=,\nRECORD,,\n\n";
        let rows = parse(text.as_bytes(), 3).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows["a.py"].size, Some(3));
        let quoted = Row { hash: Some(("sha512".into(), "yy".into())), size: None };
        assert_eq!(rows["b,\"c\"\n.py"], quoted);
        assert_eq!(rows["RECORD"], Row { hash: None, size: None });
    }

    #[test]
    fn a_list_that_readers_could_read_differently_is_refused() {
        for text in
            ["a", "a,b", "a,b,c", "a,,1,", "a\"b,,", "\"a\"b,,", "\"a,,", "a,,\ra,,", "\u{0},"]
        {
            assert!(parse(text.as_bytes(), 9).is_err(), "{text:?}");
        }
        assert!(parse(b"a,,\na,,\n", 9).unwrap_err().to_string().contains("twice"));
        assert!(parse(b"\xff,,\n", 9).is_err());
        assert!(parse(b"a,,99999999999999999999\n", 9).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = parse(&bytes, 9);
        }

        #[test]
        fn what_is_written_is_read_again(path in "[a-c,\"\n\r ]{1,8}") {
            let text = format!("\"{}\",,\n", path.replace('"', "\"\""));
            prop_assert!(parse(text.as_bytes(), 1).unwrap().contains_key(&path));
        }
    }
}
