//! The way of somebody who brings an attack: new, edit, check, run, update, see what has changed.

use std::time::Instant;

use crate::workplace::{LEVELS, Workplace, is_able};

#[test]
fn a_newcomer_gets_from_an_idea_to_a_report_in_five_commands() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python", "secrets/netrc-read"]);
    place.write("reports/.keep", "");
    let timed = |args: &[&str], expected: i32| {
        let began = Instant::now();
        let levels = if args[0] == "run" { &LEVELS[..] } else { &[] };
        let (status, out, err) = place.run(&[args, levels].concat());
        assert_eq!(status, expected, "{args:?}: {out}{err}");
        eprintln!("harness {}: {:?}", args.join(" "), began.elapsed());
        out
    };
    timed(&["run", "--update"], 0);
    place.write("before.json", &place.read("reports/root/own.json"));
    timed(&["new", "secrets/pypirc-read"], 0);
    let manifest = "attacks/secrets/pypirc-read/attack.toml";
    place.write(
        manifest,
        &place.read(manifest).replace("{home}/.config/service/token", "{home}/.pypirc"),
    );
    timed(&["check"], 0);
    let out = timed(&["run", "-E", "secrets/pypirc-read"], 0);
    assert!(out.contains("secrets/pypirc-read: is new"), "{out}");
    timed(&["run", "-E", "secrets/pypirc-read", "--update"], 0);
    let out = timed(&["diff", "before.json", "reports/root/own.json"], 13);
    assert!(out.contains("secrets/pypirc-read: is new"), "{out}");
    let out = timed(&["run", "-E", "secrets/pypirc-read", "--check"], 0);
    assert!(out.contains("all as expected"), "{out}");
}
