//! What stands before a member of a tar file: its long name, its long link, its attributes.
#![forbid(unsafe_code)]

use super::Fault;
use super::member::NameFault;
use super::tar_fields::padded;

const BROKEN: Fault = Fault::Structure("the attributes before a member are broken");
const TWICE: Fault = Fault::Structure("a member has two names, links or sizes");

/// The largest number of a user or group, and the last second, that all readers take.
pub(super) const LAST_ID: u64 = 0xffff_ffff;
pub(super) const LAST_TIME: u64 = 253_402_300_799;

/// What the headers before a member say about it.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) name: Option<String>,
    pub(super) link: Option<String>,
    pub(super) size: Option<u64>,
    attributes: bool,
}

impl Pending {
    /// Whether nothing stands before the member, as must be where something for all members comes:
    /// to some readers that is the member.
    pub(super) const fn is_empty(&self) -> bool {
        self.name.is_none() && self.link.is_none() && !self.attributes
    }

    /// Adds the data of a header of type `kind`.
    pub(super) fn add(&mut self, kind: u8, data: &[u8]) -> Result<(), Fault> {
        match kind {
            b'L' => set(&mut self.name, text(padded(data).ok_or(BROKEN)?)?),
            b'K' => set(&mut self.link, text(padded(data).ok_or(BROKEN)?)?),
            b'x' if self.attributes => Err(TWICE),
            b'x' => {
                self.attributes = true;
                attributes(data, &mut |key, value| self.attribute(key, value))
            }
            _ if !self.is_empty() => Err(Fault::Structure(
                "something for all members stands between a member and what is said of it",
            )),
            // For all members that follow; git notes its commit there. Anything that means
            // something would mean it for members that do not show it.
            _ => attributes(data, &mut |key, value| match key {
                "comment" if is_short(value) => Ok(()),
                _ => Err(Fault::Structure("it sets attributes for all members")),
            }),
        }
    }

    fn attribute(&mut self, key: &str, value: &[u8]) -> Result<(), Fault> {
        match key {
            "path" => set(&mut self.name, text(value)?),
            "linkpath" => set(&mut self.link, text(value)?),
            "size" => set(&mut self.size, decimal(value).ok_or(BROKEN)?),
            "uid" | "gid" if decimal(value).is_none_or(|it| it > LAST_ID) => Err(BROKEN),
            "mtime" | "atime" | "ctime" if !is_time(value) => Err(BROKEN),
            "uname" | "gname" | "comment" if !is_short(value) => Err(BROKEN),
            "mtime" | "atime" | "ctime" | "uid" | "gid" | "uname" | "gname" | "comment" => Ok(()),
            // Sparse files, other encodings of names, capabilities and access lists.
            _ => Err(Fault::Structure("it has attributes that not every reader knows")),
        }
    }
}

/// A line of text; what could hold an archive is none.
fn is_short(value: &[u8]) -> bool {
    let text = std::str::from_utf8(value);
    value.len() <= 255 && text.is_ok_and(|text| !text.contains(char::is_control))
}

/// A number as every reader takes it: digits, without a sign and without zeros before them.
fn decimal(value: &[u8]) -> Option<u64> {
    let canonical = value == b"0" || !value.starts_with(b"0");
    let digits = canonical && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value).ok().filter(|_| digits)?.parse().ok()
}

/// Seconds, with a sign before them or a fraction behind.
fn is_time(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = parts.next().and_then(decimal);
    let is_fraction =
        |part: &[u8]| matches!(part.len(), 1..=20) && part.iter().all(u8::is_ascii_digit);
    seconds.is_some_and(|it| it <= LAST_TIME) && parts.next().is_none_or(is_fraction)
}

fn set<T>(place: &mut Option<T>, value: T) -> Result<(), Fault> {
    if place.replace(value).is_some() { Err(TWICE) } else { Ok(()) }
}

fn text(bytes: &[u8]) -> Result<String, Fault> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(NameFault::Encoding.into()),
    }
}

/// What to do with a key and its value.
type Take<'a> = dyn FnMut(&str, &[u8]) -> Result<(), Fault> + 'a;

