//! Local headers of a zip file: each must repeat the central directory, and they fill the file.
#![forbid(unsafe_code)]

use std::io::{Read, Seek};

use super::fields::Fields;
use super::zip::{self, Directory, Entry, FLAG_DESCRIPTOR, STORED, Sizes};
use super::{ArchiveError, Fault};

const LOCAL: u32 = 0x0403_4b50;
const LOCAL_BYTES: u64 = 30;
const DESCRIPTOR: u32 = 0x0807_4b50;

/// Checks the local headers and gives where the data of each entry starts, in their order.
///
/// Member after member, in the order of their offsets, must fill the file from its first byte to
/// the central directory: then no byte belongs to two members, and none to no member.
pub(super) fn check(
    archive: &mut (impl Read + Seek),
    directory: &Directory,
) -> Result<Vec<u64>, ArchiveError> {
    let mut order: Vec<usize> = (0..directory.entries.len()).collect();
    let offset = |index: usize| directory.entries.get(index).map_or(u64::MAX, |it| it.offset);
    order.sort_by_key(|index| offset(*index));
    let mut data = vec![0; order.len()];
    let mut expected = 0;
    for (position, index) in order.iter().enumerate() {
        let (Some(entry), Some(data)) = (directory.entries.get(*index), data.get_mut(*index))
        else {
            continue;
        };
        let next = order.get(position + 1).map_or(directory.start, |next| offset(*next));
        if entry.offset != expected || next > directory.start {
            return Err(OVERLAP.of(&entry.name));
        }
        let Local { start, end, large } =
            local(archive, entry).map_err(|fault| fault.of(&entry.name))?;
        let gap = next.checked_sub(end).ok_or_else(|| OVERLAP.of(&entry.name))?;
        descriptor(archive, entry, (end, gap), large).map_err(|fault| fault.of(&entry.name))?;
        *data = start;
        expected = next;
    }
    if expected == directory.start {
        Ok(data)
    } else {
        Err(Fault::Structure("there are bytes before its list of members").into())
    }
}

const OVERLAP: Fault = Fault::Structure("there are bytes before it, or it overlaps another member");
const DIFFERS: Fault = Fault::Structure("its own header differs from the list of members");

/// What a local header tells.
struct Local {
    /// Where the data starts.
    start: u64,
    /// Where it ends.
    end: u64,
    /// Whether its sizes have 64 bits.
    large: bool,
}

/// Checks the local header.
fn local(archive: &mut (impl Read + Seek), entry: &Entry) -> Result<Local, Fault> {
    let header = zip::read_at(archive, entry.offset, LOCAL_BYTES)?;
    let mut fields = Fields(&header);
    if fields.u32()? != LOCAL {
        return Err(Fault::Structure("it has no header where the list of members says"));
    }
    fields.bytes(2)?;
    let (flags, method) = (fields.u16()?, fields.u16()?);
    fields.bytes(4)?;
    let crc = fields.u32()?;
    let (packed, unpacked) = (fields.u32()?, fields.u32()?);
    let (name_bytes, extra_bytes) = (u64::from(fields.u16()?), u64::from(fields.u16()?));
    let rest = zip::read_at(archive, entry.offset + LOCAL_BYTES, name_bytes + extra_bytes)?;
    let mut rest = Fields(&rest);
    let name = rest.bytes(entry.name.len()).unwrap_or_default();
    let same_name = u64::try_from(name.len()) == Ok(name_bytes) && name == entry.name.as_bytes();
    if !same_name || flags != entry.flags || method != entry.method {
        return Err(DIFFERS);
    }
    let Sizes { values: [unpacked, packed], large } = zip::sizes(rest.0, [unpacked, packed])?;
    let same = (crc, packed, unpacked) == (entry.crc, entry.packed, entry.unpacked);
    let later = flags & FLAG_DESCRIPTOR != 0 && (crc, packed, unpacked) == (0, 0, 0);
    if !same && !later {
        return Err(DIFFERS);
    }
    if method == STORED && entry.packed != entry.unpacked {
        return Err(DIFFERS);
    }
    // Who reads from the front cannot know where data ends that is not packed.
    if later && method == STORED && entry.packed != 0 {
        return Err(Fault::Structure("it is not packed, and its size stands only behind it"));
    }
    let start = entry.offset + LOCAL_BYTES + name_bytes + extra_bytes;
    let end = start.checked_add(entry.packed).ok_or(OVERLAP)?;
    Ok(Local { start, end, large })
}

/// Checks what stands between the data and the next member: nothing, or, where the flag says so,
/// the sizes once more, with or without a signature. They have 64 bits where the header has an extra
/// field for such, or could not tell yet that they would need them: a reader that expects the other
/// width goes on at the wrong place.
fn descriptor(
    archive: &mut (impl Read + Seek),
    entry: &Entry,
    (at, gap): (u64, u64),
    large: bool,
) -> Result<(), Fault> {
    if entry.flags & FLAG_DESCRIPTOR == 0 {
        return if gap == 0 { Ok(()) } else { Err(Fault::Structure("there are bytes behind it")) };
    }
    let large = large || entry.packed.max(entry.unpacked) > u64::from(u32::MAX);
    if !matches!((large, gap), (false, 12 | 16) | (true, 20 | 24)) {
        return Err(Fault::Structure("the sizes behind it are missing"));
    }
    let bytes = zip::read_at(archive, at, gap)?;
    let mut fields = Fields(&bytes);
    if matches!(gap, 16 | 24) && fields.u32()? != DESCRIPTOR {
        return Err(Fault::Structure("the sizes behind it are missing"));
    }
    let crc = fields.u32()?;
    let sizes = if large {
        (fields.u64()?, fields.u64()?)
    } else {
        (u64::from(fields.u32()?), u64::from(fields.u32()?))
    };
    if (crc, sizes) == (entry.crc, (entry.packed, entry.unpacked)) { Ok(()) } else { Err(DIFFERS) }
}
