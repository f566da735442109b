//! The same bytes, whoever runs the trials, where, when, in which order and in how many parts.

use std::path::PathBuf;

use crate::workplace::{LEVELS, Workplace, ended, is_able};

/// Something of every kind of oracle, and enough for three shards.
const ENTRIES: [&str; 7] = [
    "benign/pure-python",
    "artefacts/wheel-symlink",
    "files/pth-backdoor",
    "network/tcp-exfil",
    "privileges/nested-userns",
    "remnants/daemon-survives",
    "secrets/netrc-read",
];
/// What a run writes, each with a word that stands in it.
const FILES: [(&str, &str); 4] = [
    ("root/own.json", "netrc-read"),
    ("MATRIX.md", "root/MATRIX.md"),
    ("root/MATRIX.md", "netrc-read"),
    ("index.html", "netrc-read"),
];

/// Where the front end was fetched to; another home has another cache, and no network.
fn cache() -> PathBuf {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    named.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cache"))
}

#[test]
fn reports_have_the_same_bytes_in_any_order_surroundings_and_number_of_parts() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&ENTRIES);
    let (status, out, err) =
        place.run(&[&["run", "-j", "1", "--out", "one"], &LEVELS[..]].concat());
    assert_eq!(status, 0, "{out}{err}");

    let elsewhere = place.path().join("another place ü");
    std::fs::create_dir(&elsewhere).unwrap();
    let mut other = place
        .harness(&[&["run", "-j", "8", "--shuffle", "7", "--out", "two"], &LEVELS[..]].concat());
    other.env("TMPDIR", &elsewhere).env("HOME", &elsewhere).env("XDG_CACHE_HOME", cache());
    other.env("TZ", "Pacific/Kiritimati").env("LC_ALL", "tr_TR.UTF-8").env("LANG", "tr_TR.UTF-8");
    let (status, out, err) = ended(other.output().unwrap());
    assert_eq!(status, 0, "{out}{err}");
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0, "nothing is left there");

    for share in ["1", "2", "3"] {
        let slice = format!("slice:{share}/3");
        let args = [&["run", "--partition", &slice, "--out", share], &LEVELS[..]].concat();
        let (status, out, err) = place.run(&args);
        assert_eq!(status, 0, "{out}{err}");
    }
    let (status, out, err) = place.run(&["merge", "3", "1", "2", "--out", "three"]);
    assert_eq!(status, 0, "{out}{err}");
    for (file, word) in FILES {
        let first = place.read(&format!("one/{file}"));
        assert!(first.contains(word), "{file} says something");
        for other in ["two", "three"] {
            assert!(
                place.read(&format!("{other}/{file}")) == first,
                "{file} of {other} is another"
            );
        }
    }
}
