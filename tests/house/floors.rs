//! A module uses only modules of its own floor or of an earlier one. The floors stand in
//! `docs/architecture.md`, so the document cannot drift from the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rstest::rstest;

use crate::tree::{files, hold, read};

const DOCUMENT: &str = "docs/architecture.md";

/// The floor of every module, from the table under "The floors of `krate`".
fn floors(krate: &str) -> BTreeMap<String, usize> {
    let text = read(DOCUMENT);
    let heading = format!("### The floors of `{krate}`");
    let (_, section) = text
        .split_once(&heading)
        .unwrap_or_else(|| panic!("{DOCUMENT} has no heading \"{heading}\""));
    let mut floors = BTreeMap::new();
    for row in section.lines().skip(1).take_while(|line| !line.starts_with('#')) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let [_, number, modules, ..] = cells.as_slice() else { continue };
        let Ok(number) = number.parse() else { continue };
        for module in modules.split('`').skip(1).step_by(2) {
            let before = floors.insert(module.to_owned(), number);
            assert_eq!(before, None, "{DOCUMENT} puts `{module}` on two floors");
        }
    }
    floors
}

/// The modules that `lib.rs` declares.
fn declared(krate: &str) -> BTreeSet<String> {
    let text = read(Path::new(krate).join("src/lib.rs"));
    let names = text.lines().filter_map(|line| {
        let line = line.trim().strip_suffix(';')?;
        line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod "))
    });
    names.map(str::to_owned).collect()
}

/// A file of a crate, as a module.
struct Module {
    file: PathBuf,
    /// The module of `lib.rs` that it is or belongs to.
    top: String,
    /// How many `super::` lead out of it to the crate.
    depth: usize,
}

fn modules(krate: &str) -> Vec<Module> {
    let source = Path::new(krate).join("src");
    let tests = test_files(krate);
    let of = |file: PathBuf| {
        let inner = file.strip_prefix(&source).unwrap().with_extension("");
        let parts: Vec<_> = inner.iter().map(|part| part.to_str().unwrap()).collect();
        let top = parts[0].to_owned();
        let depth = parts.len();
        (!matches!(top.as_str(), "lib" | "main")).then_some(Module { file, top, depth })
    };
    let all = files(&[source.to_str().unwrap()], Some("rs"));
    all.into_iter().filter(|file| !tests.contains(file)).filter_map(of).collect()
}

/// The files that exist for tests only, for their `mod` stands behind `#[cfg(test)]`.
pub(crate) fn test_files(krate: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for file in files(&[&format!("{krate}/src")], Some("rs")) {
        let text = read(&file);
        let folder = if file.ends_with("src/lib.rs") || file.ends_with("src/main.rs") {
            file.parent().unwrap().to_owned()
        } else {
            file.with_extension("")
        };
        for (_, behind) in
            text.match_indices("#[cfg(test)]").map(|(at, it)| (at, &text[at + it.len()..]))
        {
            let mut lines = behind.lines().map(str::trim).filter(|line| !line.is_empty());
            let mut named = None;
            let declaration = lines.find(|line| {
                let path = line.strip_prefix("#[path = \"").and_then(|it| it.strip_suffix("\"]"));
                named = named.or(path);
                !line.starts_with("#[")
            });
            let declared =
                declaration.and_then(|line| line.split("mod ").nth(1)?.strip_suffix(';'));
            if let Some(name) = declared {
                found.insert(match named {
                    Some(path) => file.parent().unwrap().join(path),
                    None => folder.join(name).with_extension("rs"),
                });
            }
        }
    }
    found
}

/// The modules of the crate that a text names behind `crate::`, or behind as many `super::` as
/// lead to the crate; comments and the tests at the end of a file are left out.
fn used(text: &str, depth: usize) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code: String = lines.flat_map(|line| [line, "\n"]).collect();
    let climb = "super::".repeat(depth);
    let mut names = BTreeSet::new();
    for prefix in ["crate::", climb.as_str()] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            let within = before.is_alphanumeric() || matches!(before, '_' | ':' | '$');
            if within {
                continue;
            }
            names.extend(first_names(&code[at + prefix.len()..]));
        }
    }
    names
}

/// The first name of a path, or of every path in braces.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|it| it.is_alphanumeric() || *it == '_').collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut start, mut found) = (0_i32, 0, Vec::new());
    for (at, it) in group.char_indices() {
        match it {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                found.push(name(&group[start..at]));
                start = at + 1;
                if it == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found.retain(|name| !name.is_empty());
    found
}

#[rstest]
#[case("sandbox")]
#[case("harness")]
fn every_module_has_a_floor_in_the_architecture(#[case] krate: &str) {
    let (floors, declared) = (floors(krate), declared(krate));
    let mut breaches = Vec::new();
    for module in declared.iter().filter(|module| !floors.contains_key(*module)) {
        breaches.push(format!("`{module}` is in {krate}/src/lib.rs and on no floor of {DOCUMENT}"));
    }
    for module in floors.keys().filter(|module| !declared.contains(*module)) {
        breaches
            .push(format!("`{module}` has a floor in {DOCUMENT} and is not in {krate}/src/lib.rs"));
    }
    hold("The table of floors and the modules of the crate differ.", &breaches);
}

#[rstest]
#[case("sandbox")]
#[case("harness")]
fn no_module_uses_a_later_floor(#[case] krate: &str) {
    let floors = floors(krate);
    let mut breaches = Vec::new();
    for module in modules(krate) {
        let Some(own) = floors.get(&module.top) else { continue };
        for name in used(&read(&module.file), module.depth) {
            match floors.get(&name) {
                Some(floor) if floor > own => breaches.push(format!(
                    "{} is on floor {own} and uses `{name}` of floor {floor}",
                    module.file.display()
                )),
                Some(_) => {}
                None => breaches.push(format!(
                    "{} names `{name}` at the root of the crate; name the module that it comes from",
                    module.file.display()
                )),
            }
        }
    }
    hold("A module may use only its own floor and earlier ones.", &breaches);
}

#[test]
fn the_rule_sees_through_groups_comments_and_relative_paths() {
    let text = "\
//! See [`crate::program`].
use crate::{host::Host, layers::{mounts, pid}, words};
use super::super::stage;
fn f() { crate::wire::g(); xcrate::launch::h(); }
#[cfg(test)]
mod tests { use crate::program; }
";
    let text = text.replace("mod tests { use", "mod tests {\n use");
    let found: Vec<_> = used(&text, 2).into_iter().collect();
    assert_eq!(found, ["host", "layers", "stage", "wire", "words"]);
}

#[test]
fn files_that_exist_for_tests_are_told_apart() {
    let found = test_files("sandbox");
    for file in ["pep517/call_tests.rs", "layers/syscalls/tests.rs"] {
        assert!(found.contains(&Path::new("sandbox/src").join(file)), "{file} in {found:?}");
    }
    assert!(!found.contains(Path::new("sandbox/src/plan.rs")));
}
