//! Outside a checkout: the program carries what it needs, and a repository says the rest.

use std::fs;
use std::path::Path;

use harness::oracle::{Finding, Observation, SelfTest};
use harness::schedule::{Sandbox, Trial};
use sandbox::Level;

use crate::checkout::{Checkout, End, Pretend, correct};
use crate::checkout::{escaped as escaped_once, quiet as quiet_once};

/// A directory that is part of no checkout, and a way to run the program there.
struct Nowhere {
    dir: tempfile::TempDir,
    checkout: Checkout,
}

impl Nowhere {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), checkout: Checkout::new() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn harness(&self, args: &[&str]) -> End {
        self.pretending(args, correct)
    }

    fn pretending(&self, args: &[&str], pretend: Pretend) -> End {
        self.checkout.from(self.path().to_owned(), args, Some(pretend))
    }

    fn attacks(&self) -> String {
        self.checkout.path().join("attacks").display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

/// Attacks that are built in and quick to name.
const TWO: &str = "id(secrets/netrc-read) | id(files/cron-entry)";

/// How every sandbox but none lets some of the attacks through.
fn leaky(trial: &Trial) -> Observation {
    match &trial.sandbox {
        Sandbox::Command(_) if trial.attack.id.0.starts_with("files/") => escaped(trial),
        _ if trial.attack.is_benign() => quiet(trial),
        _ if trial.level == Level::None => escaped(trial),
        _ => quiet(trial),
    }
}

/// A trial in which nothing was seen, by every oracle of the attack.
fn quiet(trial: &Trial) -> Observation {
    let passed = |id: &String| SelfTest { oracle: id.clone(), failure: None };
    let self_tests = trial.attack.oracles.iter().map(|oracle| passed(&oracle.id)).collect();
    Observation { self_tests, ..quiet_once(trial) }
}

/// A trial in which the first of them saw something.
fn escaped(trial: &Trial) -> Observation {
    let mut seen = Observation { self_tests: quiet(trial).self_tests, ..escaped_once(trial) };
    for finding in &mut seen.findings {
        let Finding { oracle, .. } = finding;
        oracle.clone_from(&trial.attack.oracles[0].id);
    }
    seen
}

/// How a sandbox stops everything.
fn tight(trial: &Trial) -> Observation {
    if trial.level == Level::None && !trial.attack.is_benign() {
        escaped(trial)
    } else {
        quiet(trial)
    }
}

#[test]
fn every_verb_that_reads_works_where_there_is_no_checkout() {
    let nowhere = Nowhere::new();
    let count = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../attacks/secrets"));
    let count = count.unwrap().count();
    let listed = nowhere.harness(&["list", "-E", "secrets/"]);
    assert_eq!((listed.status, listed.out.lines().count()), (0, count + 1), "{listed:?}");
    for (args, told) in [
        (&["show", "secrets/netrc-read"][..], "own on root"),
        (&["check"], "no mistake"),
        (&["report"], "| netrc-read | ✗ escaped"),
        (&["doctor"], "bubblewrap on root"),
        (&["list", "-E", "verdict(known-gap)"], "network/unix-socket-path"),
    ] {
        let end = nowhere.harness(args);
        assert!(end.status == 0 && end.out.contains(told), "{args:?}: {told}: {}", end.err);
    }
}

#[test]
fn the_version_names_what_is_carried() {
    let end = Nowhere::new().harness(&["--version"]);
    for part in ["attacks   sha256:", "targets   sha256:", "reports   sha256:", " honest builds"] {
        assert!(end.out.contains(part), "{part}: {end:?}");
    }
    assert_eq!(Nowhere::new().harness(&["-V"]).out.lines().count(), 1);
}

#[test]
fn folders_are_added_to_what_is_built_in_or_take_its_place() {
    let nowhere = Nowhere::new();
    // A checkout's ids would be there twice.
    fs::rename(
        nowhere.checkout.path().join("attacks/files/cron-drop"),
        nowhere.checkout.path().join("attacks/files/of-mine"),
    )
    .unwrap();
    nowhere.checkout.attack("files/of-mine", "[\"mounts\"]");
    fs::remove_dir_all(nowhere.checkout.path().join("attacks/secrets")).unwrap();
    fs::remove_dir_all(nowhere.checkout.path().join("attacks/benign")).unwrap();
    let dir = nowhere.attacks();
    let both = nowhere.harness(&["list", "--catalogue", &dir]);
    assert!(both.out.contains("files/of-mine") && both.out.contains("files/cron"), "{both:?}");
    let alone = nowhere.harness(&["list", "--no-builtin", "--catalogue", &dir]);
    assert_eq!(alone.out.lines().count(), 2, "{alone:?}");
    let none = nowhere.harness(&["list", "--no-builtin"]);
    assert!(none.status == 2 && none.err.contains("--catalogue"), "{none:?}");
}

#[test]
fn the_same_id_twice_is_told_and_so_is_a_folder_of_sandboxes_that_is_not_there() {
    let nowhere = Nowhere::new();
    nowhere.checkout.attack("secrets/netrc-read", "[\"mounts\"]");
    let twice = nowhere.harness(&["list", "--catalogue", &nowhere.attacks()]);
    assert!(twice.status == 3 && twice.err.contains("(built in)"), "{twice:?}");
    let absent = nowhere.harness(&["run", "--targets", "sandboxes"]);
    assert!(absent.status == 2 && absent.err.contains("NAME/target.toml"), "{absent:?}");
}

#[test]
fn a_folder_of_sandboxes_is_added() {
    let nowhere = Nowhere::new();
    let target = "name = \"cage\"\ntitle = \"A cage\"\nsource = \"here\"\nargv = [\"{argv}\"]\n";
    nowhere.write("sandboxes/cage/target.toml", target);
    let run = ["run", "-E", TWO, "-t", "cage", "--targets", "sandboxes"];
    let end = nowhere.pretending(&run, tight);
    assert_eq!(end.status, 0, "{end:?}");
    assert!(nowhere.path().join("harness-results/root/cage.json").is_file());
    nowhere.write("sandboxes/bubblewrap/target.toml", &target.replace("cage", "bubblewrap"));
    let twice = nowhere.pretending(&run, tight);
    assert!(twice.status == 2 && twice.err.contains("two sandboxes `bubblewrap`"), "{twice:?}");
}

#[test]
fn a_repository_tries_its_own_sandbox_after_init() {
    let nowhere = Nowhere::new();
    nowhere.write("isolate.sh", "exec \"$@\"\n");
    let init =
        nowhere.harness(&["init", "--name", "cage", "--", "./isolate.sh", "--tight", "{argv}"]);
    assert_eq!(init.status, 0, "{init:?}");
    assert!(
        init.out.contains("wrote harness.toml") && init.out.contains("harness run"),
        "{init:?}"
    );
    let settings = fs::read_to_string(nowhere.path().join("harness.toml")).unwrap();
    assert!(settings.contains("argv   = [\"{target}/isolate.sh\", \"--tight\", \"{argv}\"]"));
    assert_eq!(nowhere.harness(&["check"]).status, 0);
    let good = nowhere.pretending(&["run", "-E", TWO], tight);
    assert_eq!(good.status, 0, "{good:?}");
    assert!(nowhere.path().join("harness-results/root/cage.json").is_file());
    assert!(!nowhere.path().join("harness-results/root/own.json").exists());
    let bad = nowhere.pretending(&["run", "-E", TWO], leaky);
    assert_eq!(bad.status, 10, "{bad:?}");
    let again = nowhere.harness(&["init"]);
    assert!(again.status == 2 && again.err.contains("is there already"), "{again:?}");
}

#[test]
fn escapes_are_denied_whatever_the_layers_claim_and_on_record() {
    let nowhere = Nowhere::new();
    nowhere.write(
        "harness.toml",
        "[[sandbox]]\nname = \"cage\"\ntitle = \"A cage\"\nsource = \"here\"\n\
         argv = [\"{argv}\"]\nlayers = [\"network\"]\n",
    );
    let run = ["run", "-E", "id(network/tcp-exfil) | id(files/cron-entry)"];
    // It does not claim to stop what writes files, so that is as expected, unless it is denied.
    assert_eq!(nowhere.pretending(&run, leaky).status, 0);
    let denied = nowhere.pretending(&[&run[..], &["--deny-escapes"]].concat(), leaky);
    assert_eq!(denied.status, 10, "{denied:?}");
    assert_eq!(nowhere.pretending(&[&run[..], &["--deny-escapes"]].concat(), tight).status, 11);
}

#[test]
fn a_report_of_ones_own_is_committed_and_compared() {
    let nowhere = Nowhere::new();
    assert_eq!(nowhere.harness(&["init", "--ci", "none", "--", "cage"]).status, 0);
    let run = ["run", "-E", TWO];
    let update = nowhere.pretending(&[&run[..], &["--update"]].concat(), tight);
    assert_eq!(update.status, 0, "{update:?}");
    assert!(nowhere.path().join("harness-reports/root/mine.json").is_file());
    let check = nowhere.pretending(&[&run[..], &["--check"]].concat(), tight);
    assert_eq!(check.status, 0, "{check:?}");
    let worse = nowhere.pretending(&[&run[..], &["--check"]].concat(), leaky);
    assert!(worse.status == 10 && worse.out.contains("files/cron-entry"), "{worse:?}");
}

#[test]
fn where_nothing_is_committed_there_is_nothing_to_compare_with() {
    let end = Nowhere::new().harness(&["run", "--check"]);
    assert!(end.status == 2 && end.err.contains("`harness init`"), "{end:?}");
}

#[test]
fn a_folder_that_another_project_calls_attacks_is_no_catalogue() {
    let nowhere = Nowhere::new();
    nowhere.write("attacks/heart/notes.txt", "a");
    let end = nowhere.harness(&["list", "-E", "secrets/"]);
    assert!(end.status == 0 && end.out.contains("secrets/netrc-read"), "{end:?}");
}

#[test]
fn a_script_that_is_not_there_is_one_sentence() {
    let nowhere = Nowhere::new();
    let end = nowhere.harness(&["init", "--", "./isolate.sh", "{argv}"]);
    assert_eq!(end.status, 2, "{end:?}");
    assert!(!nowhere.path().join("harness.toml").exists());
    let settings = |argv: &str, files: &str| {
        let text = format!(
            "[[sandbox]]\nname = \"cage\"\ntitle = \"A cage\"\nsource = \"here\"\n\
             argv = [\"{argv}\", \"{{argv}}\"]\nfiles = [{files}]\n"
        );
        nowhere.write("harness.toml", &text);
    };
    for (argv, files, told) in [
        ("./isolate.sh", "", "`./isolate.sh` is not there in a lab, where builds are tried"),
        ("{target}/isolate.sh", "", "the command uses `isolate.sh`, which `files` does not name"),
        (
            "{target}/isolate.sh",
            "\"isolate.sh\"",
            "is to be brought into each lab, and is not there",
        ),
    ] {
        settings(argv, files);
        for command in ["check", "run"] {
            let end = nowhere.harness(&[command]);
            assert!(end.status == 3 && end.err.contains(told), "{command}: {end:?}");
            assert!(end.err.ends_with("harness: 1 mistake\n"), "{end:?}");
        }
    }
    nowhere.write("isolate.sh", "exec \"$@\"\n");
    assert_eq!(nowhere.harness(&["check"]).status, 0);
}

#[test]
fn what_an_earlier_run_has_written_is_not_taken_for_the_last() {
    let nowhere = Nowhere::new();
    let target = "name = \"cage\"\ntitle = \"A cage\"\nsource = \"here\"\nargv = [\"{argv}\"]\n";
    nowhere.write("sandboxes/cage/target.toml", target);
    let run = ["run", "-E", TWO, "--targets", "sandboxes", "-t"];
    let first = nowhere.pretending(&[&run[..], &["cage"]].concat(), tight);
    assert!(!first.out.contains("earlier run"), "{first:?}");
    let second = nowhere.pretending(&[&run[..], &["own"]].concat(), tight);
    let told = "Of an earlier run, and not on the page: harness-results/root/cage.json; \
                `harness report harness-results` would tell of them too\n";
    assert!(second.out.contains(told), "{second:?}");
    let page = fs::read_to_string(nowhere.path().join("harness-results/index.html")).unwrap();
    assert!(!page.contains("A cage") && !page.contains("\"cage\""));
    let end = nowhere.checkout.from(nowhere.path().to_owned(), &["run"], None);
    let note = "note: harness-results/index.html is still that of an earlier run\n";
    assert!(end.status == 20 && end.err.starts_with(note), "{end:?}");
}
