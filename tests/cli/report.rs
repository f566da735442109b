//! `diff` and `report`.

use crate::checkout::Checkout;

#[test]
fn equal_reports_do_not_differ() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    let end = checkout.harness(&["diff", "reports/root/own.json", "target/harness/root/own.json"]);
    assert_eq!((end.status, end.out.as_str()), (0, ""));
}

#[test]
fn a_difference_is_a_line_and_a_status() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    let text = checkout.read("reports/root/own.json");
    checkout.write("new.json", &text.replacen("\"verdict\": \"ok\"", "\"verdict\": \"error\"", 1));
    let end = checkout.harness(&["diff", "reports/root/own.json", "new.json"]);
    assert_eq!(end.status, 13);
    assert_eq!(end.out, "benign/honest-wheel at none: was built, is built (error)\n");
}

#[test]
fn a_difference_can_be_had_as_json() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    let text = checkout.read("reports/root/own.json");
    checkout.write("new.json", &text.replacen("\"verdict\": \"ok\"", "\"verdict\": \"error\"", 1));
    let end = checkout.harness(&["diff", "--json", "reports/root/own.json", "new.json"]);
    let found: serde_json::Value = serde_json::from_str(&end.out).unwrap();
    assert_eq!((end.status, found.as_array().unwrap().len()), (13, 1));
    assert_eq!((&found[0]["what"], &found[0]["level"]), (&"cell-changed".into(), &"none".into()));
    assert_eq!(found[0]["new"]["verdict"], "error");
}

#[test]
fn a_file_that_is_no_report_is_one_sentence() {
    let checkout = Checkout::new();
    checkout.write("broken.json", "{\n  \"schema\": 1,\n");
    for (file, sentence) in [
        ("broken.json", "broken.json is no report: "),
        ("missing.json", "missing.json cannot be read: No such file or directory"),
    ] {
        let end = checkout.harness(&["diff", file, file]);
        assert_eq!(end.status, 2);
        assert!(end.err.contains(sentence), "{end:?}");
    }
}

#[test]
fn a_folder_without_reports_and_a_host_without_one_are_mistakes() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    for (args, told) in [
        (&["report", "nowhere"][..], "there is no report in"),
        (&["report", "attacks"], "there is no report in"),
        (&["report", "--format", "svg", "--host", "rot"], "did you mean `root`?"),
    ] {
        let end = checkout.harness(args);
        assert!(end.status == 2 && end.out.is_empty() && end.err.contains(told), "{end:?}");
    }
}

#[test]
fn the_matrix_is_printed_from_the_committed_reports() {
    let checkout = Checkout::new();
    checkout.harness(&["run", "--update"]);
    checkout.write("reports/root/own.ablation.json", "another thing");
    let end = checkout.harness(&["report", "--format", "md"]);
    assert_eq!(end.status, 0, "{end:?}");
    insta::assert_snapshot!("matrix", end.out);
    let (totals, host) =
        (checkout.read("reports/MATRIX.md"), checkout.read("reports/root/MATRIX.md"));
    assert!(totals.contains("[Every attack on root](root/MATRIX.md)"), "{totals}");
    // All of it is printed, a file for each host is committed.
    for line in totals.lines().chain(host.lines()).filter(|line| line.starts_with("| secrets")) {
        assert!(end.out.contains(line), "{line}");
    }
}
