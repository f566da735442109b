//! artefacts: is a canary in the wheel, the sdist, a name, a returned value, or the log?
#![forbid(unsafe_code)]

pub mod commands;
pub mod hostile;
pub mod requirements;
pub mod taken;
pub mod tar;
pub mod zip;

use std::io::Read as _;

use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::encodings::{contains, encodings};
use super::evidence::{Entry, Evidence};

/// No more than this is unpacked of one archive.
const MOST: u64 = 64 << 20;
/// An archive in an archive in an archive is not opened.
const DEEPEST: usize = 3;

/// Where the canary of `plant` is.
#[must_use]
pub fn carried(evidence: &Evidence, plant: &str) -> Option<String> {
    let needles = encodings(evidence.canaries.get(plant)?);
    let is_in = |bytes: &[u8]| needles.iter().any(|needle| contains(bytes, needle));
    if is_in(&evidence.log) {
        return Some(format!("the canary of {plant} is in the log"));
    }
    if evidence.values.iter().any(|value| is_in(value.as_bytes())) {
        return Some(format!("the canary of {plant} is in what a hook returned"));
    }
    for Entry { name, content, .. } in evidence.entries.iter().chain(&evidence.neighbour) {
        if is_in(name.as_bytes()) {
            return Some(format!("the canary of {plant} is in the name of an artefact"));
        }
        if unpacked(content).iter().any(|layer| is_in(layer)) {
            return Some(format!("the canary of {plant} is in {name}"));
        }
    }
    None
}

/// Whether a canary deep in a wheel is found; the reason when it is not.
#[must_use]
pub fn self_test(canary: &str) -> Option<String> {
    let wheel = scratch_wheel(canary.as_bytes());
    let needles = encodings(canary);
    let found =
        unpacked(&wheel).iter().any(|layer| needles.iter().any(|needle| contains(layer, needle)));
    (!found).then(|| "the scan misses a canary in a compressed member of a wheel".to_owned())
}

/// The bytes of an artefact, and of everything that is packed in it.
#[must_use]
pub fn unpacked(content: &[u8]) -> Vec<Vec<u8>> {
    let mut layers = Vec::new();
    unpack(content, &mut layers, 0);
    layers
}

fn unpack(content: &[u8], layers: &mut Vec<Vec<u8>>, depth: usize) {
    let inner = if depth < DEEPEST { members(content) } else { Vec::new() };
    layers.push(content.to_vec());
    for member in inner {
        unpack(&member, layers, depth + 1);
    }
}

/// What is packed in `content`. Members of a ZIP archive are found by their own headers, wherever
/// they lie: the directory at the end is hostile and may leave some out.
fn members(content: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    if content.starts_with(&[0x1f, 0x8b]) {
        found.extend(taken(MultiGzDecoder::new(content)));
    }
    if matches!(content, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) {
        found.extend(taken(ZlibDecoder::new(content)));
    }
    let mut rest = content;
    while let Some(at) = rest.windows(4).position(|four| four == b"PK\x03\x04") {
        rest = rest.get(at..).unwrap_or_default();
        // Method at 8, length of the name at 26, of the extra field at 28, of the header 30.
        let half = |at: usize| {
            let bytes = rest.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u16::from_le_bytes).map_or(0, usize::from)
        };
        if half(8) == 8 {
            let data = rest.get(30 + half(26) + half(28)..).unwrap_or_default();
            found.extend(taken(DeflateDecoder::new(data)));
        }
        rest = rest.get(4..).unwrap_or_default();
    }
    found
}

/// As much as a decoder gives before it fails or exceeds the limit.
fn taken(decoder: impl std::io::Read) -> Option<Vec<u8>> {
    let mut content = Vec::new();
    // What came before an error was in the artefact all the same.
    let _cut_short = decoder.take(MOST).read_to_end(&mut content);
    (!content.is_empty()).then_some(content)
}

/// A ZIP archive with one compressed member that holds `secret`, as short as one can be.
fn scratch_wheel(secret: &[u8]) -> Vec<u8> {
    let packed = {
        let mut encoder = flate2::read::DeflateEncoder::new(secret, flate2::Compression::best());
        let mut packed = Vec::new();
        // Reading from memory does not fail.
        let _read = encoder.read_to_end(&mut packed);
        packed
    };
    let mut wheel = b"PK\x03\x04\x14\0\0\0\x08\0".to_vec();
    wheel.extend([0; 16]);
    wheel.extend([5, 0, 0, 0]);
    wheel.extend(b"pkg/x");
    wheel.extend(packed);
    wheel
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::layout::Interpreter;

    const CANARY: &str = "bhcanary0123456789abcdef";

    fn evidence() -> Evidence {
        let interpreter = Interpreter { program: "/p".into(), site: "/s".into(), home: "/root" };
        let mut evidence = Evidence::none(interpreter);
        evidence.canaries.insert("netrc".to_owned(), CANARY.to_owned());
        evidence
    }

    #[test]
    fn a_secret_in_a_compressed_member_is_found() {
        let mut evidence = evidence();
        assert_eq!(carried(&evidence, "netrc"), None);
        evidence.entries = vec![Entry::file("pkg.whl", &scratch_wheel(CANARY.as_bytes()))];
        assert!(carried(&evidence, "netrc").unwrap().ends_with("is in pkg.whl"));
    }

    #[test]
    fn a_secret_in_a_wheel_within_a_gzip_file_is_found() {
        let wheel = scratch_wheel(CANARY.as_bytes());
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(wheel.as_slice(), flate2::Compression::fast())
            .read_to_end(&mut packed)
            .unwrap();
        let mut evidence = evidence();
        evidence.entries = vec![Entry::file("pkg.tar.gz", &packed)];
        assert!(carried(&evidence, "netrc").is_some());
    }

    #[test]
    fn a_secret_in_the_log_or_in_a_name_is_found() {
        let mut evidence = evidence();
        evidence.entries = vec![Entry::file(&format!("pkg-1.0+{CANARY}.whl"), b"")];
        assert!(carried(&evidence, "netrc").unwrap().ends_with("in the name of an artefact"));
        evidence.log = format!("token {CANARY}\n").into_bytes();
        assert!(carried(&evidence, "netrc").unwrap().ends_with("in the log"));
    }
}
