//! `JUnit`'s XML, read by a strict parser and held against what its readers rely on.

use std::collections::BTreeSet;

use harness::report::junit;
use roxmltree::{Document, Node};

use crate::specimen::{committed, hostile};

/// The elements and attributes that readers of this form know, of those that we write.
const KNOWN: [(&str, &[&str]); 5] = [
    ("testsuites", &[]),
    ("testsuite", &["name", "tests", "failures", "skipped"]),
    ("testcase", &["classname", "name"]),
    ("failure", &["type", "message"]),
    ("skipped", &["message"]),
];

fn children<'a>(node: Node<'a, 'a>, name: &str) -> Vec<Node<'a, 'a>> {
    node.children().filter(|child| child.has_tag_name(name)).collect()
}

#[test]
fn every_suite_is_well_formed_and_counts_its_own_cases() {
    for reports in [committed(), vec![hostile()], vec![]] {
        let text = junit::render(&reports);
        let document = Document::parse(&text).unwrap();
        for node in document.descendants().filter(Node::is_element) {
            let (_, attributes) = KNOWN
                .iter()
                .find(|(name, _)| node.has_tag_name(*name))
                .unwrap_or_else(|| panic!("<{}> is unknown", node.tag_name().name()));
            let found: Vec<_> = node.attributes().map(|one| one.name()).collect();
            assert_eq!(found, *attributes, "{node:?}");
        }
        let suites = children(document.root_element(), "testsuite");
        assert_eq!(suites.len(), reports.len());
        for suite in suites {
            let cases = children(suite, "testcase");
            let with =
                |name: &str| cases.iter().filter(|case| !children(**case, name).is_empty()).count();
            let counted = |name: &str| suite.attribute(name).unwrap().parse::<usize>().unwrap();
            assert_eq!(counted("tests"), cases.len());
            assert_eq!(counted("failures"), with("failure"));
            assert_eq!(counted("skipped"), with("skipped"));
            let names: BTreeSet<_> = cases.iter().map(|case| case.attribute("name")).collect();
            assert_eq!(names.len(), cases.len(), "no two cases have one name");
        }
    }
}

#[test]
fn what_an_attack_says_is_text_in_one_attribute() {
    let text = junit::render(&[hostile()]);
    let document = Document::parse(&text).unwrap();
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).unwrap();
    let message = failure.attribute("message").unwrap();
    assert!(
        message.contains("<script>") && !message.contains(['\u{1b}', '\n', '\u{202e}']),
        "{message:?}"
    );
}
