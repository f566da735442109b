//! Archives that are made of any bytes: well-formed where a fuzzer would hardly get by itself, such as
//! sums, and as the bytes have it otherwise.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

/// The fields that a fuzzer's bytes are taken apart into.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    /// A length, and as many bytes.
    fn counted(&mut self) -> &'a [u8] {
        let count = usize::from(self.byte());
        self.take(count)
    }
}

/// One member of a zip file.
struct Member {
    name: Vec<u8>,
    content: Vec<u8>,
    mode: u32,
    extra: Vec<u8>,
}

/// A wheel of members that `data` tells, with what every wheel has and a `RECORD` of all.
pub fn wheel(data: &[u8]) -> Vec<u8> {
    let mut data = Bytes(data);
    let flags = data.byte();
    let mut members = Vec::new();
    while !data.0.is_empty() && members.len() < 20 {
        let (name, content) = (data.counted().to_vec(), data.counted().to_vec());
        let kind = data.byte();
        let mode = if kind == 255 { 0o120_777 } else { 0o100_644 | u32::from(kind & 7) };
        let extra = if kind & 8 == 0 { Vec::new() } else { data.counted().to_vec() };
        members.push(Member { name, content, mode, extra });
    }
    let mut add = |name: &str, content: &[u8]| {
        let (name, content) = (name.as_bytes().to_vec(), content.to_vec());
        members.push(Member { name, content, mode: 0o100_644, extra: Vec::new() });
    };
    add("pkg-1.0.dist-info/METADATA", b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n");
    add("pkg-1.0.dist-info/WHEEL", b"Wheel-Version: 1.0\nTag: py3-none-any\n");
    if flags & 1 == 0 {
        let mut record = Vec::new();
        for Member { name, content, .. } in &members {
            record.extend_from_slice(name);
            let digest = base64(&Sha256::digest(content));
            record.extend_from_slice(format!(",sha256={digest},{}\n", content.len()).as_bytes());
        }
        record.extend_from_slice(b"pkg-1.0.dist-info/RECORD,,\n");
        let name = b"pkg-1.0.dist-info/RECORD".to_vec();
        members.push(Member { name, content: record, mode: 0o100_644, extra: Vec::new() });
    }
    zip(&members, data.byte())
}

/// A zip file of stored members.
fn zip(members: &[Member], comment: u8) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for Member { name, content, mode, extra } in members {
        let at = u32::try_from(file.len()).unwrap();
        let (size, named) = (content.len().to_le_bytes(), name.len().to_le_bytes());
        let mut both = vec![20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0];
        let mut sum = flate2::Crc::new();
        sum.update(content);
        both.extend_from_slice(&sum.sum().to_le_bytes());
        both.extend_from_slice(&size[..4]);
        both.extend_from_slice(&size[..4]);
        both.extend_from_slice(&named[..2]);
        both.extend_from_slice(&extra.len().to_le_bytes()[..2]);
        file.extend_from_slice(b"PK\x03\x04");
        file.extend_from_slice(&both);
        file.extend_from_slice(name);
        file.extend_from_slice(extra);
        file.extend_from_slice(content);
        directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        directory.extend_from_slice(&both);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&[0; 2]);
        directory.extend_from_slice(&(mode << 16).to_le_bytes());
        directory.extend_from_slice(&at.to_le_bytes());
        directory.extend_from_slice(name);
        directory.extend_from_slice(extra);
    }
    let (start, size) = (file.len().to_le_bytes(), directory.len().to_le_bytes());
    let count = members.len().to_le_bytes();
    file.extend_from_slice(&directory);
    file.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    file.extend_from_slice(&count[..2]);
    file.extend_from_slice(&count[..2]);
    file.extend_from_slice(&size[..4]);
    file.extend_from_slice(&start[..4]);
    file.extend_from_slice(&[comment & 1, 0]);
    file.extend(std::iter::repeat_n(b' ', usize::from(comment & 1)));
    file
}

/// The letters of base64 for addresses, without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for piece in bytes.chunks(3) {
        let mut word = [0; 3];
        word[..piece.len()].copy_from_slice(piece);
        let word = u32::from_be_bytes([0, word[0], word[1], word[2]]);
        for index in 0..=piece.len() {
            let shift = 18 - 6 * index;
            text.push(char::from(LETTERS[usize::try_from(word >> shift & 63).unwrap()]));
        }
    }
    text
}

/// The tar file of these blocks, packed, with the sum of every header made right.
pub fn sdist(data: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut tar = data.to_vec();
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    let mut at = 0;
    while at + BLOCK <= tar.len() {
        let header = &mut tar[at..at + BLOCK];
        if header.iter().all(|byte| *byte == 0) {
            at += BLOCK;
            continue;
        }
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = header[124..136].iter().take_while(|byte| (b'0'..=b'7').contains(byte));
        let size = size.fold(0_usize, |size, digit| size.saturating_mul(8) + usize::from(digit - b'0'));
        at = at.saturating_add(BLOCK).saturating_add(size.next_multiple_of(BLOCK).min(1 << 30));
    }
    tar.extend_from_slice(&[0; 2 * BLOCK]);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&tar).unwrap();
    packed.finish().unwrap()
}
