//! What the attacks of this repository are traced back to: sources that can be looked up, and names
//! of techniques and weaknesses that exist.

use std::collections::BTreeSet;

use harness::catalogue::attack::{Attack, Reference};

use crate::coverage::{attacks, catalogue};

/// The techniques of ATT&CK for enterprises that the catalogue names. A new one is added here after
/// a look at `https://attack.mitre.org/techniques/`.
const TECHNIQUES: &str = "
    T1003.007 T1003.008 T1005 T1014 T1027 T1027.003 T1027.009 T1033 T1036 T1036.005 T1040 T1041
    T1046 T1048 T1048.003 T1053.003 T1055 T1055.008 T1055.009 T1056.001 T1057 T1059.004 T1059.006
    T1068 T1070.002 T1070.006 T1071.001 T1071.004 T1074 T1082 T1083 T1087.001 T1090.001 T1095
    T1098.004 T1105 T1127 T1136.001 T1195.001 T1195.002 T1213 T1213.003 T1222.002 T1480.001 T1485
    T1489 T1496.001 T1499 T1499.001 T1499.003 T1499.004 T1528 T1543 T1543.002 T1546 T1546.004
    T1546.018 T1547.013 T1548 T1548.001 T1548.003 T1550.001 T1552 T1552.001 T1552.003 T1552.004
    T1552.005 T1552.007 T1553.004 T1554 T1555 T1555.003 T1557 T1559 T1562.001 T1563.001 T1564
    T1564.001 T1565 T1565.001 T1565.003 T1567 T1571 T1572 T1574 T1574.006 T1574.007 T1611 T1613
    T1674 T1677";

/// The weaknesses of CWE that it names, from `https://cwe.mitre.org/data/`.
const WEAKNESSES: [u32; 62] = [
    20, 22, 59, 61, 62, 73, 74, 88, 117, 150, 176, 178, 200, 201, 203, 214, 250, 269, 271, 273,
    282, 312, 319, 345, 349, 354, 367, 377, 379, 400, 403, 404, 409, 426, 427, 436, 441, 454, 459,
    494, 497, 506, 514, 522, 526, 532, 667, 668, 672, 693, 732, 770, 772, 774, 778, 807, 829, 833,
    835, 918, 923, 926,
];

fn has_date(reference: &Reference) -> bool {
    reference.date.is_some()
}

/// Something that happened or was published on a day, in contrast to a page that is kept current.
fn is_event(reference: &Reference) -> bool {
    reference.kind != "documentation"
}

fn complaints(told: impl Fn(&Attack) -> Vec<String>) -> Vec<String> {
    let catalogue = catalogue();
    let of = |attack: &&Attack| -> Vec<String> {
        told(attack).into_iter().map(|text| format!("{}: {text}", attack.id)).collect()
    };
    attacks(&catalogue).iter().flat_map(of).collect()
}

#[test]
fn every_reference_says_where_it_can_be_looked_up() {
    let bad = complaints(|attack| {
        let wrong =
            |one: &&Reference| !one.url.as_ref().is_some_and(|url| url.starts_with("https://"));
        attack.references.iter().filter(wrong).map(|one| one.title.clone()).collect()
    });
    assert!(bad.is_empty(), "without an address:\n{}", bad.join("\n"));
    let none = complaints(|attack| match attack.references.as_slice() {
        [] => vec!["no reference".to_owned()],
        _ => vec![],
    });
    assert!(none.is_empty(), "{none:?}");
}

#[test]
fn an_incident_and_an_advisory_say_when() {
    let bad = complaints(|attack| {
        let wrong = |one: &&Reference| is_event(one) && !has_date(one);
        attack.references.iter().filter(wrong).map(|one| one.title.clone()).collect()
    });
    assert!(bad.is_empty(), "without a date:\n{}", bad.join("\n"));
}

#[test]
fn a_record_of_a_vulnerability_is_the_one_that_the_title_names() {
    let bad = complaints(|attack| {
        let wrong = |one: &&Reference| {
            let id = one.title.split(':').next().unwrap_or_default();
            one.kind == "cve" && !one.url.as_ref().is_some_and(|url| url.ends_with(id))
        };
        attack.references.iter().filter(wrong).map(|one| one.title.clone()).collect()
    });
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn one_source_is_cited_in_one_way() {
    let catalogue = catalogue();
    let all: BTreeSet<_> = attacks(&catalogue)
        .iter()
        .flat_map(|attack| &attack.references)
        .map(|one| (&one.title, &one.url, &one.date, &one.kind))
        .collect();
    let titles: BTreeSet<_> = all.iter().map(|one| one.0).collect();
    let twice: Vec<_> = titles
        .into_iter()
        .filter(|title| all.iter().filter(|one| one.0 == *title).count() > 1)
        .collect();
    assert!(twice.is_empty(), "cited in several ways: {twice:?}");
}

#[test]
fn techniques_and_weaknesses_exist() {
    let techniques: BTreeSet<&str> = TECHNIQUES.split_whitespace().collect();
    let weaknesses: BTreeSet<String> = WEAKNESSES.iter().map(|id| format!("CWE-{id}")).collect();
    let bad = complaints(|attack| {
        let unknown_technique = |id: &&String| !techniques.contains(id.as_str());
        let unknown_weakness = |id: &&String| !weaknesses.contains(*id);
        let one = attack.techniques.iter().filter(unknown_technique);
        let two = attack.weaknesses.iter().filter(unknown_weakness);
        let missing = attack.techniques.is_empty() || attack.weaknesses.is_empty();
        let missing = missing.then(|| "it names no technique, or no weakness".to_owned());
        one.chain(two).cloned().chain(missing).collect()
    });
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// The text with which a back end begins.
fn docstring(attack: &Attack) -> String {
    let text = std::fs::read_to_string(attack.dir.join("backend.py")).unwrap();
    text.split("\"\"\"").nth(1).unwrap_or_default().to_owned()
}

#[test]
fn every_back_end_explains_its_technique_in_more_than_one_line() {
    let bad = complaints(|attack| {
        let text = docstring(attack);
        let paragraphs: Vec<_> = text.trim().split("\n\n").collect();
        let first = paragraphs.first().is_some_and(|line| line.ends_with('.'));
        if first && paragraphs.len() > 1 { vec![] } else { vec!["says too little".to_owned()] }
    });
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn a_back_end_names_one_of_the_incidents_or_vulnerabilities_that_it_is_traced_back_to() {
    let bad = complaints(|attack| {
        let text = docstring(attack);
        let name = |one: &Reference| {
            let word = one.title.split([' ', ':', ',']).next().unwrap_or_default();
            word.trim_end_matches("'s").to_owned()
        };
        let events =
            attack.references.iter().filter(|one| matches!(one.kind.as_str(), "cve" | "incident"));
        let names: Vec<_> = events.map(name).collect();
        let silent = !names.is_empty() && !names.iter().any(|name| text.contains(name));
        silent.then(|| format!("does not say a word of {}", names.join(", "))).into_iter().collect()
    });
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
