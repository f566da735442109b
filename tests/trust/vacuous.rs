//! Attacks that prove nothing never count as blocked.

use crate::workplace::{LEVELS, Workplace, is_able};

#[test]
fn an_attack_that_never_bites_and_one_that_crashes_first_are_vacuous_and_harm_no_other() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python", "secrets/netrc-read"]);
    place.attack("never-bites", "10s", "    kit.mark(\"open\")\n");
    let crash = "    raise RuntimeError(\"before anything was tried\")\n    kit.mark(\"open\")\n";
    place.attack("crashes-first", "10s", crash);
    let (status, out, err) = place.run(&[&["run"], &LEVELS[..]].concat());
    assert_eq!(status, 12, "{out}{err}");
    for level in ["none", "network", "full"] {
        for slug in ["never-bites", "crashes-first"] {
            let cell = place.cell("own", &format!("files/{slug}"), level);
            assert_eq!(cell, ("error".to_owned(), "vacuous".to_owned()), "{slug} at {level}");
        }
    }
    assert!(out.contains("not shown to work at its control level"), "{out}");
    assert!(out.contains("the build said: RuntimeError: before anything was tried"), "{out}");
    let cell = place.cell("own", "secrets/netrc-read", "full");
    assert_eq!(cell, ("blocked".to_owned(), "ok".to_owned()));
}
