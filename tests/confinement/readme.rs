//! The example with which the README begins, run as it stands there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::machine::{built, directory};

/// A command and what it prints.
type Shown = (String, String);

/// The example of the README.
fn example() -> Vec<Shown> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("README.md");
    let text = fs::read_to_string(file).unwrap();
    let (_, rest) = text.split_once("<!-- example:begin -->\n```console\n").unwrap();
    let (block, _) = rest.split_once("```\n<!-- example:end -->").unwrap();
    let mut shown: Vec<Shown> = Vec::new();
    for line in block.lines() {
        match line.strip_prefix("$ ") {
            Some(command) => shown.push((command.to_owned(), String::new())),
            None => shown.last_mut().unwrap().1.extend([line, "\n"]),
        }
    }
    shown
}

#[test]
fn the_readme_begins_with_what_really_happens() {
    let example = example();
    let (place, home) = (directory(), tempfile::tempdir().unwrap());
    let [(shows, source), (_, secret), (isolated, _)] = example.as_slice() else {
        panic!("the example has three commands: {example:?}");
    };
    assert!(shows == "cat setup.py" && isolated.starts_with("bulkhead run "), "{example:?}");
    fs::write(place.path().join("setup.py"), source).unwrap();
    fs::write(home.path().join(".netrc"), secret).unwrap();
    let programs = Path::new(built()).parent().unwrap().display().to_string();
    for (command, wanted) in &example {
        let output = Command::new("/bin/sh")
            .args(["-c", command])
            .current_dir(place.path())
            .env_clear()
            .env("HOME", home.path())
            .env("PATH", format!("{programs}:/usr/local/bin:/usr/bin:/bin"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), *wanted, "{command}");
    }
}
