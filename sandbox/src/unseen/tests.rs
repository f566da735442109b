//! What is told, over the kinds of things that a build does not see.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::host::fakes;
use crate::policy::Policy;
use crate::policy::levels::Level;

struct Fixture {
    _tree: tempfile::TempDir,
    root: PathBuf,
    payload: Payload,
    policy: Policy,
}

impl Fixture {
    fn new() -> Self {
        let tree = tempfile::tempdir().unwrap();
        let root = tree.path().canonicalize().unwrap();
        for directory in ["repo/pkg", "tools/bin", "deps/lib"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let argv = vec!["make".into(), "WITH=$PKG_WITH_FAST".into()];
        let payload = Payload::command(argv, root.join("repo/pkg"), vec![]).unwrap();
        Self { _tree: tree, root, payload, policy: Policy::preset(Level::Full) }
    }

    fn variable(&mut self, name: &str, value: impl Into<OsString>) -> &mut Self {
        self.payload.environment.push((name.into(), value.into()));
        self
    }

    fn at(&self, path: &str) -> String {
        self.root.join(path).to_str().unwrap().to_owned()
    }

    fn all(&self) -> Vec<Unseen> {
        let host = fakes::root();
        let program = Path::new("/usr/bin/make");
        let plan = Plan::resolve(&self.policy, program, &self.payload, &host).unwrap();
        let found = unseen(&plan, &self.payload, &[], Depth::Launch);
        // Of this machine's own links nothing is asked here.
        found.into_iter().filter(|unseen| !unseen.text.starts_with("/usr/local")).collect()
    }

    fn told(&self) -> Vec<String> {
        self.all().into_iter().filter(|unseen| !unseen.quiet).map(|unseen| unseen.text).collect()
    }
}

#[test]
fn a_plain_build_is_told_nothing() {
    let mut fixture = Fixture::new();
    fixture.variable("PATH", "/usr/bin:/bin:/nowhere").variable("CC", "gcc -O2");
    fixture.variable("GITHUB_TOKEN", "x").variable("SHLVL", "1").variable("UNRELATED", "1");
    assert_eq!(fixture.told(), Vec::<String>::new());
}

#[test]
fn an_entry_of_path_that_is_not_granted_is_told_once() {
    let mut fixture = Fixture::new();
    let tools = fixture.at("tools/bin");
    fixture.variable("PATH", format!("{tools}:/usr/bin:{tools}"));
    let told = fixture.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&tools) && told[0].contains(&format!("`--ro {tools}`")), "{told:?}");
    fixture.payload.grant_named(tools.into(), false).unwrap();
    assert_eq!(fixture.told(), Vec::<String>::new());
}

#[test]
fn a_place_that_a_variable_names_is_told_by_every_variable_that_passes() {
    for name in ["CC", "CMAKE_PREFIX_PATH", "PKG_CONFIG_PATH", "JAVA_HOME", "CFLAGS", "LLVM_CONFIG"]
    {
        let mut fixture = Fixture::new();
        let deps = fixture.at("deps/lib");
        fixture.variable(name, format!("-I{deps}"));
        let told = fixture.told();
        assert_eq!(told.len(), 1, "{name}: {told:?}");
        assert!(told[0].contains(name) && told[0].contains(&format!("--ro {deps}")), "{told:?}");
    }
    let mut fixture = Fixture::new();
    let (deps, inside) = (fixture.at("deps/lib"), fixture.at("repo/pkg/lib"));
    fs::create_dir_all(&inside).unwrap();
    fixture.variable("CFLAGS", format!("-I{inside} -I/usr/include -I{}", fixture.at("nowhere")));
    fixture.variable("UNRELATED", deps);
    assert_eq!(fixture.told(), Vec::<String>::new(), "seen, not there, or not passed on");
}

