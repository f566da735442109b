//! The JSON Schemas: committed as they are generated, true of every file that is committed, and of
//! the same mind as the program about what is not allowed.

use std::fs;
use std::path::{Path, PathBuf};

use harness::catalogue::attack::{OracleKind, PlantKind};
use harness::catalogue::diagnostic::Code;
use harness::report::schemas;
use jsonschema::Validator;
use rstest::rstest;
use serde_json::Value;

use crate::entry::{Attacks, MANIFEST};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The committed schema of that name.
fn validator(name: &str) -> Validator {
    let file = root().join(format!("docs/schemas/{name}.schema.json"));
    let text =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    jsonschema::draft202012::new(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// TOML as a validator sees it: dates are texts.
fn from_toml(text: &str) -> Value {
    fn value(toml: toml::Value) -> Value {
        match toml {
            toml::Value::Datetime(date) => date.to_string().into(),
            toml::Value::Array(items) => items.into_iter().map(value).collect(),
            toml::Value::Table(table) => {
                table.into_iter().map(|(key, item)| (key, value(item))).collect()
            }
            plain => serde_json::to_value(plain).unwrap(),
        }
    }
    value(toml::from_str(text).unwrap())
}

fn complaints(validator: &Validator, value: &Value) -> Vec<String> {
    let told =
        |error: jsonschema::ValidationError<'_>| format!("{} at {}", error, error.instance_path());
    validator.iter_errors(value).map(told).collect()
}

/// The files of these names below a folder.
fn files(folder: &str, wanted: fn(&str) -> bool) -> Vec<PathBuf> {
    let (mut open, mut found) = (vec![root().join(folder)], Vec::new());
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else if wanted(entry.file_name().to_str().unwrap()) {
                found.push(entry.path());
            }
        }
    }
    found
}

/// Those of the honest packages and of mutants are not of an attack.
fn is_report(name: &str) -> bool {
    let others = ["corpus", "mutants"];
    name.strip_suffix(".json").is_some_and(|stem| !stem.contains('.') && !others.contains(&stem))
}

#[test]
fn the_committed_schemas_are_those_that_the_program_makes() {
    for schema in schemas::all() {
        let file = root().join(format!("docs/schemas/{}.schema.json", schema.name));
        let committed = fs::read_to_string(file).unwrap_or_default();
        let hint = "`harness schema --update` writes docs/schemas/";
        assert!(committed == schema.render().unwrap(), "{} has drifted; {hint}", schema.name);
        jsonschema::draft202012::meta::validate(&schema.value).unwrap();
    }
    let committed = fs::read_dir(root().join("docs/schemas")).unwrap().count();
    assert_eq!(committed, schemas::all().len(), "docs/schemas/ holds something else");
}

