//! How a call ends is decided in one place: `ending` of the sandbox. Elsewhere stand no exit statuses
//! and no ends.

use std::path::{Path, PathBuf};

use crate::sources::{code, product, untested};
use crate::tree::{hold, read};
use crate::words::quoted_length;

/// Where it is decided.
const PLACE: &str = "sandbox/src/ending";

/// The statuses that are the program's own.
const STATUSES: [&str; 5] = ["123", "124", "125", "126", "127"];

/// How the number of a signal becomes one.
const OF_SIGNALS: [&str; 2] = ["128 +", "_add(128)"];

/// Files in which such a number is something else.
const OTHER_NUMBERS: [(&str, &str); 2] = [
    ("sandbox/src/harvest/archive/tar.rs", "where a field of a header begins"),
    ("sandbox/src/policy/syscalls/numbers.rs", "the numbers of system calls"),
];

/// Files that name an end without choosing one.
const READERS: [(&str, &str); 3] = [
    ("sandbox/src/wire.rs", "writes one down"),
    ("sandbox/src/wire/answer.rs", "reads one that was written down"),
    ("sandbox/src/why/findings.rs", "tells the switch of one"),
];

fn elsewhere() -> impl Iterator<Item = PathBuf> {
    let files = product().into_iter();
    files.filter(|file| file.starts_with("sandbox") && !file.to_str().unwrap().starts_with(PLACE))
}

fn is_known(file: &Path, known: &[(&str, &str)]) -> bool {
    known.iter().any(|(known, _)| file == Path::new(known))
}

/// The lines of code that choose a status, by their numbers. Texts in quotes choose none.
fn statuses(text: &str) -> Vec<usize> {
    let bare = without_quoted(untested(text));
    let lines = code(&bare).filter(|(_, line)| {
        let inside = |it: char| it.is_alphanumeric() || it == '_';
        line.split(|it| !inside(it)).any(is_status) || OF_SIGNALS.iter().any(|it| line.contains(it))
    });
    lines.map(|(number, _)| number).collect()
}

/// A text of Rust whose texts in quotes are empty; its lines stay.
fn without_quoted(text: &str) -> String {
    let (mut bare, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            // What stands in a comment is for people; a quote there begins no text.
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => {
                let length = quoted_length(rest);
                bare.extend(rest[..length].chars().filter(|it| *it == '\n'));
                rest = &rest[length..];
                continue;
            }
            '\'' if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") => 3,
            _ => first.len_utf8(),
        };
        bare.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    bare
}

/// Whether it is one of the statuses, with its type or without.
fn is_status(word: &str) -> bool {
    let number = word.split('_').next().unwrap_or_default();
    STATUSES.iter().any(|status| {
        number == *status || word.strip_prefix(status).is_some_and(|it| it.starts_with(['i', 'u']))
    })
}

#[test]
fn no_exit_status_is_decided_elsewhere() {
    let mut breaches = Vec::new();
    for file in elsewhere() {
        let found = statuses(&read(&file));
        if !is_known(&file, &OTHER_NUMBERS) {
            let told = found.into_iter().map(|line| format!("{}:{line} has one", file.display()));
            breaches.extend(told);
        } else if found.is_empty() {
            breaches.push(format!("{} is listed and has no such number", file.display()));
        }
    }
    hold("An exit status is chosen by `ending`, and others name its constants.", &breaches);
}

#[test]
fn no_end_is_made_elsewhere() {
    let mut breaches = Vec::new();
    for file in elsewhere() {
        let text = read(&file);
        let mut found = code(untested(&text)).filter(|(_, line)| {
            line.match_indices("End::").any(|(at, _)| {
                let before = line[..at].chars().next_back().unwrap_or(' ');
                let behind = line[at + 5..].chars().next().unwrap_or(' ');
                !before.is_alphanumeric() && behind.is_ascii_uppercase()
            })
        });
        if is_known(&file, &READERS) {
            if found.next().is_none() {
                breaches.push(format!("{} is listed and names no end", file.display()));
            }
            continue;
        }
        breaches.extend(found.map(|(line, _)| format!("{}:{line} names an end", file.display())));
    }
    hold("What happened is noted as a fact, and `ending::decide` makes an end of it.", &breaches);
}

#[test]
fn a_status_is_seen_however_it_is_written() {
    for line in ["exit(125)", "x == 128 + n", "let a = 124_u8;", "f(127i32)", "n.wrapping_add(128)"]
    {
        assert_eq!(statuses(line), [1], "{line}");
    }
    let quoted = "say(\"exits with \\\"125\\\"\n  125\")";
    for line in [quoted, "0x125", "1250", "pid_125", "let a = 12;", "// 125", "128 << 10", "'\"' "]
    {
        assert!(statuses(line).is_empty(), "{line}");
    }
    assert_eq!(statuses("a(\"1\n2\")\nexit(125)"), [3]);
}
