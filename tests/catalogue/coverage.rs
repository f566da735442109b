//! What the catalogue of this repository covers, and that docs/coverage.md says so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use harness::catalogue::Catalogue;
use harness::catalogue::attack::Attack;
use harness::report::coverage::{Lists, Moment, covered, render, reproducing};
use sandbox::{Guarantee, Layer};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub(crate) fn catalogue() -> Catalogue {
    Catalogue::open(&[root().join("attacks")]).unwrap()
}

pub(crate) fn attacks(catalogue: &Catalogue) -> Vec<&Attack> {
    catalogue.entries().map(AsRef::as_ref).filter(|attack| !attack.is_benign()).collect()
}

#[test]
fn the_document_says_what_the_catalogue_covers() {
    let text = std::fs::read_to_string(root().join("docs/coverage.md")).unwrap();
    let current = render(&catalogue(), &Lists::known().unwrap());
    assert!(text == current, "run `harness coverage --update`");
}

#[test]
fn every_row_is_covered_or_left_out_for_a_reason_and_none_is_both() {
    let (catalogue, lists) = (catalogue(), Lists::known().unwrap());
    let covered = covered(&catalogue);
    let known: BTreeSet<&str> = lists.rows.iter().map(|row| row.key.as_str()).collect();
    let unknown: Vec<_> = covered.keys().filter(|row| !known.contains(*row)).collect();
    assert!(unknown.is_empty(), "no such rows: {unknown:?}");
    let odd = lists
        .rows
        .iter()
        .filter(|row| row.left_out.is_some() == covered.contains_key(row.key.as_str()));
    let odd: Vec<_> = odd.map(|row| row.key.as_str()).collect();
    assert!(odd.is_empty(), "neither or both: {odd:?}");
}

#[test]
fn the_first_wave_and_every_probe_have_their_attacks() {
    let (catalogue, lists) = (catalogue(), Lists::known().unwrap());
    let covered = covered(&catalogue);
    let first = lists.rows.iter().filter(|row| row.first_wave && row.left_out.is_none());
    let probes = lists.probes.iter().flat_map(|probe| &probe.rows);
    let missing: Vec<_> = first
        .map(|row| &row.key)
        .chain(probes)
        .filter(|row| !covered.contains_key(row.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_incident_whose_code_ran_in_a_build_is_reproduced() {
    let (catalogue, lists) = (catalogue(), Lists::known().unwrap());
    let attacks = attacks(&catalogue);
    let missing = lists.incidents.iter().filter(|incident| {
        incident.ran.contains(&Moment::Build) && reproducing(&attacks, incident).is_empty()
    });
    let missing: Vec<_> = missing.map(|incident| incident.title.as_str()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_guarantee_has_ten_attacks_and_every_layer_stops_some() {
    let catalogue = catalogue();
    let attacks = attacks(&catalogue);
    for guarantee in Guarantee::ALL {
        let folder = format!("{}/", guarantee.name());
        let count = attacks.iter().filter(|attack| attack.id.0.starts_with(&folder)).count();
        assert!(count >= 10, "{}: {count}", guarantee.name());
    }
    for layer in Layer::ALL {
        assert!(attacks.iter().any(|attack| attack.stopped_by().has(layer)), "{}", layer.name());
    }
}
