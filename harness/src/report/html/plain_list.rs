//! What a row shows where no scripts run: what got through which sandbox, by name.
#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};

use sandbox::Level;

use super::super::columns::{Column, columns};
use super::super::redact;
use super::super::schema::Report;
use super::super::totals::{by_host, strongest};
use super::line;
use crate::catalogue::BENIGN;
use crate::verdict::Seen;

/// The list of a row. `attacks` is where the pages of attacks are, if they are anywhere.
pub(super) fn render(
    text: &mut String,
    reports: &[Report],
    folder: &str,
    ids: &BTreeSet<&str>,
    attacks: Option<&str>,
) {
    line(text, "<ul>");
    if folder == BENIGN {
        let names: Vec<_> = ids.iter().map(|id| slug(id)).collect();
        line(text, &format!("<li>{}", names.join(", ")));
    } else {
        own(text, reports, ids, attacks);
        others(text, reports, ids);
    }
    line(text, "</ul>");
    if let Some(place) = attacks {
        let link = format!("{place}/README.md#{folder}");
        line(text, &format!("<p><a href=\"{link}\">Each of them on a page of its own</a></p>"));
    }
}

/// What got through our own sandbox at its strongest level, with the hosts.
fn own(text: &mut String, reports: &[Report], ids: &BTreeSet<&str>, attacks: Option<&str>) {
    let hosts = strongest(reports);
    if hosts.is_empty() {
        return;
    }
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for column in &hosts {
        for id in ids.iter().filter(|id| got_through(column, id)) {
            found.entry(id).or_default().push(&column.report.host);
        }
    }
    let told = |(id, hosts): (&&str, &Vec<&str>)| {
        let (name, hosts) = (slug(id), redact::markup(&hosts.join(", ")));
        match attacks {
            Some(place) => {
                let file = redact::markup(id);
                format!("<a href=\"{place}/{file}.md\">{name}</a> on {hosts}")
            }
            None => format!("{name} on {hosts}"),
        }
    };
    let told: Vec<_> = found.iter().map(told).collect();
    let told = if told.is_empty() { "none on any host".to_owned() } else { told.join("; ") };
    line(text, &format!("<li>Through Bulkhead at full: {told}"));
}

/// What got through our own at its other levels, and through each other sandbox on the first host:
/// a line each, in one text.
fn others(text: &mut String, reports: &[Report], ids: &BTreeSet<&str>) {
    let Some((host, reports)) = by_host(reports).into_iter().next() else { return };
    let mut lines = Vec::new();
    for column in columns(&reports).iter().filter(|one| one.level != Some(Level::Full)) {
        let names: Vec<_> =
            ids.iter().filter(|id| got_through(column, id)).map(|id| slug(id)).collect();
        if !names.is_empty() {
            let heading = redact::markup(&column.heading);
            lines.push(format!("· {heading}, {}: {}", names.len(), names.join(", ")));
        }
    }
    if !lines.is_empty() {
        line(text, &format!("<li>On {}, through\n{}", redact::markup(host), lines.join("\n")));
    }
}

fn got_through(column: &Column<'_>, id: &str) -> bool {
    column.cell(id).is_some_and(|cell| cell.outcome == Seen::Escaped)
}

/// The name without its folder.
fn slug(id: &str) -> String {
    redact::markup(id.split_once('/').map_or(id, |(_, slug)| slug))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::specimen::report;

    fn shown(reports: &[Report], folder: &str, attacks: Option<&str>) -> String {
        let mut text = String::new();
        let ids = super::super::data::ids(reports, folder);
        render(&mut text, reports, folder, &ids, attacks);
        text
    }

    #[test]
    fn what_got_through_ours_comes_first_with_its_hosts_and_a_link() {
        let docker = Report { host: "docker".to_owned(), ..report() };
        let text = shown(&[report(), docker], "remnants", Some("../docs/attacks"));
        let link = "<li>Through Bulkhead at full: <a href=\"../docs/attacks/remnants/account.md\">\
                    account</a> on root, docker\n";
        assert!(text.contains(link), "{text}");
        assert!(text.contains("<a href=\"../docs/attacks/README.md#remnants\">"), "{text}");
        assert!(!shown(&[report()], "remnants", None).contains("<a "));
    }

    #[test]
    fn every_sandbox_has_the_names_of_what_got_through_it() {
        let text = shown(&[report()], "secrets", None);
        let lines: Vec<_> = text.lines().collect();
        let none = "<li>Through Bulkhead at full: none on any host";
        let others = ["<li>On root, through", "· none, 1: netrc-read", "· network, 1: netrc-read"];
        assert_eq!(lines, [&["<ul>", none], &others[..], &["</ul>"]].concat());
        assert!(shown(&[report()], "benign", None).contains("<li>honest-wheel"));
    }
}
