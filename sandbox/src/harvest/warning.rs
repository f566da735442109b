//! Text of a payload that a person reads: Python warnings and tracebacks.
#![forbid(unsafe_code)]

use serde_json::{Map, Value, json};

use super::limits::Limits;
use super::return_error::ReturnError;
use crate::plain::plain;

/// A Python warning of the back end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Its text.
    pub message: String,
    /// The file that raised it.
    pub filename: String,
    /// The line in that file.
    pub lineno: u32,
}

impl Warning {
    /// The front end gives the warning to Python's `warnings`, which opens `filename` with the
    /// front end's rights and prints the line: a payload could have any line of any file logged.
    /// A name within angle brackets is one that Python does not open.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "message": self.message,
            "filename": format!("<sandboxed {}>", self.filename),
            "lineno": self.lineno,
        })
    }
}

/// The warnings of an `output.json`.
pub(crate) fn warnings(
    object: &Map<String, Value>,
    limits: &Limits,
) -> Result<Vec<Warning>, ReturnError> {
    const KEY: &str = "warnings";
    let wrong = || ReturnError::Key { key: KEY, wanted: "a list of warnings" };
    let list = match object.get(KEY) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong()),
    };
    if list.len() > limits.listed {
        return Err(ReturnError::TooMany { key: KEY, limit: limits.listed });
    }
    list.iter().map(|item| warning(item).ok_or_else(wrong)).collect()
}

fn warning(item: &Value) -> Option<Warning> {
    let lineno = u32::try_from(item.get("lineno")?.as_u64()?).ok()?;
    let text = |key: &str| item.get(key)?.as_str().map(plain);
    Some(Warning { message: text("message")?, filename: text("filename")?, lineno })
}
