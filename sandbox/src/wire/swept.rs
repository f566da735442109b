//! What `gc` removed, in JSON.
#![forbid(unsafe_code)]

use serde_json::json;

use crate::plain;

/// What dead supervisors had left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uids whose lease was open.
    pub uids: Vec<u32>,
    /// How many builds had directories.
    pub builds: usize,
    /// Accounts.
    pub accounts: Vec<String>,
    /// What stays, a sentence each.
    pub left: Vec<String>,
}

/// What was swept as a JSON document, for `gc --json`.
#[must_use]
pub fn swept_json(swept: &Swept) -> String {
    plain::document(&json!({
        "schema": "bulkhead.gc/1",
        "uids": swept.uids,
        "builds": swept.builds,
        "accounts": swept.accounts,
        "left": swept.left,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_swept_is_told_to_programs() {
        let swept = Swept {
            uids: vec![61_900],
            builds: 2,
            accounts: vec!["build-1".to_owned()],
            left: vec!["/x cannot be removed: it is immutable".to_owned()],
        };
        insta::assert_snapshot!(swept_json(&swept), @r#"
        {
          "accounts": [
            "build-1"
          ],
          "builds": 2,
          "left": [
            "/x cannot be removed: it is immutable"
          ],
          "schema": "bulkhead.gc/1",
          "uids": [
            61900
          ]
        }
        "#);
    }
}
