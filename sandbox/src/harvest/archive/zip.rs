//! The central directory of a zip file: the one list of its members.
//!
//! Of the forms that APPNOTE.TXT allows only the plain one is accepted: one disk, no comment, no
//! encryption, nothing before the first member and nothing behind the end.
#![forbid(unsafe_code)]

use std::io::{Read, Seek, SeekFrom};

use super::fields::Fields;
use super::member::{self, NameFault};
use super::{ArchiveError, Fault};
use crate::harvest::limits::Limits;

const END: u32 = 0x0605_4b50;
const END_BYTES: u64 = 22;
const END_64: u32 = 0x0606_4b50;
const END_64_BYTES: u64 = 56;
const LOCATOR: u32 = 0x0706_4b50;
const LOCATOR_BYTES: u64 = 20;
const CENTRAL: u32 = 0x0201_4b50;

const EXTRA_ZIP64: u16 = 0x0001;
const EXTRA_UNICODE_PATH: u16 = 0x7075;

/// Extra fields that say something of a time or an owner, or nothing, each with the longest data
/// that it can have; more of them in one place is none of them.
const EXTRAS: [(u16, usize); 7] = [
    (0x5455, 13), // times of Unix, by Info-ZIP
    (0x5855, 12), // the same before
    (0x7855, 4),  // owners, before
    (0x7875, 15), // owners
    (0x000a, 32), // times of NTFS
    (0xcafe, 0),  // the mark of a Java archive
    (EXTRA_ZIP64, 28),
];

/// Bits 1 and 2 say how hard the compressor tried, 3 that sizes follow the data, 11 UTF-8.
const KNOWN_FLAGS: u16 = 0b1000_0000_1110;
pub(super) const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF_8: u16 = 1 << 11;

/// Version 6.3 of APPNOTE.TXT, beyond which Python reads nothing.
const NEWEST: u16 = 63;

pub(super) const STORED: u16 = 0;
pub(super) const DEFLATED: u16 = 8;

/// A member, as the central directory describes it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its name; the name of a directory ends in a slash.
    pub(super) name: String,
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) unpacked: u64,
    /// Where its local header starts.
    pub(super) offset: u64,
}

impl Entry {
    pub(super) fn is_directory(&self) -> bool {
        self.name.ends_with('/')
    }
}

/// The central directory.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) entries: Vec<Entry>,
    /// Where it starts, which is where the last member ends.
    pub(super) start: u64,
}

/// Numbers of a header, as they are with its extra fields.
pub(super) struct Sizes<const N: usize> {
    pub(super) values: [u64; N],
    /// Whether there is an extra field for numbers of 64 bits.
    pub(super) large: bool,
}

/// Reads the central directory of a zip file of `size` bytes.
pub(super) fn directory(
    archive: &mut (impl Read + Seek),
    size: u64,
    limits: &Limits,
) -> Result<Directory, ArchiveError> {
    let end = end(archive, size)?;
    let bytes = end.bytes;
    if end.members > u64::try_from(limits.members).unwrap_or(u64::MAX) {
        return Err(Fault::TooMany { limit: limits.members }.into());
    }
    if bytes > limits.directory_bytes {
        let limit = usize::try_from(limits.directory_bytes).unwrap_or(usize::MAX);
        let what = "its list of members";
        return Err(Fault::Beyond { what, limit, unit: "bytes" }.into());
    }
    let list = read_at(archive, end.start, bytes)?;
    let mut fields = Fields(&list);
    let mut entries = Vec::new();
    for _ in 0..end.members {
        entries.push(entry(&mut fields)?);
    }
    if !fields.is_empty() {
        return Err(Fault::Structure("its list of members is longer than their number").into());
    }
    Ok(Directory { entries, start: end.start })
}

/// Reads `count` bytes at `offset`; the caller has bounded `count`.
pub(super) fn read_at(
    archive: &mut (impl Read + Seek),
    offset: u64,
    count: u64,
) -> Result<Vec<u8>, Fault> {
    archive.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    archive.take(count).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).ok() == Some(count) {
        Ok(bytes)
    } else {
        Err(Fault::Structure("it ends in the middle of a header"))
    }
}

struct End {
    members: u64,
    bytes: u64,
    start: u64,
}

