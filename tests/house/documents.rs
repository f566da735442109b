//! What the documents keep to: links that lead somewhere, decisions of one page, a list of changes.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use sandbox::Guarantee;

use crate::tree::{files, hold, names, read, root};

/// A decision that takes more is an essay.
const MOST_WORDS: usize = 450;

/// Every document in Markdown.
fn documents() -> Vec<PathBuf> {
    let at_the_top = names("").into_iter().map(PathBuf::from);
    let at_the_top = at_the_top.filter(|name| name.extension().is_some_and(|it| it == "md"));
    let folders = ["docs", "reports", "tests", "harness", "sandbox", "attacks", ".github"];
    at_the_top.chain(files(&folders, Some("md"))).collect()
}

/// The links of a text in Markdown, as label and target; what is in code is none.
pub(crate) fn links(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split(')').next().unwrap_or_default();
            let label = line[..at].rsplit('[').next().unwrap_or_default();
            found.push((label.to_owned(), target.to_owned()));
        }
    }
    found
}

/// The path that a relative link in `document` leads to, from the top folder.
pub(crate) fn aim(document: &Path, target: &str) -> PathBuf {
    let mut path = PathBuf::new();
    let joined = document.parent().unwrap().join(target);
    for part in joined.components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

/// The anchors of a document: its headings in small letters, blanks as dashes, punctuation gone.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|heading| {
            let kept = heading.chars().filter(|it| it.is_alphanumeric() || " -_".contains(*it));
            kept.map(|it| if it == ' ' { '-' } else { it }).collect()
        })
        .collect()
}

#[test]
fn every_relative_link_leads_somewhere() {
    let mut breaches = Vec::new();
    for document in documents() {
        let text = read(&document);
        for (_, target) in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let aim = if file.is_empty() { document.clone() } else { aim(&document, file) };
            if !root().join(&aim).exists() {
                breaches
                    .push(format!("{} links to {target}, which is not there", document.display()));
            } else if !anchor.is_empty() && !anchors(&read(&aim)).iter().any(|it| it == anchor) {
                breaches.push(format!(
                    "{} links to {target}; there is no such heading",
                    document.display()
                ));
            }
        }
    }
    hold("A link that leads nowhere is worse than none.", &breaches);
}

#[test]
fn decisions_are_numbered_and_fit_on_a_page() {
    let mut breaches = Vec::new();
    let mut numbers = BTreeSet::new();
    for name in names("docs/adr") {
        let path = format!("docs/adr/{name}");
        let number = name.split_once('-').and_then(|(number, _)| number.parse::<u16>().ok());
        if number.is_none_or(|number| !numbers.insert(number)) {
            breaches.push(format!("{path} has no number of its own"));
        }
        let text = read(&path);
        let words = text.split_whitespace().count();
        if words > MOST_WORDS {
            breaches.push(format!("{path} has {words} words, more than {MOST_WORDS}"));
        }
        for part in ["# ", "## Situation", "## Decision", "## What follows"] {
            if !text.lines().any(|line| line.starts_with(part)) {
                breaches.push(format!("{path} has no part \"{part}\""));
            }
        }
        if !read("docs/architecture.md").contains(&format!("adr/{name}")) {
            breaches.push(format!("docs/architecture.md does not name {path}"));
        }
    }
    hold("A decision is told on one page, and can be found.", &breaches);
}

#[test]
fn the_list_of_changes_is_grouped_by_guarantee() {
    let text = read("CHANGELOG.md");
    let (_, entries) = text.split_once("## [Unreleased]").expect("a section of what is unreleased");
    let known = |group: &str| {
        Guarantee::ALL.iter().any(|word| word.name() == group)
            || matches!(group, "evidence" | "interface" | "building")
    };
    let groups: Vec<_> = entries.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let strange: Vec<_> =
        groups.iter().filter(|it| !known(it)).map(|it| format!("`{it}` is no group")).collect();
    assert!(!groups.is_empty(), "CHANGELOG.md tells no change");
    hold("Groups are the guarantees, and evidence, interface, building.", &strange);
}

#[test]
fn a_change_is_made_in_three_files_at_most() {
    let document = Path::new("docs/changing.md");
    let text = read(document);
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 20, "{} has {} rows", document.display(), rows.len());
    let mut breaches = Vec::new();
    for row in rows {
        let paths = links(row).into_iter().map(|(_, target)| aim(document, &target));
        let count = paths.filter(|path| !path.starts_with("docs")).count();
        if count > 3 {
            breaches.push(format!("{count} files: {row}"));
        }
    }
    hold("docs/changing.md names three files at most for a kind of change.", &breaches);
}