/// Reads records of the form `LENGTH KEY=VALUE\n`, the length being that of the whole record.
fn attributes(data: &[u8], take: &mut Take<'_>) -> Result<(), Fault> {
    let mut rest = data;
    while !rest.is_empty() {
        let blank = rest.iter().take(20).position(|byte| *byte == b' ').ok_or(BROKEN)?;
        let (digits, _) = rest.split_at_checked(blank).ok_or(BROKEN)?;
        let length = decimal(digits).and_then(|it| usize::try_from(it).ok()).ok_or(BROKEN)?;
        let (record, after) = rest.split_at_checked(length).ok_or(BROKEN)?;
        let record = record.get(blank + 1..).and_then(|it| it.strip_suffix(b"\n"));
        let record = record.ok_or(BROKEN)?;
        let equals = record.iter().position(|byte| *byte == b'=').ok_or(BROKEN)?;
        let (key, value) = record.split_at_checked(equals).ok_or(BROKEN)?;
        take(&text(key)?, value.get(1..).unwrap_or_default())?;
        rest = after;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_of_an_attribute_is_one_that_every_reader_takes_for_the_same() {
        let taken = |key: &str, value: &str| {
            let rest = format!(" {key}={value}\n");
            let length =
                (rest.len()..rest.len() + 9).find(|it| rest.len() + it.to_string().len() == *it);
            let record = format!("{}{rest}", length.unwrap());
            Pending::default().add(b'x', record.as_bytes()).is_ok()
        };
        for key in ["size", "uid", "gid", "mtime", "atime", "ctime"] {
            let time = key.ends_with("time");
            for good in ["0", "1", "4294967295"] {
                assert!(taken(key, good), "{key}={good}");
            }
            for other in ["-1", "1.5", "-0.25", "1234567890.123456789"] {
                assert_eq!(taken(key, other), time, "{key}={other}");
            }
            let wrong =
                ["", "+1", "01", "00", " 1", "1 ", "0x1", "1e3", "1_0", "--1", "1.", ".5", "1.2.3"];
            for wrong in wrong.into_iter().chain(["18446744073709551616", "\u{661}"]) {
                assert!(!taken(key, wrong), "{key}={wrong}");
            }
            assert_eq!(taken(key, "99999999999999"), key == "size", "{key}");
        }
    }

    #[test]
    fn attributes_that_are_known_are_taken_and_others_refused() {
        let mut pending = Pending::default();
        pending.add(b'x', b"12 path=a/b\n20 mtime=1234567.25\n").unwrap();
        assert_eq!(pending.name.as_deref(), Some("a/b"));
        assert!(pending.add(b'x', b"").is_err());
        assert!(pending.add(b'L', b"other\0").is_err());
        for data in [
            &b"12 path=a/b\n12 path=a/b\n"[..],
            b"22 GNU.sparse.major=1\n",
            b"99 path=a/b\n",
            b"012 path=a/b\n",
            b"12 path=a/bX",
            b"8 patha\n",
            b"5 a=\xff\n",
            b" a=b\n",
            b"11 mtime=x\n",
            b"12 uid=1.2.3\n",
        ] {
            assert!(Pending::default().add(b'x', data).is_err(), "{data:?}");
        }
        assert!(
            Pending::default()
                .add(b'g', b"52 comment=0123456789012345678901234567890123456789\n")
                .is_ok()
        );
        assert!(Pending::default().add(b'g', b"12 path=a/b\n").is_err());
        let long = format!("{} comment={}\n", 300 + 13, "x".repeat(300));
        for kind in *b"xg" {
            assert!(Pending::default().add(kind, long.as_bytes()).is_err());
            assert!(Pending::default().add(kind, b"14 comment=PK\x03\n").is_err());
        }
        assert!(Pending::default().add(b'L', b"a/b\0\0").is_ok());
        assert!(Pending::default().add(b'L', b"a/b\0hidden").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_never_panic(data in prop::collection::vec(any::<u8>(), 0..60)) {
            for kind in *b"xgLK" {
                let _ = Pending::default().add(kind, &data);
            }
        }
    }
}
