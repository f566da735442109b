//! Times of attacks: stretched on a slow machine, and looked at where waiting is the attack.

use std::fs;
use std::path::{Path, PathBuf};

use crate::entry::Attacks;

/// Everything in Python that waits for a number of seconds, up to that number.
const WAITS: [&str; 5] = ["sleep(", "settimeout(", "timeout=", "join(", "deaf_child("];

fn backends() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../attacks");
    let folders = |dir: &Path| -> Vec<PathBuf> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let entries = folders(&root).into_iter().filter(|path| path.is_dir());
    let entries = entries.flat_map(|guarantee| folders(&guarantee));
    entries.map(|entry| entry.join("backend.py")).filter(|file| file.exists()).collect()
}

/// The times of a text that a slow machine does not stretch.
fn fixed(text: &str) -> Vec<&str> {
    let waits_for_a_number = |line: &&str| {
        WAITS.iter().any(|call| {
            line.split(call).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        })
    };
    text.lines().filter(waits_for_a_number).collect()
}

#[test]
fn every_time_in_a_back_end_is_stretched_on_a_slow_machine() {
    assert_eq!(fixed("time.sleep(3)\nconnect(a, timeout=2)\ntime.sleep(kit.seconds(3))").len(), 2);
    let backends = backends();
    assert!(backends.len() > 200, "{}", backends.len());
    for file in backends {
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(fixed(&text), Vec::<&str>::new(), "{}: use kit.seconds", file.display());
    }
}

#[test]
fn an_attack_that_waits_needs_somebody_who_looks_at_the_time() {
    let waiting = Attacks::with_manifest("marks ", "waits = true\nmarks ");
    let told = waiting.open().unwrap_err().iter().map(|it| it.message.clone()).collect::<Vec<_>>();
    assert_eq!(told, ["`waits` is set, and no oracle looks at the time"]);
    let clock = "[[oracle]]\nid = \"late\"\nkind = \"hook-outlived-deadline\"\n[[oracle]]";
    let looked_at =
        Attacks::with_manifest("marks ", "limits = { timeout = \"1s\" }\nwaits = true\nmarks ");
    let manifest = looked_at.path().join("secrets/netrc-read/attack.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replacen("[[oracle]]", clock, 1)).unwrap();
    assert!(looked_at.open().unwrap().get("secrets/netrc-read").unwrap().run.waits);
}
