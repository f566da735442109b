//! Taking numbers and slices from the front of a byte string.
#![forbid(unsafe_code)]

use super::Fault;

/// What is left of a byte string; numbers are little-endian, as in zip files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

const SHORT: Fault = Fault::Structure("it ends in the middle of a header");

impl<'a> Fields<'a> {
    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Fault> {
        let (number, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(u16::from_le_bytes(*number))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        let (number, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*number))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        let (number, rest) = self.0.split_first_chunk().ok_or(SHORT)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*number))
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}
