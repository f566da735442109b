//! `harness schema`, and the record of a run held against its own.

use serde_json::Value;

use crate::checkout::{Checkout, escaped};

#[test]
fn schemas_are_listed_printed_and_written() {
    let checkout = Checkout::new();
    let names = checkout.harness(&["schema"]).out;
    assert_eq!(names, "attack\ntarget\ngaps\nharness\npolicy\nreport\nablation\nrun\n");
    assert_eq!(checkout.harness(&["schema", "--update"]).status, 0);
    for name in names.lines() {
        let printed = checkout.harness(&["schema", name]).out;
        assert_eq!(printed, checkout.read(&format!("docs/schemas/{name}.schema.json")));
    }
    let end = checkout.harness(&["schema", "atack"]);
    assert!(end.status == 2 && end.err.contains("did you mean `attack`?"), "{end:?}");
}

#[test]
fn what_a_run_writes_is_what_the_schemas_say() {
    let checkout = Checkout::new();
    // Everything gets through, so that reasons, findings and logs are there too.
    checkout.pretending(&["run"], escaped);
    for (name, file) in [("run", "run.json"), ("report", "root/own.json")] {
        let schema: Value = serde_json::from_str(&checkout.harness(&["schema", name]).out).unwrap();
        let written: Value =
            serde_json::from_str(&checkout.read(&format!("target/harness/{file}"))).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let told: Vec<_> = validator.iter_errors(&written).map(|one| one.to_string()).collect();
        assert!(told.is_empty(), "{file}: {told:?}");
    }
}
