//! The vocabulary is one: nine guarantees, seventeen layers and four levels, wherever they stand.

use std::collections::BTreeSet;

use harness::catalogue::attack::{OracleKind, PlantKind};
use harness::lab::profile::Profile;
use sandbox::{Guarantee, Layer, Level};

use crate::tree::{files, hold, names, read, root};

/// Guarantees that no attack in the catalogue tries yet. A folder that appears takes its word from
/// this list.
const UNTRIED: [Guarantee; 0] = [];

/// Files of `harness/src/oracle/` that are no guarantee's oracle.
const BESIDE_ORACLES: [&str; 2] = ["encodings", "evidence"];

/// The harvest is a layer with a floor of its own: it works after the payload has ended.
const LAYERS_ELSEWHERE: [Layer; 1] = [Layer::Harvest];

fn guarantees() -> BTreeSet<String> {
    Guarantee::ALL.into_iter().map(|word| word.name().to_owned()).collect()
}

/// The stems of the files with `.rs` in a folder.
fn stems(folder: &str) -> BTreeSet<String> {
    let names = names(folder).into_iter();
    names.filter_map(|name| name.strip_suffix(".rs").map(str::to_owned)).collect()
}

fn difference(
    breaches: &mut Vec<String>,
    place: &str,
    found: &BTreeSet<String>,
    wanted: &BTreeSet<String>,
) {
    breaches.extend(wanted.difference(found).map(|word| format!("{place} lacks `{word}`")));
    breaches.extend(
        found.difference(wanted).map(|word| format!("{place} has `{word}`, which is no such word")),
    );
}

#[test]
fn the_nine_guarantees_are_the_same_everywhere() {
    let mut breaches = Vec::new();
    let words = guarantees();
    let mut tried = words.clone();
    for word in UNTRIED {
        tried.remove(word.name());
    }
    let mut folders: BTreeSet<_> = names("attacks").into_iter().collect();
    assert!(folders.remove("benign"), "attacks/benign, the folder of the honest builds, is gone");
    difference(&mut breaches, "attacks/", &folders, &tried);

    let mut oracles = stems("harness/src/oracle");
    oracles.retain(|stem| !BESIDE_ORACLES.contains(&stem.as_str()));
    difference(&mut breaches, "harness/src/oracle/", &oracles, &words);
    hold("The guarantees have one vocabulary.", &breaches);
}

#[test]
fn the_threat_model_speaks_of_every_guarantee_in_order() {
    let text = read("docs/threat-model.md");
    let headings = text.lines().filter_map(|line| line.strip_prefix("### "));
    let sections: Vec<_> = headings.filter(|heading| guarantees().contains(*heading)).collect();
    assert_eq!(
        sections,
        Guarantee::ALL.map(Guarantee::name),
        "the sections of docs/threat-model.md"
    );
    for word in Guarantee::ALL {
        let (_, section) = text.split_once(&format!("\n### {}\n", word.name())).unwrap();
        let section = section.split("\n### ").next().unwrap();
        let says = section.contains("No attack in the catalogue tries this yet.");
        assert_eq!(
            says,
            UNTRIED.contains(&word),
            "docs/threat-model.md must say of `{}`, and of no guarantee that is tried, that no \
             attack tries it yet",
            word.name()
        );
    }
}

#[test]
fn the_seventeen_layers_are_the_same_everywhere() {
    let mut breaches = Vec::new();
    let mut wanted: BTreeSet<_> = Layer::ALL.iter().map(|layer| layer.name().to_owned()).collect();
    for layer in LAYERS_ELSEWHERE {
        wanted.remove(layer.name());
        let file = format!("sandbox/src/{}.rs", layer.name());
        if !root().join(&file).is_file() {
            breaches.push(format!("{file}, the layer of that name, is not there"));
        }
    }
    difference(&mut breaches, "sandbox/src/layers/", &stems("sandbox/src/layers"), &wanted);
    let text = read("docs/architecture.md");
    let rows: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(word, _)| word)
        .filter(|word| Layer::ALL.iter().any(|layer| layer.name() == *word))
        .collect();
    if rows != Layer::ALL.map(Layer::name) {
        breaches.push(format!("the table of layers in docs/architecture.md lists {rows:?}"));
    }
    hold("The layers have one vocabulary.", &breaches);
}

#[test]
fn the_readme_tells_the_layers_of_each_level_as_they_are() {
    let text = read("README.md");
    let mut breaches = Vec::new();
    for level in Level::ALL {
        let start = format!("| `{}` |", level.name());
        let Some(row) = text.lines().find(|line| line.starts_with(&start)) else {
            breaches.push(format!("the table of levels has no row for `{}`", level.name()));
            continue;
        };
        let told = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        let wanted = match level {
            Level::None => "–".to_owned(),
            Level::Full => "all seventeen".to_owned(),
            other => other.layers().to_string(),
        };
        if told != wanted {
            breaches
                .push(format!("`{}` has \"{wanted}\", the README tells \"{told}\"", level.name()));
        }
    }
    hold("The README's table of levels is the code's.", &breaches);
}

#[test]
fn every_entry_of_the_catalogue_lies_where_its_id_says() {
    let mut breaches = Vec::new();
    for file in files(&["attacks"], Some("toml")) {
        if !file.ends_with("attack.toml") {
            continue;
        }
        let folder = file.parent().unwrap().strip_prefix("attacks").unwrap().to_str().unwrap();
        let text = read(&file);
        let id = text.lines().find_map(|line| line.strip_prefix("id")?.trim().strip_prefix('='));
        if id.map(|id| id.trim().split('"').nth(1).unwrap_or_default()) != Some(folder) {
            breaches.push(format!("{} has another id than `{folder}`", file.display()));
        }
    }
    hold("An attack's path is its id.", &breaches);
}

