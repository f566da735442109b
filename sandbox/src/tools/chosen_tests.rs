//! Who has chosen an installation, over the ways that lead to one.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};

use rstest::rstest;

use super::*;
use crate::tools::Lookup;
use crate::tools::interpreter::{Interpreter, looked_at};
use crate::tools::interpreter_error::InterpreterError;
use crate::tools::program::program;

/// How much of the installation at the end is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Much {
    /// What Python needs, and the packages.
    Packages,
    /// What Python needs.
    Library,
    /// Nothing, and the launch is refused or it is told.
    Nothing,
}

/// A home `me` with the source tree `me/pkg`, an installation `me/py`, and `written`, which builds may
/// write to.
struct Fixture {
    _place: tempfile::TempDir,
    root: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for directory in ["me/pkg", "me/bin", "written", "shared"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::set_permissions(root.join("shared"), fs::Permissions::from_mode(0o777)).unwrap();
        Self { _place: place, root }
    }

    fn install(&self, prefix: &str) {
        let prefix = self.root.join(prefix);
        fs::create_dir_all(prefix.join("bin")).unwrap();
        fs::create_dir_all(prefix.join("lib/python3.12/site-packages")).unwrap();
        fs::write(prefix.join("lib/python3.12/os.py"), "").unwrap();
        fs::write(prefix.join("bin/python3"), b"\x7fELF").unwrap();
        fs::set_permissions(prefix.join("bin/python3"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// `at` is an environment, or leads to one, whose interpreter is that of `base`.
    fn environment(&self, at: &str, base: &str) {
        let home = self.root.join(base).join("bin");
        let text = format!("home = {}\ninclude-system-site-packages = true\n", home.display());
        fs::create_dir_all(self.root.join(at).join("bin")).unwrap();
        fs::write(self.root.join(at).join(pyvenv::NAME), text).unwrap();
        self.link(&format!("{at}/bin/python3"), &format!("{base}/bin/python3"));
    }

    fn link(&self, at: &str, target: &str) {
        let at = self.root.join(at);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&at);
        symlink(self.root.join(target), at).unwrap();
    }

    fn payload(&self, program: &str, path: &[PathBuf], granted: &[&str]) -> Payload {
        let path = std::env::join_paths(path).unwrap();
        let home = self.root.join("me");
        let environment = vec![("PATH".into(), path), ("HOME".into(), home.into())];
        let (tree, program) = (self.root.join("me/pkg"), self.root.join(program));
        let mut payload = Payload::command(vec![program.into()], tree, environment).unwrap();
        payload.grant_named(self.root.join("written"), true).unwrap();
        for path in granted {
            payload.grant_named(self.root.join(path), false).unwrap();
        }
        payload
    }

    fn found(
        &self,
        python: &str,
        path: &[&str],
        granted: &[&str],
    ) -> Result<Interpreter, InterpreterError> {
        let entries: Vec<_> = path.iter().map(|entry| self.root.join(entry)).collect();
        // The program is another one.
        let payload = self.payload("x", &entries, granted);
        looked_at(&payload, &self.root.join(python), &Lookup::of(&payload))
    }

    /// How much of the installation `prefix` the interpreter `python` brings along.
    fn much(&self, python: &str, prefix: &str, path: &[&str], granted: &[&str]) -> Much {
        let library = self.root.join(prefix).join("lib/python3.12");
        match self.found(python, path, granted) {
            Ok(found) => {
                let share = found.found.shares.iter().find(|share| share.path == library);
                match share.map(|share| share.hidden.as_slice()) {
                    Some([]) => Much::Packages,
                    Some([hidden]) if *hidden == library.join("site-packages") => Much::Library,
                    other => panic!("{other:?}"),
                }
            }
            Err(InterpreterError::Stranger { .. } | InterpreterError::Foreign { .. }) => {
                Much::Nothing
            }
            Err(problem) => panic!("{python}: {problem}"),
        }
    }
}

const PY: &str = "me/py";
const UV: &str = "me/.local/share/uv/python/cpython-3.12.5";
const PYENV: &str = "me/.pyenv/versions/3.12.5";
const PROD: &str = "me/conda/envs/prod";

#[rstest]
// The caller's own links, wherever they lead.
#[case::its_path(&[], "me/py/bin/python3", PY, Much::Packages)]
#[case::its_link(&[("me/bin/python3", PY)], "me/bin/python3", PY, Much::Packages)]
#[case::uvs(&[("me/bin/python3", UV)], "me/bin/python3", UV, Much::Packages)]
// What somebody has installed into what the caller names.
#[case::installed(&[("me/other/bin/python3", PROD)], "me/other/bin/python3", PROD, Much::Library)]
#[case::environment(&[("me/env", PY)], "me/env/bin/python3", PY, Much::Library)]
#[case::environment_of_uv(&[("me/env", UV)], "me/env/bin/python3", UV, Much::Library)]
// Links of a tree's or a build's.
#[case::tree(&[("me/pkg/python3", PROD)], "me/pkg/python3", PROD, Much::Nothing)]
#[case::tree_of_uv(&[("me/pkg/python3", UV)], "me/pkg/python3", UV, Much::Library)]
#[case::tree_of_pyenv(&[("me/pkg/python3", PYENV)], "me/pkg/python3", PYENV, Much::Library)]
#[case::venv(&[("me/pkg/.venv", PROD)], "me/pkg/.venv/bin/python3", PROD, Much::Nothing)]
#[case::venv_of_uv(&[("me/pkg/.venv", UV)], "me/pkg/.venv/bin/python3", UV, Much::Library)]
#[case::venv_of_pyenv(&[("me/pkg/.venv", PYENV)], "me/pkg/.venv/bin/python3", PYENV, Much::Library)]
#[case::written(&[("written/bin/python3", PROD)], "written/bin/python3", PROD, Much::Nothing)]
#[case::by_way_of_the_tree(
    &[("me/pkg/python3", PROD), ("me/bin/python3", "me/pkg/python3")],
    "me/bin/python3", PROD, Much::Nothing
)]
#[case::an_environment_elsewhere(
    &[("me/env", UV), ("me/pkg/python3", "me/env")],
    "me/pkg/python3", UV, Much::Nothing
)]
#[case::anybodys(&[("shared/python3", PROD)], "shared/python3", PROD, Much::Nothing)]
fn what_is_granted_follows_from_who_has_chosen(
    #[case] links: &[(&str, &str)],
    #[case] python: &str,
    #[case] prefix: &str,
    #[case] much: Much,
) {
    let fixture = Fixture::new();
    for installation in [PY, UV, PYENV, PROD, "me/other"] {
        fixture.install(installation);
    }
    for (at, base) in links {
        if at.ends_with("env") {
            fixture.environment(at, base);
        } else if base.ends_with("python3") {
            fixture.link(at, base);
        } else {
            fixture.link(at, &format!("{base}/bin/python3"));
        }
    }
    assert_eq!(fixture.much(python, prefix, &[], &[]), much);
    if much != Much::Nothing {
        return;
    }
    // With a word of the caller's it is granted; packages come by that word's own rule.
    if !links.iter().any(|(at, _)| *at == "me/env") {
        let bin = format!("{prefix}/bin");
        assert_eq!(fixture.much(python, prefix, &[&bin], &[]), Much::Library, "by PATH");
        assert_eq!(fixture.much(python, prefix, &[], &[prefix]), Much::Library, "by --ro");
        fixture.link("me/own/python3", &format!("{prefix}/bin/python3"));
        assert_eq!(
            fixture.much(python, prefix, &["me/own"], &[]),
            Much::Library,
            "by a link in PATH"
        );
        // And that word is the caller's, not another link in the tree.
        fixture.link("me/pkg/bin", &bin);
        fixture.link("written/b/python3", &format!("{prefix}/bin/python3"));
        let strangers = ["me/pkg/bin", "written/b", "me/pkg"];
        assert_eq!(fixture.much(python, prefix, &strangers, &[]), Much::Nothing, "by the tree");
    }
}

