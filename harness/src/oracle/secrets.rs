//! secrets: did a canary reach a listener, in whatever spelling?
#![forbid(unsafe_code)]

use super::encodings::{contains, encodings};
use super::evidence::Evidence;

/// The listener that the canary of `plant` arrived at.
#[must_use]
pub fn received(evidence: &Evidence, plant: &str) -> Option<String> {
    let needles = encodings(evidence.canaries.get(plant)?);
    let heard = evidence
        .heard
        .iter()
        .find(|heard| needles.iter().any(|needle| contains(&heard.bytes, needle)))?;
    Some(format!("the canary of {plant} arrived at {}", heard.plant))
}

/// Whether the scan finds a seeded canary in every spelling; the reason when it does not.
#[must_use]
pub fn self_test(canary: &str) -> Option<String> {
    let spellings = encodings(canary);
    let missed = spellings.iter().find(|spelling| {
        let seeded = [b"seed ", spelling.as_slice(), b" end"].concat();
        !encodings(canary).iter().any(|needle| contains(&seeded, needle))
    });
    if spellings.len() < 10 || missed.is_some() {
        return Some("the scan misses a seeded canary".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_a_seeded_canary_in_every_encoding() {
        assert_eq!(self_test("bhcanary0123456789abcdef"), None);
    }
}
