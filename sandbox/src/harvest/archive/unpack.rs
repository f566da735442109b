//! Unpacking members of a zip file into a function, as far as they say that they go.
#![forbid(unsafe_code)]

use std::io::{Read, Seek, SeekFrom};

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::Fault;
use super::zip::{Entry, STORED};

const CHUNK: usize = 64 << 10;

const SIZE: Fault = Fault::Structure("it unpacks to another size than it says");
const BROKEN: Fault = Fault::Structure("its compressed data is broken or has bytes behind it");

/// What unpacks one member after the other.
pub(super) struct Unpacker {
    stream: Decompress,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Default for Unpacker {
    fn default() -> Self {
        Self { stream: Decompress::new(false), input: vec![0; CHUNK], output: vec![0; CHUNK] }
    }
}

impl Unpacker {
    /// Unpacks the data of `entry` that starts at `start`, giving it to `take` piece by piece.
    ///
    /// The sizes and the checksum must be exactly those of the list of members; unpacking stops at
    /// the first byte beyond.
    pub(super) fn unpack(
        &mut self,
        archive: &mut (impl Read + Seek),
        entry: &Entry,
        start: u64,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Fault> {
        archive.seek(SeekFrom::Start(start))?;
        let mut source = archive.take(entry.packed);
        let mut crc = Crc::new();
        let mut count = 0_u64;
        let mut give = |piece: &[u8]| {
            count = count.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
            if count > entry.unpacked {
                return Err(SIZE);
            }
            crc.update(piece);
            take(piece);
            Ok(())
        };
        if entry.method == STORED {
            self.copy(&mut source, &mut give)?;
        } else {
            self.inflate(&mut source, entry.packed, &mut give)?;
        }
        if count != entry.unpacked {
            return Err(SIZE);
        }
        if crc.sum() != entry.crc {
            return Err(Fault::Structure("its checksum is wrong"));
        }
        Ok(())
    }

    fn copy(
        &mut self,
        source: &mut impl Read,
        give: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        loop {
            let read = source.read(&mut self.input)?;
            match self.input.get(..read) {
                Some(piece) if !piece.is_empty() => give(piece)?,
                _ => return Ok(()),
            }
        }
    }

    /// Inflates until the end of the deflate stream, which must be the end of the data.
    fn inflate(
        &mut self,
        source: &mut impl Read,
        packed: u64,
        give: &mut dyn FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let Self { stream, input, output } = self;
        stream.reset(false);
        let (mut from, mut until) = (0, 0);
        loop {
            if from == until {
                until = source.read(input)?;
                from = 0;
            }
            let waiting = input.get(from..until).unwrap_or_default();
            let (read, written) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(waiting, output, FlushDecompress::None);
            let Ok(status) = status else { return Err(BROKEN) };
            let read = usize::try_from(stream.total_in() - read).unwrap_or(CHUNK);
            let written = usize::try_from(stream.total_out() - written).unwrap_or(CHUNK);
            from += read;
            give(output.get(..written).unwrap_or_default())?;
            if status == Status::StreamEnd {
                return if stream.total_in() == packed { Ok(()) } else { Err(BROKEN) };
            }
            // Neither taken nor given, and no more to come: the data stops before the stream ends.
            if read == 0 && written == 0 && waiting.is_empty() {
                return Err(BROKEN);
            }
            if read == 0 && written == 0 && status == Status::BufError {
                return Err(BROKEN);
            }
        }
    }
}
