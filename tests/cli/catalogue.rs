//! `list`, `show` and `check`.

use crate::checkout::Checkout;

#[test]
fn the_catalogue_is_listed_as_a_table() {
    insta::assert_snapshot!("list", Checkout::new().harness(&["list"]).out);
}

#[test]
fn an_expression_shortens_the_list() {
    let end = Checkout::new().harness(&["list", "-E", "layer(identity)"]);
    assert!(end.out.contains("secrets/netrc-read") && !end.out.contains("files/cron-drop"));
}

#[test]
fn a_list_as_json_has_every_entry() {
    let end = Checkout::new().harness(&["list", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&end.out).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert_eq!(listed[1]["expected"]["full"], "blocked");
}

#[test]
fn an_attack_is_shown_with_what_is_expected_and_what_was_seen() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    let end = checkout.harness(&["show", "secrets/netrc-read"]);
    assert_eq!(end.status, 0);
    let root = checkout.path().to_str().unwrap();
    let text = end.out.replace(root, "ROOT");
    let fixture = text.lines().find(|line| line.starts_with("fixture")).unwrap().to_owned();
    assert_eq!(fixture.len(), "fixture     sha256:".len() + 12);
    insta::assert_snapshot!("show", text.replace(&fixture, "fixture     DIGEST"));
}

#[test]
fn an_unknown_attack_is_answered_with_the_nearest() {
    let end = Checkout::new().harness(&["show", "secrets/netrc-raed"]);
    assert_eq!(end.status, 2);
    assert!(end.err.contains("did you mean `secrets/netrc-read`?"), "{end:?}");
}

#[test]
fn a_catalogue_without_a_mistake_says_so() {
    let end = Checkout::new().harness(&["check"]);
    assert_eq!((end.status, end.out.as_str()), (0, "2 attacks and 1 honest build: no mistake\n"));
}

#[test]
fn a_back_end_that_is_no_python_is_a_mistake_with_its_line() {
    let checkout = Checkout::new();
    checkout.write("attacks/files/cron-drop/backend.py", "kit.mark(\"open\")\ndef build(:\n");
    let end = checkout.harness(&["check"]);
    assert_eq!(end.status, 3, "{end:?}");
    let told = "attacks/files/cron-drop/backend.py:2:11: error[E0407]: ";
    assert!(end.err.starts_with(told) && end.err.ends_with("harness: 1 mistake\n"), "{end:?}");
    let one = checkout.harness(&["check", "attacks/secrets/netrc-read"]);
    assert_eq!(one.status, 0, "{one:?}");
}

#[test]
fn an_unknown_name_is_answered_without_all_that_are_known() {
    for args in [&["show", "secrets/nothing-like-it"][..], &["run", "-E", "id(x/nothing)"]] {
        let end = Checkout::new().harness(args);
        assert!(end.status == 2 && end.err.contains("`harness list` shows"), "{end:?}");
        assert!(!end.err.contains("files/cron-drop"), "{end:?}");
    }
    let near = Checkout::new().harness(&["show", "netrc-raed"]);
    assert!(near.err.contains("did you mean `secrets/netrc-read`?"), "{near:?}");
}

#[test]
fn every_mistake_is_told_with_file_line_code_and_remedy() {
    let checkout = Checkout::new();
    checkout.attack("files/cron-drop", "[\"mount\"]");
    checkout.attack("secrets/netrc-read", "[]");
    for args in [&["check"][..], &["run"], &["list"]] {
        let end = checkout.harness(args);
        assert_eq!(end.status, 3, "{args:?}");
        insta::assert_snapshot!("mistakes", end.err);
    }
}

#[test]
fn one_attack_can_be_checked_alone() {
    let checkout = Checkout::new();
    checkout.attack("files/cron-drop", "[\"mount\"]");
    for (path, status) in [
        ("attacks/files/cron-drop", 3),
        ("attacks/files/cron-drop/attack.toml", 3),
        ("attacks/secrets/netrc-read", 0),
        ("attacks", 3),
    ] {
        assert_eq!(checkout.harness(&["check", path]).status, status, "{path}");
    }
}

#[test]
fn the_workspace_is_found_from_below() {
    let checkout = Checkout::new();
    let below = checkout.path().join("attacks/files/cron-drop");
    assert_eq!(checkout.from(below, &["check"], None).status, 0);
}

