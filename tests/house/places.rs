//! What stands at the top of the checkout, and the commands that everybody calls.

use std::os::unix::fs::PermissionsExt as _;

use crate::tree::{hold, names, read, root};

/// What must stand at the top.
const REQUIRED: [&str; 18] = [
    ".ci",
    ".github",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "attacks",
    "clippy.toml",
    "deny.toml",
    "docs",
    "harness",
    "justfile",
    "sandbox",
    "tests",
];

/// What may stand there too.
const ALLOWED: [&str; 6] =
    ["action.yml", "dist", "reports", "rust-toolchain.toml", "rustfmt.toml", "target"];

/// The two commands that the README promises to a stranger.
const PROMISED: [&str; 2] = ["cargo run --release -p harness -- run", "cargo test --workspace"];

/// What the checks of a change consist of.
const CHECKS: [&str; 5] = [
    "cargo fmt --all --check",
    "cargo clippy --all-targets -- -D warnings",
    "cargo test --workspace",
    "cargo run --release -p harness -- check",
    "cargo run --release -p harness -- run --check",
];

#[test]
fn the_top_folder_holds_what_it_should_and_nothing_else() {
    let found = names("");
    let mut breaches = Vec::new();
    for name in REQUIRED.iter().filter(|name| !found.iter().any(|it| it == *name)) {
        breaches.push(format!("{name} is missing"));
    }
    for name in &found {
        let known = REQUIRED.contains(&name.as_str()) || ALLOWED.contains(&name.as_str());
        // Hidden files are whatever somebody's editor left; git ignores or shows them.
        if !known && !name.starts_with('.') {
            breaches.push(format!("{name} stands at the top; its place is in one of the folders"));
        }
    }
    hold("The top folder is the first page that a stranger sees.", &breaches);
}

#[test]
fn the_readmes_two_commands_are_what_the_checks_call() {
    let (readme, script) = (read("README.md"), read(".ci/run"));
    let mut breaches = Vec::new();
    for command in PROMISED {
        if !readme.lines().any(|line| line.trim() == command) {
            breaches.push(format!("README.md has no line `{command}`"));
        }
        if !script.contains(command) {
            breaches.push(format!(".ci/run does not call `{command}`"));
        }
    }
    hold("What is promised to a stranger is what is checked.", &breaches);
}

#[test]
fn the_checks_and_the_verbs_call_the_same_commands() {
    let (script, verbs) = (read(".ci/run"), read("justfile"));
    let mut breaches = Vec::new();
    for command in CHECKS {
        for (name, text) in [(".ci/run", &script), ("justfile", &verbs)] {
            let called = text.lines().any(|line| line.trim().ends_with(command));
            if !called {
                breaches.push(format!("{name} does not call `{command}`"));
            }
        }
    }
    for verb in ["check", "fix", "test", "bless", "bench", "docs", "deny"] {
        if !verbs.lines().any(|line| line == format!("{verb}:")) {
            breaches.push(format!("the justfile has no verb `{verb}`"));
        }
    }
    if !read(".github/workflows/ci.yml").contains(".ci/run") {
        breaches.push(".github/workflows/ci.yml does not call .ci/run".to_owned());
    }
    hold("One set of commands, for people and for machines.", &breaches);
}

#[test]
fn the_checks_can_be_started() {
    let mode = root().join(".ci/run").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111, ".ci/run is not executable: mode {mode:o}");
}
