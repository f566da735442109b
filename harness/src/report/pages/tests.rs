//! What a page says, and that nothing in it means anything to a browser.

use sandbox::{Guarantee, LayerSet};

use super::*;
use crate::catalogue::attack::{Purpose, Severity};
use crate::report::schema::ablation::{Shown, Trial};
use crate::report::specimen::report;

fn attack() -> Attack {
    let purpose = Purpose::Attack {
        guarantee: Guarantee::Secrets,
        severity: Severity::High,
        stopped_by: LayerSet::of(&[Layer::Identity, Layer::Mounts]),
    };
    let mut attack = Attack::bare("secrets/netrc-read", purpose, &["open-netrc"]);
    attack.title = "Reads ~/.netrc".to_owned();
    attack.summary = "The token is gone.".to_owned();
    attack.weaknesses = vec!["CWE-522".to_owned()];
    attack.references = vec![Reference {
        kind: "incident".to_owned(),
        title: "An incident".to_owned(),
        url: Some("https://example.invalid/a?b=c".to_owned()),
        date: Some("2021-04-15".to_owned()),
    }];
    attack
}

fn ablation() -> Ablation {
    let trial = |outcome| Trial { outcome, reason: None };
    let found = Ablated {
        fixture: String::new(),
        depth: 1,
        bare: trial(Shown::Escaped),
        alone: [
            (By(Layer::Identity), trial(Shown::Escaped)),
            (By(Layer::Mounts), trial(Shown::Blocked)),
        ]
        .into(),
    };
    Ablation {
        schema: String::new(),
        host: "root".to_owned(),
        target: "own".to_owned(),
        attacks: [("secrets/netrc-read".to_owned(), found)].into(),
    }
}

fn rendered(attack: &Attack, docstring: &str) -> String {
    let docstring = Some(docstring.to_owned());
    let (reports, ablations) = ([report()], [ablation()]);
    page(&PageSources { attack, docstring, reports: &reports, ablations: &ablations })
}

#[test]
fn a_page_tells_what_it_does_what_stops_it_and_what_was_seen() {
    insta::assert_snapshot!(rendered(&attack(), "Reads the file.\n\nNobody\nhinders it."));
}

#[test]
fn hostile_text_means_nothing_in_a_page() {
    const HOSTILE: &str = "</td><script>alert(1)</script> ![x](http://evil.invalid) [y](javascript:z) \
                           | `code` <!-- \u{1b}[2J\u{202e}";
    let mut attack = attack();
    attack.title = HOSTILE.to_owned();
    attack.summary = HOSTILE.to_owned();
    attack.references[0].title = HOSTILE.to_owned();
    attack.references[0].url = Some("javascript:alert(1)".to_owned());
    let text = rendered(&attack, &format!("{HOSTILE}\n\n# {HOSTILE}"));
    for sign in ["<script", "](http://evil", "](javascript", "<!-- \u{1b}", "\u{1b}", "\u{202e}"] {
        assert!(!text.contains(sign), "{sign} in\n{text}");
    }
    let headings = text.lines().filter(|line| line.starts_with("# ")).count();
    assert_eq!(headings, 1, "{text}");
}

#[test]
fn an_address_is_a_link_only_if_it_can_be_nothing_else() {
    let of = |url: &str| {
        cited(&Reference { url: Some(url.to_owned()), ..attack().references.remove(0) })
    };
    assert_eq!(of("https://a.invalid/b#c"), "[An incident](https://a.invalid/b#c)");
    for odd in ["http://a.invalid", "https://a.invalid/) <b>", "https://a.invalid/\"x", "data:x"] {
        assert!(of(odd).starts_with("An incident \\(") || of(odd).starts_with("An incident ("));
        assert!(!of(odd).contains("]("), "{odd}");
    }
}

#[test]
fn a_docstring_is_what_a_file_begins_with() {
    assert_eq!(docstring("\"\"\"One.\n\n  Two.\n\"\"\"\nimport x\n").unwrap(), "One.\n\nTwo.");
    assert_eq!(docstring("r'''Raw.'''").unwrap(), "Raw.");
    for none in ["import x\n\"\"\"late\"\"\"", "\"\"\"\"\"\"", "\"\"\"never closed", ""] {
        assert_eq!(docstring(none), None, "{none}");
    }
}
