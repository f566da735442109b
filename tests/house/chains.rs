//! The two ways through the code that the architecture tells lead where it says, in eight functions each.

use std::path::{Path, PathBuf};

use crate::documents::{aim, links};
use crate::tree::{hold, read};

const DOCUMENT: &str = "docs/architecture.md";
/// More than these nobody keeps in mind.
const MOST: usize = 8;

/// The ways: each a list of functions, with the files that they are in.
fn ways() -> Vec<Vec<(String, PathBuf)>> {
    let text = read(DOCUMENT);
    let (_, section) =
        text.split_once("\n## Two ways through the code\n").expect("the section of the ways");
    let section = section.split("\n## ").next().unwrap();
    let mut ways: Vec<Vec<_>> = Vec::new();
    for row in section.lines() {
        let Some(number) = row.strip_prefix("| ").and_then(|row| row.split(" |").next()) else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else { continue };
        if number == 1 {
            ways.push(Vec::new());
        }
        let (name, target) = links(row).into_iter().next().expect("a row links its function");
        let way = ways.last_mut().expect("a way begins with 1");
        let name = name.trim_matches('`').rsplit("::").next().unwrap_or_default();
        way.push((name.to_owned(), aim(Path::new(DOCUMENT), &target)));
        assert_eq!(way.len(), number, "{DOCUMENT} counts wrongly: {row}");
    }
    ways
}

/// The text of every function of this name in a text.
fn bodies<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(&format!("fn {name}")) {
        let rest = &text[at..];
        if !rest[3 + name.len()..].starts_with(['(', '<']) {
            continue;
        }
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let indent = text[line..].len() - text[line..].trim_start().len();
        let end = format!("\n{}}}", " ".repeat(indent));
        found.push(rest.find(&end).map_or(rest, |end| &rest[..end]));
    }
    found
}

/// Whether one of the functions called `name` calls one that is called `next`.
fn calls(text: &str, name: &str, next: &str) -> bool {
    let call = format!("{next}(");
    let is_call = |body: &str| {
        body.match_indices(&call).any(|(at, _)| {
            let before = body[..at].chars().next_back().unwrap_or(' ');
            !(before.is_alphanumeric() || before == '_' || body[..at].ends_with("fn "))
        })
    };
    bodies(text, name).into_iter().any(is_call)
}

#[test]
fn each_function_of_the_ways_through_the_code_calls_the_next() {
    let mut breaches = Vec::new();
    let ways = ways();
    assert_eq!(ways.len(), 2);
    for way in ways {
        if way.len() > MOST {
            breaches.push(format!("{} functions, more than {MOST}", way.len()));
        }
        for pair in way.windows(2) {
            let [(name, file), (next, _)] = pair else { continue };
            if !calls(&read(file), name, next) {
                breaches.push(format!("no `{name}` in {} calls `{next}`", file.display()));
            }
        }
        let (last, file) = way.last().expect("a way has an end");
        if bodies(&read(file), last).is_empty() {
            breaches.push(format!("there is no `{last}` in {}", file.display()));
        }
    }
    let clone = read("sandbox/src/sys/clone.rs");
    assert!(bodies(&clone, "clone_into").iter().any(|body| body.contains("SYS_clone3")));
    hold("What the architecture tells of the code is so.", &breaches);
}

#[test]
fn a_call_is_found_in_the_function_that_makes_it_and_in_no_other() {
    let text = "fn one() {\n    m::two(1)\n}\n\nimpl X {\n    fn three(&self) {\n        one()\n    }\n\n    \
                fn four() { not_two() }\n}\n";
    assert!(calls(text, "one", "two") && calls(text, "three", "one"));
    assert!(!calls(text, "three", "two") && !calls(text, "four", "two"));
    assert!(!calls(text, "one", "one"));
}
