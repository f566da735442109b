//! The members of a tar file, in the POSIX and GNU forms that Python writes.
#![forbid(unsafe_code)]

use std::io::Read;

use super::check_unpacked;
use super::member::{self, NameFault};
use super::pax::{self, Pending};
use super::tar_fields::{number, padded};
use super::{ArchiveError, Fault};
use crate::harvest::limits::Limits;

const BLOCK: usize = 512;
const CHUNK: usize = 64 << 10;

/// Where uid, gid, time and the two device numbers stand, and the largest that all readers take.
const NUMBERS: [(usize, usize, u64); 5] = [
    (108, 8, pax::LAST_ID),
    (116, 8, pax::LAST_ID),
    (136, 12, pax::LAST_TIME),
    (329, 8, 0xffff),
    (337, 8, 0xffff),
];

const HIDDEN: Fault = Fault::Structure("there are bytes where its blocks are only filled up");

const SHORT: Fault = Fault::Structure(ENDS_WITHIN);

/// What is said of one that ends too early.
pub(super) const ENDS_WITHIN: &str = "it ends in the middle of a member";

/// What a member is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// A symbolic link, with its target as it stands there.
    Symlink(String),
    /// A hard link, with the name of an earlier member.
    HardLink(String),
}

/// A member whose data comes next.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name, without the slash that ends the name of a directory.
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) size: u64,
    /// The name of the user whose it is said to be, as it stands in its header.
    pub(super) user: Vec<u8>,
}

/// A tar file that is read from its start.
pub(super) struct Reader<'a, R> {
    source: R,
    /// How large the compressed file is.
    archive: u64,
    limits: &'a Limits,
    unpacked: u64,
    headers: usize,
    buffer: Vec<u8>,
}

/// One header block, by its fields.
struct Header {
    name: Vec<u8>,
    link: Vec<u8>,
    size: u64,
    mode: u32,
    kind: u8,
    user: Vec<u8>,
}

impl<'a, R: Read> Reader<'a, R> {
    pub(super) fn new(source: R, archive: u64, limits: &'a Limits) -> Self {
        Self { source, archive, limits, unpacked: 0, headers: 0, buffer: vec![0; CHUNK] }
    }

    /// The next member, or `None` behind the last one, when only zeros follow it.
    pub(super) fn member(&mut self) -> Result<Option<Member>, ArchiveError> {
        let mut pending = Pending::default();
        loop {
            let block = self.block()?;
            if block == [0; BLOCK] {
                if !pending.is_empty() {
                    return Err(SHORT.into());
                }
                return Ok(self.end().map(|()| None)?);
            }
            self.headers += 1;
            // Each member may have two headers before it.
            if self.headers > self.limits.members.saturating_mul(3) {
                return Err(Fault::TooMany { limit: self.limits.members }.into());
            }
            let header = header(&block)?;
            if !matches!(header.kind, b'x' | b'g' | b'L' | b'K') {
                return self.join(header, pending).map(Some);
            }
            let limit = self.limits.extension_bytes;
            if header.size > limit {
                let (what, limit) =
                    ("the header of attributes before a member", usize::try_from(limit));
                let limit = limit.unwrap_or(usize::MAX);
                return Err(Fault::Beyond { what, limit, unit: "bytes" }.into());
            }
            let mut data = Vec::new();
            self.data(header.size, &mut |piece| data.extend_from_slice(piece))?;
            pending.add(header.kind, &data)?;
        }
    }

    /// Reads the data of a member, and what fills its last block.
    pub(super) fn data(&mut self, size: u64, take: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        self.count(size)?;
        let Self { source, buffer, .. } = self;
        let mut left = size;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let read = source.read(buffer.get_mut(..wanted).unwrap_or_default()).map_err(short)?;
            let piece = buffer.get(..read).unwrap_or_default();
            if piece.is_empty() {
                return Err(SHORT);
            }
            take(piece);
            left = left.saturating_sub(u64::try_from(read).unwrap_or(left));
        }
        let block = u64::try_from(BLOCK).unwrap_or(1);
        let filling = usize::try_from((block - size % block) % block).unwrap_or(0);
        let filling = buffer.get_mut(..filling).unwrap_or_default();
        source.read_exact(filling).map_err(short)?;
        if filling.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(HIDDEN) }
    }

    /// The member that a header and those before it tell of.
    fn join(&self, mut header: Header, mut pending: Pending) -> Result<Member, ArchiveError> {
        let field = std::mem::take(&mut header.name);
        let name = joined(pending.name.take(), field, Fault::Structure("it has two names"))?;
        let of = |fault: Fault| fault.of(&name);
        let member = member(&name, header, pending).map_err(of)?;
        let limit = self.limits.link_bytes;
        match &member.kind {
            Kind::Symlink(target) | Kind::HardLink(target) if target.len() > limit => {
                Err(of(Fault::Beyond { what: "the target of a link", limit, unit: "bytes" }))
            }
            _ => Ok(member),
        }
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Fault> {
        self.count(u64::try_from(BLOCK).unwrap_or(0))?;
        let mut block = [0; BLOCK];
        self.source.read_exact(&mut block).map_err(short)?;
        Ok(block)
    }

    /// Behind the last member there are two blocks of zeros; some writers fill up with more, and
    /// some readers go on behind them, so there must be nothing else.
    fn end(&mut self) -> Result<(), Fault> {
        if self.block()? != [0; BLOCK] {
            return Err(Fault::Structure("there is a single block of zeros between its members"));
        }
        loop {
            let read = self.source.read(&mut self.buffer).map_err(short)?;
            let rest = self.buffer.get(..read).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            if rest.iter().any(|byte| *byte != 0) {
                return Err(Fault::Structure("there are bytes behind its end"));
            }
            self.count(u64::try_from(read).unwrap_or(u64::MAX))?;
        }
    }

    fn count(&mut self, bytes: u64) -> Result<(), Fault> {
        self.unpacked = self.unpacked.saturating_add(bytes);
        check_unpacked(self.unpacked, self.archive, self.limits)
    }
}

