//! What a build sees of tool chains, environments and variables follows from what its caller says and
//! not from files that a stranger may have written, and what it does not see is told.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;

use crate::machine::{directory, is_root, run};
use crate::named::Plan;

/// The interpreter of this machine, by no link.
fn python() -> PathBuf {
    fs::canonicalize("/usr/bin/python3").unwrap()
}

/// A source tree with what is beside it.
struct Fixture {
    place: tempfile::TempDir,
    plan: Plan,
}

impl Fixture {
    fn new(plan: Plan) -> Self {
        let place = directory();
        fs::create_dir_all(place.path().join("src/sub")).unwrap();
        Self { place, plan }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.place.path().join(path)
    }

    fn text(&self, path: &str) -> String {
        self.at(path).to_str().unwrap().to_owned()
    }

    fn file(&self, path: &str, text: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), text).unwrap();
        fs::set_permissions(self.at(path), PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// An environment as `python -m venv` makes one, with a module `own` in it.
    fn environment(&self, path: &str, home: &str) {
        let name = python().file_name().unwrap().to_str().unwrap().to_owned();
        self.file(&format!("{path}/pyvenv.cfg"), &format!("home = {home}\n"));
        self.file(&format!("{path}/lib/{name}/site-packages/own.py"), "there = 'is there'\n");
        fs::create_dir_all(self.at(path).join("bin")).unwrap();
        symlink("lib", self.at(path).join("lib64")).unwrap();
        symlink(python(), self.at(path).join("bin").join(&name)).unwrap();
        symlink(&name, self.at(path).join("bin/python")).unwrap();
    }

    fn call(&self, directory: &str, variables: &[&str], words: &[&str]) -> Output {
        self.plan.give(&self.at("src"));
        self.plan.call(&self.at(directory), variables, words)
    }

    fn prints(&self, directory: &str, variables: &[&str], words: &[&str]) -> String {
        let output = self.call(directory, variables, &[&["run"], words].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}: {words:?}: {errors}", self.plan);
        String::from_utf8(output.stdout).unwrap()
    }
}

const OWN: &str = "import own; print(own.there)";

#[rstest]
fn an_environment_is_found_wherever_it_lies_and_however_it_is_named(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan);
    for place in ["src/.venv", "env"] {
        fixture.environment(place, "/usr/bin");
    }
    for (directory, python) in [
        ("src", fixture.text("src/.venv/bin/python")),
        ("src", ".venv/bin/python".to_owned()),
        ("src", fixture.text("env/bin/python")),
        ("src", "../env/bin/python".to_owned()),
        ("src", "sub/../../env/bin/python".to_owned()),
    ] {
        let said = fixture.prints(directory, &[], &["--", &python, "-c", OWN]);
        assert_eq!(said, "is there\n", "{plan:?}: {python}");
    }
    // Activated, with another program in front.
    let path = format!("PATH={}:/usr/bin:/bin", fixture.text("env/bin"));
    let activated = [path.as_str(), &format!("VIRTUAL_ENV={}", fixture.text("env"))];
    let script = format!("python -c '{OWN}'");
    assert_eq!(fixture.prints("src", &activated, &["--", "/bin/sh", "-c", &script]), "is there\n");
}

#[rstest]
fn a_program_beside_the_tree_runs_and_brings_nothing_along(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan);
    fixture.file("tools/bin/hello", "#!/bin/sh\necho hello\ncat \"$(dirname \"$0\")/../secret\"\n");
    fixture.file("tools/secret", "canary");
    let path = format!("PATH={}:/usr/bin:/bin", fixture.text("tools/bin"));
    for (variables, name) in [
        (vec![], fixture.text("tools/bin/hello")),
        (vec![], "../tools/bin/hello".to_owned()),
        (vec![path.as_str()], "hello".to_owned()),
    ] {
        let output = fixture.call("src", &variables, &["run", "--", &name]);
        assert_eq!(output.stdout, b"hello\n", "{plan:?}: {name}: {output:?}");
    }
}