/// Where every host of the lab is named to whoever reads, writes or starts something.
const HOSTS_NAMED: [&str; 5] = [
    "README.md",
    "docs/architecture.md",
    "harness/src/cli/run.rs",
    "harness/src/cli/init/harness.toml",
    "SECURITY.md",
];

#[test]
fn every_host_of_the_lab_is_named_wherever_they_are_listed() {
    let mut breaches = Vec::new();
    for file in HOSTS_NAMED {
        let text = read(file);
        let is_part = |it: char| it.is_alphanumeric() || it == '-';
        let words: BTreeSet<&str> = text.split(|it| !is_part(it)).collect();
        let missing = Profile::ALL.into_iter().filter(|(_, name)| !words.contains(name));
        breaches.extend(missing.map(|(_, name)| format!("{file} does not name `{name}`")));
    }
    hold("A host that nobody is told of is tried by nobody.", &breaches);
}

#[test]
fn every_kind_of_plant_and_oracle_is_on_the_page_about_attacks() {
    let page = read("docs/writing-attacks.md");
    let kinds = PlantKind::NAMES.into_iter().chain(OracleKind::NAMES);
    let missing = kinds.filter(|kind| !page.contains(&format!("`{kind}`")));
    let breaches: Vec<_> = missing.map(|kind| format!("there is no `{kind}`")).collect();
    hold("docs/writing-attacks.md tells of every kind.", &breaches);
}

/// The words that are not used, by the glossary's table of them.
fn unused_words() -> BTreeSet<String> {
    let text = read("docs/glossary.md");
    let (_, section) = text.split_once("\n## Words that are not used\n").expect("the section");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let words = rows.map(|(word, _)| word.trim().to_owned());
    words.filter(|word| word != "not").collect()
}

/// The words of all names in a text of Rust, in small letters: `AttachPoint` has two. Comments and
/// texts in quotes hold none.
fn words_of_names(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '"' => quoted_length(rest),
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => raw_length(rest),
            // A quote in quotes begins no text.
            '\'' if rest.starts_with("'\"'") => 3,
            '\'' if rest.starts_with("'\\") => 3,
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let inside = |it: char| it.is_ascii_alphanumeric() || it == '_';
                let end = rest.find(|it| !inside(it)).unwrap_or(rest.len());
                words.extend(words_of(&rest[..end]));
                end
            }
            _ => first.len_utf8(),
        };
        rest = &rest[length..];
    }
    words
}

/// How long the text in quotes is with which `text` begins.
pub(crate) fn quoted_length(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, it)| {
        let ends = *it == '"' && !escaped;
        escaped = *it == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

fn raw_length(text: &str) -> usize {
    let end = if text.starts_with("r#") { "\"#" } else { "\"" };
    let begin = if text.starts_with("r#") { 3 } else { 2 };
    text[begin..].find(end).map_or(text.len(), |at| begin + at + end.len())
}

/// The words that a name is put together from.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for it in name.chars() {
        let begins = it.is_ascii_uppercase() && before.is_ascii_lowercase();
        if it == '_' || begins {
            words.push(String::new());
        }
        if it != '_' {
            words.last_mut().unwrap().push(it.to_ascii_lowercase());
        }
        before = it;
    }
    words
}

#[test]
fn no_name_has_a_word_that_is_not_used() {
    let unused = unused_words();
    assert!(unused.len() > 15, "the table of words that are not used lists {unused:?}");
    let mut breaches = Vec::new();
    for file in files(&["sandbox/src", "harness/src"], Some("rs")) {
        let path = file.with_extension("");
        let path = path.iter().flat_map(|part| words_of(part.to_str().unwrap()));
        let mut found = words_of_names(&read(&file));
        found.extend(path);
        let found = found.intersection(&unused);
        breaches.extend(found.map(|word| format!("{} has `{word}` in a name", file.display())));
    }
    hold("docs/glossary.md says what is used instead.", &breaches);
}

#[test]
fn words_are_found_in_names_of_every_form_and_nowhere_else() {
    let text = "// a bench\nfn close_doors(ears: Scene<'_>) { let x = '\"'; GROUND; f(\"sentry \\\" x\") }";
    let found = words_of_names(text);
    for word in ["close", "doors", "ears", "scene", "ground"] {
        assert!(found.contains(word), "{word} in {found:?}");
    }
    for word in ["bench", "sentry"] {
        assert!(!found.contains(word), "{word} in {found:?}");
    }
    assert!(words_of_names("r#\"walls\"#; let walls_up = 'x';").contains("up"));
}

#[test]
fn the_glossary_tells_each_word_once_and_uses_none_that_it_forbids() {
    let text = read("docs/glossary.md");
    let (terms, _) = text.split_once("\n## Words that are not used\n").expect("the section");
    let rows = terms.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |"));
    let (mut seen, mut breaches) = (BTreeSet::new(), Vec::new());
    for (word, _) in rows.filter(|(word, _)| *word != "word") {
        if !seen.insert(word) {
            breaches.push(format!("`{word}` is told twice"));
        }
        if unused_words().contains(word) {
            breaches.push(format!("`{word}` is told and not to be used"));
        }
    }
    assert!(seen.len() > 50, "the glossary tells {seen:?}");
    hold("Each word stands once in docs/glossary.md.", &breaches);
}
