//! Guarantees by columns: a number in every cell, small enough for a telephone.
#![forbid(unsafe_code)]

use super::super::columns::Column;
use super::super::redact;
use super::super::totals::Count;
use super::line;
use crate::catalogue::BENIGN;

/// With more columns than these the numbers are smaller.
const MANY: usize = 14;

/// One table. A row leads to the part of the page with its attacks.
pub(super) fn render(
    text: &mut String,
    name: &str,
    caption: &str,
    columns: &[Column<'_>],
    folders: &[&str],
) {
    let heading = |column: &Column<'_>| {
        format!("<th scope=\"col\"><span>{}</span></th>", redact::markup(&column.heading))
    };
    // Two digits have to fit into each column of a telephone.
    let many = if columns.len() > MANY { " class=\"many\"" } else { "" };
    let headings: String = columns.iter().map(heading).collect();
    line(
        text,
        &format!(
            "<table id=\"{name}\"{many}>\n<caption>{caption}</caption>\n<thead><tr><th scope=\"col\">\
             guarantee</th>{headings}</tr></thead>\n<tbody>"
        ),
    );
    for folder in folders {
        let cells: String = columns.iter().map(|column| cell(column, folder)).collect();
        let shown = if *folder == BENIGN { "builds broken" } else { folder };
        line(
            text,
            &format!("<tr><th scope=\"row\"><a href=\"#{folder}\">{shown}</a></th>{cells}</tr>"),
        );
    }
    line(text, "</tbody>\n</table>");
}

fn cell(column: &Column<'_>, folder: &str) -> String {
    let count = Count::of(column, Some(folder));
    let Some(heat) = count.heat() else { return "<td>–</td>".to_owned() };
    let off = if count.off > 0 || count.gaps > 0 { " off" } else { "" };
    format!("<td class=\"h{heat}{off}\" title=\"of {}\">{}</td>", count.tried(), count.bad)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::columns::columns;
    use crate::report::specimen::report;

    #[test]
    fn what_gets_through_is_a_number_and_never_a_colour_alone() {
        let report = report();
        let columns = columns(&[&report]);
        let told = |folder| columns.iter().map(|column| cell(column, folder)).collect::<String>();
        let (all, none) =
            ("<td class=\"h4\" title=\"of 1\">1</td>", "<td class=\"h0\" title=\"of 1\">0</td>");
        assert_eq!(told("secrets"), [all, all, none, none].concat());
        let gap = "<td class=\"h4 off\" title=\"of 1\">1</td>";
        assert_eq!(told("remnants"), ["<td>–</td>"; 3].concat() + gap);
    }

    #[test]
    fn a_row_leads_to_its_attacks() {
        let mut text = String::new();
        render(&mut text, "hosts", "c", &[], &["secrets"]);
        assert!(text.contains("<a href=\"#secrets\">secrets</a>"), "{text}");
    }
}
