//! How much gets through, counted for each guarantee and column: the glance before the rows.
#![forbid(unsafe_code)]

use std::fmt::Write;

use super::super::matrix::{Column, columns};
use super::super::schema::Report;
use super::{escaped, line};
use crate::verdict::{Seen, Verdict};

/// What became of the attacks on one guarantee in one column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    through: usize,
    stopped: usize,
    unclear: usize,
    gaps: usize,
}

impl Count {
    fn of(column: &Column<'_>, folder: &str) -> Self {
        let mut count = Self::default();
        let start = format!("{folder}/");
        for id in column.report.results.keys().filter(|id| id.starts_with(&start)) {
            let Some(cell) = column.cell(id) else { continue };
            match cell.outcome {
                Seen::Escaped => count.through += 1,
                Seen::Blocked | Seen::Built => count.stopped += 1,
                Seen::Error => count.unclear += 1,
                Seen::NotRun => {}
            }
            count.gaps += usize::from(!matches!(cell.verdict, Verdict::Ok | Verdict::Unsupported));
        }
        count
    }

    const fn tried(self) -> usize {
        self.through + self.stopped + self.unclear
    }

    /// The style: nothing, some, more than half, all. The words beside it say the same.
    const fn class(self) -> &'static str {
        match self.through {
            _ if self.tried() == 0 => "not-run",
            0 => "some0",
            through if through == self.tried() => "some3",
            through if through * 2 > self.tried() => "some2",
            _ => "some1",
        }
    }

    fn told(self) -> String {
        let mut text = match (self.through, self.tried()) {
            (_, 0) => "– not run".to_owned(),
            (0, all) => format!("✓ 0 of {all}"),
            (through, all) => format!("✗ {through} of {all}"),
        };
        if self.unclear > 0 {
            // Writing into a string cannot fail.
            let _ = write!(text, ", ? {}", self.unclear);
        }
        text
    }
}

/// The table of one host: a row for each of these guarantees.
pub(super) fn render(text: &mut String, host: &str, reports: &[&Report], folders: &[&str]) {
    let columns = columns(reports);
    let heading =
        |column: &Column<'_>| format!("<th scope=\"col\">{}</th>", escaped(&column.heading));
    let headings: String = columns.iter().map(heading).collect();
    line(
        text,
        &format!(
            "<table class=\"overview\">\n<caption>How many attacks got through on {}</caption>\n\
             <thead><tr><th scope=\"col\">guarantee</th>{headings}</tr></thead>\n<tbody>",
            escaped(host)
        ),
    );
    for folder in folders {
        let cell = |column: &Column<'_>| {
            let count = Count::of(column, folder);
            let off = if count.gaps > 0 { " off" } else { "" };
            format!("<td class=\"{}{off}\">{}</td>", count.class(), count.told())
        };
        let cells: String = columns.iter().map(cell).collect();
        let link = format!("<a href=\"#{}/{folder}\">{folder}</a>", escaped(host));
        line(text, &format!("<tr><th scope=\"row\">{link}</th>{cells}</tr>"));
    }
    line(text, "</tbody>\n</table>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen::report;

    #[test]
    fn what_gets_through_is_counted_in_words_and_never_by_colour_alone() {
        let report = report();
        let columns = columns(&[&report]);
        let told = |folder: &str| -> Vec<String> {
            columns.iter().map(|column| Count::of(column, folder).told()).collect()
        };
        assert_eq!(told("secrets"), ["✗ 1 of 1", "✗ 1 of 1", "✓ 0 of 1", "✓ 0 of 1"]);
        assert_eq!(told("remnants"), ["– not run", "– not run", "– not run", "✗ 1 of 1"]);
        assert_eq!(Count::of(&columns[3], "remnants").gaps, 1);
    }

    #[test]
    fn a_row_leads_to_its_section() {
        let mut text = String::new();
        render(&mut text, "root", &[&report()], &["secrets"]);
        assert!(text.contains("<a href=\"#root/secrets\">secrets</a>"), "{text}");
    }
}
