//! Archives for tests: honest ones, and every part of them open to change.

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use sha2::{Digest as _, Sha256};
use std::io::Write as _;

use crate::harvest::archive::record::Hasher;

/// A member of a zip file, as its two headers describe it.
#[derive(Clone)]
pub(in crate::harvest) struct ZipMember {
    pub(in crate::harvest) name: Vec<u8>,
    pub(in crate::harvest) local_name: Vec<u8>,
    pub(in crate::harvest) content: Vec<u8>,
    pub(in crate::harvest) data: Vec<u8>,
    pub(in crate::harvest) method: u16,
    pub(in crate::harvest) flags: u16,
    pub(in crate::harvest) local_flags: u16,
    pub(in crate::harvest) crc: u32,
    pub(in crate::harvest) local_crc: u32,
    pub(in crate::harvest) sizes: (u32, u32),
    pub(in crate::harvest) local_sizes: (u32, u32),
    pub(in crate::harvest) attributes: u32,
    pub(in crate::harvest) extra: Vec<u8>,
    pub(in crate::harvest) local_extra: Vec<u8>,
    pub(in crate::harvest) behind: Vec<u8>,
    pub(in crate::harvest) shift: i64,
}

fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

impl ZipMember {
    pub(in crate::harvest) fn new(name: &str, content: &[u8]) -> Self {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(content).unwrap();
        Self::packed(name, content, encoder.finish().unwrap(), 8)
    }

    pub(in crate::harvest) fn stored(name: &str, content: &[u8]) -> Self {
        Self::packed(name, content, content.to_vec(), 0)
    }

    fn packed(name: &str, content: &[u8], data: Vec<u8>, method: u16) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let sizes = (size(&data), size(content));
        let flags = if name.is_ascii() { 0 } else { 1 << 11 };
        Self {
            name: name.into(),
            local_name: name.into(),
            content: content.to_vec(),
            data,
            method,
            flags,
            local_flags: flags,
            crc: crc.sum(),
            local_crc: crc.sum(),
            sizes,
            local_sizes: sizes,
            attributes: 0o100_644 << 16,
            extra: Vec::new(),
            local_extra: Vec::new(),
            behind: Vec::new(),
            shift: 0,
        }
    }

    fn local(&self) -> Vec<u8> {
        let mut out = b"PK\x03\x04\x14\0".to_vec();
        out.extend(self.local_flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.local_crc.to_le_bytes());
        out.extend(self.local_sizes.0.to_le_bytes());
        out.extend(self.local_sizes.1.to_le_bytes());
        out.extend(u16::try_from(self.local_name.len()).unwrap().to_le_bytes());
        out.extend(u16::try_from(self.local_extra.len()).unwrap().to_le_bytes());
        [
            out,
            self.local_name.clone(),
            self.local_extra.clone(),
            self.data.clone(),
            self.behind.clone(),
        ]
        .concat()
    }

    fn central(&self, offset: usize) -> Vec<u8> {
        let mut out = b"PK\x01\x02\x14\x03\x14\0".to_vec();
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.crc.to_le_bytes());
        out.extend(self.sizes.0.to_le_bytes());
        out.extend(self.sizes.1.to_le_bytes());
        out.extend(u16::try_from(self.name.len()).unwrap().to_le_bytes());
        out.extend(u16::try_from(self.extra.len()).unwrap().to_le_bytes());
        out.extend([0; 6]);
        out.extend(self.attributes.to_le_bytes());
        let offset = i64::try_from(offset).unwrap() + self.shift;
        out.extend(u32::try_from(offset).unwrap().to_le_bytes());
        [out, self.name.clone(), self.extra.clone()].concat()
    }
}

