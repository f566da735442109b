//! What the driver reports while it calls the hooks.
#![forbid(unsafe_code)]

use serde::Deserialize;

/// One line of the events' descriptor.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// A hook is about to be called.
    Hook {
        /// Of which build: `trial` or `second`.
        build: String,
        /// Which.
        hook: String,
    },
    /// The sandbox, or at level `none` the hook itself, was started.
    Supervisor {
        /// For which build.
        build: String,
        /// Its number within the lab.
        pid: i32,
    },
    /// It ended.
    Status {
        /// For which build.
        build: String,
        /// Its exit status; negative for a signal.
        status: i32,
    },
    /// A hook returned.
    Returned {
        /// Of which build.
        build: String,
        /// Which.
        hook: String,
        /// What, as Python writes it.
        value: String,
        /// The texts in it: one, or those of a list.
        #[serde(default)]
        items: Vec<String>,
    },
    /// A hook did not return.
    Raised {
        /// Of which build.
        build: String,
        /// Which.
        hook: String,
        /// What was raised instead.
        exception: String,
    },
    /// All builds are over.
    Done,
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
pub struct Lines {
    rest: Vec<u8>,
}

/// A line longer than this is hostile; it is handed on in pieces.
const LONGEST: usize = 256 * 1024;

impl Lines {
    /// Takes more bytes; returns the lines that they complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for byte in bytes {
            if *byte == b'\n' || self.rest.len() >= LONGEST {
                lines.push(std::mem::take(&mut self.rest));
            } else {
                self.rest.push(*byte);
            }
        }
        lines
    }

    /// What came after the last line's end.
    #[must_use]
    pub fn rest(&self) -> &[u8] {
        &self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_comes_in_two_pieces_is_one_line() {
        let mut lines = Lines::default();
        assert!(lines.take(b"{\"event\":").is_empty());
        let whole = lines.take(b"\"done\"}\nrest");
        assert_eq!(serde_json::from_slice::<Event>(&whole[0]).unwrap(), Event::Done);
        assert_eq!(lines.rest(), b"rest");
    }
}
