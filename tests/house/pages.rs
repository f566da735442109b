//! The pages of docs/attacks/ say what manifests, back ends and committed reports say.

use std::sync::atomic::AtomicBool;

use harness::cli::{self, World};

use crate::tree::root;

/// Runs `harness` on this checkout; its exit status, and what it printed.
fn harness(args: &[&str]) -> (u8, String) {
    let (mut out, mut err, stop) = (Vec::new(), Vec::new(), AtomicBool::new(false));
    let mut world = World {
        here: root(),
        home: None,
        require_isolation: false,
        live: false,
        out: &mut out,
        err: &mut err,
        stop: &stop,
        prepare: &|_| Err("nothing is run here".into()),
    };
    let status = cli::start(["harness"].iter().chain(args).map(Into::into), &mut world);
    (status, String::from_utf8([out, err].concat()).unwrap())
}

#[test]
fn every_attack_has_a_page_that_says_what_is_true_now() {
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        assert_eq!(harness(&["pages", "--update"]).0, 0);
    }
    let (status, told) = harness(&["pages"]);
    assert_eq!(status, 0, "{told}");
}