#[rstest]
#[case("attack", "attacks", |name: &str| name == "attack.toml", 100)]
#[case("target", "harness/targets", |name: &str| name == "target.toml", 5)]
#[case("gaps", "harness/targets", |name: &str| name == "gaps.toml", 1)]
#[case("report", "reports", is_report, 2)]
#[case("ablation", "reports", |name: &str| name.ends_with(".ablation.json"), 1)]
fn every_committed_file_is_valid(
    #[case] name: &str,
    #[case] folder: &str,
    #[case] wanted: fn(&str) -> bool,
    #[case] at_least: usize,
) {
    let (validator, files) = (validator(name), files(folder, wanted));
    assert!(files.len() >= at_least, "only {} files were found", files.len());
    let mut breaches = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let is_toml = file.extension().is_some_and(|end| end == "toml");
        let value = if is_toml { from_toml(&text) } else { serde_json::from_str(&text).unwrap() };
        let told = complaints(&validator, &value).into_iter();
        breaches.extend(told.map(|one| format!("{}: {one}", file.display())));
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// What the program says of a manifest, by its codes.
fn codes(manifest: &str) -> Vec<Code> {
    let attacks = Attacks::new();
    attacks.entry("secrets/netrc-read", manifest);
    let found = attacks.open().err().unwrap_or_default();
    found.into_iter().map(|diagnostic| diagnostic.code).collect()
}

#[rstest]
#[case::unknown_key("title ", "titel = \"x\"\ntitle ")]
#[case::missing_key("timeout = \"10s\"\n", "")]
#[case::wrong_type("[\"build_wheel\"]", "\"build_wheel\"")]
#[case::unknown_word("\"high\"", "\"hihg\"")]
#[case::unknown_hook("build_wheel", "build_whell")]
#[case::twice("[\"open-netrc\"]", "[\"open-netrc\", \"open-netrc\"]")]
#[case::unknown_layer("\"mounts\"", "\"mount\"")]
#[case::stopped_by_nothing("[\"identity\", \"mounts\"]", "[]")]
#[case::no_marks("[\"open-netrc\"]", "[]")]
#[case::another_schema("schema     = 1", "schema = 2")]
#[case::no_time("\"10s\"", "\"ten\"")]
#[case::no_technique("T1552.001", "1552")]
#[case::no_date("2021-04-15", "\"April\"")]
#[case::no_mode("\"0600\"", "\"rw\"")]
#[case::relative_path("{home}/.netrc", "home/.netrc")]
#[case::needs_of_an_honest_build("schema     = 1", "schema = 1\nneeds = [\"tmp\"]")]
fn what_the_program_refuses_the_schema_refuses_too(#[case] from: &str, #[case] to: &str) {
    assert!(MANIFEST.contains(from));
    let manifest = MANIFEST.replacen(from, to, 1);
    assert!(!codes(&manifest).is_empty(), "the program takes it");
    let validator = validator("attack");
    assert!(complaints(&validator, &from_toml(MANIFEST)).is_empty());
    assert!(!validator.is_valid(&from_toml(&manifest)), "the schema takes it:\n{manifest}");
}

/// Keys of plants and oracles, each with a value that could be right.
const KEYS: [(&str, &str); 14] = [
    ("to", "\"/x\""),
    ("path", "\"/x\""),
    ("mode", "\"0600\""),
    ("content", "\"x\""),
    ("name", "\"X\""),
    ("value", "\"x\""),
    ("args", "[]"),
    ("env", "{}"),
    ("memory", "\"x\""),
    ("open", "\"/x\""),
    ("answer", "\"x\""),
    ("http", "true"),
    ("plant", "\"netrc\""),
    ("most", "\"1s\""),
];

/// The words of which one fits wherever a `what` is asked for.
const WHATS: [&str; 6] = ["net", "capabilities", "symlink", "url", "github", "time"];

/// What the schema says of the tables of a kind.
fn variant(table: &str, kind: &str) -> Value {
    let schema = schemas::all().remove(0).value;
    let kinds = schema["properties"][table]["items"]["oneOf"].as_array().unwrap();
    let found = kinds.iter().find(|one| one["properties"]["kind"]["const"] == kind);
    found.unwrap_or_else(|| panic!("the schema does not know {kind}")).clone()
}

/// The keys that a table of a kind must have, as they could be written; all but one.
fn demanded(variant: &Value, but: &str) -> String {
    let line = |key: &str| {
        let word = &variant["properties"][key]["enum"][0];
        match KEYS.iter().find(|(known, _)| *known == key) {
            Some((_, value)) => format!("{key} = {value}\n"),
            None => format!("{key} = {word}\n"),
        }
    };
    let keys = variant["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap());
    keys.filter(|key| !["id", "kind", but].contains(key)).map(line).collect()
}

/// Whether program and schema agree on which keys a table of this kind has.
fn agree(table: &str, kind: &str) -> Vec<String> {
    let (validator, variant) = (validator("attack"), variant(table, kind));
    let keys: Vec<_> = KEYS.map(|(key, value)| (key, value.to_owned())).to_vec();
    let whats = WHATS.map(|what| ("what", format!("\"{what}\"")));
    let mut differences = Vec::new();
    for (key, value) in keys.into_iter().chain(whats) {
        let head = format!("\n[[{table}]]\nid = \"other\"\nkind = \"{kind}\"\n");
        let others = demanded(&variant, key);
        let manifest = format!("{MANIFEST}{head}{key} = {value}\n{others}");
        let codes = codes(&manifest);
        let known = variant["properties"].get(key).is_some();
        if known == codes.contains(&Code::UnknownKey) {
            differences.push(format!("{table} of kind {kind}: `{key}`: {codes:?}"));
        }
        // Where the program has nothing to complain of, neither has the schema.
        let taken = codes.iter().all(|code| *code == Code::PlantUnused);
        if taken && !validator.is_valid(&from_toml(&manifest)) {
            differences.push(format!("{table} of kind {kind} with `{key} = {value}` is refused"));
        }
    }
    differences
}

#[test]
fn program_and_schema_agree_on_the_keys_of_every_plant() {
    let found: Vec<_> =
        PlantKind::NAMES.into_iter().flat_map(|kind| agree("plant", kind)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn program_and_schema_agree_on_the_keys_of_every_oracle() {
    let found: Vec<_> =
        OracleKind::NAMES.into_iter().flat_map(|kind| agree("oracle", kind)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The first example of TOML on a page.
fn example(page: &str) -> String {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    example.unwrap_or_else(|| panic!("{page} has no example")).to_owned()
}

#[rstest]
#[case("policy", "docs/policy.md")]
#[case("harness", "docs/ci.md")]
fn the_example_on_the_page_is_valid(#[case] name: &str, #[case] page: &str) {
    let told = complaints(&validator(name), &from_toml(&example(page)));
    assert!(told.is_empty(), "{page}: {}", told.join("\n"));
}

#[rstest]
#[case("policy", "levle = \"full\"")]
#[case("policy", "level = \"none\"")]
#[case("policy", "require = \"secrets\"")]
#[case("policy", "scratch = \"tmp\"")]
#[case("policy", "[paths]\nread = [\"/a/../b\"]")]
#[case("policy", "[environment]\nkeep = [\"*\"]")]
#[case("policy", "[environment.set]\n\"A B\" = \"x\"")]
#[case("policy", "[limits]\nmemory = \"8GB\"")]
#[case("policy", "[limits]\ntimeout = 90")]
#[case("policy", "[limits]\npids = 0")]
#[case("policy", "[syscalls]\nptrace = true")]
#[case("policy", "[package.\"a>=1\"]")]
#[case("policy", "[package.a.package.b]")]
#[case("harness", "hosts = [\"root\"]")]
#[case("harness", "host = [\"rood\"]")]
#[case("harness", "deny-escapes = \"yes\"")]
#[case("harness", "[[sandbox]]\nname = \"box\"")]
fn the_schema_refuses_what_the_program_refuses(#[case] name: &str, #[case] text: &str) {
    assert!(!validator(name).is_valid(&from_toml(text)), "the schema takes it: {text}");
}
