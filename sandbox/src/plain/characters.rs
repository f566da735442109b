//! Bytes as characters, wherever the stream of them is cut.
#![forbid(unsafe_code)]

/// What takes text.
type Take<'a> = dyn FnMut(&str) + 'a;

/// A stream that is being read as UTF-8. What is no character is given as U+FFFD, once for each of
/// the parts that the Unicode standard tells apart (3.9, "maximal subpart").
#[derive(Debug, Default)]
pub(super) struct Characters {
    /// The beginning of a character whose rest has not come: three bytes at most.
    begun: Vec<u8>,
}

impl Characters {
    /// Gives what is complete of `bytes`, which follow those of the call before.
    pub(super) fn decode(&mut self, bytes: &[u8], take: &mut Take<'_>) {
        if self.begun.is_empty() {
            self.begun = decode(bytes, take).to_vec();
        } else {
            let joined = [&self.begun, bytes].concat();
            self.begun = decode(&joined, take).to_vec();
        }
    }

    /// Nothing follows, so what has begun is none.
    pub(super) fn finish(&mut self, take: &mut Take<'_>) {
        if !std::mem::take(&mut self.begun).is_empty() {
            take(NONE);
        }
    }
}

const NONE: &str = "\u{fffd}";

/// Gives everything but a character that has begun at the end.
fn decode<'a>(mut rest: &'a [u8], take: &mut Take<'_>) -> &'a [u8] {
    loop {
        let error = match std::str::from_utf8(rest) {
            Ok(text) => {
                take(text);
                return &[];
            }
            Err(error) => error,
        };
        let (valid, after) = rest.split_at_checked(error.valid_up_to()).unwrap_or_default();
        take(std::str::from_utf8(valid).unwrap_or_default());
        let Some(wrong) = error.error_len() else { return after };
        take(NONE);
        rest = after.get(wrong..).unwrap_or_default();
    }
}
