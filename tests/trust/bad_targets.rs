//! Sandboxes that hang, flood, leave at once, or kill whoever started them.

use crate::workplace::{Workplace, is_able};

/// Each with a command that never runs the hook.
const TARGETS: [(&str, &str); 4] = [
    ("hangs", "exec sleep 600"),
    ("floods", "exec yes \"$(printf '\\\\033]0;owned\\\\007::set-output name=key::word')\""),
    ("leaves", "exit 0"),
    ("kills", "kill -KILL $PPID; exec sleep 600"),
];

#[test]
fn a_target_in_which_nothing_builds_blocks_nothing_and_harms_no_other() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python", "secrets/netrc-read"]);
    for entry in ["benign/pure-python", "secrets/netrc-read"] {
        let manifest = format!("attacks/{entry}/attack.toml");
        let text =
            place.read(&manifest).replace("\"30s\"", "\"15s\"").replace("\"10s\"", "\"15s\"");
        place.write(&manifest, &text);
    }
    let mut args = vec!["run", "-j", "3", "-t", "own@full"];
    for (name, script) in TARGETS {
        let target = format!(
            "name = \"{name}\"\ntitle = \"It {name}\"\nsource = \"https://example.invalid/\"\n\
             layers = [\"mounts\"]\nargv = [\"/bin/sh\", \"-c\", {script:?}, \"sh\", \"{{argv}}\"]\n"
        );
        place.write(&format!("harness/targets/{name}/target.toml"), &target);
        args.extend(["-t", name]);
    }
    let (status, out, err) = place.run(&args);
    assert_eq!(status, 21, "{out}{err}");
    assert!(!out.contains('\u{1b}') && !out.contains("\n::"), "{out:?}");
    for (name, _) in TARGETS {
        let honest = place.cell(name, "benign/pure-python", "full");
        assert_eq!(honest, ("error".to_owned(), "error".to_owned()), "{name}: {out}");
        let attack = place.cell(name, "secrets/netrc-read", "full");
        // A process that outlives the front end is an escape of its own. What is cut off is none.
        let seen = if name == "kills" { "escaped" } else { "error" };
        assert_eq!(attack.0, seen, "{name}: {out}");
        let control = place.cell(name, "secrets/netrc-read", "none");
        assert_eq!(control, ("escaped".to_owned(), "ok".to_owned()), "{name}");
    }
    let own = place.cell("own", "secrets/netrc-read", "full");
    assert_eq!(own, ("blocked".to_owned(), "ok".to_owned()), "{out}");
    let record = place.read("target/harness/run.json");
    assert!(record.len() < 512 * 1024, "the flood is cut off: {} bytes", record.len());
}
