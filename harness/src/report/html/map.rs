//! Guarantees by columns: a number in every cell, small enough for a telephone.
#![forbid(unsafe_code)]

use super::super::columns::Column;
use super::super::redact;
use super::super::totals::Count;
use super::line;
use crate::catalogue::BENIGN;

/// With more columns than these the numbers are smaller.
const MANY: usize = 14;

/// One table; its columns have their host with them. A row leads to the part of the page with its
/// attacks, and `data-find` says by which words a number is found.
pub(super) fn render(
    text: &mut String,
    name: &str,
    caption: &str,
    columns: &[(&str, Column<'_>)],
    folders: &[&str],
) {
    // Two digits have to fit into each column of a telephone.
    let many = if columns.len() > MANY { " class=\"many\"" } else { "" };
    let on_each_host = name == "hosts";
    let headings: String =
        columns.iter().map(|(host, column)| heading(host, column, on_each_host)).collect();
    line(
        text,
        &format!(
            "<table id=\"{name}\"{many}>\n<caption>{caption}</caption>\n<thead><tr><th scope=\"col\">\
             guarantee</th>{headings}</tr></thead>\n<tbody>"
        ),
    );
    let (attacks, builds): (Vec<_>, Vec<_>) = folders.iter().partition(|folder| **folder != BENIGN);
    for folder in attacks {
        let find = format!("{folder}/ escaped");
        let shown = format!("<a href=\"#{folder}\">{folder}</a>");
        row(text, &find, &shown, columns, Some(folder));
    }
    row(text, "escaped", "all attacks", columns, None);
    for folder in builds {
        let find = format!("{folder}/ error");
        let shown = format!("<a href=\"#{folder}\">builds broken</a>");
        row(text, &find, &shown, columns, Some(folder));
    }
    line(text, "</tbody>\n</table>");
}

fn heading(host: &str, column: &Column<'_>, on_each_host: bool) -> String {
    let level = column.level.map_or(column.heading.as_str(), |level| level.name());
    let shown = if on_each_host { host } else { level };
    // As the script joins them.
    let place = redact::one_line(&format!("{host}/{level}")).to_lowercase().replace(' ', "-");
    let [place, shown] = [&place, shown].map(redact::markup);
    format!("<th scope=\"col\" data-find=\"{place}\"><span>{shown}</span></th>")
}

fn row(
    text: &mut String,
    find: &str,
    shown: &str,
    columns: &[(&str, Column<'_>)],
    folder: Option<&str>,
) {
    let cells: String = columns.iter().map(|(_, column)| cell(column, folder)).collect();
    let class = if folder.is_none() { " class=\"all\"" } else { "" };
    line(
        text,
        &format!("<tr{class} data-find=\"{find}\"><th scope=\"row\">{shown}</th>{cells}</tr>"),
    );
}

fn cell(column: &Column<'_>, folder: Option<&str>) -> String {
    let count = Count::of(column, folder);
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
        let told =
            |folder| columns.iter().map(|column| cell(column, Some(folder))).collect::<String>();
        let (all, none) =
            ("<td class=\"h4\" title=\"of 1\">1</td>", "<td class=\"h0\" title=\"of 1\">0</td>");
        assert_eq!(told("secrets"), [all, all, none, none].concat());
        let gap = "<td class=\"h4 off\" title=\"of 1\">1</td>";
        assert_eq!(told("remnants"), ["<td>–</td>"; 3].concat() + gap);
    }

    #[test]
    fn a_row_leads_to_its_attacks_and_the_last_counts_them_all() {
        let mut text = String::new();
        let report = report();
        let columns: Vec<_> = columns(&[&report]).into_iter().map(|one| ("root", one)).collect();
        render(&mut text, "sandboxes", "c", &columns, &["secrets", "remnants", BENIGN]);
        assert!(text.contains("<a href=\"#secrets\">secrets</a>"), "{text}");
        assert!(text.contains("<th scope=\"col\" data-find=\"root/full\"><span>full</span>"));
        let all = text.lines().find(|line| line.contains("class=\"all\"")).unwrap();
        assert!(all.contains("data-find=\"escaped\"") && all.contains("of 2\">1</td>"), "{all}");
    }
}