#[test]
fn a_link_of_another_users_is_a_strangers() {
    let fixture = Fixture::new();
    fixture.install(PROD);
    fixture.link("me/bin/python3", &format!("{PROD}/bin/python3"));
    if lchown(fixture.root.join("me/bin/python3"), Some(4321), None).is_ok() {
        assert_eq!(fixture.much("me/bin/python3", PROD, &[], &[]), Much::Nothing);
    }
}

#[rstest]
#[case::the_callers("me/bin/tool", 0o755, PROD, Much::Packages)]
#[case::written("written/tool", 0o755, PROD, Much::Nothing)]
#[case::written_of_uv("written/tool", 0o755, UV, Much::Library)]
#[case::below_what_is_open("shared/sub/tool", 0o755, PROD, Much::Nothing)]
#[case::open("me/bin/tool", 0o757, PROD, Much::Nothing)]
#[case::tree("me/pkg/tool", 0o755, PROD, Much::Nothing)]
#[case::environment("me/env/bin/tool", 0o755, PROD, Much::Nothing)]
fn a_first_line_counts_only_where_no_stranger_could_have_written_it(
    #[case] script: &str,
    #[case] mode: u32,
    #[case] prefix: &str,
    #[case] much: Much,
) {
    let fixture = Fixture::new();
    fixture.install(prefix);
    let file = fixture.root.join(script);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    if script.starts_with("me/env") {
        fs::write(fixture.root.join("me/env").join(pyvenv::NAME), "home = /usr/bin\n").unwrap();
    }
    let python = fixture.root.join(prefix).join("bin/python3");
    fs::write(&file, format!("#!{}\n", python.display())).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let mut payload = fixture.payload(script, &[], &[]);
    let lookup = Lookup::of(&payload);
    let withheld = program(&mut payload, &lookup).unwrap().withheld;
    let library = fixture.root.join(prefix).join("lib/python3.12");
    let grant = payload.grants.iter().find(|grant| grant.path == library);
    let found = grant.map_or(Much::Nothing, |grant| {
        if grant.hidden.is_empty() { Much::Packages } else { Much::Library }
    });
    assert_eq!(found, much, "{:?}", payload.grants);
    if much == Much::Nothing && !script.contains("pkg") && !script.contains("env") {
        let told = withheld.iter().find(|it| it.path == fixture.root.join(prefix)).unwrap();
        assert!(told.why.contains(file.to_str().unwrap()), "{}", told.why);
    }
}

