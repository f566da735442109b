//! `matrix.svg`: the matrix at a glance; a sign for every cell, so that colour is never alone.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fmt::Write;

use super::matrix::{Column, columns};
use super::redact;
use super::schema::{Cell, Report};
use crate::verdict::{Seen, Verdict};

/// The height of a row, the widths of the names and of a column.
const ROW: usize = 16;
const NAMES: usize = 300;
const COLUMN: usize = 34;
/// The height of the headings, which stand upright.
const HEAD: usize = 150;

const STYLE: &str = "\
text{font:11px system-ui,sans-serif;fill:#222}.b rect{fill:#cfe8d8}.e rect{fill:#f5c6c2}\
.n rect{fill:#eee}.q rect{fill:#ffe08a}.off rect{stroke:#222;stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#eee}.b rect{fill:#1d5a3a}.e rect{fill:#7d221c}\
.n rect{fill:#333}.q rect{fill:#6b5200}.off rect{stroke:#eee}}";

/// The picture of the reports of one host.
#[must_use]
pub fn render(reports: &[Report], host: &str) -> String {
    let reports: Vec<_> = reports.iter().filter(|report| report.host == host).collect();
    let columns = columns(&reports);
    let ids: BTreeSet<&str> =
        reports.iter().flat_map(|report| report.results.keys()).map(String::as_str).collect();
    let (width, height) = (NAMES + COLUMN * columns.len() + 8, HEAD + ROW * ids.len() + 28);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Which attack gets through which sandbox\">\n<style>{STYLE}</style>\n"
    );
    for (index, column) in columns.iter().enumerate() {
        let (x, y) = (NAMES + COLUMN * index + 20, HEAD - 6);
        let heading = xml(&column.heading);
        line(
            &mut text,
            &format!("<text transform=\"translate({x} {y}) rotate(-60)\">{heading}</text>"),
        );
    }
    for (index, id) in ids.iter().enumerate() {
        row(&mut text, HEAD + ROW * index, id, &columns);
    }
    let legend = "✓ blocked or built   ✗ escaped   – not run   ? error   framed: not as expected";
    line(&mut text, &format!("<text x=\"4\" y=\"{}\">{legend}</text>\n</svg>", height - 8));
    text
}

fn row(text: &mut String, y: usize, id: &str, columns: &[Column<'_>]) {
    let baseline = y + 12;
    line(text, &format!("<text x=\"4\" y=\"{baseline}\">{}</text>", xml(id)));
    for (index, column) in columns.iter().enumerate() {
        let Some(cell) = column.cell(id) else { continue };
        let (class, sign) = drawn(cell);
        let x = NAMES + COLUMN * index;
        let (wide, high, middle) = (COLUMN - 2, ROW - 2, x + COLUMN / 2);
        line(
            text,
            &format!(
                "<g class=\"{class}\"><rect x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\"/>\
                 <text x=\"{middle}\" y=\"{baseline}\" text-anchor=\"middle\">{sign}</text></g>"
            ),
        );
    }
}

fn drawn(cell: &Cell) -> (String, &'static str) {
    let (class, sign) = match cell.outcome {
        Seen::Blocked | Seen::Built => ("b", "✓"),
        Seen::Escaped => ("e", "✗"),
        Seen::NotRun => ("n", "–"),
        Seen::Error => ("q", "?"),
    };
    let off = matches!(cell.verdict, Verdict::Ok | Verdict::Unsupported);
    (if off { class.to_owned() } else { format!("{class} off") }, sign)
}

fn xml(text: &str) -> String {
    redact::one_line(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn line(text: &mut String, line: &str) {
    // Writing into a string cannot fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use super::super::specimen::report;
    use super::*;

    #[test]
    fn every_cell_has_a_sign() {
        let picture = render(&[report()], "root");
        assert_eq!(picture.matches("<rect").count(), 12);
        assert_eq!(picture.matches("<g class=\"e off\">").count(), 1, "the known gap is framed");
        assert_eq!(render(&[report()], "other").matches("<rect").count(), 0);
    }
}