#[test]
fn a_variable_that_the_package_or_the_command_mentions_is_told() {
    let mut fixture = Fixture::new();
    for name in ["PKG_WITH_FAST", "PKG_BY_SETUP", "PKG_DEEPER", "PKG_OTHERS", "PKG_PART"] {
        fixture.variable(name, "1");
    }
    let tree = fixture.root.join("repo/pkg");
    fs::write(tree.join("setup.py"), "os.environ.get('PKG_BY_SETUP'), 'XPKG_PART', 'PKG_PARTS'")
        .unwrap();
    for directory in ["tools", ".git"] {
        fs::create_dir(tree.join(directory)).unwrap();
    }
    fs::write(tree.join("tools/flags.py"), "PKG_DEEPER").unwrap();
    fs::write(tree.join(".git/config.py"), "PKG_OTHERS").unwrap();
    fs::write(tree.join("notes.bin"), "PKG_OTHERS").unwrap();
    symlink(fixture.at("deps/secret.py"), tree.join("link.py")).unwrap();
    fs::write(fixture.at("deps/secret.py"), "PKG_OTHERS").unwrap();
    let told = fixture.told();
    for (name, by) in [
        ("PKG_WITH_FAST", "the command"),
        ("PKG_BY_SETUP", "setup.py"),
        ("PKG_DEEPER", "tools/flags.py"),
    ] {
        let found = told.iter().find(|text| text.contains(name)).unwrap();
        assert!(found.contains(by) && found.contains(&format!("`--env {name}`")), "{found}");
    }
    for name in ["PKG_OTHERS", "PKG_PART"] {
        assert!(!told.iter().any(|text| text.contains(name)), "{told:?}");
    }
}

#[test]
fn a_secret_that_a_package_asks_for_is_told_by_explain_alone() {
    let mut fixture = Fixture::new();
    fixture.variable("PYPI_TOKEN", "x").variable("CMAKE_ARGS", "-DURL=https://me@host/");
    fs::write(fixture.root.join("repo/pkg/setup.py"), "PYPI_TOKEN CMAKE_ARGS").unwrap();
    assert_eq!(fixture.told(), Vec::<String>::new());
    let all = fixture.all();
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(!all.iter().any(|unseen| unseen.text.contains("me@host")), "never a value");
}

#[test]
fn a_link_out_of_the_tree_and_a_repository_around_it_are_told() {
    let fixture = Fixture::new();
    let tree = fixture.root.join("repo/pkg");
    symlink("../../deps", tree.join("vendored")).unwrap();
    symlink("setup.cfg", tree.join("inner")).unwrap();
    symlink("/usr/include", tree.join("system")).unwrap();
    symlink("nowhere", tree.join("dangling")).unwrap();
    let told = fixture.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("vendored") && told[0].contains(&fixture.at("deps")), "{told:?}");
    fs::remove_file(tree.join("vendored")).unwrap();

    fs::create_dir(fixture.root.join("repo/.git")).unwrap();
    assert_eq!(fixture.told(), Vec::<String>::new(), "nobody asks for it");
    fs::write(tree.join("pyproject.toml"), "requires = ['hatch-vcs']").unwrap();
    let told = fixture.told();
    assert!(told.len() == 1 && told[0].contains(&fixture.at("repo/.git")), "{told:?}");
    // A worktree's `.git` is a file that names another place.
    fs::create_dir_all(fixture.root.join("main/.git/worktrees/pkg")).unwrap();
    fs::write(tree.join(".git"), "gitdir: ../../main/.git/worktrees/pkg\n").unwrap();
    let told = fixture.told();
    assert!(told.len() == 1 && told[0].contains("main/.git/worktrees/pkg"), "{told:?}");
}

#[test]
fn a_loss_that_programs_may_not_survive_is_always_told() {
    let mut fixture = Fixture::new();
    fixture.variable("LD_LIBRARY_PATH", "/opt/x/lib");
    let told = fixture.told();
    assert!(told.len() == 1 && told[0].contains("`--env LD_LIBRARY_PATH`"), "{told:?}");
}

#[test]
fn where_everything_is_seen_nothing_is_told() {
    let mut fixture = Fixture::new();
    let tools = fixture.at("tools/bin");
    fixture.variable("PATH", tools).variable("PKG_WITH_FAST", "1");
    fixture.policy = Policy::preset(Level::Network);
    assert_eq!(fixture.all(), vec![]);
}

#[test]
fn an_environment_whose_parts_are_granted_is_there() {
    let mut fixture = Fixture::new();
    fs::create_dir_all(fixture.root.join("env/bin")).unwrap();
    let env = fixture.at("env");
    fixture.variable("VIRTUAL_ENV", env.clone());
    assert_eq!(fixture.told().len(), 1, "{:?}", fixture.told());
    fixture.payload.grant(PathBuf::from(env).join("bin"));
    assert_eq!(fixture.told(), Vec::<String>::new());
}

#[test]
fn where_a_manager_keeps_its_things_is_only_listed() {
    for name in MANAGERS {
        let mut fixture = Fixture::new();
        let place = fixture.at("tools");
        fixture.variable(name, place.clone());
        assert_eq!(fixture.told(), Vec::<String>::new(), "{name}");
        assert!(fixture.all().iter().any(|unseen| unseen.text.contains(&place)), "{name}");
    }
}
