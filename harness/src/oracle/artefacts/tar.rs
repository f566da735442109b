//! The members of a tar archive, with the long names of pax and GNU tar.
//!
//! The sandbox has a reader of its own. This one is the witness of what that lets through, so they share
//! nothing.
#![forbid(unsafe_code)]

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

/// No more than this is unpacked.
const MOST: u64 = 64 << 20;
/// Every record has this length.
const RECORD: usize = 512;

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The name in its own header, which a longer one before it overrules.
    pub own: String,
    /// Its type: `0` for a file, `1` and `2` for links, `3` to `6` for other things.
    pub kind: u8,
    /// Where a link leads.
    pub target: String,
    /// Its permission bits.
    pub mode: u32,
}

/// The members of a compressed archive, and its unpacked length; `None` for what is none.
#[must_use]
pub fn members(archive: &[u8]) -> Option<(Vec<Member>, usize)> {
    if !archive.starts_with(&[0x1f, 0x8b]) {
        return None;
    }
    let mut bytes = Vec::new();
    // What came before an error is there all the same.
    let _cut_short = MultiGzDecoder::new(archive).take(MOST).read_to_end(&mut bytes);
    let mut found = Vec::new();
    let mut next = Member::default();
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + RECORD).filter(|header| header.first() != Some(&0))
    {
        let size = usize::try_from(number(header, 124, 12)).ok()?;
        let content = bytes.get(at + RECORD..(at + RECORD).saturating_add(size)).unwrap_or(&[]);
        let kind = header.get(156).copied().unwrap_or(b'0');
        match kind {
            b'L' => next.name = text(content),
            b'K' => next.target = text(content),
            b'x' | b'g' => pax(content, &mut next),
            kind => {
                let mut member = std::mem::take(&mut next);
                member.own = name(header);
                if member.name.is_empty() {
                    member.name.clone_from(&member.own);
                }
                if member.target.is_empty() {
                    member.target = field(header, 157, 100);
                }
                member.mode = u32::try_from(number(header, 100, 8)).unwrap_or(0);
                member.kind = kind;
                found.push(member);
            }
        }
        at = at.checked_add(RECORD)?.checked_add(size.div_ceil(RECORD).checked_mul(RECORD)?)?;
    }
    Some((found, bytes.len()))
}

/// Whether something lies behind the end of the members, in a second stream of packed data, or in the
/// header of the first, where readers do not look for members.
#[must_use]
pub fn hides(archive: &[u8]) -> bool {
    let mut first = flate2::bufread::GzDecoder::new(archive);
    let mut bytes = Vec::new();
    let read = first.by_ref().take(MOST).read_to_end(&mut bytes);
    if !read.is_ok_and(|length| (length as u64) < MOST) {
        return false;
    }
    let told = first.header().is_some_and(|it| it.extra().is_some() || it.comment().is_some());
    let mut at = 0_usize;
    while let Some(header) =
        bytes.get(at..at.saturating_add(RECORD)).filter(|header| header.first() != Some(&0))
    {
        let size = usize::try_from(number(header, 124, 12)).ok();
        let whole = size.and_then(|size| size.checked_next_multiple_of(RECORD));
        at = whole
            .and_then(|whole| at.checked_add(RECORD)?.checked_add(whole))
            .unwrap_or(usize::MAX);
    }
    let behind = bytes.get(at..).unwrap_or_default();
    told || !first.into_inner().is_empty() || behind.iter().any(|byte| *byte != 0)
}

/// A name in the two fields of a ustar header.
fn name(header: &[u8]) -> String {
    let (short, prefix) = (field(header, 0, 100), field(header, 345, 155));
    let is_ustar = header.get(257..262) == Some(b"ustar");
    if is_ustar && !prefix.is_empty() { format!("{prefix}/{short}") } else { short }
}

/// Records of the form `LENGTH KEY=VALUE\n`.
fn pax(content: &[u8], next: &mut Member) {
    let mut rest = content;
    while let Some(blank) = rest.iter().position(|byte| *byte == b' ') {
        let (length, _) = rest.split_at(blank);
        let length = String::from_utf8_lossy(length).parse().unwrap_or(0);
        let Some(record) = rest.get(blank + 1..length) else { return };
        let record = text(record);
        match record.trim_end_matches('\n').split_once('=') {
            Some(("path", value)) => value.clone_into(&mut next.name),
            Some(("linkpath", value)) => value.clone_into(&mut next.target),
            _ => {}
        }
        rest = rest.get(length..).unwrap_or_default();
    }
}

fn field(header: &[u8], at: usize, length: usize) -> String {
    text(header.get(at..at + length).unwrap_or_default())
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// Octal digits.
fn number(header: &[u8], at: usize, length: usize) -> u64 {
    u64::from_str_radix(field(header, at, length).trim(), 8).unwrap_or(0)
}

/// A compressed archive of empty members, for seeds: name, type, target; what is told of a longer
/// name (`L`) is the target.
#[must_use]
pub fn sample(members: &[(&str, u8, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, target) in members {
        let mut header = vec![0; RECORD];
        let mut put = |at: usize, text: &[u8]| {
            if let Some(place) = header.get_mut(at..at + text.len()) {
                place.copy_from_slice(text);
            }
        };
        put(0, name.as_bytes());
        put(100, b"0000644");
        let longer = if *kind == b'L' { target.as_bytes() } else { b"" };
        put(124, format!("{:011o}", longer.len()).as_bytes());
        put(156, &[*kind]);
        put(157, if *kind == b'L' { b"" } else { target.as_bytes() });
        put(257, b"ustar\x0000");
        bytes.extend(header);
        bytes.extend(longer);
        bytes.resize(bytes.len().next_multiple_of(RECORD), 0);
    }
    bytes.extend([0; 2 * RECORD]);
    let mut packed = Vec::new();
    let mut encoder = flate2::read::GzEncoder::new(bytes.as_slice(), flate2::Compression::fast());
    // Reading from memory does not fail.
    let _read = encoder.read_to_end(&mut packed);
    packed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_read_as_it_was_written() {
        let (found, _) = members(&sample(&[("a", b'0', ""), ("b", b'2', "/etc")])).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[1].name.as_str(), found[1].target.as_str()), ("b", "/etc"));
        let (found, _) = members(&sample(&[("x", b'L', "longer"), ("own", b'0', "")])).unwrap();
        assert_eq!((found[0].name.as_str(), found[0].own.as_str()), ("longer", "own"));
        assert_eq!(members(b"PK"), None);
    }

    #[test]
    fn a_long_name_of_pax_wins() {
        let mut next = Member::default();
        pax(b"17 path=../evil\n\n", &mut next);
        assert_eq!(next.name, "../evil");
    }
}
