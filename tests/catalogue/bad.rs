//! One bad entry for each code, and the answer it gets.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use harness::catalogue::diagnostic::{Code, document};

use crate::entry::{Attacks, BACKEND, MANIFEST, PYPROJECT};

/// A bad folder of attacks for every code.
fn bad(code: Code) -> Attacks {
    let with = Attacks::with_manifest;
    match code {
        Code::Unreadable => {
            let attacks = with("", "");
            let backend = attacks.path().join("secrets/netrc-read/backend.py");
            std::fs::write(backend, b"x = '\xff'\n").unwrap();
            attacks
        }
        Code::Syntax => with("schema     = 1", "schema = = 1\nid = \"\nx"),
        Code::Schema => with("schema     = 1", "schema = 2"),
        Code::UnknownKey => with("title ", "titel = \"x\"\ntitle "),
        Code::MissingKey => with("timeout = \"10s\"\n", ""),
        Code::WrongType => with("[\"build_wheel\"]", "\"build_wheel\""),
        Code::BadValue => with("\"high\"", "\"hihg\""),
        Code::Duplicate => with("[\"open-netrc\"]", "[\"open-netrc\", \"open-netrc\"]"),
        Code::IdNotPath => with("netrc-read", "netrc"),
        // Python itself is asked, by the command alone: see `tests/cli/catalogue.rs`.
        Code::IdReused | Code::Python => with("", ""),
        Code::UnknownFolder => {
            let attacks = with("", "");
            attacks.write("secret/netrc/attack.toml", "");
            attacks
        }
        Code::NoManifest => {
            let attacks = with("", "");
            std::fs::remove_file(attacks.path().join("secrets/netrc-read/attack.toml")).unwrap();
            attacks
        }
        Code::UnknownLayer => with("\"mounts\"", "\"mount\""),
        Code::StoppedByNothing => with("[\"identity\", \"mounts\"]", "[]"),
        Code::NoMarks => with("[\"open-netrc\"]", "[]"),
        Code::NoOracle => with(
            "[[oracle]]\nid = \"token-in-wheel\"\nkind = \"canary-in-artefact\"\nplant = \"netrc\"",
            "",
        ),
        Code::OnNothing => with("plant = \"netrc\"", "plant = \"netrcs\""),
        Code::PlantUnused => {
            with("[[oracle]]", "[[plant]]\nid = \"x\"\nkind = \"sysv-shm\"\n[[oracle]]")
        }
        Code::ControlBlocked => with("marks ", "levels = [\"full\"]\nmarks "),
        Code::MarkApart => with("[\"open-netrc\"]", "[\"open-netrc\", \"never-sent\"]"),
        Code::BuildSystem => {
            let attacks = with("", "");
            attacks.write("secrets/netrc-read/pyproject.toml", "[build-system]\nrequires = []\n");
            attacks
        }
        Code::BuildRequires => {
            let attacks = with("", "");
            let text = PYPROJECT.replace("[]", "[\"setuptools\"]");
            attacks.write("secrets/netrc-read/pyproject.toml", &text);
            attacks
        }
        Code::LeavesTree => {
            let attacks = with("", "");
            let link = attacks.path().join("secrets/netrc-read/out");
            symlink("/etc/passwd", link).unwrap();
            attacks
        }
        Code::Address => backend("connect((\"203.0.113.7\", 80))"),
        Code::FixedTmp => backend("open(\"/tmp/marker\", \"w\")"),
        Code::SecretShaped => backend("key = \"AKIA0123456789ABCDEF\""),
    }
}

fn backend(line: &str) -> Attacks {
    let attacks = Attacks::with_manifest("", "");
    attacks.write("secrets/netrc-read/backend.py", &format!("{BACKEND}\n{line}\n"));
    attacks
}

#[test]
fn every_code_has_an_entry_that_earns_it_alone() {
    let mut printed = String::new();
    for code in Code::ALL {
        let attacks = bad(code);
        if matches!(code, Code::IdReused | Code::Python) {
            // One folder cannot hold two entries of one name; two folders can.
            continue;
        }
        let found = attacks.open().expect_err(code.number());
        let codes: BTreeSet<_> = found.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(codes, BTreeSet::from([code]), "{}", attacks.mistakes());
        printed.push_str(&attacks.mistakes());
    }
    insta::assert_snapshot!("every_code", printed);
}

