//! What every source file keeps to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::floors::test_files;
use crate::tree::{files, hold, read};

/// A file of more lines needs splitting.
const MOST_LINES: usize = 500;
/// A file of more lines is named, so that the next who works on it thinks of splitting it.
const LONG: usize = 350;

/// Names that say nothing of what is in a file.
const EMPTY_NAMES: [&str; 7] = ["utils", "util", "helpers", "common", "misc", "imp", "manager"];

/// Where processes are started; every other place has to go through these.
const STARTERS: [&str; 14] = [
    "sandbox/src/identity/useradd.rs",
    "sandbox/src/launch.rs",
    "sandbox/src/launch/inspection.rs",
    "sandbox/src/launch/launcher.rs",
    "harness/src/cli/changes.rs",
    "harness/src/frontend/finding.rs",
    "harness/src/frontend/python.rs",
    "harness/src/lab.rs",
    "harness/src/lab/init.rs",
    "harness/src/lab/container/first.rs",
    "harness/src/lab/container/supervisor.rs",
    "harness/src/lab/keeper.rs",
    "harness/src/lab/users.rs",
    "harness/src/target/command.rs",
];

/// Where types are turned into JSON or read from it: files that speak to the world outside.
const SERIALISED: [&str; 7] = [
    "sandbox/src/wire/request.rs",
    "harness/src/report/schema.rs",
    "harness/src/report/schema/ablation.rs",
    "harness/src/report/coverage/lists.rs",
    "harness/src/lab/wire.rs",
    "harness/src/frontend/events.rs",
    "harness/src/frontend/python.rs",
];

fn rust() -> Vec<PathBuf> {
    files(&["sandbox", "harness", "tests"], Some("rs"))
}

pub(crate) fn product() -> Vec<PathBuf> {
    let tests: BTreeSet<_> = ["sandbox", "harness"].into_iter().flat_map(test_files).collect();
    let all = files(&["sandbox/src", "harness/src"], Some("rs"));
    all.into_iter().filter(|file| !tests.contains(file)).collect()
}

/// The lines of code, each with its number; comments are left out.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The code of a file without the tests at its end.
pub(crate) fn untested(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}

fn is_below_sys(file: &Path) -> bool {
    file.starts_with("sandbox/src/sys") || file == Path::new("sandbox/src/sys.rs")
}

#[test]
fn unsafe_code_is_below_sys_alone() {
    let mut breaches = Vec::new();
    for file in rust().iter().filter(|file| !is_below_sys(file)) {
        for (number, line) in code(&read(file)) {
            // In two halves, or this line would break the rule.
            let word = concat!("un", "safe");
            let forms = ["{", "fn ", "impl ", "extern "].map(|form| format!("{word} {form}"));
            if forms.iter().any(|form| line.contains(form)) {
                breaches.push(format!("{}:{number} holds unsafe code", file.display()));
            }
        }
    }
    hold("Unsafe code belongs to sandbox/src/sys/, one file for each family of calls.", &breaches);
}

#[test]
fn every_module_without_unsafe_code_forbids_it() {
    let mut breaches = Vec::new();
    for file in product() {
        // The root of the sandbox cannot: `sys` is below it.
        let exempt = is_below_sys(&file) || file == Path::new("sandbox/src/lib.rs");
        if !exempt && !read(&file).contains("\n#![forbid(unsafe_code)]\n") {
            breaches.push(format!("{} does not say #![forbid(unsafe_code)]", file.display()));
        }
    }
    hold("A module without unsafe code forbids it, so that none creeps in.", &breaches);
}

#[test]
fn every_module_begins_with_a_sentence() {
    let mut breaches = Vec::new();
    for file in product() {
        let text = read(&file);
        let paragraph = text.lines().map_while(|line| line.strip_prefix("//! "));
        let paragraph = paragraph.collect::<Vec<_>>().join(" ");
        if !paragraph.ends_with(['.', '?']) {
            breaches.push(format!("{} begins with \"{paragraph}\"", file.display()));
        }
    }
    hold("A module says first what it is, in a whole sentence behind `//!`.", &breaches);
}