#[rstest]
fn no_file_of_an_environment_says_what_else_is_granted(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
    #[values(true, false)] copied: bool,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan);
    fixture.file("other/bin/python3", "");
    fixture.file("other/lib/python3.11/site-packages/credentials.py", "canary");
    fixture.file("other/lib/python3.11/os.py", "");
    fixture.environment("env", &fixture.text("other/bin"));
    if copied {
        fs::remove_file(fixture.at("env/bin/python")).unwrap();
        fs::copy(python(), fixture.at("env/bin/python")).unwrap();
    }
    let canary = fixture.text("other/lib/python3.11/site-packages/credentials.py");
    let read = format!("print(open({canary:?}).read())");
    let python = fixture.text("env/bin/python");
    let output = fixture.call("src", &[], &["run", "--", &python, "-c", &read]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{plan:?}: {errors}");
    for told in ["pyvenv.cfg", &fixture.text("other/bin"), "--ro"] {
        assert!(errors.contains(told), "{told}: {errors}");
    }
}

/// What a source tree or an earlier build has written leads to no installation of the caller's.
#[rstest]
fn no_link_and_no_first_line_of_a_strangers_chooses_an_installation(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan);
    let name = python().file_name().unwrap().to_str().unwrap().to_owned();
    let library = format!("prod/lib/{name}");
    fixture.file(&format!("{library}/os.py"), "canary");
    fixture.file(&format!("{library}/site-packages/settings.py"), "canary");
    fs::create_dir_all(fixture.at("prod/bin")).unwrap();
    fs::copy(python(), fixture.at("prod/bin/python3")).unwrap();
    for place in ["src/bin", "src/.venv/bin", "written/bin"] {
        fs::create_dir_all(fixture.at(place)).unwrap();
        symlink(fixture.at("prod/bin/python3"), fixture.at(place).join("python3")).unwrap();
    }
    let settings = format!("home = {}\n", fixture.text("prod/bin"));
    let settings = format!("{settings}include-system-site-packages = true\n");
    fixture.file("src/.venv/pyvenv.cfg", &settings);
    fixture.file("written/tool", &format!("#!{}\n", fixture.text("prod/bin/python3")));
    plan.give(&fixture.at("written"));
    let (written, prod) = (fixture.text("written"), fixture.text("prod"));
    let path = |entry: &str| format!("PATH={}:/usr/bin:/bin", fixture.text(entry));
    let library = fixture.at(&library);
    let files = ["os.py", "site-packages/settings.py"].map(|file| library.join(file));
    let search = format!("grep -s canary {} {}; echo end", files[0].display(), files[1].display());
    let reads = |entry: &str, program: &str| {
        let words = ["run", "--rw", &written, "--", program, "-c", &search];
        let output = fixture.call("src", &[&path(entry)], &words);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(&prod) || entry == "prod/bin", "{plan:?}: {entry}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let control = reads("prod/bin", "/bin/sh");
    assert!(control.contains("settings.py"), "{plan:?}: the control: {control}");
    for entry in ["src/bin", "src/.venv/bin", "written/bin"] {
        assert_eq!(reads(entry, "/bin/sh"), "end\n", "{plan:?}: {entry}");
    }
    for program in ["bin/python3", ".venv/bin/python3"] {
        let output = fixture.call("src", &[], &["run", "--", &format!("./{program}"), "-c", "1"]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{plan:?}: {program}: {errors}");
        assert!(errors.contains(&prod) && errors.contains("--ro"), "{errors}");
    }
    let words = ["run", "--rw", &written, "--", &fixture.text("written/tool"), "-c", "1"];
    let output = fixture.call("src", &[], &words);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && errors.contains(&prod), "{plan:?}: {errors}");
}

/// `~/.local` and the like are prefixes of Python with much else in them.
#[rstest]
fn of_a_prefix_in_a_home_only_what_is_of_python_is_seen(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan);
    let name = python().file_name().unwrap().to_str().unwrap().to_owned();
    for path in ["share/keyrings/login.keyring", "lib/mailer/password", "state/token"] {
        fixture.file(&format!("home/.local/{path}"), "canary");
    }
    fixture.file(&format!("home/.local/lib/{name}/site-packages/own.py"), "there = 'is there'\n");
    fs::create_dir_all(fixture.at("home/.local/bin")).unwrap();
    symlink(python(), fixture.at("home/.local/bin/python3")).unwrap();
    plan.give(&fixture.at("home"));
    let home = fixture.text("home");
    let variables = [
        &format!("HOME={home}"),
        &format!("PATH={home}/.local/bin:/usr/bin:/bin"),
        &format!("VIRTUAL_ENV={home}/.local"),
    ];
    let variables = variables.map(String::as_str);
    let search = format!("grep -rs canary {home}; echo end");
    let without =
        fixture.call("src", &variables, &["run", "--ro", &home, "--", "/bin/sh", "-c", &search]);
    assert!(
        String::from_utf8_lossy(&without.stdout).contains("canary"),
        "the control: {without:?}"
    );
    for words in [
        vec!["--", "/bin/sh", "-c", &search],
        vec!["--", "python3", "-c", "import os, sys; os.system(sys.argv[1])", &search],
    ] {
        assert_eq!(fixture.prints("src", &variables, &words), "end\n", "{plan:?}: {words:?}");
    }
}

