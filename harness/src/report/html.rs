//! `index.html`: one page for a reviewer. It works without scripts and asks nobody for anything.
#![forbid(unsafe_code)]

mod data;
mod map;
mod plain_list;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sandbox::plain::plural;
use sha2::{Digest, Sha256};

use super::columns::columns;
use super::listed_cells;
use super::redact;
use super::schema::Report;
use super::schema::ablation::Ablation;
use super::totals::{answer, by_host, folders, strongest};
use crate::catalogue::{BENIGN, Catalogue};
use crate::verdict::Verdict;

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// What the page tells beside the reports.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside<'a> {
    /// What is known of the attacks.
    pub catalogue: Option<&'a Catalogue>,
    /// What each layer is worth.
    pub ablations: &'a [Ablation],
    /// Where the pages of the attacks are, as seen from this page, if they are anywhere.
    pub attacks: Option<&'a str>,
}

/// The page of all reports.
///
/// # Errors
/// None that the types of a report can cause.
pub fn render(reports: &[Report], beside: Beside<'_>) -> serde_json::Result<String> {
    let policy = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>What gets through</title>\n<style>{STYLE}</style>\n<main>\n\
         <h1>What gets through</h1>\n"
    );
    for (at, told) in answer(reports).iter().enumerate() {
        let class = if at == 0 { " class=\"answer\"" } else { "" };
        line(&mut text, &format!("<p{class}>{}</p>", redact::markup(told)));
    }
    maps(&mut text, reports);
    line(&mut text, HOW);
    sections(&mut text, reports, beside);
    line(&mut text, "</main>");
    let data = data::render(reports, beside)?;
    line(&mut text, &format!("<script type=\"application/json\" id=\"data\">{data}</script>"));
    line(&mut text, &format!("<script>{SCRIPT}</script>"));
    Ok(text)
}

/// How to read it.
const HOW: &str = "\
<p>Every attack is tried without a sandbox first and must get through there, or nothing else about \
it counts. A number says how many of a row got through, as seen from outside the sandbox; – that \
none could be tried. The columns from none to full are levels of Bulkhead. Hosts are those that \
the lab imitates; root refuses nothing. An underlined number is a known gap, or not as expected. \
A row opens to its attacks, an attack to its evidence, layers, depth and history.</p>";

/// The sandboxes on the first host with the search below them, and our own on every host.
fn maps(text: &mut String, reports: &[Report]) {
    if let Some((host, reports)) = by_host(reports).first() {
        let caption = format!("Attacks that got through on {}", redact::markup(host));
        let columns = columns(reports).into_iter().map(|column| (*host, column));
        let columns: Vec<_> = columns.collect();
        map::render(text, "sandboxes", &caption, &columns, &folders(reports));
    }
    form(text, reports);
    let hosts = strongest(reports);
    if hosts.len() > 1 {
        let hosts: Vec<_> =
            hosts.into_iter().map(|column| (column.report.host.as_str(), column)).collect();
        let all: Vec<_> = reports.iter().collect();
        let caption = "Attacks that got through Bulkhead at full, on each host";
        map::render(text, "hosts", caption, &hosts, &folders(&all));
    }
}

/// What only works with scripts, and is shown by them.
fn form(text: &mut String, reports: &[Report]) {
    let all: Vec<_> = listed_cells(reports).map(|one| one.cell.verdict).collect();
    line(
        text,
        "<form hidden role=\"search\">\n<label for=\"words\">Search attacks</label>\n\
         <input id=\"words\" type=\"search\" autocomplete=\"off\" aria-describedby=\"keys\">\n\
         <output id=\"found\" for=\"words\"></output>\n\
         <p id=\"keys\">Names, titles, severity, CWE, techniques, layers, sandboxes, hosts, outcomes, \
         verdicts: <q>high kubernetes/full escaped</q>. A number in a table finds its attacks. \
         <kbd>/</kbd> goes there, <kbd>Esc</kbd> forgets.",
    );
    for verdict in Verdict::ALL.into_iter().filter(|verdict| *verdict != Verdict::Ok) {
        let count = all.iter().filter(|one| **one == verdict).count();
        if count > 0 {
            line(text, &format!("<a href=\"#?{verdict}\">{verdict} ({count})</a>"));
        }
    }
    line(text, "</p>\n<div id=\"hits\"></div>\n</form>");
}

/// A closed part for each row, which scripts fill when it is opened. Without scripts it lists what
/// got through.
fn sections(text: &mut String, reports: &[Report], beside: Beside<'_>) {
    let all: Vec<_> = reports.iter().collect();
    for folder in folders(&all) {
        let ids = data::ids(reports, folder);
        let what = if folder == BENIGN { "honest build" } else { "attack" };
        line(
            text,
            &format!(
                "<details class=\"row\" id=\"{folder}\">\n<summary><h2>{folder}</h2> {}\
                 </summary>\n<div></div><noscript>",
                plural(ids.len(), what)
            ),
        );
        plain_list::render(text, reports, folder, &ids, beside.attacks);
        line(text, "</noscript>\n</details>");
    }
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
    use super::super::specimen::{ablation, report};
    use super::*;

    fn page(reports: &[Report]) -> String {
        render(reports, Beside::default()).unwrap()
    }

    #[test]
    fn the_page_begins_with_the_answer_and_asks_nobody_for_anything() {
        let page = page(&[report()]);
        let answer = page.find("<p class=\"answer\">On root, 1 of 2 attacks get through").unwrap();
        assert!(answer < page.find("<table").unwrap());
        assert!(page.contains("known-gap (1)") && page.contains("id=\"secrets\""), "{page}");
        for outside in ["src=", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn what_layers_are_worth_is_part_of_the_data() {
        let ablations = [ablation()];
        let beside = Beside { ablations: &ablations, ..Beside::default() };
        let page = render(&[report()], beside).unwrap();
        assert!(page.contains("1 on root: identity escaped, mounts blocked"), "{page}");
    }

    #[test]
    fn what_an_attack_says_cannot_become_markup() {
        let mut report = report();
        for cell in report.results.get_mut("remnants/account").unwrap().cells.values_mut() {
            cell.reason = Some("</td></script><script>alert('x')</script>\u{202e}".to_owned());
        }
        let page = page(&[report]);
        assert_eq!(page.matches("<script").count(), 2, "its data and its own");
        assert_eq!(page.matches("</script").count(), 2);
        assert!(page.contains("\\u003cscript>alert('x')") && !page.contains('\u{202e}'));
    }

    #[test]
    fn the_policy_names_the_very_style_and_script() {
        let page = page(&[]);
        let script = page.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next());
        assert!(page.contains(&hash(script.unwrap())));
    }
}