#[test]
fn a_folder_from_elsewhere_is_added() {
    let (checkout, other) = (Checkout::new(), Checkout::new());
    std::fs::remove_dir_all(other.path().join("attacks")).unwrap();
    other.attack("files/pth", "[\"mounts\"]");
    let dir = other.path().join("attacks");
    let end = checkout.harness(&["list", "--catalogue", dir.to_str().unwrap()]);
    assert!(end.out.contains("files/pth") && end.out.contains("files/cron-drop"), "{end:?}");
}

#[test]
fn a_new_attack_passes_the_check_and_is_never_overwritten() {
    let checkout = Checkout::new();
    let end = checkout.harness(&["new", "files/plant-a-hook"]);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(end.out.starts_with("attacks/files/plant-a-hook: edit"), "{end:?}");
    let end = checkout.harness(&["check"]);
    assert_eq!((end.status, end.out.as_str()), (0, "3 attacks and 1 honest build: no mistake\n"));
    assert_eq!(checkout.harness(&["new", "files/plant-a-hook"]).status, 2);
    for (id, told) in [
        ("plant", "is no id"),
        ("files/", "is no id"),
        ("files/../x", "is no id"),
        ("filez/x", "did you mean `files`?"),
    ] {
        let end = checkout.harness(&["new", id]);
        assert!(end.status == 2 && end.err.contains(told), "{id}: {end:?}");
    }
}

#[test]
fn every_target_that_ships_can_be_read() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let end = Checkout::new().from(root.into(), &["check"], None);
    assert!(!end.err.contains("harness/targets"), "{end:?}");
}

#[test]
fn mistakes_can_be_had_as_json() {
    let checkout = Checkout::new();
    assert_eq!(checkout.harness(&["check", "--json"]).out, "[]\n");
    checkout.attack("files/cron-drop", "[\"mount\"]");
    let end = checkout.harness(&["check", "--json"]);
    assert_eq!(end.status, 3);
    let found: serde_json::Value = serde_json::from_str(&end.out).unwrap();
    assert_eq!(found[0]["code"], "E0301");
    assert_eq!(found[0]["file"], "attacks/files/cron-drop/attack.toml");
    assert_eq!(
        (&found[0]["line"], &found[0]["help"]),
        (&6.into(), &"did you mean `mounts`?".into())
    );
}

#[test]
fn a_manifest_drives_no_terminal_by_its_mistakes() {
    let checkout = Checkout::new();
    let hostile = "schema = 1\ntitle = \u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}\n";
    checkout.write("attacks/files/cron-drop/attack.toml", hostile);
    let end = checkout.harness(&["check"]);
    assert_eq!(end.status, 3);
    assert!(!end.err.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{end:?}");
}

#[test]
fn a_new_attack_is_told_with_the_command_that_includes_it() {
    let checkout = Checkout::new();
    assert_eq!(checkout.harness(&["run", "--update"]).status, 0);
    assert!(!checkout.harness(&["check"]).out.contains("not in the committed reports"));
    checkout.attack("secrets/of-mine", "[\"mounts\"]");
    let told = "not in the committed reports yet: secrets/of-mine; `harness run -E \
                'id(secrets/of-mine)' --update` includes what is new\n";
    for args in [&["check"][..], &["check", "attacks/secrets/of-mine"]] {
        let end = checkout.harness(args);
        assert!(end.status == 0 && end.out.ends_with(told), "{end:?}");
    }
    let command = ["run", "-E", "id(secrets/of-mine)", "--update"];
    assert_eq!(checkout.harness(&command).status, 0);
    assert!(!checkout.harness(&["check"]).out.contains("not in the committed reports"));
}

#[test]
fn coverage_is_told_to_programs() {
    let end = Checkout::new().harness(&["coverage", "--json"]);
    let mut answer: serde_json::Value = serde_json::from_str(&end.out).unwrap();
    // The lists are long, and held against the catalogue elsewhere.
    for list in ["incidents", "probes", "rows"] {
        let all = answer[list].as_array_mut().unwrap();
        all.truncate(1);
    }
    insta::assert_snapshot!("coverage", serde_json::to_string_pretty(&answer).unwrap());
}
