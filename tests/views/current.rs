//! What is committed beside the reports says what the reports say.

use std::fs;

use harness::catalogue::Catalogue;
use harness::report::html::{self, Beside};
use harness::report::{json, matrix, svg};

use crate::specimen::{committed, reports_dir};

const STALE: &str = "does not say what the reports say; `harness report --update` writes it";

fn holds(name: &str, wanted: &str) {
    let shown = fs::read_to_string(reports_dir().join(name)).unwrap();
    assert!(shown == wanted, "reports/{name} {STALE}");
}

#[test]
fn the_tables_and_the_picture_say_what_the_reports_say() {
    let reports = committed();
    holds("MATRIX.md", &matrix::totals(&reports));
    holds("matrix.svg", &svg::render(&reports, "root"));
    let hosts = matrix::hosts(&reports, Some("../../docs/attacks"));
    assert!(hosts.len() > 2, "there are hosts to look at");
    for (host, text) in hosts {
        holds(&format!("{host}/MATRIX.md"), &text);
    }
}

#[test]
fn the_page_says_what_the_reports_the_catalogue_and_the_ablations_say() {
    let catalogue = Catalogue::open(&[reports_dir().with_file_name("attacks")]).unwrap();
    let hosts = fs::read_dir(reports_dir()).unwrap().map(|entry| entry.unwrap().path());
    let files = hosts.map(|host| host.join("own.ablation.json")).filter(|file| file.is_file());
    let mut ablations: Vec<_> =
        files.map(|file| json::read_ablation(&file).unwrap().unwrap()).collect();
    ablations.sort_by(|one, other| one.host.cmp(&other.host));
    let beside = Beside {
        catalogue: Some(&catalogue),
        ablations: &ablations,
        attacks: Some("../docs/attacks"),
    };
    holds("index.html", &html::render(&committed(), beside).unwrap());
}