/// A zip file of these members, one after the other.
pub(in crate::harvest) fn zip(members: &[ZipMember]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for member in members {
        list.extend(member.central(out.len()));
        out.extend(member.local());
    }
    let start = size(&out);
    out.extend(&list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    out.extend([count, count].concat());
    out.extend(size(&list).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    out
}

/// The same zip file with a 64-bit end record, in which `change` may change anything, and with
/// the numbers of the plain one at their largest.
pub(in crate::harvest) fn zip_64(plain: &[u8], change: impl Fn(&mut [u64; 4])) -> Vec<u8> {
    let (body, end) = plain.split_at(plain.len() - 22);
    let number = |at: usize| u64::from(u32::from_le_bytes(end[at..at + 4].try_into().unwrap()));
    let count = u64::from(u16::from_le_bytes(end[8..10].try_into().unwrap()));
    let mut values = [count, count, number(12), number(16)];
    change(&mut values);
    let mut out = body.to_vec();
    out.extend(b"PK\x06\x06");
    out.extend(44_u64.to_le_bytes());
    out.extend([45, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend(values.map(u64::to_le_bytes).concat());
    out.extend(b"PK\x06\x07\0\0\0\0");
    out.extend(u64::from(size(body)).to_le_bytes());
    out.extend(1_u32.to_le_bytes());
    out.extend(b"PK\x05\x06\0\0\0\0\xff\xff\xff\xff");
    out.extend([0xff; 8]);
    out.extend([0; 2]);
    out
}

/// The RECORD of these members.
pub(in crate::harvest) fn record(members: &[ZipMember], info: &str) -> ZipMember {
    let mut text = String::new();
    for member in members.iter().filter(|member| !member.name.ends_with(b"/")) {
        let mut hash = Hasher::Sha256(Sha256::new());
        hash.update(&member.content);
        let name = String::from_utf8_lossy(&member.name);
        let (digest, size) = (hash.digest(), member.content.len());
        text.extend([name.as_ref(), ",sha256=", &digest, ",", &size.to_string(), "\n"]);
    }
    text.extend([info, "/RECORD,,\n"]);
    ZipMember::new(&format!("{info}/RECORD"), text.as_bytes())
}

pub(in crate::harvest) const INFO: &str = "my_pkg-1.0.dist-info";
pub(in crate::harvest) const METADATA: &str =
    "Metadata-Version: 2.1\nName: my-pkg\nVersion: 1.0\n\nText\n";

pub(in crate::harvest) const WHEEL: &[u8] =
    b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n";

/// The members of an honest wheel without its RECORD, and with `more`.
pub(in crate::harvest) fn members(more: &[ZipMember]) -> Vec<ZipMember> {
    let mut members = vec![
        ZipMember::new("my_pkg/__init__.py", b"x = 1\n"),
        ZipMember::stored("my_pkg/empty.py", b""),
        ZipMember::new(&format!("{INFO}/METADATA"), METADATA.as_bytes()),
        ZipMember::new(&format!("{INFO}/WHEEL"), WHEEL),
    ];
    members.extend_from_slice(more);
    members
}

/// An honest wheel with `more` members.
pub(in crate::harvest) fn wheel(more: &[(&str, &[u8])]) -> Vec<u8> {
    let more: Vec<_> = more.iter().map(|(name, content)| ZipMember::new(name, content)).collect();
    with_record(members(&more))
}

pub(in crate::harvest) fn with_record(mut members: Vec<ZipMember>) -> Vec<u8> {
    members.push(record(&members, INFO));
    zip(&members)
}

/// A header of a tar file with its data.
pub(in crate::harvest) fn tar_member(
    kind: u8,
    name: &str,
    link: &str,
    mode: u32,
    content: &[u8],
) -> Vec<u8> {
    let mut block = [0_u8; 512];
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}\0").as_bytes());
    put(124, format!("{:011o}\0", content.len()).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, link.as_bytes());
    put(257, b"ustar\x0000");
    checksum(&mut block);
    let filling = vec![0; (512 - content.len() % 512) % 512];
    [block.as_slice(), content, &filling].concat()
}

/// Writes the checksum of a header block into it.
pub(in crate::harvest) fn checksum(block: &mut [u8]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block[..512].iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(in crate::harvest) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar file of an honest sdist with `more` blocks.
pub(in crate::harvest) fn tar(more: &[Vec<u8>]) -> Vec<u8> {
    let mut out = [
        tar_member(b'5', "my_pkg-1.0/", "", 0o755, b""),
        tar_member(b'0', "my_pkg-1.0/PKG-INFO", "", 0o644, METADATA.as_bytes()),
        tar_member(b'0', "my_pkg-1.0/src/a.py", "", 0o644, b"x = 1\n"),
    ]
    .concat();
    out.extend(more.concat());
    out.extend([0; 1024]);
    out
}
