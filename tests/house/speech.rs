//! Whatever text leaves `bulkhead` goes through the one module that frees it of commands.

use std::path::Path;

use crate::sources::{code, product, untested};
use crate::tree::{hold, read};

/// The files that write to the caller, or hand a payload what it writes to.
const SPEAKERS: [(&str, &str); 3] = [
    ("sandbox/src/plain/speech.rs", "what the program says itself"),
    ("sandbox/src/launch/streams.rs", "what the payload says, made plain on the way"),
    ("sandbox/src/layers/mounts.rs", "names of device files, nothing that is written"),
];

/// What writes to standard output or error, or gets hold of either.
const WAYS: [&str; 9] = [
    "stdout()",
    "stderr()",
    "print!(",
    "println!(",
    "dbg!(",
    ".print()",
    "print_exit(",
    "\"/dev/std",
    "\"/proc/self/fd/1",
];

#[test]
fn nothing_is_said_past_the_one_module_that_makes_it_plain() {
    let mut breaches = Vec::new();
    for file in product().iter().filter(|file| file.starts_with("sandbox")) {
        let text = read(file);
        // A question to `clap`, which writes nothing.
        let writes = |line: &str| line.replace("use_stderr()", "");
        let ways: Vec<_> = code(untested(&text))
            .filter(|(_, line)| WAYS.iter().any(|way| writes(line).contains(way)))
            .map(|(number, _)| number)
            .collect();
        let known = SPEAKERS.iter().any(|(known, _)| file == Path::new(known));
        for number in ways.iter().filter(|_| !known) {
            breaches.push(format!("{}:{number} writes past `plain`", file.display()));
        }
        if known && ways.is_empty() {
            breaches.push(format!("{} is on the list and says nothing", file.display()));
        }
    }
    hold("Text leaves the program by `say` and `print` of sandbox/src/plain/speech.rs.", &breaches);
}

/// Nouns that are counted.
const COUNTED: [&str; 21] = [
    "accounts",
    "attacks",
    "builds",
    "bytes",
    "calls",
    "cells",
    "directories",
    "entries",
    "files",
    "gaps",
    "groups",
    "layers",
    "members",
    "mistakes",
    "names",
    "pages",
    "processes",
    "reports",
    "sandboxes",
    "trials",
    "words",
];

/// What stands before or behind a number that is never one, or where none is counted.
const NEVER_ONE: [&str; 7] = [
    "more than",
    "larger than",
    "longer than",
    "at most",
    "exactly one",
    "which must be there once",
    "lacks calls",
];

#[test]
fn a_noun_is_put_in_the_plural_by_one_function() {
    let mut breaches = Vec::new();
    for file in product() {
        let text = read(&file);
        for (number, line) in code(untested(&text)) {
            let is_plural = |rest: &str| {
                let is_word = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
                let words = rest.split(' ').take(2).take_while(is_word);
                let bare =
                    |word: &str| word.trim_end_matches(|c: char| !c.is_alphabetic()).to_owned();
                words.map(bare).any(|word| COUNTED.contains(&word.as_str()))
            };
            let behind = line.match_indices("} ").map(|(at, _)| &line[at + 2..]);
            // A word that was put in, and not a number, may stand before the verb `names`.
            let found =
                behind.filter(|rest| !rest.starts_with("names ") && is_plural(rest)).count();
            if found > 0 && !NEVER_ONE.iter().any(|known| line.contains(known)) {
                breaches.push(format!("{}:{number} counts by itself", file.display()));
            }
        }
    }
    hold("`plural` of sandbox/src/plain/plural.rs counts: nobody reads of 1 attacks.", &breaches);
}
