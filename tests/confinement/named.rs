//! What a caller names is what is used: no link that a source tree, a build or another user may have
//! made leads it elsewhere, by whatever option it is named and whichever plan holds the build.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;

use crate::contained::{program, refused_namespaces};
use crate::machine::{bulkhead, directory, is_root};

/// Who calls, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Root, with namespaces: the supervisor opens everything.
    Root,
    /// An ordinary user, with namespaces: the sandbox opens everything.
    User,
    /// An ordinary user, without.
    Contained,
}

impl Plan {
    /// What the program does with `arguments` in `directory`, whose parent everybody can reach.
    pub fn call(self, directory: &Path, variables: &[&str], arguments: &[&str]) -> Output {
        let variable = |text: &&str| {
            let (name, value) = text.split_once('=').unwrap();
            (name.to_owned(), value.to_owned())
        };
        let mut command = match self {
            Self::Root => bulkhead(directory),
            Self::User => {
                let mut command = Command::new(program(directory));
                command.current_dir(directory).env_remove("XDG_RUNTIME_DIR").uid(1000).gid(1000);
                command
            }
            Self::Contained => return refused_namespaces(directory, variables, arguments),
        };
        command.args(arguments).envs(variables.iter().map(variable)).output().unwrap()
    }

    /// Makes everything at `path` and below the caller's.
    pub fn give(self, path: &Path) {
        if self == Self::Root {
            return;
        }
        let mut all = vec![path.to_owned()];
        while let Some(path) = all.pop() {
            lchown(&path, Some(1000), Some(1000)).unwrap();
            if path.symlink_metadata().unwrap().is_dir() {
                all.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }
}

/// A source tree, a directory beside it that nobody has granted, and files in both.
struct Fixture {
    place: tempfile::TempDir,
    tree: PathBuf,
    plan: Plan,
}

/// Names in which everything is that mount tables, shells and records trip over.
const NAMES: [&str; 3] = ["my src", "back\\slash", "new\nline"];

impl Fixture {
    fn new(plan: Plan, name: &str) -> Self {
        let place = directory();
        let around = place.path().join(name);
        let tree = around.join("pkg");
        for directory in [&tree.join("own/inner"), &around.join("victim/inner")] {
            fs::create_dir_all(directory).unwrap();
            fs::write(directory.join("file"), "canary").unwrap();
            fs::write(directory.parent().unwrap().join("file"), "canary").unwrap();
        }
        fs::write(around.join("victim/policy.toml"), "level = \"network\"\n").unwrap();
        let fixture = Self { place, tree, plan };
        fixture.give_all();
        fixture
    }

    /// Everything in it is the caller's.
    fn give_all(&self) {
        self.plan.give(self.tree.parent().unwrap());
    }

    fn run(&self, options: &[&str], script: &str) -> Output {
        let arguments = [&["run"], options, &["--", "/bin/sh", "-c", script]].concat();
        self.plan.call(&self.tree, &[], &arguments)
    }

    /// What lies beside the tree, name by name, with contents.
    fn victim(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let victim = self.tree.parent().unwrap().join("victim");
        let mut found = Vec::new();
        let mut all = vec![victim];
        while let Some(path) = all.pop() {
            let content = fs::read(&path).unwrap_or_default();
            if path.is_dir() {
                all.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
            found.push((path, content));
        }
        found.sort();
        found
    }
}

/// Every option that takes a path, with what is put behind the path that it names.
const OPTIONS: [(&str, &str); 6] = [
    ("--rw", ""),
    ("--ro", ""),
    ("--scratch", ""),
    ("--runtime", ""),
    ("--outcome", "/outcome.json"),
    ("--policy", "/policy.toml"),
];

/// A link as last component, as one in the middle, and as the file itself; relative and absolute.
fn links(fixture: &Fixture, behind: &str) -> Vec<(PathBuf, PathBuf)> {
    let victim = fixture.tree.parent().unwrap().join("victim");
    let mut found = Vec::new();
    for target in [Path::new("../victim"), &victim] {
        found.push((target.to_owned(), PathBuf::from(format!("link{behind}"))));
        found.push((target.to_owned(), PathBuf::from(format!("link/inner{behind}"))));
    }
    // Upwards out of the tree and in again.
    found.push((PathBuf::from(".."), PathBuf::from(format!("link/victim{behind}"))));
    if !behind.is_empty() {
        found.push((victim.join("file"), PathBuf::from("link")));
        found.push((victim.join("not-there"), PathBuf::from("link")));
    }
    found
}

#[rstest]
fn no_option_is_led_elsewhere_by_a_link_of_the_source_tree(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
    #[values(NAMES[0], NAMES[1], NAMES[2])] name: &str,
) {
    if !is_root() {
        return;
    }
    // What a name does to a path does not depend on the option.
    let options = if name == NAMES[0] { OPTIONS.as_slice() } else { &OPTIONS[..1] };
    for (option, behind) in options {
        let fixture = Fixture::new(plan, name);
        let before = fixture.victim();
        for (target, path) in links(&fixture, behind) {
            let link = fixture.tree.join("link");
            symlink(&target, &link).unwrap();
            lchown(&link, Some(if plan == Plan::Root { 0 } else { 1000 }), None).unwrap();
            for form in [path.clone(), fixture.tree.join(&path)] {
                let form = form.to_str().unwrap();
                let output = fixture.run(&[*option, form], "touch link/made link/inner/made; true");
                let said = String::from_utf8_lossy(&output.stderr);
                let what = format!("{plan:?} {option} {form:?} -> {target:?}: {said}");
                assert_eq!(output.status.code(), Some(125), "{what}");
                assert!(said.contains("symbolic link"), "{what}");
                assert!(said.contains("name the place that is meant itself"), "{what}");
                assert_eq!(fixture.victim(), before, "{what}");
            }
            fs::remove_file(link).unwrap();
        }
    }
}

/// What is named itself works, whatever it is called; also by `..`, and by a link of the caller's own
/// that lies where no build writes.
#[rstest]
fn a_grant_that_is_named_itself_is_used_whatever_it_is_called(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
    #[values(NAMES[0], NAMES[1], NAMES[2])] name: &str,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan, name);
    symlink("pkg", fixture.tree.parent().unwrap().join("alias")).unwrap();
    fixture.give_all();
    let by_alias = fixture.tree.parent().unwrap().join("alias/own");
    for form in ["own", "../pkg/own", "./own/../own", by_alias.to_str().unwrap()] {
        let script = "echo \"written by $0\" > own/file";
        let output = fixture.run(&["--rw", form], script);
        let said = String::from_utf8_lossy(&output.stderr);
        if plan == Plan::Contained {
            // Here the tree has moved, and the grant is at its own path.
            let path = fixture.tree.join("own/file");
            let script = format!("echo again > '{}'", path.display());
            let output = fixture.run(&["--rw", form], &script);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{form}: {said}");
            assert_eq!(fs::read_to_string(&path).unwrap(), "again\n", "{form}: {said}");
        } else {
            assert_eq!(output.status.code(), Some(0), "{form}: {said}");
            let written = fs::read_to_string(fixture.tree.join("own/file")).unwrap();
            assert!(written.starts_with("written by"), "{form}: {said}");
        }
        fs::write(fixture.tree.join("own/file"), "canary").unwrap();
    }
    let outcome = fixture.tree.join("own/outcome.json");
    let output = fixture.run(&["--outcome", "own/outcome.json"], "true");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read_to_string(outcome).unwrap().contains("\"plan\""));
}

#[test]
fn what_is_missing_or_is_no_directory_is_named_with_what_to_do() {
    let fixture = Fixture::new(Plan::Root, "plain");
    for (options, said) in [
        (["--rw", "dist"], "does not exist; make it first"),
        (["--ro", "own/file/x"], "is no directory"),
        (["--scratch", "nowhere"], "does not exist"),
        (["--policy", "nowhere.toml"], "does not exist"),
        (["--outcome", "nowhere/outcome.json"], "does not exist"),
    ] {
        let output = fixture.run(&options, "true");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{options:?}: {errors}");
        assert!(errors.contains(said), "{options:?}: {errors}");
    }
}

/// A directory in which the supervisor makes and removes others by name must be one that builds, and
/// other users, cannot write to.
#[test]
fn private_directories_are_not_kept_where_builds_write() {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(Plan::Root, "plain");
    let granted = fixture.tree.parent().unwrap().join("victim");
    let theirs = fixture.place.path().join("theirs");
    fs::create_dir(&theirs).unwrap();
    lchown(&theirs, Some(4711), None).unwrap();
    for option in ["--scratch", "--runtime"] {
        for place in [&fixture.tree.join("own"), &granted.join("inner"), &theirs] {
            let options = ["--rw", granted.to_str().unwrap(), option, place.to_str().unwrap()];
            let output = fixture.run(&options, "true");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(125), "{option} {place:?}: {errors}");
            assert!(errors.contains("name a directory that only you"), "{place:?}: {errors}");
        }
    }
}

/// Of a file with two names the other may be anybody's; a pipe would be waited for.
#[test]
fn the_outcome_is_written_to_nothing_but_a_file_with_one_name() {
    let fixture = Fixture::new(Plan::Root, "plain");
    let outcome = fixture.tree.join("outcome.json");
    fs::hard_link(fixture.tree.join("own/file"), &outcome).unwrap();
    let output = fixture.run(&["--outcome", "outcome.json"], "true");
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(fs::read(fixture.tree.join("own/file")).unwrap(), b"canary");
    fs::remove_file(&outcome).unwrap();
    assert!(Command::new("/usr/bin/mkfifo").arg(&outcome).status().unwrap().success());
    let output = fixture.run(&["--outcome", "outcome.json"], "true");
    assert_eq!(output.status.code(), Some(125), "{}", String::from_utf8_lossy(&output.stderr));
    // What the caller has open is the caller's to name.
    let output = fixture.run(&["--outcome", "/dev/stdout"], "true");
    assert!(String::from_utf8(output.stdout).unwrap().contains("\"plan\""));
}

/// The link is made while the launch is under way: another build writes to the directory that is
/// granted to this one. Whatever comes first, nothing beside the tree is written.
#[rstest]
fn a_grant_that_is_exchanged_during_the_launch_leads_nowhere_else(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan, "plain");
    let before = fixture.victim();
    let (own, other) = (fixture.tree.join("own"), fixture.tree.join("other"));
    symlink("../victim", &other).unwrap();
    fixture.give_all();
    let running = std::sync::atomic::AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while running.load(std::sync::atomic::Ordering::Relaxed) {
                // Both names change places at once, and again.
                let flags = rustix::fs::RenameFlags::EXCHANGE;
                let here = rustix::fs::CWD;
                let _ = rustix::fs::renameat_with(here, &own, here, &other, flags);
            }
        });
        for _ in 0..12 {
            let path = own.join("made");
            let script = format!("echo x > own/made; echo x > '{}'", path.display());
            fixture.run(&["--rw", "own"], &format!("({script}) 2>/dev/null"));
        }
        running.store(false, std::sync::atomic::Ordering::Relaxed);
    });
    let after: Vec<_> =
        fixture.victim().into_iter().filter(|file| !before.contains(file)).collect();
    assert!(after.is_empty(), "{after:?}");
}

#[test]
fn a_tree_that_is_named_through_a_link_is_found_by_that_name() {
    if !is_root() {
        return;
    }
    for plan in [Plan::Root, Plan::User, Plan::Contained] {
        let fixture = Fixture::new(plan, "data");
        let link = fixture.place.path().join("home");
        symlink("data", &link).unwrap();
        let named = link.join("pkg");
        let script = OsStr::new("cat \"$0\" && cd \"$1\" && cat own/file");
        let words =
            [script, named.join("own/file").as_os_str(), named.as_os_str()].map(OsStr::to_owned);
        let mut command = Command::new("/usr/bin/env");
        let user = if plan == Plan::Root { 0 } else { 1000 };
        command.arg(format!("PWD={}", named.display())).arg(program(&fixture.tree)).arg("run");
        if plan == Plan::Contained {
            // The words that name the tree are rewritten, so the plan itself does not matter here.
            continue;
        }
        command.args(["--", "/bin/sh", "-c"]).args(words).current_dir(&named);
        command.env_remove("XDG_RUNTIME_DIR").uid(user).gid(user);
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.stdout, b"canarycanary", "{plan:?}: {errors}");
    }
}