/// The record at the very end. Readers search it backwards; without a comment all find this one.
fn end(archive: &mut (impl Read + Seek), size: u64) -> Result<End, Fault> {
    const NONE: Fault = Fault::Structure("it is no zip file that ends without a comment");
    let at = size.checked_sub(END_BYTES).ok_or(NONE)?;
    let record = read_at(archive, at, END_BYTES)?;
    let mut fields = Fields(&record);
    let signature = fields.u32()?;
    let disks = (fields.u16()?, fields.u16()?);
    let counts = (fields.u16()?, fields.u16()?);
    let (bytes, start) = (fields.u32()?, fields.u32()?);
    if signature != END || fields.u16()? != 0 {
        return Err(NONE);
    }
    if disks != (0, 0) || counts.0 != counts.1 {
        return Err(Fault::Structure("it claims to be one of several disks"));
    }
    let plain = End { members: counts.1.into(), bytes: bytes.into(), start: start.into() };
    let (end, stop) = match end_64(archive, at)? {
        None => (plain, at),
        Some((large, stop)) => {
            let agrees = |large: u64, plain: u64, full: u64| large == plain || plain == full;
            if !agrees(large.members, plain.members, 0xffff)
                || !agrees(large.bytes, plain.bytes, 0xffff_ffff)
                || !agrees(large.start, plain.start, 0xffff_ffff)
            {
                return Err(Fault::Structure("its two end records disagree"));
            }
            (large, stop)
        }
    };
    if end.start.checked_add(end.bytes) != Some(stop) {
        return Err(Fault::Structure("there are bytes before or behind its list of members"));
    }
    Ok(end)
}

const WRONG: Fault = Fault::Structure("its 64-bit end record is not where it must be");

/// The 64-bit end record, if a locator stands before the end record: some readers use it whenever
/// it is there, others only when they must.
fn end_64(archive: &mut (impl Read + Seek), end: u64) -> Result<Option<(End, u64)>, Fault> {
    let Some(at) = end.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
    let locator = read_at(archive, at, LOCATOR_BYTES)?;
    let mut fields = Fields(&locator);
    if fields.u32()? != LOCATOR {
        return Ok(None);
    }
    let (disk, offset, disks) = (fields.u32()?, fields.u64()?, fields.u32()?);
    let place = at.checked_sub(END_64_BYTES).ok_or(WRONG)?;
    if disk != 0 || disks > 1 || offset != place {
        return Err(WRONG);
    }
    let record = read_at(archive, place, END_64_BYTES)?;
    let mut fields = Fields(&record);
    let (signature, rest) = (fields.u32()?, fields.u64()?);
    fields.bytes(4)?;
    let disks = (fields.u32()?, fields.u32()?);
    let counts = (fields.u64()?, fields.u64()?);
    if signature != END_64 || rest != END_64_BYTES - 12 || disks != (0, 0) || counts.0 != counts.1 {
        return Err(WRONG);
    }
    let end = End { members: counts.1, bytes: fields.u64()?, start: fields.u64()? };
    Ok(Some((end, place)))
}

fn entry(fields: &mut Fields<'_>) -> Result<Entry, ArchiveError> {
    if fields.u32()? != CENTRAL {
        return Err(Fault::Structure("its list of members is shorter than their number").into());
    }
    fields.bytes(2)?;
    let (needed, flags, method) = (fields.u16()?, fields.u16()?, fields.u16()?);
    fields.bytes(4)?;
    let crc = fields.u32()?;
    let (packed, unpacked) = (fields.u32()?, fields.u32()?);
    let lengths = (fields.u16()?, fields.u16()?, fields.u16()?);
    let disk = fields.u16()?;
    fields.bytes(2)?;
    let (attributes, offset) = (fields.u32()?, fields.u32()?);
    let raw = fields.bytes(lengths.0.into())?;
    let extra = fields.bytes(lengths.1.into())?;
    let name =
        name(raw, flags).map_err(|fault| Fault::from(fault).of(&String::from_utf8_lossy(raw)))?;
    let check = || -> Result<Sizes<3>, Fault> {
        if lengths.2 != 0 || disk != 0 {
            return Err(Fault::Structure("it has a comment or lies on another disk"));
        }
        if needed > NEWEST || flags & !KNOWN_FLAGS != 0 {
            return Err(Fault::Structure("it is encrypted or packed in an unknown way"));
        }
        if !matches!(method, STORED | DEFLATED) {
            return Err(Fault::Structure("it is neither stored nor deflated"));
        }
        check_attributes(&name, attributes)?;
        sizes(extra, [unpacked, packed, offset])
    };
    let [unpacked, packed, offset] = check().map_err(|fault| fault.of(&name))?.values;
    Ok(Entry { name, flags, method, crc, packed, unpacked, offset })
}