#[test]
fn no_file_needs_splitting() {
    let mut breaches = Vec::new();
    let programs = [("attacks", "py"), ("harness", "py"), ("sandbox", "py"), ("tests", "py")];
    let python = programs.iter().flat_map(|(folder, kind)| files(&[folder], Some(kind)));
    for file in rust().into_iter().chain(python) {
        let lines = read(&file).lines().count();
        if lines > MOST_LINES {
            breaches.push(format!("{} has {lines} lines", file.display()));
        } else if lines > LONG {
            println!("long: {} has {lines} lines", file.display());
        }
    }
    hold("A file says one thing; one above 500 lines says several.", &breaches);
}

#[test]
fn no_file_has_an_empty_name() {
    let mut breaches = Vec::new();
    for file in files(&["sandbox", "harness", "tests", "attacks"], None) {
        for part in &file {
            let stem = Path::new(part).file_stem().unwrap().to_str().unwrap();
            if EMPTY_NAMES.contains(&stem) {
                breaches.push(format!("{}: `{stem}` names nothing", file.display()));
            }
        }
    }
    hold("A name says what is behind it.", &breaches);
}

#[test]
fn nothing_is_left_for_later_in_the_code() {
    // In two halves, or this file would break its own rule.
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX:")];
    let mut breaches = Vec::new();
    for kind in ["rs", "py", "toml", "md"] {
        for file in files(&["sandbox", "harness", "tests", "attacks", "docs"], Some(kind)) {
            for (at, line) in read(&file).lines().enumerate() {
                if marks.iter().any(|mark| line.contains(mark)) {
                    breaches.push(format!("{}:{} {}", file.display(), at + 1, line.trim()));
                }
            }
        }
    }
    hold("What is left to do is an issue, or a sentence in the limits of the README.", &breaches);
}

#[test]
fn processes_are_started_in_the_known_places() {
    let mut breaches = Vec::new();
    for file in product() {
        let text = read(&file);
        let starts = code(untested(&text)).any(|(_, line)| line.contains("Command::new("));
        let known = STARTERS.iter().any(|known| file == Path::new(known));
        if starts && !known {
            breaches.push(format!("{} starts a process", file.display()));
        } else if known && !starts {
            breaches.push(format!("{} is on the list and starts none", file.display()));
        }
    }
    hold(
        "Who starts processes is a short list, because each of them is a place to attack.",
        &breaches,
    );
}

#[test]
fn what_the_kernel_says_of_processes_is_read_in_one_place() {
    // Nobody but the administrator and the kernel chooses what these say.
    const PLAIN: [&str; 2] = ["/proc/sys/", "/proc/filesystems"];
    let mut breaches = Vec::new();
    for file in product() {
        for (number, line) in code(untested(&read(&file))) {
            let plain = PLAIN.iter().any(|plain| line.contains(plain));
            if line.contains("read_to_string(") && line.contains("\"/proc/") && !plain {
                breaches.push(format!("{}:{number} reads by itself", file.display()));
            }
        }
    }
    hold(
        "A process gives itself any name, also one that is no text, and a reader of text overlooks \
         it: `host::kernel_file` does not.",
        &breaches,
    );
}

#[test]
fn the_sandbox_clones_mounts_and_sets_their_propagation_in_one_place() {
    const PLACE: &str = "sandbox/src/sys/mount.rs";
    const WORDS: [&str; 5] =
        ["OPEN_TREE_CLONE", "mount_change(", "MS_PRIVATE", "mount_bind", "MS_SLAVE"];
    let mut breaches = Vec::new();
    for file in product().iter().filter(|file| file.starts_with("sandbox/src")) {
        if file == Path::new(PLACE) {
            continue;
        }
        for (number, line) in code(untested(&read(file))) {
            if WORDS.iter().any(|word| line.contains(word)) {
                breaches.push(format!("{}:{number} does so too", file.display()));
            }
        }
    }
    hold(
        "A clone is a peer of what it was made of, and the host's where that is shared: so all are \
         made in sys/mount.rs, which makes them private.",
        &breaches,
    );
}

#[test]
fn types_are_serialised_in_the_known_places() {
    let mut breaches = Vec::new();
    for file in product() {
        let text = read(&file);
        let derives = code(untested(&text))
            .any(|(_, line)| line.contains("derive(") && line.contains("erialize"));
        if derives && !SERIALISED.iter().any(|known| file == Path::new(known)) {
            breaches.push(format!("{} derives a form for the outside", file.display()));
        }
    }
    hold(
        "The forms that others read are in few files, so that a change of one is seen.",
        &breaches,
    );
}
