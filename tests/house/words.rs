//! The vocabulary is one: nine guarantees, seventeen layers and four levels, wherever they stand.

use std::collections::BTreeSet;

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
