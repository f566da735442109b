//! A sandbox in a sandbox: the outer one's filter refuses what Docker's refuses, with the same
//! errors, so that the inner one has to do without.

use crate::machine::is_root;
use crate::masked;

/// What the inner program prints with `arguments`, behind an outer one that has to leave the limit
/// of user namespaces as it is, so that the filter alone refuses them.
fn inner(arguments: &str) -> String {
    // The working directory of the outer one holds the program.
    let output = masked::around(&format!("./bulkhead {arguments} 2>&1"));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn under_a_filter_that_refuses_namespaces_the_contained_plan_is_found_by_rehearsal() {
    if !is_root() {
        return;
    }
    let printed = inner("run --quiet -- /bin/sh -c 'echo x > file && cat file && echo $TMPDIR'");
    let mut lines = printed.lines();
    assert!(lines.next().unwrap().starts_with("bulkhead: contained plan;"), "{printed}");
    assert_eq!(lines.next(), Some("x"), "{printed}");
    assert!(lines.next().unwrap().starts_with("/tmp/bulkhead-1000/private/"), "{printed}");
}

#[test]
fn a_sandbox_in_one_that_lets_nobody_filter_is_refused_with_the_cause() {
    if !is_root() {
        return;
    }
    let printed = masked::run(masked::ROOT, &[], "./bulkhead run -- /bin/echo ran 2>&1").stdout;
    let printed = String::from_utf8(printed).unwrap();
    assert!(printed.contains("`filters = true`") && !printed.contains("ran\n"), "{printed}");
}

#[test]
fn doctor_names_the_filter() {
    if !is_root() {
        return;
    }
    let printed = inner("doctor --json");
    let found: serde_json::Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(found["full"]["plan"], "contained");
    assert_eq!(found["findings"][0]["cause"], "filter", "{printed}");
}

#[test]
fn what_is_required_in_full_is_refused_there() {
    if !is_root() {
        return;
    }
    let printed = inner("run --require all -- /bin/echo ran");
    assert!(printed.contains("required and not held here: "), "{printed}");
    assert!(!printed.contains("ran\n"), "{printed}");
}
