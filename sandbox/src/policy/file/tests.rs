//! Policies that are understood, and every mistake with its line.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::super::limits::amounts::{Bytes, Count};
use super::*;

const WHOLE: &str = r#"
level = "proposal"
with = ["mounts", "proc"]
without = ["hostname"]
require = ["secrets"]
identity = "lease"
scratch = "/var/tmp"

[paths]
read = ["/opt/cuda", "/srv/data"]
write = ["/var/cache/ccache"]

[environment]
keep = ["MY_*"]
delete = ["MY_SECRET*"]
set = { CC = "clang" }

[limits]
memory = "8G"
pids = 512
timeout = "2h"
silence = "none"

[syscalls]
tracing = true

[artefacts]
strict = true
twins = true

[package.numpy.limits]
memory = "16G"

[package."NumPy==2.1.0"]
level = "full"
[package."NumPy==2.1.0".limits]
memory = "32G"
[package."NumPy==2.1.0".artefacts]
expect = "numpy==2.1.0"
build-tag = "1"
twins = false
"#;

fn wanted(text: &str) -> Wanted {
    text.parse().unwrap()
}

#[test]
fn a_level_is_extended_and_cut() {
    let file = PolicyFile::parse("p.toml", WHOLE).unwrap();
    let policy = file.policy(None, None);
    assert_eq!(policy.level, Level::Proposal);
    assert!(policy.layers.has(Layer::Mounts) && !policy.layers.has(Layer::Hostname));
    assert_eq!(policy.required, [Guarantee::Secrets]);
    assert_eq!(policy.identity, Some(IdentityChoice::Lease));
    assert_eq!(policy.limits.pids, Demand::Exactly(Count(512)));
    assert_eq!(policy.limits.silence, Demand::Unlimited);
    assert!(policy.syscalls.has(Choice::Tracing));
    assert_eq!(policy.environment.set, [("CC".into(), "clang".into())]);
    let writable: Vec<_> = file.paths(None).map(|granted| granted.writable).collect();
    assert_eq!(writable, [false, false, true]);
}

#[test]
fn what_is_narrower_wins_and_the_command_line_over_all() {
    let file = PolicyFile::parse("p.toml", WHOLE).unwrap();
    let memory = |package: &str| {
        let policy = file.policy(None, Some(&wanted(package)));
        (policy.level, policy.limits.memory)
    };
    let gib = |number: u64| Demand::Exactly(Bytes(number << 30));
    assert_eq!(memory("scipy==1.0"), (Level::Proposal, gib(8)));
    assert_eq!(memory("numpy==1.26"), (Level::Proposal, gib(16)));
    assert_eq!(memory("Numpy==2.1.0"), (Level::Full, gib(32)));
    let policy = file.policy(Some(Level::Network), Some(&wanted("numpy==2.1.0")));
    assert_eq!(policy.level, Level::Network);
}

#[test]
fn what_is_demanded_of_artefacts_is_narrowed_key_by_key() {
    let file = PolicyFile::parse("p.toml", WHOLE).unwrap();
    let general = file.artefacts(None);
    let mut expected = Artefacts { strict: Some(true), twins: Some(true), ..Artefacts::default() };
    assert_eq!(general, expected);
    expected.twins = Some(false);
    expected.build_tag = Some("1".parse().unwrap());
    expected.expect = Some(wanted("numpy==2.1.0"));
    assert_eq!(file.artefacts(Some(&wanted("numpy==2.1.0"))), expected);
}