#[rstest]
fn what_a_build_does_not_see_is_told_before_it_unless_it_is_to_be_quiet(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan);
    fixture.file("tools/bin/own-cc", "#!/bin/sh\n");
    fixture.file("deps/lib/libown.a", "");
    fixture.file("src/setup.py", "import os\nos.environ.get('OWN_WITH_FAST')\n");
    symlink("../deps", fixture.at("src/vendor")).unwrap();
    let variables = [
        &format!("PATH={}:/usr/bin:/bin", fixture.text("tools/bin")),
        &format!("LIBRARY_PATH={}", fixture.text("deps/lib")),
        "OWN_WITH_FAST=1",
        "OWN_OTHER=1",
    ];
    let told = [fixture.text("tools/bin"), fixture.text("deps/lib"), "vendor".to_owned()];
    let words = ["--", "/bin/true"];
    let output = fixture.call("src", &variables, &[&["run"], &words[..]].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    for place in &told {
        let line =
            errors.lines().find(|line| line.contains(place.as_str()) && line.contains("--ro"));
        assert!(line.is_some(), "{plan:?}: {place}: {errors}");
    }
    assert!(errors.contains("`--env OWN_WITH_FAST`"), "{errors}");
    assert!(!errors.contains("OWN_OTHER"), "{errors}");

    let quiet = fixture.call("src", &variables, &[&["run", "--quiet"], &words[..]].concat());
    let errors = String::from_utf8_lossy(&quiet.stderr);
    assert!(told.iter().all(|place| !errors.contains(place.as_str())), "{errors}");

    let all = fixture.call("src", &variables, &[&["explain"], &words[..]].concat());
    let all = String::from_utf8_lossy(&all.stdout);
    let named = told.iter().map(String::as_str).chain(["OWN_WITH_FAST", "OWN_OTHER"]);
    for place in named {
        assert!(all.contains(place), "{place}: {all}");
    }
}

#[rstest]
fn what_goes_away_with_the_private_copy_is_told_and_in_place_it_stays(
    #[values(Plan::Root, Plan::User, Plan::Contained)] plan: Plan,
) {
    if !is_root() {
        return;
    }
    let fixture = Fixture::new(plan);
    fs::create_dir(fixture.at("src/kept")).unwrap();
    fixture.file("src/before", "old");
    let build =
        "mkdir -p dist && echo x > dist/wheel && echo y > kept/file && mkdir -p __pycache__";
    let words = ["--", "/bin/sh", "-c", build];
    let errors = |options: &[&str]| {
        let output = fixture.call("src", &[], &[&["run"], options, &words].concat());
        assert!(output.status.success(), "{plan:?}: {options:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let left = |errors: &str| errors.lines().find(|line| line.contains("dist")).map(str::to_owned);
    let said = left(&errors(&[])).unwrap();
    assert!(said.contains("dist and kept") && said.contains("`--rw dist`"), "{said}");
    assert_eq!(left(&errors(&["--quiet"])), None);
    let said = left(&errors(&["--rw", "kept"])).unwrap();
    assert!(!said.contains("kept") && said.contains("--in-place"), "{said}");
    assert_eq!(fs::read_to_string(fixture.at("src/kept/file")).unwrap(), "y\n");
    assert_eq!(left(&errors(&["--in-place"])), None);
    assert_eq!(fs::read_to_string(fixture.at("src/dist/wheel")).unwrap(), "x\n");
    // Nothing is left by who leaves nothing.
    let nothing = ["run", "--", "/bin/sh", "-c", "cat before"];
    let output = fixture.call("src", &[], &nothing);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.contains("private copy"), "{errors}");
}

/// As root what is granted for reading belongs to another than the build's user.
#[test]
fn git_reads_a_repository_that_is_granted() {
    let place = directory();
    let (tree, repository) = (place.path().join("src"), place.path().join("repository"));
    fs::create_dir(&tree).unwrap();
    let git = |words: &[&str]| {
        let identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"];
        let mut command = Command::new("/usr/bin/git");
        command.args(identity).args(words).current_dir(place.path()).env("HOME", place.path());
        command.output().is_ok_and(|output| output.status.success())
    };
    let repository = repository.to_str().unwrap();
    let made = git(&["init", "-q", repository])
        && git(&["-C", repository, "commit", "-q", "--allow-empty", "-m", "x"])
        && git(&["-C", repository, "tag", "v1"]);
    if !made {
        crate::skipped::note(format_args!("there is no git"));
        return;
    }
    let script = format!("git -C {repository} describe --tags");
    let output = run(&tree, &["--ro", repository], &script);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "v1\n", "{output:?}");
    assert!(!run(Path::new(&tree), &[], &script).status.success(), "the control");
}
