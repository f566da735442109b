//! `harness pages`: written, checked, and removed with their attacks.

use crate::checkout::Checkout;

fn with_reports() -> Checkout {
    let checkout = Checkout::new();
    let backend = "\"\"\"Installs a job.\n\nThe daemon starts it.\n\"\"\"\nimport kit\n\nkit.mark(\"open\")\n";
    checkout.write("attacks/files/cron-drop/backend.py", backend);
    assert_eq!(checkout.harness(&["run", "--update"]).status, 0);
    checkout
}

#[test]
fn pages_are_what_the_next_check_wants_to_see() {
    let checkout = with_reports();
    let end = checkout.harness(&["pages"]);
    assert_eq!(end.status, 13, "{end:?}");
    assert!(end.out.contains("docs/attacks/files/cron-drop.md is not what"), "{end:?}");
    let end = checkout.harness(&["pages", "--update"]);
    assert_eq!((end.status, end.out.as_str()), (0, "4 pages written, 0 pages removed\n"));
    let end = checkout.harness(&["pages"]);
    assert_eq!((end.status, end.out.as_str()), (0, ""));
    let page = checkout.read("docs/attacks/files/cron-drop.md");
    for part in
        ["# Does files/cron-drop\n", "Installs a job.\n\nThe daemon starts it.\n", "blocked"]
    {
        assert!(page.contains(part), "{part} in\n{page}");
    }
    assert!(checkout.read("docs/attacks/README.md").contains("[cron-drop](files/cron-drop.md)"));
}

#[test]
fn a_changed_attack_report_or_back_end_makes_its_page_stale() {
    for (file, from, to) in [
        ("attacks/files/cron-drop/attack.toml", "Tries it.", "Tries it twice."),
        ("attacks/files/cron-drop/backend.py", "Installs", "Plants"),
        ("reports/root/own.json", "\"marks\": [\"open\"]", "\"reason\": \"because\""),
    ] {
        let checkout = with_reports();
        checkout.harness(&["pages", "--update"]);
        let text = checkout.read(file);
        assert!(text.contains(from), "{file}");
        checkout.write(file, &text.replace(from, to));
        assert_eq!(checkout.harness(&["pages"]).status, 13, "{file}");
    }
}

#[test]
fn the_page_of_an_attack_that_is_gone_goes_too_and_no_other_file() {
    let checkout = with_reports();
    checkout.harness(&["pages", "--update"]);
    std::fs::remove_dir_all(checkout.path().join("attacks/files")).unwrap();
    checkout.write("docs/attacks/files/picture.svg", "<svg/>");
    assert!(checkout.harness(&["pages"]).out.contains("is of an attack that is gone"));
    checkout.harness(&["pages", "--update"]);
    assert!(!checkout.has("docs/attacks/files/cron-drop.md"));
    assert!(checkout.has("docs/attacks/files/picture.svg"));
}
