//! `harness doctor` and `harness gc`.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use assert_cmd::Command;
use harness::oracle::Observation;
use harness::schedule::Trial;
use predicates::prelude::*;
use predicates::str::contains;

use crate::checkout::{Checkout, correct};
use crate::skipped;

fn without_a_compiler(trial: &Trial) -> Observation {
    let mut observed = correct(trial);
    if trial.attack.id.0 == "files/cron-drop" {
        observed.unsupported = Some("no C compiler is installed (package gcc)".to_owned());
    }
    observed
}

fn with_a_target() -> Checkout {
    let checkout = Checkout::new();
    let target = "name = \"box\"\ntitle = \"A box\"\nsource = \"https://box.invalid\"\n\
                  layers = [\"network\"]\nargv = [\"box\", \"{argv}\"]\n[[requires]]\n\
                  what = \"no-such-box\"\nreason = \"install the package box\"\n";
    checkout.write("harness/targets/box/target.toml", target);
    checkout
}

#[test]
fn a_doctor_counts_what_cannot_be_tried_and_says_what_would_help() {
    let end = with_a_target().pretending(&["doctor"], without_a_compiler);
    assert_eq!(end.status, 0, "{end:?}");
    for line in [
        "labs          can be opened",
        "own on root (this one, ",
        "    2 of 3 attacks and honest builds can be tried",
        "    1 cannot: no C compiler is installed (package gcc)\n        files/cron-drop",
        "box on root (cannot be used here)\n    0 of 3 attacks and honest builds can be tried\n    3 cannot: \
         there is no `no-such-box`: install the package box",
    ] {
        assert!(end.out.contains(line), "{line}\nin\n{}", end.out);
    }
}

#[test]
fn the_same_as_json() {
    let end = with_a_target().pretending(&["doctor", "--json"], without_a_compiler);
    let answer: serde_json::Value = serde_json::from_str(&end.out).unwrap();
    assert_eq!(answer["schema"], "harness.doctor/1");
    assert!(answer["problem"].is_null());
    let of = |target: &str| {
        let all = answer["contests"].as_array().unwrap();
        all.iter().find(|one| one["host"] == "root" && one["target"] == target).unwrap().clone()
    };
    assert_eq!((&of("own")["can_be_tried"], &of("own")["entries"]), (&2.into(), &3.into()));
    assert_eq!(of("own")["lacking"][0]["entries"][0], "files/cron-drop");
    assert_eq!(of("box")["can_be_tried"], 0);
}

#[test]
fn where_no_lab_can_be_opened_nothing_can_be_tried() {
    let checkout = Checkout::new();
    let end = checkout.from(checkout.path().to_owned(), &["doctor"], None);
    assert_eq!(end.status, 20);
    assert!(end.out.contains("labs          NONE: the lab needs root"), "{end:?}");
}

fn gc(checkout: &Checkout, scratch: &Path) -> String {
    let mut command = Command::cargo_bin("harness").unwrap();
    command.current_dir(checkout.path()).env("TMPDIR", scratch).env("XDG_CACHE_HOME", scratch);
    let output = command.arg("gc").assert().code(0).get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_killed_runs_left_is_cleared_away_once_and_nothing_else() {
    let (checkout, scratch) = (Checkout::new(), tempfile::tempdir().unwrap());
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    let left = |path: &Path| {
        std::fs::create_dir_all(path).unwrap();
        File::open(path).unwrap().set_modified(yesterday).unwrap();
    };
    let dead = scratch.path().join("bulkhead-harness-aaaaaa");
    let fetch = scratch.path().join("bulkhead/bulkhead-harness-bbbbbb");
    let other = scratch.path().join("somebody-else");
    for path in [&dead, &fetch, &other] {
        left(path);
    }
    checkout.write("reports/root/bulkhead-harness-cccccc", "half a report");
    checkout.write("reports/root/own.json", "a report");
    let draft = checkout.path().join("reports/root/bulkhead-harness-cccccc");
    File::open(&draft).unwrap().set_modified(yesterday).unwrap();
    let told = gc(&checkout, scratch.path());
    for path in [&dead, &fetch, &draft] {
        assert!(told.contains(&format!("removed {}", path.display())), "{told}");
        assert!(!path.exists());
    }
    assert!(other.exists() && checkout.has("reports/root/own.json"));
    let again = gc(&checkout, scratch.path());
    assert!(contains("somebody-else").not().eval(&again), "{again}");
    assert!(!again.contains("aaaaaa") && !again.contains("cccccc"), "{again}");
}

#[test]
fn what_was_cleared_away_is_told_to_programs() {
    let (checkout, scratch) = (Checkout::new(), tempfile::tempdir().unwrap());
    let mut command = Command::cargo_bin("harness").unwrap();
    command.current_dir(checkout.path()).env("TMPDIR", scratch.path());
    let output =
        command.env("XDG_CACHE_HOME", scratch.path()).args(["gc", "--json"]).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["schema"], "harness.gc/1");
    assert!(answer["removed"].is_array() && answer["skipped"].is_array(), "{answer}");
}

/// Binds what a program needs below `$1`, which is no mount, and makes it the root as `$2` says.
const BELOW: &str = r#"
set -e
mkdir -p "$1/opt" "$1/tmp" "$1/root"
for name in bin sbin lib lib64; do ln -s "usr/$name" "$1/$name"; done
for name in usr etc dev sys; do mkdir "$1/$name"; mount --rbind "/$name" "$1/$name"; done
mkdir "$1/proc"
mount -t proc proc "$1/proc"
touch "$1/opt/harness"
mount --bind "$2" "$1/opt/harness"
PATH=/usr/sbin:/usr/bin exec chroot "$1" /opt/harness doctor
"#;

#[test]
fn below_a_changed_root_the_cause_and_a_way_out_are_told() {
    if !rustix::process::geteuid().is_root() {
        skipped::note("only root can change the root directory");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "/bin/sh", "-c", BELOW, "sh"]).arg(root.path());
    let output = command.arg(assert_cmd::cargo::cargo_bin("harness")).output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(20), "{out}{err}");
    assert!(out.starts_with("runs here     no: no lab can be made below `chroot`"), "{out}");
    assert!(out.contains("start it outside; or enter the tree as containers do"), "{out}");
}
