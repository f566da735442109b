//! `index.html`: one page that holds everything, works without scripts and asks nobody for anything.
#![forbid(unsafe_code)]

mod overview;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::Guarantee;
use sha2::{Digest, Sha256};

use super::listed_cells;
use super::matrix::{Column, columns, told};
use super::redact;
use super::schema::{Cell, Report};
use crate::catalogue::BENIGN;
use crate::verdict::Verdict;

/// What a reader has to know before the tables.
const INTRODUCTION: &str = "\
<p>Each row is an attack, each column a sandbox: the four levels of Bulkhead, then others. Every attack is tried without a sandbox first and \
must get through there, or nothing else about it counts. A cell says what was seen from outside the \
sandbox, and opens to the evidence. An underlined word is a verdict: what was seen is not what a \
correct sandbox would show.</p>\n";

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// The page of all reports.
#[must_use]
pub fn render(reports: &[Report]) -> String {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>What gets through</title>\n<style>{STYLE}</style>\n\
         <h1>What gets through</h1>\n{INTRODUCTION}"
    );
    let mut hosts: BTreeMap<&str, Vec<&Report>> = BTreeMap::new();
    for report in reports {
        hosts.entry(&report.host).or_default().push(report);
    }
    for (host, reports) in &hosts {
        let present = |folder: &&str| reports.iter().any(|report| is_in(report, folder));
        let folders: Vec<_> =
            Guarantee::ALL.map(Guarantee::name).into_iter().filter(present).collect();
        overview::render(&mut text, host, reports, &folders);
    }
    form(&mut text, reports);
    for (host, reports) in hosts {
        for folder in Guarantee::ALL.map(Guarantee::name).into_iter().chain([BENIGN]) {
            section(&mut text, host, folder, &columns(&reports));
        }
    }
    line(&mut text, &format!("<script>{SCRIPT}</script>"));
    text
}

fn is_in(report: &Report, folder: &str) -> bool {
    let start = format!("{folder}/");
    report.results.keys().any(|id| id.starts_with(&start))
}

/// What only works with scripts, and is shown by them.
fn form(text: &mut String, reports: &[Report]) {
    let all: Vec<_> = listed_cells(reports).map(|one| one.cell.verdict).collect();
    line(
        text,
        "<form hidden>\n<label for=\"words\">Only rows with these words</label>\n\
         <input id=\"words\" type=\"search\" autocomplete=\"off\" aria-describedby=\"keys\">\n\
         <output id=\"found\" for=\"words\"></output>\n<nav aria-label=\"verdicts\">",
    );
    for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Ok) {
        let count = all.iter().filter(|one| **one == verdict).count();
        if count > 0 {
            line(text, &format!("<a href=\"#?{verdict}\">{verdict} ({count})</a>"));
        }
    }
    line(
        text,
        "<a href=\"#?\">all rows</a>\n</nav>\n<p id=\"keys\"><kbd>/</kbd> goes to the words, \
         <kbd>Esc</kbd> forgets them, <kbd>Tab</kbd> and the arrows go from cell to cell, \
         <kbd>Enter</kbd> opens the evidence.</p>\n</form>",
    );
}

fn section(text: &mut String, host: &str, folder: &str, columns: &[Column<'_>]) {
    let start = format!("{folder}/");
    let ids: BTreeSet<&str> = columns
        .iter()
        .flat_map(|column| column.report.results.keys())
        .map(String::as_str)
        .filter(|id| id.starts_with(&start))
        .collect();
    if ids.is_empty() {
        return;
    }
    let host_name = escaped(host);
    line(
        text,
        &format!(
            "<section id=\"{host_name}/{folder}\">\n<h2>{folder} on {host_name}</h2>\n<table>"
        ),
    );
    let heading =
        |column: &Column<'_>| format!("<th scope=\"col\">{}</th>", escaped(&column.heading));
    let headings: String = columns.iter().map(heading).collect();
    line(
        text,
        &format!("<thead><tr><th scope=\"col\">attack</th>{headings}</tr></thead>\n<tbody>"),
    );
    for id in ids {
        let cells: String = columns.iter().map(|column| data(column.cell(id))).collect();
        let (id, host) = (escaped(id), escaped(host));
        let name = format!("<a href=\"../attacks/{id}/attack.toml\">{id}</a>");
        line(text, &format!("<tr id=\"{host}/{id}\"><th scope=\"row\">{name}</th>{cells}</tr>"));
    }
    line(text, "</tbody>\n</table>\n</section>");
}

fn data(cell: Option<&Cell>) -> String {
    let Some(cell) = cell else { return "<td></td>".to_owned() };
    let off = if cell.verdict == Verdict::Ok { "" } else { " off" };
    let said = told(cell).replace("**", "");
    let mut evidence = Vec::new();
    if !cell.saw.is_empty() {
        evidence.push(format!("seen: {}", cell.saw.join(", ")));
    }
    if !cell.marks.is_empty() {
        evidence.push(format!("marks: {}", cell.marks.join(", ")));
    }
    evidence.extend(cell.reason.clone());
    let class = cell.outcome.name();
    if evidence.is_empty() {
        return format!("<td class=\"{class}{off}\">{}</td>", escaped(&said));
    }
    format!(
        "<td class=\"{class}{off}\"><details><summary>{}</summary><span>{}</span></details></td>",
        escaped(&said),
        escaped(&evidence.join("; "))
    )
}

/// The text on one line, with nothing in it that means something in HTML.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for c in redact::one_line(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// What a content security policy wants to know of an inline style or script.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
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
    fn the_page_shows_every_cell_in_words_and_asks_nobody_for_anything() {
        let page = render(&[report()]);
        assert!(page.contains("<tr id=\"root/secrets/netrc-read\">"), "{page}");
        assert!(page.contains("✗ escaped") && page.contains("known-gap"), "{page}");
        for outside in ["src=", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn what_an_attack_says_cannot_become_markup() {
        let mut report = report();
        for cell in report.results.get_mut("remnants/account").unwrap().cells.values_mut() {
            cell.reason = Some("</td><script>alert('x')</script>\u{202e}".to_owned());
        }
        let page = render(&[report]);
        assert_eq!(page.matches("<script>").count(), 1, "only its own");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)") && !page.contains('\u{202e}'));
    }

    #[test]
    fn the_policy_names_the_very_style_and_script() {
        let page = render(&[]);
        let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next());
        assert!(page.contains(&hash(script.unwrap())));
    }
}