#[test]
fn whoever_names_a_release_chooses_its_sections_wherever_it_is_named() {
    let pick = "[package.pkg.artefacts]\nexpect = \"pkg==1.0\"\n";
    let whole = "[artefacts]\nexpect = \"pkg==1.0\"\n";
    let bare = "[artefacts]\nexpect = \"pkg\"\n";
    let sections =
        "[package.pkg.limits]\nmemory = \"2G\"\n[package.\"pkg==1.0\".artefacts]\nstrict = true\n";
    // What the file says, `--package`, `--expect`; and what is built.
    for (text, package, asked, built) in [
        ("", None, None, Ok(None)),
        ("", Some("pkg"), None, Ok(Some("pkg"))),
        ("", Some("pkg"), Some("pkg==1"), Ok(Some("pkg==1"))),
        ("", Some("pkg==1"), Some("pkg"), Ok(Some("pkg==1"))),
        ("", Some("pkg==2"), Some("pkg==1"), Err(())),
        (whole, None, None, Ok(Some("pkg==1"))),
        (whole, Some("pkg"), None, Ok(Some("pkg==1"))),
        (whole, Some("other"), None, Err(())),
        (whole, None, Some("other"), Ok(Some("other"))),
        (bare, None, None, Ok(Some("pkg"))),
        (pick, None, None, Ok(None)),
        (pick, Some("pkg"), None, Ok(Some("pkg==1"))),
        (pick, Some("pkg==2"), None, Err(())),
        (pick, Some("pkg==2"), Some("pkg==2"), Ok(Some("pkg==2"))),
        (pick, None, Some("pkg"), Ok(Some("pkg"))),
        (&[bare, pick].concat(), None, None, Ok(Some("pkg==1"))),
    ] {
        let file = PolicyFile::parse("p.toml", text).unwrap();
        let (package, asked) = (package.map(wanted), asked.map(wanted));
        let found = file.built(package.as_ref(), asked.as_ref());
        assert_eq!(found.ok(), built.ok().map(|it| it.map(wanted)), "{text} {package:?} {asked:?}");
    }
    let file = PolicyFile::parse("p.toml", &[whole, sections].concat()).unwrap();
    let built = file.built(None, None).unwrap();
    assert_eq!(file.artefacts(built.as_ref()).strict, Some(true));
    let limits = file.policy(None, built.as_ref()).limits;
    assert_eq!(limits.memory, Demand::Exactly(Bytes(2 << 30)));
}

#[test]
fn a_build_tag_that_no_wheel_can_have_is_a_mistake() {
    for tag in ["", "x", "1-2"] {
        let text = format!("[artefacts]\nbuild-tag = \"{tag}\"\n");
        let told = PolicyFile::parse("p.toml", &text).unwrap_err().to_string();
        assert!(told.contains("begins with a digit"), "{told}");
    }
}

#[test]
fn two_sections_for_one_release_are_a_mistake_however_it_is_written() {
    let two = |other: &str| {
        let text = format!("[package.\"pkg==1.0\"]\n[package.\"{other}\"]\n");
        PolicyFile::parse("p.toml", &text).err().map(|error| error.to_string())
    };
    for other in ["pkg==1.0.0", "pkg==1", "PKG==v1.0"] {
        assert!(two(other).unwrap().contains("has a section already"), "{other}");
    }
    assert_eq!(two("pkg==1.1"), None);
    assert!(two("pkg==x").unwrap().contains("a version that is none"));
}

#[test]
fn an_empty_file_is_the_default() {
    let file = PolicyFile::parse("p.toml", "").unwrap();
    assert_eq!(file.policy(None, None), Policy::preset(Level::Full));
}

