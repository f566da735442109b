//! JSON documents as text: the same values for who parses it, no command for who shows it.
#![forbid(unsafe_code)]

use std::fmt::Write as _;

use serde_json::Value;

use super::is_dropped;
use super::line::Line;

/// `value` in lines, with an escape for whatever in its strings could be obeyed once it is shown.
#[must_use]
pub fn document(value: &Value) -> String {
    let text = format!("{value:#}");
    let mut line = Line::default();
    let mut out = String::with_capacity(text.len() + 1);
    for it in text.chars() {
        // JSON itself has neither of them but for line feeds, so this one is within a string.
        if line.completes(it) || is_dropped(it) {
            let mut units = [0; 2];
            for unit in it.encode_utf16(&mut units) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(it);
        }
        line.note(it);
    }
    out.push('\n');
    out
}