/// The name in its one encoding. Without the flag for UTF-8 some readers take code page 437.
fn name(raw: &[u8], flags: u16) -> Result<String, NameFault> {
    if flags & FLAG_UTF_8 == 0 && !raw.is_ascii() {
        return Err(NameFault::Encoding);
    }
    let Ok(name) = std::str::from_utf8(raw) else { return Err(NameFault::Encoding) };
    member::check(name.strip_suffix('/').unwrap_or(name))?;
    Ok(name.to_owned())
}

/// The upper half is a Unix mode whatever system it claims to be from: pip looks at it anyway.
fn check_attributes(name: &str, attributes: u32) -> Result<(), Fault> {
    let mode = attributes >> 16;
    let directory = name.ends_with('/');
    match mode & 0o170_000 {
        0 => {}
        0o100_000 if !directory => {}
        0o040_000 if directory => {}
        0o120_000 => return Err(Fault::Type("a symbolic link")),
        0o010_000 => return Err(Fault::Type("a FIFO")),
        0o020_000 | 0o060_000 => return Err(Fault::Type("a device")),
        0o140_000 => return Err(Fault::Type("a socket")),
        _ => return Err(Fault::Type("of another type than its name")),
    }
    if attributes & 0x10 != 0 && !directory {
        return Err(Fault::Type("of another type than its name"));
    }
    member::check_mode(mode, directory)
}

/// The kind of an extra field, if it is one of the known, and short: any other could be read as
/// something, or hold an archive.
fn check_extra(kind: u16, data: &[u8], seen: &mut Vec<u16>) -> Result<(), Fault> {
    if kind == EXTRA_UNICODE_PATH {
        return Err(Fault::Structure("it has a second name in an extra field"));
    }
    if !EXTRAS.iter().any(|(known, longest)| *known == kind && data.len() <= *longest) {
        return Err(Fault::Structure("it has an extra field that not every reader knows"));
    }
    if seen.contains(&kind) {
        return Err(Fault::Structure("it has the same twice in extra fields"));
    }
    seen.push(kind);
    Ok(())
}

/// The true values of those `plain` ones that are too large for 32 bits, from the extra fields.
/// A value that stands in both places must be the same.
pub(super) fn sizes<const N: usize>(extra: &[u8], plain: [u32; N]) -> Result<Sizes<N>, Fault> {
    let mut true_values = plain.map(u64::from);
    let full = plain.contains(&u32::MAX);
    let mut fields = Fields(extra);
    let mut seen = Vec::new();
    while !fields.is_empty() {
        let (kind, length) = (fields.u16()?, fields.u16()?);
        let mut data = Fields(fields.bytes(length.into())?);
        check_extra(kind, data.0, &mut seen)?;
        if kind != EXTRA_ZIP64 {
            continue;
        }
        for (value, plain) in true_values.iter_mut().zip(plain) {
            // Where none is too large they may all be repeated, as far as the field goes.
            if (data.is_empty() && !full) || (full && plain != u32::MAX) {
                continue;
            }
            let large = data.u64()?;
            if plain != u32::MAX && large != u64::from(plain) {
                return Err(Fault::Structure("its sizes in header and extra field disagree"));
            }
            *value = large;
        }
        if !data.is_empty() {
            return Err(Fault::Structure("its extra field of sizes is too long"));
        }
    }
    // Without a field for it, such a number is one to some and the mark of a missing one to others.
    if full && !seen.contains(&EXTRA_ZIP64) {
        return Err(Fault::Structure("its sizes do not stand in an extra field"));
    }
    Ok(Sizes { values: true_values, large: seen.contains(&EXTRA_ZIP64) })
}
