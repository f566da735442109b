//! No two files use each other, by whatever way round. A file that declares another as its module may
//! use it and be used by it: that they belong together is what the declaration says.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use rstest::rstest;

use crate::floors::test_files;
use crate::sources::untested;
use crate::tree::{files, hold, read};

/// Files by their module paths, each with those that it uses.
type Uses = BTreeMap<Vec<String>, BTreeSet<Vec<String>>>;

/// The files of a crate, as modules, with their text.
fn modules(krate: &str) -> BTreeMap<Vec<String>, String> {
    let source = Path::new(krate).join("src");
    let tests = test_files(krate);
    let all = files(&[source.to_str().unwrap()], Some("rs"));
    let all = all.into_iter().filter(|file| !tests.contains(file));
    all.map(|file| {
        let inner = file.strip_prefix(&source).unwrap().with_extension("");
        (inner.iter().map(|part| part.to_str().unwrap().to_owned()).collect(), read(&file))
    })
    .filter(|(path, _): &(Vec<String>, _)| !["lib", "main"].contains(&path[0].as_str()))
    .collect()
}

/// Which file uses which; between a file and those below it nothing is counted.
fn uses(modules: &BTreeMap<Vec<String>, String>) -> Uses {
    let of = |path: &Vec<String>, text: &String| {
        let named = paths(text).into_iter().filter_map(|named| absolute(path, &named));
        let file = |named: Vec<String>| {
            let lengths = (1..=named.len()).rev();
            lengths.map(|length| named[..length].to_vec()).find(|it| modules.contains_key(it))
        };
        let related = |other: &Vec<String>| other.starts_with(path) || path.starts_with(other);
        named.filter_map(file).filter(|other| !related(other)).collect()
    };
    modules.iter().map(|(path, text)| (path.clone(), of(path, text))).collect()
}

/// A path that begins with `crate`, `self` or `super`, as one from the root of the crate, where `own`
/// names it.
fn absolute(own: &[String], named: &[String]) -> Option<Vec<String>> {
    let (first, rest) = named.split_first()?;
    if first == "crate" {
        return Some(rest.to_vec());
    }
    let climbs = named.iter().take_while(|part| *part == "super").count();
    let kept = own.get(..own.len().checked_sub(climbs)?)?;
    Some(kept.iter().chain(&named[climbs.max(1)..]).cloned().collect())
}

/// Every path in the code of a text that begins with `crate`, `self` or `super`, groups taken apart;
/// comments and the tests at the end are left out.
fn paths(text: &str) -> Vec<Vec<String>> {
    let lines = untested(text).lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(|line| [line, "\n"]).collect();
    let mut found = Vec::new();
    for start in ["crate::", "self::", "super::"] {
        for (at, _) in code.match_indices(start) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if !(before.is_alphanumeric() || matches!(before, '_' | ':' | '$')) {
                branches(&code[at..], &mut Vec::new(), &mut found);
            }
        }
    }
    found
}

/// Adds the paths that `text` begins with, each behind `stem`. Gives what follows them.
fn branches<'a>(text: &'a str, stem: &mut Vec<String>, found: &mut Vec<Vec<String>>) -> &'a str {
    let mut text = text.trim_start();
    if let Some(mut group) = text.strip_prefix('{') {
        loop {
            group = branches(group, &mut stem.clone(), found).trim_start();
            match group.strip_prefix(',') {
                Some(rest) => group = rest,
                None => return group.strip_prefix('}').unwrap_or_default(),
            }
        }
    }
    let end = text.find(|it: char| !(it.is_alphanumeric() || it == '_')).unwrap_or(text.len());
    if end > 0 {
        stem.push(text[..end].to_owned());
    }
    text = &text[end..];
    match text.strip_prefix("::") {
        Some(rest) if end > 0 => branches(rest, stem, found),
        _ => {
            found.push(stem.clone());
            // Another name behind `as`.
            let name = |it: char| it.is_alphanumeric() || it == '_' || it == '*';
            text.strip_prefix(" as ").map_or(text, |rest| rest.trim_start_matches(name))
        }
    }
}

/// The shortest way from each file back to itself, without those whose files another one has named.
fn circles(uses: &Uses) -> Vec<String> {
    let mut told: BTreeSet<&Vec<String>> = BTreeSet::new();
    let mut circles = Vec::new();
    for start in uses.keys() {
        let Some(way) = way_back(start, uses) else { continue };
        if way.iter().all(|file| !told.contains(file)) {
            let names: Vec<_> = way.iter().map(|file| file.join("::")).collect();
            circles.push(names.join(" uses "));
        }
        told.extend(way);
    }
    circles
}

fn way_back<'a>(start: &'a Vec<String>, uses: &'a Uses) -> Option<Vec<&'a Vec<String>>> {
    let mut ways = VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in uses.get(*way.last()?).into_iter().flatten() {
            let longer = [way.as_slice(), &[next]].concat();
            if next == start {
                return Some(longer);
            }
            if seen.insert(next) {
                ways.push_back(longer);
            }
        }
    }
    None
}

#[rstest]
#[case("sandbox")]
#[case("harness")]
fn no_files_use_each_other_in_a_circle(#[case] krate: &str) {
    let found = circles(&uses(&modules(krate)));
    hold("Of two files one is read first. Move what both need to where both can use it.", &found);
}

#[test]
fn a_circle_is_found_through_groups_and_relative_paths_and_not_between_parent_and_child() {
    let text = |path: &str, text: &str| {
        (path.split("::").map(str::to_owned).collect::<Vec<_>>(), text.to_owned())
    };
    let mut modules = BTreeMap::from([
        text("a", "mod b;\nuse b::B;\nuse self::b::C;\nuse crate::{d as e, f::{G, H}};"),
        text("a::b", "use super::A; use super::c;"),
        text("a::c", "//! See [`super::b`].\nfn f() { crate::d::f() }"),
        text("d", "#[cfg(test)]\nmod tests {\n use super::super::a; }"),
        text("f", "use crate::x::{y, z};"),
    ]);
    assert_eq!(circles(&uses(&modules)), Vec::<String>::new());
    modules.extend([text("d", "use crate::{f::{F, G}, a::{self, b::B}};")]);
    let found = circles(&uses(&modules));
    assert_eq!(found, ["a uses d uses a"]);
    modules.extend([text("a", ""), text("a::c", "use super::{b, x};")]);
    assert_eq!(circles(&uses(&modules)), ["a::b uses a::c uses a::b"]);
}