#[test]
fn packages_that_only_an_environment_asks_for_are_told() {
    let fixture = Fixture::new();
    fixture.install(PY);
    fixture.environment("me/env", PY);
    let packages = fixture.root.join("me/py/lib/python3.12/site-packages");
    let told = |path: &[&str]| {
        let found = fixture.found("me/env/bin/python3", path, &[]).unwrap().found;
        found.withheld.into_iter().map(|it| it.path).collect::<Vec<_>>()
    };
    assert_eq!(told(&["me/env/bin"]), [packages]);
    assert!(told(&["me/env/bin", "me/py/bin"]).is_empty(), "by PATH they are granted");
}

#[test]
fn a_place_of_pythons_is_where_the_caller_says() {
    let fixture = Fixture::new();
    let at = |path: &str| fixture.root.join(path);
    let confirms = |variables: &[(&str, &str)], prefix: &str| {
        let mut environment = vec![("HOME".into(), at("me").into())];
        environment.extend(variables.iter().map(|(name, path)| ((*name).into(), at(path).into())));
        let payload = Payload::command(vec!["x".into()], at("me/pkg"), environment).unwrap();
        Chosen::of(&payload, &[], &Homes::of(&payload)).confirms(&at(prefix))
    };
    for (name, part) in PYTHONS {
        let prefix = format!("store/{part}/x");
        fixture.install(&prefix);
        assert!(confirms(&[(name, "store")], &prefix), "{name}");
        assert!(!confirms(&[], &prefix), "{name}");
        assert!(
            !confirms(&[(name, "store")], &format!("store/{part}")),
            "{name}: the place itself"
        );
    }
    for part in PYTHONS_OF_HOME {
        let prefix = format!("me/{part}/x");
        fixture.install(&prefix);
        assert!(confirms(&[], &prefix), "{part}");
        fs::write(at(&prefix).join(pyvenv::NAME), "home = /usr/bin\n").unwrap();
        assert!(!confirms(&[], &prefix), "{part}: an environment");
    }
    for part in PYTHONS_OF_DATA {
        for (variables, data) in
            [(&[][..], "me/.local/share"), (&[("XDG_DATA_HOME", "data")][..], "data")]
        {
            let prefix = format!("{data}/{part}/x");
            fixture.install(&prefix);
            assert!(confirms(variables, &prefix), "{prefix}");
        }
    }
    // A home is none, nor is what the tree leads to.
    fixture.install("me/.rye-python");
    assert!(!confirms(&[("UV_PYTHON_INSTALL_DIR", "me")], "me/.rye-python"));
    fixture.link("me/pkg/pythons", "elsewhere");
    fixture.install("elsewhere/x");
    assert!(!confirms(&[("UV_PYTHON_INSTALL_DIR", "me/pkg/pythons")], "elsewhere/x"));
    assert!(confirms(&[("UV_PYTHON_INSTALL_DIR", "elsewhere")], "elsewhere/x"));
}
