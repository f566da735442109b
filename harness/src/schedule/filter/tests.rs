//! What expressions find, and how a mistake in one is told.

use rstest::rstest;
use sandbox::LayerSet;

use super::*;

fn catalogue() -> Catalogue {
    let attack = |id: &str, guarantee, severity, layer| {
        let stopped_by = LayerSet::of(&[layer]);
        Attack::bare(id, Purpose::Attack { guarantee, severity, stopped_by }, &["m"])
    };
    let mut netrc = attack("secrets/netrc-read", Guarantee::Secrets, Severity::High, Layer::Mounts);
    netrc.weaknesses.push("CWE-522".to_owned());
    let home = attack("secrets/home", Guarantee::Secrets, Severity::Low, Layer::Mounts);
    let dns = attack("network/dns", Guarantee::Network, Severity::Critical, Layer::Network);
    [netrc, home, dns, Attack::bare("benign/wheel", Purpose::Benign, &[])].into_iter().collect()
}

fn known() -> Known {
    let shown = |id: &str, verdict, target: &str, host: &str| Shown {
        id: id.to_owned(),
        verdict,
        target: target.to_owned(),
        host: host.to_owned(),
    };
    Known {
        targets: vec!["own".to_owned(), "bubblewrap".to_owned()],
        words: vec!["ok", "known-gap", "unsupported"],
        shown: [
            shown("network/dns", "ok", "own", "root"),
            shown("network/dns", "unsupported", "own", "user"),
            shown("secrets/home", "known-gap", "bubblewrap", "root"),
            shown("secrets/home", "ok", "own", "root"),
        ]
        .into(),
        changed: [
            ("HEAD".to_owned(), ["network/dns".to_owned()].into()),
            ("main".to_owned(), ["network/dns".to_owned(), "secrets/home".to_owned()].into()),
        ]
        .into(),
    }
}

fn found(expression: &str) -> Vec<String> {
    found_at(expression, None)
}

fn found_at(expression: &str, place: Option<(&str, &str)>) -> Vec<String> {
    let filter: Filter = expression.parse().unwrap();
    let catalogue = catalogue();
    let known = known();
    let view = View { place, known: &known };
    let entries = catalogue.entries().filter(|attack| filter.finds(attack, &view));
    entries.map(|attack| attack.id.0.clone()).collect()
}

#[rstest]
#[case::folder("secrets/", &["secrets/home", "secrets/netrc-read"])]
#[case::id("id(secrets/home)", &["secrets/home"])]
#[case::bare_id("secrets/netrc-read", &["secrets/netrc-read"])]
#[case::pattern("id(*/*e*)", &["benign/wheel", "secrets/home", "secrets/netrc-read"])]
#[case::severity("severity(high)", &["secrets/netrc-read"])]
#[case::at_least("severity(>=high)", &["network/dns", "secrets/netrc-read"])]
#[case::less("severity(<high)", &["secrets/home"])]
#[case::layer("layer(network)", &["network/dns"])]
#[case::bare_tag("CWE-522", &["secrets/netrc-read"])]
#[case::tag("tag(CWE-522)", &["secrets/netrc-read"])]
#[case::and("secrets/ & severity(>=high)", &["secrets/netrc-read"])]
#[case::or("network/ | secrets/home", &["network/dns", "secrets/home"])]
#[case::plus("network/ + secrets/home", &["network/dns", "secrets/home"])]
#[case::minus("secrets/ - id(secrets/home)", &["secrets/netrc-read"])]
#[case::minus_binds_like_and("network/ | secrets/ - secrets/home", &["network/dns", "secrets/netrc-read"])]
#[case::not("!secrets/", &["benign/wheel", "network/dns"])]
#[case::not_binds_tightest("!secrets/ & !network/", &["benign/wheel"])]
#[case::parentheses("(network/ | secrets/) - (secrets/home|network/dns)", &["secrets/netrc-read"])]
#[case::nothing("network/ & secrets/", &[])]
#[case::verdict("verdict(known-gap)", &["secrets/home"])]
#[case::target("target(own)", &["network/dns", "secrets/home"])]
#[case::changed_since_the_last_commit("changed()", &["network/dns"])]
#[case::changed_since_a_base("changed(main) - network/", &["secrets/home"])]
#[case::changed_since_a_base_that_nobody_asked("changed(v1)", &[])]
fn an_expression_finds(#[case] expression: &str, #[case] ids: &[&str]) {
    assert_eq!(found(expression), ids, "{expression}");
}