fn short(cause: std::io::Error) -> Fault {
    match cause.kind() {
        std::io::ErrorKind::UnexpectedEof => SHORT,
        _ => Fault::Io(cause),
    }
}

/// Joins a header with what the headers before it say of the member `name`.
fn member(name: &str, header: Header, pending: Pending) -> Result<Member, Fault> {
    let size = match pending.size {
        None => header.size,
        // A reader that does not know the longer number reads the shorter one.
        Some(size) if size == header.size => size,
        Some(size) if header.size == 0 && size >= 8 << 30 => size,
        Some(_) => return Err(Fault::Structure("it has two sizes")),
    };
    member::check_mode(header.mode, header.kind == b'5')?;
    let link = joined(pending.link, header.link, Fault::Structure("it has two targets"))?;
    let kind = match header.kind {
        b'0' | 0 => Kind::File,
        b'1' => Kind::HardLink(link),
        b'2' => Kind::Symlink(link),
        b'3' | b'4' => return Err(Fault::Type("a device")),
        b'5' => Kind::Directory,
        b'6' => return Err(Fault::Type("a FIFO")),
        _ => return Err(Fault::Type("of an unknown type")),
    };
    if kind != Kind::File && size != 0 {
        return Err(Fault::Type("a link or directory with content"));
    }
    let plain = if kind == Kind::Directory { name.strip_suffix('/') } else { None };
    let plain = plain.unwrap_or(name);
    member::check(plain)?;
    Ok(Member { name: plain.to_owned(), kind, size, user: header.user })
}

/// The text of a field, or the longer one that stands before the header. The field then has as much
/// of it as there is room for, or nothing: to a reader that knows no longer ones it is the name.
fn joined(longer: Option<String>, field: Vec<u8>, two: Fault) -> Result<String, Fault> {
    match longer {
        None => text(field),
        Some(longer) if field.is_empty() || is_beginning(&field, &longer) => Ok(longer),
        Some(_) => Err(two),
    }
}

/// Whether a field of one hundred bytes has the beginning of `whole`. Some writers cut between
/// characters, and Python writes `?` for what is not ASCII.
fn is_beginning(field: &[u8], whole: &str) -> bool {
    const ROOM: usize = 100;
    const WIDEST: usize = 4;
    let ascii: Vec<u8> = whole
        .chars()
        .map(|it| u8::try_from(it).ok().filter(u8::is_ascii).unwrap_or(b'?'))
        .collect();
    [whole.as_bytes(), &ascii].iter().any(|whole| {
        let cut = whole.len() > ROOM && field.len() > ROOM - WIDEST && field.len() <= ROOM;
        whole.strip_prefix(field).is_some_and(|rest| rest.is_empty() || cut)
    })
}

fn text(bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).ok().ok_or(Fault::Name(NameFault::Encoding))
}

fn header(block: &[u8; BLOCK]) -> Result<Header, Fault> {
    const UNKNOWN: Fault = Fault::Structure("it is no tar file of the POSIX or GNU form");
    let field = |from: usize, length: usize| block.get(from..from + length).unwrap_or_default();
    // The checksum counts itself as blanks.
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let own: u64 = field(148, 8).iter().map(|byte| u64::from(*byte)).sum();
    if number(field(148, 8))? != sum - own + 8 * u64::from(b' ') {
        return Err(Fault::Structure("the checksum of a header is wrong"));
    }
    // What stands behind the end of a text, or where a header is only filled up, is read by nobody.
    let text = |from: usize, length: usize| padded(field(from, length)).ok_or(HIDDEN);
    let (mut name, link, prefix) = (text(0, 100)?.to_vec(), text(157, 100)?, text(345, 155)?);
    let (user, _group) = (text(265, 32)?.to_vec(), text(297, 32)?);
    if field(500, 12).iter().any(|byte| *byte != 0) {
        return Err(HIDDEN);
    }
    match (field(257, 8), prefix) {
        // GNU has times and the like in the place of a prefix, and Python takes them for one.
        (b"ustar\x0000" | b"ustar  \0", b"") => {}
        (b"ustar\x0000", prefix) => name = [prefix, b"/", &name].concat(),
        _ => return Err(UNKNOWN),
    }
    // Owners, time and device numbers mean nothing here, but Python takes a header in which one is
    // no number for the end of the archive, and GNU tar does not.
    for (from, length, most) in NUMBERS {
        if number(field(from, length))? > most {
            return Err(Fault::Structure("a number in a header is too large"));
        }
    }
    let mode = u32::try_from(number(field(100, 8))?).unwrap_or(u32::MAX);
    Ok(Header {
        name,
        link: link.to_vec(),
        size: number(field(124, 12))?,
        mode,
        kind: block.get(156).copied().unwrap_or_default(),
        user,
    })
}
