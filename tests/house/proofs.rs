//! Where a document names the test that holds a promise, that test exists.

use std::path::Path;

use crate::documents::{aim, links};
use crate::tree::{hold, read, root};

/// The documents that name tests.
const DOCUMENTS: [&str; 2] = ["docs/architecture.md", "docs/threat-model.md"];

/// The tests that a document names: the label is a function in code quotes, the target its file.
fn named(document: &str) -> Vec<(String, String)> {
    let links = links(&read(document)).into_iter();
    let links =
        links.filter(|(_, target)| Path::new(target).extension().is_some_and(|it| it == "rs"));
    links
        .filter_map(|(label, target)| {
            let name = label.strip_prefix('`')?.strip_suffix('`')?;
            let is_function =
                name.chars().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '_');
            (is_function && name.contains('_')).then(|| (name.to_owned(), target))
        })
        .collect()
}

#[test]
fn every_test_that_a_document_names_exists() {
    let mut breaches = Vec::new();
    for document in DOCUMENTS {
        let named = named(document);
        assert!(named.len() > 5, "{document} names hardly any test");
        for (name, target) in named {
            let file = aim(Path::new(document), &target);
            let there = root().join(&file).is_file() && is_test(&read(&file), &name);
            if !there {
                breaches.push(format!(
                    "{document} names `{name}`, which is no test in {}",
                    file.display()
                ));
            }
        }
    }
    hold("A promise names the test that holds it.", &breaches);
}

/// The bugs of other sandboxes and the questions of reviewers, each with a test that is named after what
/// must hold and tells in its comment which bug it was.
#[test]
fn every_bug_that_another_sandbox_had_is_a_test_that_names_it() {
    let text = read("docs/threat-model.md");
    let (_, section) = text.split_once("\n## Bugs that other sandboxes had\n").expect("a section");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ") && line.contains("]("));
    let mut breaches = Vec::new();
    let mut count = 0;
    for row in rows {
        count += 1;
        let cells: Vec<_> = row.split(" | ").collect();
        for bug in cells[1].split(", ").filter(|bug| bug.starts_with("CVE-") || bug.contains('#')) {
            let files = links(row).into_iter().map(|(_, target)| target);
            let told = files
                .into_iter()
                .any(|target| read(aim(Path::new("docs/threat-model.md"), &target)).contains(bug));
            if !told {
                breaches.push(format!("no test of \"{}\" names {bug}", cells[0]));
            }
        }
    }
    assert!(count >= 18, "docs/threat-model.md lists only {count} bugs and questions");
    hold("A bug that another sandbox had has a test that names it.", &breaches);
}

/// Whether `text` has the function, and an attribute that makes it a test stands close above.
fn is_test(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.starts_with(&format!("fn {name}(")));
    at.is_some_and(|at| {
        let above = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with('#') || line.ends_with([')', ',']));
        above.into_iter().any(|line| matches!(*line, "#[test]" | "#[rstest]"))
    })
}

#[test]
fn every_invariant_says_what_holds_it() {
    let text = read("docs/architecture.md");
    let (_, section) = text.split_once("\n## Invariants\n").expect("a section of invariants");
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<_> = section
        .lines()
        .filter(|line| {
            line.starts_with("| ") && line.chars().nth(2).is_some_and(|it| it.is_ascii_digit())
        })
        .collect();
    let breaches: Vec<_> = rows
        .iter()
        .enumerate()
        .filter_map(|(at, row)| {
            let cells: Vec<_> = row.split('|').map(str::trim).collect();
            let numbered = cells[1].parse() == Ok(at + 1);
            let held = cells
                .get(3)
                .is_some_and(|cell| cell.contains("](") || cell.starts_with("No test yet"));
            (!numbered || !held).then(|| format!("the row \"{}\"", cells[1..3].join(": ")))
        })
        .collect();
    assert!(rows.len() >= 10, "docs/architecture.md lists only {} invariants", rows.len());
    hold("An invariant is numbered and names a test, or says that there is none yet.", &breaches);
}
