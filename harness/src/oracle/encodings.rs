//! The encodings in which a canary is looked for, and the search for them.
#![forbid(unsafe_code)]

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use sandbox::plain::hex;

/// How many bytes one group of base 64 and of base 32 takes.
const GROUPS: (usize, usize) = (3, 5);

/// Every spelling of a canary that is looked for: raw, reversed, base 16, 32 and 64.
#[must_use]
pub fn encodings(canary: &str) -> Vec<Vec<u8>> {
    let raw = canary.as_bytes();
    if raw.is_empty() {
        return Vec::new();
    }
    let hex = hex(raw).into_bytes();
    let mut found = vec![
        raw.to_vec(),
        raw.iter().rev().copied().collect(),
        canary.to_ascii_uppercase().into_bytes(),
        hex.to_ascii_uppercase(),
        hex,
    ];
    // Within a longer text, a group of letters may begin at any byte of the canary; the letters
    // at both ends then mix with the neighbours, and are left out.
    for shift in 0..GROUPS.0 {
        for letters in [alphabet::STANDARD, alphabet::URL_SAFE] {
            let engine = GeneralPurpose::new(&letters, GeneralPurposeConfig::new());
            found.push(inner(&engine.encode(shifted(raw, shift)), shift, raw.len(), 6));
        }
    }
    for shift in 0..GROUPS.1 {
        let text = inner(&base32(&shifted(raw, shift)), shift, raw.len(), 5);
        found.push(text.to_ascii_lowercase());
        found.push(text);
    }
    found.sort();
    found.dedup();
    found
}

/// The canary behind `shift` other bytes.
fn shifted(raw: &[u8], shift: usize) -> Vec<u8> {
    std::iter::repeat_n(0, shift).chain(raw.iter().copied()).collect()
}

/// The letters of `text` that depend on the canary alone.
fn inner(text: &str, shift: usize, length: usize, bits: usize) -> Vec<u8> {
    let first = (shift * 8).div_ceil(bits);
    let end = (shift + length) * 8 / bits;
    text.as_bytes().get(first..end).unwrap_or_default().to_vec()
}

/// Base 32, upper case, without padding.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            let index = usize::try_from((held >> bits) & 31).unwrap_or(0);
            text.push(char::from(LETTERS.get(index).copied().unwrap_or(b'?')));
        }
        held &= (1 << bits) - 1;
    }
    text
}

/// Whether `needle` is somewhere in `hay`.
#[must_use]
pub fn contains(hay: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return false };
    let mut left = hay;
    while let Some(at) = left.iter().position(|byte| byte == first) {
        left = left.get(at + 1..).unwrap_or_default();
        if left.starts_with(rest) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "bhcanary0123456789abcdef";

    fn seen(text: &[u8]) -> bool {
        encodings(CANARY).iter().any(|needle| contains(text, needle))
    }

    #[test]
    fn a_canary_is_found_in_base64_at_every_alignment() {
        for prefix in ["", "a", "ab", "abc"] {
            let text = base64::prelude::BASE64_STANDARD.encode(format!("{prefix}{CANARY}tail"));
            assert!(seen(text.as_bytes()), "{prefix:?}");
        }
    }

    #[test]
    fn a_canary_is_found_in_base32_at_every_alignment() {
        for prefix in ["", "a", "ab", "abc", "abcd"] {
            let text = base32(format!("{prefix}{CANARY}tail!").as_bytes());
            assert!(seen(text.to_lowercase().as_bytes()), "{prefix:?}");
        }
    }

    #[test]
    fn a_canary_is_found_reversed_and_in_hexadecimal_digits() {
        let reversed: String = CANARY.chars().rev().collect();
        assert!(seen(reversed.as_bytes()));
        assert!(seen(b"62686361 xx 626863616e61727930313233343536373839616263646566"));
    }

    #[test]
    fn a_text_without_the_canary_is_clean() {
        assert!(!seen(b"bhcanary0123456789abcdee and nothing else"));
    }
}
