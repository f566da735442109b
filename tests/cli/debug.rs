//! `harness debug` without a lab: which trial is chosen, what is told, how it ends.

use harness::catalogue::attack::Lent;
use harness::oracle::Observation;
use harness::schedule::{Sandbox, Trial};
use harness::target::Run;

use crate::checkout::{CANARY, Checkout, correct, escaped};

#[test]
fn without_a_level_the_strongest_is_looked_at() {
    let end = Checkout::new().harness(&["debug", "secrets/netrc-read"]);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(end.out.contains("secrets/netrc-read against own at full, host root"), "{end:?}");
    assert!(end.out.contains("saw       nothing\n"), "{end:?}");
}

#[test]
fn the_line_that_does_it_again_has_every_argument() {
    let checkout = Checkout::new();
    let args = ["debug", "secrets/netrc-read", "-t", "own@none", "--host", "user"];
    let more = ["--python", "/opt/it's/python3", "--shell", "--at", "before"];
    let end = checkout.harness(&[&args[..], &more].concat());
    let again = "again:    harness debug secrets/netrc-read -t own@none --host user --shell \
                 --at before --python '/opt/it'\\''s/python3'\n";
    assert!(end.out.contains(again), "{end:?}");
    let verdict = "verdict:  harness run -E 'id(secrets/netrc-read)' -t own@none --host user";
    assert!(end.out.contains(verdict), "{end:?}");
}

/// It is told where a sandbox of ours is on, and the lab then lets it trace.
fn traced(trial: &Trial) -> Observation {
    let asked = matches!(trial.sandbox, Sandbox::Own { why: true, .. });
    let lent = trial.attack.run.lends == [Lent::Tracing];
    let said = format!("asked {asked}, lent {lent}");
    let mut observed = correct(trial);
    observed.run.hearsay.push(said);
    observed
}

#[test]
fn why_is_asked_of_our_own_sandbox_alone() {
    let checkout = Checkout::new();
    let debug = |more: &[&str]| {
        checkout.pretending(&[&["debug", "secrets/netrc-read"], more].concat(), traced)
    };
    let end = debug(&["--why"]);
    assert!(end.status == 0 && end.out.contains("asked true, lent true"), "{end:?}");
    assert!(
        end.out.contains("again:    harness debug secrets/netrc-read -t own@full --why"),
        "{end:?}"
    );
    let end = debug(&[]);
    assert!(end.out.contains("asked false, lent false"), "{end:?}");
    let end = debug(&["--why", "-t", "own@none"]);
    assert!(end.status == 2 && end.err.contains("name a level of it"), "{end:?}");
}

fn hostile(trial: &Trial) -> Observation {
    let mut observed = escaped(trial);
    observed.findings[0].evidence = format!("\u{1b}[2J::add-mask::x {CANARY}");
    observed
}

#[test]
fn what_an_attack_says_drives_no_terminal_and_shows_no_canary() {
    let end = Checkout::new().pretending(&["debug", "files/cron-drop", "-t", "own@none"], hostile);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(end.out.contains("saw       [withheld: holds a canary]"), "{end:?}");
    assert!(!end.out.contains(CANARY) && !end.out.contains('\u{1b}'), "{end:?}");
}

fn broken(trial: &Trial) -> Observation {
    let run = Run { broken: Some("the lab fell down".to_owned()), ..Run::default() };
    Observation { run, ..correct(trial) }
}

fn impossible(_: &Trial) -> Observation {
    let unsupported = Some("this kernel has no keyrings".to_owned());
    Observation { unsupported, ..Observation::default() }
}

#[test]
fn how_it_ends_says_whether_the_trial_went_to_its_end() {
    let checkout = Checkout::new();
    let end = checkout.pretending(&["debug", "files/cron-drop"], broken);
    assert!(end.status == 12 && end.out.contains("broken    the lab fell down"), "{end:?}");
    let end = checkout.pretending(&["debug", "files/cron-drop"], impossible);
    assert!(end.status == 20 && end.out.contains("not run   this kernel has no"), "{end:?}");
    let end = checkout.from(checkout.path().to_owned(), &["debug", "files/cron-drop"], None);
    assert!(end.status == 20 && end.err.contains("the lab needs root"), "{end:?}");
    assert_eq!(checkout.harness(&["debug", "files/cron-dorp"]).status, 2);
}
