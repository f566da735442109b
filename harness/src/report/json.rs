//! Reports as text: one cell on a line, so that a change of one verdict is a change of one line.
#![forbid(unsafe_code)]

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::ser::{Formatter, Serializer};

use super::schema::ablation::{ABLATION, Ablation};
use super::schema::{REPORT, Record, Report};

/// A committed report cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be read.
    #[error("{} cannot be read", .file.display())]
    Unreadable {
        /// The report.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not a report.
    #[error("{} is no report", .file.display())]
    Malformed {
        /// The report.
        file: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It is a report of another form.
    #[error("{} is of the form `{found}`, this program reads `{wanted}`", .file.display())]
    Schema {
        /// The report.
        file: PathBuf,
        /// Its form.
        found: String,
        /// The one that was wanted.
        wanted: &'static str,
    },
}

/// The text of a report or an ablation: the same for the same one, always.
///
/// # Errors
/// None that the types of a report can cause.
pub fn render<R: Serialize>(report: &R) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    report.serialize(&mut Serializer::with_formatter(&mut bytes, Lines::default()))?;
    bytes.push(b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text of the record of a run.
///
/// # Errors
/// None that the types of a record can cause.
pub fn render_record(record: &Record) -> serde_json::Result<String> {
    serde_json::to_string_pretty(record).map(|text| text + "\n")
}

/// The report in `file`.
///
/// # Errors
/// When it cannot be read or is none.
pub fn read(file: &Path) -> Result<Report, ReadError> {
    let text = fs::read_to_string(file)
        .map_err(|source| ReadError::Unreadable { file: file.to_owned(), source })?;
    parse(&text, file)
}

/// The report in `file`, if the file is there.
///
/// # Errors
/// When it is there and cannot be read, or is none.
pub fn read_if_there(file: &Path) -> Result<Option<Report>, ReadError> {
    match read(file) {
        Err(ReadError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// The ablation in `file`, if the file is there.
///
/// # Errors
/// When it is there and cannot be read, or is none.
pub fn read_ablation(file: &Path) -> Result<Option<Ablation>, ReadError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ReadError::Unreadable { file: file.to_owned(), source }),
    };
    parse_ablation(&text, file).map(Some)
}

/// The ablation that `text` is, which stands in `file`.
///
/// # Errors
/// When it is none.
pub(crate) fn parse_ablation(text: &str, file: &Path) -> Result<Ablation, ReadError> {
    parsed(text, ABLATION, file)
}

/// The report that `text` is, which stands in `file`.
///
/// # Errors
/// When it is none.
pub(crate) fn parse(text: &str, file: &Path) -> Result<Report, ReadError> {
    parsed(text, REPORT, file)
}

/// Reads a file of the form `wanted`. The form is looked at first: a newer one is no mistake.
fn parsed<T: DeserializeOwned>(
    text: &str,
    wanted: &'static str,
    file: &Path,
) -> Result<T, ReadError> {
    let malformed = |source| ReadError::Malformed { file: file.to_owned(), source };
    let value: serde_json::Value = serde_json::from_str(text).map_err(malformed)?;
    match value.get("schema").and_then(serde_json::Value::as_str) {
        Some(found) if found != wanted => {
            Err(ReadError::Schema { file: file.to_owned(), found: found.to_owned(), wanted })
        }
        _ => serde_json::from_str(text).map_err(malformed),
    }
}

/// Objects down to the entry are opened up, a cell stays on its line.
#[derive(Default)]
struct Lines {
    depth: usize,
    has_value: bool,
}

/// The report, its results, and an entry.
const OPEN: usize = 3;

impl Lines {
    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for Lines {
    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth += 1;
        self.has_value = false;
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        let open = self.depth <= OPEN;
        self.depth -= 1;
        if self.has_value && open {
            self.new_line(writer)?;
        } else if self.has_value {
            writer.write_all(b" ")?;
        }
        writer.write_all(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth <= OPEN { self.new_line(writer) } else { writer.write_all(b" ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _writer: &mut W) -> io::Result<()> {
        self.has_value = true;
        Ok(())
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimen::report;
    use super::*;

    #[test]
    fn a_report_has_one_cell_on_a_line() {
        insta::assert_snapshot!(render(&report()).unwrap());
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let text = render(&report()).unwrap();
        assert_eq!(parse(&text, Path::new("own.json")).unwrap(), report());
    }

    #[test]
    fn a_report_without_results_is_one_too() {
        let mut empty = report();
        empty.results.clear();
        let text = render(&empty).unwrap();
        assert!(text.ends_with("\"results\": {}\n}\n"), "{text}");
    }

    #[test]
    fn an_unknown_word_level_or_form_is_refused() {
        let text = render(&report()).unwrap();
        for (from, to) in
            [("\"ok\"", "\"passed\""), ("\"network\"", "\"strict\""), ("report/1", "report/2")]
        {
            let other = text.replace(from, to);
            assert_ne!(text, other);
            assert!(parse(&other, Path::new("own.json")).is_err(), "{to}");
        }
    }
}