#[test]
fn every_mistake_is_shown_with_its_line_and_a_caret() {
    let cases = [
        ("syntax", "level = \"full\"\nwith = [\"mounts\"\n"),
        ("unknown-key", "levle = \"full\"\n"),
        ("unknown-level", "level = \"strong\"\n"),
        ("unknown-layer", "without = [\n  \"mount\",\n  \"proc\",\n]\n"),
        ("wrong-type", "level = 3\nwithout = \"proc\"\nbest-effort = \"yes\"\n"),
        ("path", "[paths]\nread = [\"opt/cuda\", \"/a/../b\", \"/a\\nb\"]\n"),
        ("pattern", "[environment]\nkeep = [\"*\", \"A*B\", \"1A\", \"ok_*\"]\n"),
        ("variable", "[environment.set]\n\"A B\" = \"x\"\nC = 1\n"),
        ("amount", "[limits]\nmemory = \"8GB\"\npids = 0\ntimeout = 90\ndisk = 1\n"),
        ("package", "[package.\"a>=1\"]\n[package.a]\n[package.A]\n[package.b.package.c]\n"),
        (
            "contradiction",
            "with = [\"proc\"]\nwithout = [\"proc\"]\nrequire = \"all\"\nbest-effort = true\n",
        ),
        ("identity", "identity = \"root\"\n[syscalls]\nptrace = true\n"),
        ("wide", "# ünïcödé ключ 鍵\nlevel = \"鍵鍵鍵\"\n"),
    ];
    for (name, text) in cases {
        let mistakes = PolicyFile::parse("policy.toml", text).unwrap_err();
        insta::assert_snapshot!(format!("mistake-{name}"), mistakes.to_string());
        for mistake in &mistakes.mistakes {
            let line = text[..mistake.span.start].lines().count().max(1);
            assert!(line <= text.lines().count(), "{name}: {mistake:?}");
        }
    }
}

#[test]
fn a_file_without_end_is_not_read() {
    let text = "# ".repeat(MOST_BYTES);
    assert!(PolicyFile::parse("p.toml", &text).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC*") {
        let _ = PolicyFile::parse("p.toml", &text).map_err(|mistakes| mistakes.to_string());
    }

    #[test]
    fn no_almost_right_text_makes_the_reader_panic(
        key in "level|with|paths|limits|package|environment|[a-z.\"=\\[\\]]{0,12}",
        value in "\"[^\"]*\"|\\[.*\\]|\\{.*\\}|[0-9]+|\\PC*",
    ) {
        let text = format!("{key} = {value}\n[{key}]\n{value} = 1");
        let _ = PolicyFile::parse("p.toml", &text).map_err(|mistakes| mistakes.to_string());
    }
}

#[test]
fn every_key_has_a_row_on_the_page_about_policy_files_and_nothing_else_has() {
    let page = include_str!("../../../../docs/policy.md");
    let rows: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(key, _)| key)
        .collect();
    let all = sections::all_keys();
    let known: BTreeSet<_> = all.iter().map(|(_, key)| *key).collect();
    // Those that say what their tables are about have a head of their own.
    let tables = ["paths", "environment", "limits", "syscalls", "artefacts"];
    for table in tables {
        assert!(page.contains(&format!("| key in `[{table}]` |")), "{table}");
    }
    let known: BTreeSet<_> = known.into_iter().filter(|key| !tables.contains(key)).collect();
    assert_eq!(rows, known);
    // The example is one that is understood.
    let example = page.split("```toml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    PolicyFile::parse("policy.md", example).unwrap();
}

#[test]
fn the_schema_of_policy_files_has_every_key_and_no_other() {
    let text = include_str!("../../../../docs/schemas/policy.schema.json");
    let schema: serde_json::Value = serde_json::from_str(text).unwrap();
    let keys = |value: &serde_json::Value| -> BTreeSet<String> {
        value["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let all = sections::all_keys();
    let of = |table: &str| -> BTreeSet<String> {
        all.iter().filter(|(its, _)| *its == table).map(|(_, key)| (*key).to_owned()).collect()
    };
    assert_eq!(keys(&schema), of(""));
    let tables: BTreeSet<_> =
        all.iter().map(|(table, _)| *table).filter(|it| !it.is_empty()).collect();
    let package = &schema["properties"]["package"]["additionalProperties"];
    let mut general = schema["properties"].as_object().unwrap().clone();
    general.remove("package");
    assert_eq!(
        package["properties"],
        serde_json::Value::Object(general),
        "a package has all but one"
    );
    for table in tables {
        assert_eq!(keys(&schema["properties"][table]), of(table), "{table}");
    }
}