/// What beginners get wrong, and the sentence that each mistake earns.
#[rstest::rstest]
#[case::no_back_end(
    "pyproject.toml",
    "backend\"",
    "other\"",
    "there is no back end: the tree has no module `other`"
)]
#[case::mark_of_the_back_end("backend.py", "open-netrc", "open-netr", "did you mean `open-netrc`?")]
#[case::mark_of_the_manifest(
    "attack.toml",
    "[\"open-netrc\"]",
    "[\"open-netrc\", \"x\"]",
    "no back end sends the mark `x`"
)]
#[case::plant(
    "backend.py",
    "kit.mark(",
    "kit.plant(\"netr\")\n    kit.mark(",
    "did you mean `netrc`?"
)]
#[case::technique("attack.toml", "T1552.001", "T9552.001", "`T9552.001` is no entry for `attack`")]
#[case::part_of_a_technique(
    "attack.toml",
    "T1552.001",
    "T1552.1",
    "`T1552.1` is no entry for `attack`"
)]
#[case::weakness("attack.toml", "CWE-522", "CWE-99999", "`CWE-99999` is no entry for `cwe`")]
fn what_beginners_get_wrong_is_told_with_what_to_do(
    #[case] file: &str,
    #[case] right: &str,
    #[case] wrong: &str,
    #[case] told: &str,
) {
    let attacks = Attacks::with_manifest("", "");
    let place = format!("secrets/netrc-read/{file}");
    let text = std::fs::read_to_string(attacks.path().join(&place)).unwrap();
    assert!(text.contains(right), "{text}");
    attacks.write(&place, &text.replacen(right, wrong, 1));
    attacks.open().expect_err(file);
    let mistakes = attacks.mistakes();
    assert!(mistakes.contains(told) && mistakes.contains(file), "{mistakes}");
}

#[test]
fn an_id_cannot_be_used_in_two_folders() {
    let (one, two) = (bad(Code::IdReused), bad(Code::IdReused));
    let found = crate::entry::open(&[one.path().to_owned(), two.path().to_owned()]).unwrap_err();
    assert_eq!(
        found.iter().map(|diagnostic| diagnostic.code).collect::<Vec<_>>(),
        [Code::IdReused]
    );
    assert!(found[0].message.contains(one.path().to_str().unwrap()), "{}", found[0]);
}

#[test]
fn all_mistakes_of_all_manifests_come_in_one_pass() {
    let attacks = Attacks::new();
    let manifest = MANIFEST
        .replace("\"high\"", "\"hihg\"")
        .replace("\"mounts\"", "\"mount\"")
        .replace("plant = \"netrc\"", "plant = \"netrcs\"")
        .replace("timeout = \"10s\"\n", "timeuot = \"10s\"\n");
    attacks.entry("secrets/netrc-read", &manifest);
    attacks.entry("files/pth", &manifest);
    attacks.write("files/pth/backend.py", "open('/tmp/x')\n");
    insta::assert_snapshot!("one_pass", attacks.mistakes());
}

#[test]
fn a_folder_that_is_not_there_is_one_clear_sentence() {
    let found = crate::entry::open(&["/nonexistent/attacks".into()]).unwrap_err();
    assert_eq!(found.len(), 1);
    assert!(found[0].to_string().starts_with("/nonexistent/attacks: error[E0001]: cannot be read"));
}

#[test]
fn a_broken_file_gives_no_complaints_beyond_its_syntax() {
    let found = bad(Code::Syntax).open().unwrap_err();
    assert!(found.iter().all(|diagnostic| diagnostic.code == Code::Syntax && diagnostic.line > 0));
}

#[test]
fn the_document_lists_every_code() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/diagnostics.md");
    let committed = std::fs::read_to_string(file).unwrap();
    assert_eq!(committed, document(), "`harness check --codes > docs/diagnostics.md` writes it");
}
