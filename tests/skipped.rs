//! Tests that cannot be tried here: each says why, and `tests/closing.rs` counts them at the end.

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;

/// Says why the test that asks is skipped, and writes it down for the closing lines.
pub(crate) fn note(why: impl Display) {
    eprintln!("skipped: {why}");
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("{name}\t{why}").replace('\n', " ");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(place());
    // Whoever cannot write it down has said it.
    let _ = file.and_then(|mut file| writeln!(file, "{line}"));
}

/// Where the tests of one call of cargo write: beside them, by the process that started them all.
pub(crate) fn place() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let caller = std::os::unix::process::parent_id();
    program.with_file_name(format!("skipped-{caller}"))
}