#[rstest]
#[case("", "column 1: expected a folder, an id, a tag, a function or `(`")]
#[case("secrets/ &", "column 11: expected a folder, an id, a tag, a function or `(`")]
#[case("(secrets/", "column 10: expected `)`")]
#[case("secrets/)", "column 9: expected `&`, `-`, `|` or the end")]
#[case("secrets/ network/", "column 10: expected `&`, `-`, `|` or the end")]
#[case(
    "idd(x)",
    "column 1: unknown function `idd`, did you mean `id`?; known: id severity layer tag target verdict changed"
)]
#[case("id(x", "column 3: the `(` is never closed")]
#[case(
    "severity(>=hihg)",
    "column 10: unknown severity `hihg`, did you mean `high`?; known: low medium high critical"
)]
#[case("verdict()", "column 1: `verdict` needs a name in its parentheses")]
#[case("secrets/ & $", "column 12: expected a folder, an id, a tag, a function or `(`")]
fn a_mistake_is_told_with_its_place(#[case] expression: &str, #[case] message: &str) {
    assert_eq!(expression.parse::<Filter>().unwrap_err().mistake.to_string(), message);
}

#[rstest]
#[case("secretz/", Some("secrets"))]
#[case("id(files/cron)", None)]
#[case("id(secrets/netrc-raed)", Some("secrets/netrc-read"))]
#[case("id(home) & CWE-52", Some("secrets/home"))]
#[case("CWE-52", Some("CWE-522"))]
#[case("target(bubblewarp)", Some("bubblewrap"))]
#[case("secrets/ & verdict(knowngap)", Some("known-gap"))]
fn a_name_that_nobody_has_is_an_error(#[case] expression: &str, #[case] near: Option<&str>) {
    let filter = expression.parse::<Filter>().unwrap();
    let error = filter.check(&catalogue(), &known()).unwrap_err();
    let FilterError::Word { source, .. } = &error.mistake else { panic!("{error}") };
    assert_eq!(source.nearest.as_deref(), near, "{error}");
}

#[test]
fn names_that_somebody_has_are_none() {
    for expression in [
        "secrets/ | benign/",
        "id(secrets/*)",
        "CWE-522 - target(own)",
        "verdict(ok)",
        "changed(x)",
    ] {
        let filter = expression.parse::<Filter>().unwrap();
        assert_eq!(filter.check(&catalogue(), &known()), Ok(()));
    }
}

#[test]
fn a_sign_stands_under_the_mistake() {
    let read = "sécrets/ & id(".parse::<Filter>().unwrap_err().to_string();
    assert_eq!(read, "column 2: expected `&`, `-`, `|` or the end\n    sécrets/ & id(\n     ^");
    let filter: Filter = "secrets/ & target( owm )".parse().unwrap();
    let told = filter.check(&catalogue(), &known()).unwrap_err().to_string();
    let (message, picture) = told.split_once('\n').unwrap();
    assert_eq!(
        message,
        "column 20: unknown target `owm`, did you mean `own`?; known: own bubblewrap"
    );
    let sign = picture.lines().last().unwrap();
    assert_eq!(sign.find('^'), picture.find("owm"), "{picture}");
}

#[test]
fn in_a_run_an_expression_looks_at_one_target_on_one_host() {
    let at = |expression, target, host| found_at(expression, Some((target, host)));
    assert_eq!(at("verdict(unsupported)", "own", "user"), ["network/dns"]);
    assert!(at("verdict(unsupported)", "own", "root").is_empty());
    assert!(at("verdict(known-gap)", "own", "root").is_empty());
    assert_eq!(at("target(own) & network/", "own", "user"), ["network/dns"]);
    assert!(at("target(own)", "bubblewrap", "root").is_empty());
}

#[test]
fn it_says_what_has_to_be_found_out_before_it_is_asked() {
    let filter: Filter = "changed() | !(target(own) & changed(main))".parse().unwrap();
    assert_eq!(filter.bases(), ["HEAD", "main"]);
    assert_eq!(filter.targets(), ["own"]);
    assert!(filter.asks_for_verdicts());
    assert!(!"secrets/".parse::<Filter>().unwrap().asks_for_verdicts());
}
