//! JSON that a stranger may have written, measured before it is parsed.
#![forbid(unsafe_code)]

use serde_json::{Map, Value};

/// How large a JSON document may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// Bytes of the whole document.
    pub bytes: u64,
    /// How deep arrays and objects may nest.
    pub depth: usize,
    /// How many values the document may hold, for a value costs ten times its text in memory.
    pub values: usize,
}

impl JsonLimits {
    /// Bounds that no honest hook comes near: 16 MiB, 64 levels, 200,000 values.
    pub const HOOK: Self = Self { bytes: 16 << 20, depth: 64, values: 200_000 };
}

/// Why a JSON document is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// It has more bytes than the limit.
    #[error("it is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// Its arrays and objects nest too deep.
    #[error("it nests deeper than {limit} levels")]
    TooDeep {
        /// The limit in levels.
        limit: usize,
    },
    /// It holds too many values.
    #[error("it holds more than {limit} values")]
    TooMany {
        /// The limit in values.
        limit: usize,
    },
    /// It is not JSON, or JSON that names a path or text which is not Unicode.
    #[error("it is not valid JSON in UTF-8: {source}")]
    Syntax {
        /// What the parser says.
        source: serde_json::Error,
    },
    /// It is JSON, but not an object.
    #[error("it is not a JSON object")]
    NotAnObject,
}

/// Parses `bytes` as one JSON object within `limits`.
///
/// Size, depth and number of values are counted on the bytes before the parser sees them, so the
/// memory that it takes is bounded by the limits and not by its author.
///
/// # Errors
/// When a limit is passed or the bytes are not a JSON object.
pub(crate) fn object(bytes: &[u8], limits: JsonLimits) -> Result<Map<String, Value>, JsonError> {
    if u64::try_from(bytes.len()).is_ok_and(|size| size > limits.bytes) {
        return Err(JsonError::TooLarge { limit: limits.bytes });
    }
    measure(bytes, limits)?;
    let value = serde_json::from_slice(bytes).map_err(|source| JsonError::Syntax { source })?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError::NotAnObject),
    }
}

/// Counts depth and values. On text that is not JSON the counts mean nothing, but then they also
/// bound nothing: the parser stops at the first byte where the text and this scan could disagree.
fn measure(bytes: &[u8], limits: JsonLimits) -> Result<(), JsonError> {
    let (mut depth, mut values, mut quoted, mut escaped) = (0_usize, 1_usize, false, false);
    for byte in bytes {
        if quoted {
            quoted = escaped || *byte != b'"';
            escaped = !escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => quoted = true,
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > limits.depth {
            return Err(JsonError::TooDeep { limit: limits.depth });
        }
        if values > limits.values {
            return Err(JsonError::TooMany { limit: limits.values });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SMALL: JsonLimits = JsonLimits { bytes: 1000, depth: 3, values: 10 };

    #[test]
    fn nesting_is_refused_before_the_parser_sees_it() {
        let deep = "[".repeat(10_000);
        let error = object(deep.as_bytes(), JsonLimits::HOOK).unwrap_err();
        assert!(matches!(error, JsonError::TooDeep { limit: 64 }));
    }

    #[test]
    fn brackets_within_strings_do_not_count_as_nesting() {
        let text = br#"{"a": "[[[[[[\"[[[[[\\", "b": [1]}"#;
        assert_eq!(object(text, SMALL).unwrap().len(), 2);
    }

    #[test]
    fn a_document_is_refused_for_its_size_and_for_its_values() {
        let large = format!("{{\"a\": \"{}\"}}", "x".repeat(1000));
        assert!(matches!(
            object(large.as_bytes(), SMALL).unwrap_err(),
            JsonError::TooLarge { limit: 1000 }
        ));
        let many = format!("{{\"a\": [{}0]}}", "0,".repeat(20));
        assert!(matches!(
            object(many.as_bytes(), SMALL).unwrap_err(),
            JsonError::TooMany { limit: 10 }
        ));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(matches!(object(b"[1]", SMALL).unwrap_err(), JsonError::NotAnObject));
        for text in ["", "{", "{\"a\": NaN}", "{} {}", "{\"a\": \"\\udc80\"}", "\u{feff}{}"] {
            let error = object(text.as_bytes(), SMALL).unwrap_err();
            assert!(matches!(error, JsonError::Syntax { .. }), "{text}: {error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = object(&bytes, SMALL);
        }

        #[test]
        fn whatever_is_accepted_keeps_within_the_depth(text in r#"[\[\]{}",:\\ a1]{0,40}"#) {
            fn depth(value: &Value) -> usize {
                match value {
                    Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
                    Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
                    _ => 0,
                }
            }
            if let Ok(map) = object(text.as_bytes(), SMALL) {
                prop_assert!(depth(&Value::Object(map)) <= SMALL.depth);
            }
        }
    }
}
