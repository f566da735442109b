//! The members of a ZIP archive as both its directory and the members themselves name them.
//!
//! The sandbox has a reader of its own. This one is the witness of what that lets through, so they share
//! nothing.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::DeflateDecoder;

/// No more than this is unpacked of one member.
const MOST: u64 = 64 << 20;

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its name in the directory at the archive's end.
    pub name: String,
    /// Its name in its own header.
    pub local_name: String,
    /// The mode of a Unix file, with its type.
    pub mode: u32,
    /// Its size as it is written down.
    pub size: u64,
    /// What it unpacks to.
    pub content: Vec<u8>,
}

/// The members that the directory at the end lists; `None` for what is no ZIP archive.
#[must_use]
pub fn members(archive: &[u8]) -> Option<Vec<Member>> {
    let end = archive.windows(4).rposition(|four| four == b"PK\x05\x06")?;
    let mut at = half(archive, end + 16)? | (half(archive, end + 18)? << 16);
    let mut members = Vec::new();
    while archive.get(at..at + 4) == Some(b"PK\x01\x02") && members.len() < 10_000 {
        let (name, extra, comment) =
            (half(archive, at + 28)?, half(archive, at + 30)?, half(archive, at + 32)?);
        let local = half(archive, at + 42)? | (half(archive, at + 44)? << 16);
        members.push(Member {
            name: text(archive, at + 46, name),
            local_name: text(archive, local + 30, half(archive, local + 26).unwrap_or(0)),
            mode: u32::try_from(half(archive, at + 40)?).ok()?,
            size: (half(archive, at + 24)? | (half(archive, at + 26)? << 16)) as u64,
            content: content(archive, local).unwrap_or_default(),
        });
        at += 46 + name + extra + comment;
    }
    Some(members)
}

/// What a member unpacks to.
fn content(archive: &[u8], local: usize) -> Option<Vec<u8>> {
    let start = local + 30 + half(archive, local + 26)? + half(archive, local + 28)?;
    let packed = archive.get(start..)?;
    if half(archive, local + 8)? == 0 {
        let size = half(archive, local + 18)? | (half(archive, local + 20)? << 16);
        return packed.get(..size).map(<[u8]>::to_vec);
    }
    let mut content = Vec::new();
    // What came before an error is there all the same.
    let _cut_short = DeflateDecoder::new(packed).take(MOST).read_to_end(&mut content);
    Some(content)
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(two)))
}

fn text(bytes: &[u8], at: usize, length: usize) -> String {
    let name = bytes.get(at..at.saturating_add(length)).unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}

/// A name that stands twice, or that a member does not give itself.
#[must_use]
pub fn ambiguous(members: &[Member]) -> Option<&str> {
    let mut seen = BTreeSet::new();
    members
        .iter()
        .find(|member| !seen.insert(&member.name) || member.name != member.local_name)
        .map(|member| member.name.as_str())
}

/// An archive of members that are not compressed, for seeds.
#[must_use]
pub fn sample(members: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
    let long = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, mode, content) in members {
        let at = archive.len();
        let sizes = [[0; 4], long(content.len()), long(content.len())].concat();
        archive.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0");
        archive.extend([sizes.as_slice(), &short(name.len()), &[0; 2], name.as_bytes()].concat());
        archive.extend(*content);
        directory.extend(b"PK\x01\x02\x14\x03\x14\0\0\0\0\0\0\0\0\0");
        directory.extend([sizes.as_slice(), &short(name.len()), &[0; 8]].concat());
        directory.extend([mode.to_le_bytes(), long(at)].concat());
        directory.extend(name.as_bytes());
    }
    let counts = [short(members.len()), short(members.len())].concat();
    let (place, length) = (long(archive.len()), long(directory.len()));
    archive.extend(directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([counts.as_slice(), &length, &place, &[0; 2]].concat());
    archive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read_as_it_was_written() {
        let archive = sample(&[("a/b", 0o100_644 << 16, b"one"), ("c", 0o120_777 << 16, b"a")]);
        let found = members(&archive).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].content.as_slice()), ("a/b", &b"one"[..]));
        assert_eq!(found[1].mode, 0o120_777);
        assert_eq!(ambiguous(&found), None);
        assert_eq!(members(b"no archive at all"), None);
    }
}
