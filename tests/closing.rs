//! The closing lines of `cargo test`: how many tests were skipped, and why. It comes last by its name.
#![forbid(unsafe_code)]

#[allow(dead_code, reason = "nothing is skipped here")]
#[path = "skipped.rs"]
mod skipped;

use std::collections::{BTreeMap, BTreeSet};

fn main() {
    let file = skipped::place();
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    print!("{}", told(&text));
    // It is of this call of cargo alone.
    let _ = std::fs::remove_file(file);
    checked();
}

/// The lines; a test that was skipped for two reasons counts once for each.
fn told(text: &str) -> String {
    let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut all = BTreeSet::new();
    for line in text.lines() {
        let Some((name, why)) = line.split_once('\t') else { continue };
        reasons.entry(why).or_default().insert(name);
        all.insert(name);
    }
    if all.is_empty() {
        return "\nno test was skipped\n".to_owned();
    }
    let mut out = format!("\nskipped and counted as passed: {}\n", plural(all.len()));
    for (why, names) in reasons {
        out.push_str("    ");
        out.push_str(&plural(names.len()));
        out.push_str(": ");
        out.push_str(why);
        out.push('\n');
    }
    out + "REQUIRE_ISOLATION=1 makes these failures where what is missing can be had\n"
}

fn plural(count: usize) -> String {
    if count == 1 { "1 test".to_owned() } else { format!("{count} tests") }
}

/// This has no test harness, so it looks after itself.
fn checked() {
    assert_eq!(told(""), "\nno test was skipped\n");
    let text = "a\tno root\nb\tno root\nb\tno root\nc\tno git\n";
    let lines =
        "\nskipped and counted as passed: 3 tests\n    1 test: no git\n    2 tests: no root\n";
    assert!(told(text).starts_with(lines), "{}", told(text));
}
