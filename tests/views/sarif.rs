//! SARIF against the schema of the standard.

use harness::report::sarif;
use serde_json::Value;

use crate::specimen::{committed, hostile};

/// The schema as its authors ship it; see the file beside it for where it comes from.
const SCHEMA: &str = include_str!("schemas/sarif-2.1.0.json");

fn mistakes(log: &Value) -> Vec<String> {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    let told =
        |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    validator.iter_errors(log).map(told).collect()
}

#[test]
fn every_log_follows_the_schema_of_the_standard() {
    for reports in [committed(), vec![hostile()], vec![]] {
        let log: Value = serde_json::from_str(&sarif::render(&reports)).unwrap();
        assert_eq!(mistakes(&log), Vec::<String>::new());
    }
}

#[test]
fn the_schema_is_one_that_can_find_fault() {
    let mut log: Value = serde_json::from_str(&sarif::render(&[hostile()])).unwrap();
    log["runs"][0]["results"][0]["level"] = "loud".into();
    assert!(
        mistakes(&log).iter().any(|one| one.contains("/runs/0/results/0")),
        "{:?}",
        mistakes(&log)
    );
}

#[test]
fn whoever_scans_code_gets_relative_paths_and_a_fingerprint_of_its_own_for_every_result() {
    let log: Value = serde_json::from_str(&sarif::render(&committed())).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    assert!(!results.is_empty(), "gaps are on record");
    let mut prints = std::collections::BTreeSet::new();
    for result in results {
        let uri = &result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        let manifest = crate::specimen::reports_dir().parent().unwrap().join(uri.as_str().unwrap());
        assert!(manifest.is_file(), "{uri}");
        let print = &result["partialFingerprints"]["primaryLocationLineHash"];
        assert!(prints.insert(print.as_str().unwrap()), "{result}");
    }
}
