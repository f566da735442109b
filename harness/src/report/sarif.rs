//! SARIF 2.1.0: what is not as expected, for code scanning.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::listed_cells;
use super::redact;
use super::schema::Report;
use crate::verdict::Verdict;

/// The log of all reports.
#[must_use]
pub fn render(reports: &[Report]) -> String {
    let mut rules = BTreeSet::new();
    let mut results = Vec::new();
    for one in listed_cells(reports) {
        let level = match one.cell.verdict {
            Verdict::Ok | Verdict::Unsupported => continue,
            Verdict::KnownGap => "note",
            Verdict::UnexpectedEscape | Verdict::Error => "error",
            _ => "warning",
        };
        rules.insert(one.id.to_owned());
        let place = format!("{} at {} on {}", one.report.target, one.level, one.report.host);
        let reason = one.cell.reason.as_deref().unwrap_or("no reason was given");
        let reason = redact::one_line(reason);
        let digest = Sha256::digest(format!("{}\n{place}\n{}", one.id, one.cell.verdict));
        let hash = digest.first_chunk().map_or(0, |start| u64::from_be_bytes(*start));
        results.push(json!({
            "ruleId": one.id,
            "level": level,
            "message": { "text": format!("{}: {} ({place}): {reason}", one.cell.verdict, one.id) },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": format!("attacks/{}/attack.toml", encoded(one.id)) },
                "region": { "startLine": 1 },
            } }],
            "partialFingerprints": { "primaryLocationLineHash": format!("{hash:016x}:1") },
        }));
    }
    let rules: Vec<Value> = rules.into_iter().map(|id| json!({ "id": id })).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "harness", "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

/// A path as a part of an address (RFC 3986, section 3.3): what has a meaning there is written as
/// its number.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            // Writing into a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::super::specimen::report;
    use super::*;

    #[test]
    fn only_what_is_not_as_expected_is_a_result() {
        let log: Value = serde_json::from_str(&render(&[report()])).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        assert_eq!(results.len(), 1, "{log:#}");
        assert_eq!(results[0]["ruleId"], "remnants/account");
        assert_eq!(results[0]["level"], "note");
        let uri = &results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        assert_eq!(uri, "attacks/remnants/account/attack.toml");
    }
}
