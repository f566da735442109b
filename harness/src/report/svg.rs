//! `matrix.svg`: the matrix at a glance. A number stands in every cell, so colour is never alone.
#![forbid(unsafe_code)]

use std::fmt::Write;

use super::columns::{Column, columns};
use super::redact;
use super::schema::Report;
use super::totals::{Count, folders};
use crate::catalogue::BENIGN;

/// The height of a row, the widths of the names and of a column, in user units.
const ROW: usize = 22;
const NAMES: usize = 110;
const COLUMN: usize = 38;
/// The height of the headings, which stand aslant.
const HEAD: usize = 160;
/// What a heading that stands aslant needs beyond its column.
const SLANT: usize = 90;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#1f2328}.h0{fill:#cfe8d8}.h1{fill:#fdeccf}.h2{fill:#fbd5b5}\
.h3{fill:#f6b3a6}.h4{fill:#ee8f86}.n{fill:#eee}rect.off{stroke:#1f2328;stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#f0f0f0}.h0{fill:#1d5a3a}.h1{fill:#5c4a16}.h2{fill:#74431a}\
.h3{fill:#7d2f22}.h4{fill:#8e1f1c}.n{fill:#333}rect.off{stroke:#eee}}";

/// The picture of the reports of one host.
#[must_use]
pub fn render(reports: &[Report], host: &str) -> String {
    let reports: Vec<_> = reports.iter().filter(|report| report.host == host).collect();
    let columns = columns(&reports);
    let folders = folders(&reports);
    let width = NAMES + COLUMN * columns.len() + SLANT;
    let height = HEAD + ROW * folders.len() + 30;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"How many attacks get through which sandbox\">\n<style>{STYLE}</style>\n"
    );
    for (index, column) in columns.iter().enumerate() {
        let (x, y) = (NAMES + COLUMN * index + 22, HEAD - 6);
        let heading = redact::markup(&shortened(&column.heading));
        line(
            &mut text,
            &format!("<text transform=\"translate({x} {y}) rotate(-55)\">{heading}</text>"),
        );
    }
    for (index, folder) in folders.iter().enumerate() {
        row(&mut text, HEAD + ROW * index, folder, &columns);
    }
    let legend = format!(
        "attacks that got through on {}; – none could be tried; framed: not as expected",
        redact::markup(host)
    );
    line(&mut text, &format!("<text x=\"4\" y=\"{}\">{legend}</text>\n</svg>", height - 8));
    text
}

fn row(text: &mut String, y: usize, folder: &str, columns: &[Column<'_>]) {
    let baseline = y + 15;
    let name = if folder == BENIGN { "builds broken" } else { folder };
    line(text, &format!("<text x=\"4\" y=\"{baseline}\">{name}</text>"));
    for (index, column) in columns.iter().enumerate() {
        let count = Count::of(column, Some(folder));
        let heat = count.heat().map_or_else(|| "n".to_owned(), |heat| format!("h{heat}"));
        let off = if count.off > 0 { " off" } else { "" };
        let number = if count.tried() == 0 { "–".to_owned() } else { count.bad.to_string() };
        let x = NAMES + COLUMN * index;
        let (wide, high, middle) = (COLUMN - 2, ROW - 2, x + COLUMN / 2 - 1);
        line(
            text,
            &format!(
                "<rect class=\"{heat}{off}\" x=\"{x}\" y=\"{y}\" width=\"{wide}\" height=\"{high}\"/>\
                 <text x=\"{middle}\" y=\"{baseline}\" text-anchor=\"middle\">{number}</text>"
            ),
        );
    }
}

/// A heading that fits above its column.
fn shortened(heading: &str) -> String {
    const LONGEST: usize = 24;
    match heading.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", heading.get(..end).unwrap_or_default()),
        None => heading.to_owned(),
    }
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
    fn every_cell_has_a_number() {
        let picture = render(&[report()], "root");
        assert_eq!(picture.matches("<rect").count(), 12);
        assert_eq!(picture.matches("text-anchor").count(), 12);
        assert_eq!(picture.matches(">–</text>").count(), 3, "{picture}");
        assert_eq!(render(&[report()], "other").matches("<rect").count(), 0);
    }
}
