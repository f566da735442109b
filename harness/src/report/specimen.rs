//! A small report for tests.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use sandbox::{Layer, Level};

use super::schema::ablation::{ABLATION, Ablated, Ablation, By, Shown, Trial};
use super::schema::{At, Cell, Entry, REPORT, Report};
use crate::catalogue::attack::Expected;
use crate::verdict::{Seen, Verdict};

/// A cell that is as expected.
pub(crate) fn cell(outcome: Seen, expected: Expected) -> Cell {
    Cell { outcome, expected, verdict: Verdict::Ok, saw: vec![], marks: vec![], reason: None }
}

/// The example of the design, with one cell of every other kind.
pub(crate) fn report() -> Report {
    let built = cell(Seen::Built, Expected::Built);
    let saw = vec!["token-in-wheel".to_owned()];
    let escaped = Cell { saw: saw.clone(), ..cell(Seen::Escaped, Expected::Escaped) };
    let marks = vec!["open-netrc".to_owned()];
    let blocked = Cell { marks, ..cell(Seen::Blocked, Expected::Blocked) };
    let gap = Cell {
        saw,
        verdict: Verdict::KnownGap,
        reason: Some("not built yet (#3)".to_owned()),
        ..cell(Seen::Escaped, Expected::Blocked)
    };
    let lacking = Cell {
        verdict: Verdict::Unsupported,
        reason: Some("`useradd` is not installed".to_owned()),
        ..cell(Seen::NotRun, Expected::Blocked)
    };
    let outside = cell(Seen::NotRun, Expected::NotRun);
    let entry = |fixture: &str, cells: [&Cell; 4]| Entry {
        fixture: fixture.to_owned(),
        cells: Level::ALL.into_iter().map(At).zip(cells.map(Cell::clone)).collect(),
    };
    let results = BTreeMap::from([
        (
            "secrets/netrc-read".to_owned(),
            entry("sha256:3b6e0c9d41aa", [&escaped, &escaped, &blocked, &blocked]),
        ),
        ("benign/honest-wheel".to_owned(), entry("sha256:91d04f6ab3c2", [&built; 4])),
        (
            "remnants/account".to_owned(),
            entry("sha256:000000000001", [&outside, &outside, &lacking, &gap]),
        ),
    ]);
    Report {
        schema: REPORT.to_owned(),
        host: "root".to_owned(),
        target: "own".to_owned(),
        subject: None,
        results,
    }
}

/// A small ablation: a layer that does not stop an attack alone, and an attack that something
/// else stops too.
pub(crate) fn ablation() -> Ablation {
    let trial = |outcome| Trial { outcome, reason: None };
    let one = |bare, alone: &[(Layer, Shown)]| Ablated {
        fixture: "sha256:000000000001".to_owned(),
        depth: alone.iter().filter(|(_, shown)| *shown == Shown::Blocked).count(),
        bare: trial(bare),
        alone: alone.iter().map(|(layer, shown)| (By(*layer), trial(*shown))).collect(),
    };
    let (identity, mounts) = (Layer::Identity, Layer::Mounts);
    let attacks = [
        (
            "secrets/netrc-read",
            one(Shown::Escaped, &[(identity, Shown::Escaped), (mounts, Shown::Blocked)]),
        ),
        ("files/cron", one(Shown::Blocked, &[(mounts, Shown::Blocked)])),
        ("remnants/orphan", one(Shown::Refused, &[(Layer::Leash, Shown::Blocked)])),
    ];
    Ablation {
        schema: ABLATION.to_owned(),
        host: "root".to_owned(),
        target: "own".to_owned(),
        attacks: attacks.into_iter().map(|(id, one)| (id.to_owned(), one)).collect(),
    }
}
