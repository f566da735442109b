//! Trees of virtual environments and installations as venv, uv, pyenv, conda and Debian lay them out;
//! and as somebody would who wants more than they are given.

use std::ffi::OsStr;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::tools::Share;

/// A directory with a fake installation `py` of Python 3.12 in it, by its path without links.
fn root() -> (tempfile::TempDir, PathBuf) {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path().canonicalize().unwrap();
    install(&root.join("py"));
    (tree, root)
}

fn install(prefix: &Path) {
    let library = prefix.join("lib/python3.12");
    for directory in ["bin", "include", "share/keyrings", "lib/python3.12/site-packages"] {
        std::fs::create_dir_all(prefix.join(directory)).unwrap();
    }
    std::fs::write(library.join("os.py"), "").unwrap();
    std::fs::write(prefix.join("lib/libpython3.12.so.1.0"), "").unwrap();
    std::fs::write(prefix.join("lib/notes"), "").unwrap();
    program(&prefix.join("bin/python3.12"), b"\x7fELF");
    program(&prefix.join("bin/deploy"), b"#!/bin/sh");
    symlink("python3.12", prefix.join("bin/python3")).unwrap();
}

fn program(path: &Path, content: &[u8]) {
    std::fs::write(path, content).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn venv(prefix: &Path, home: &Path) {
    std::fs::create_dir_all(prefix.join("bin")).unwrap();
    std::fs::create_dir_all(prefix.join("lib/python3.12/site-packages")).unwrap();
    symlink("lib", prefix.join("lib64")).unwrap();
    symlink(home.join("python3"), prefix.join("bin/python")).unwrap();
    says(prefix, home);
}

/// What anybody can write who can install into the environment.
fn says(prefix: &Path, home: &Path) {
    let line = [b"home = ", home.as_os_str().as_bytes(), b"\nversion = 3.12.5\n"].concat();
    std::fs::write(prefix.join(pyvenv::NAME), line).unwrap();
}

/// What is looked at with nothing around it.
fn bare<'a>(homes: &'a Homes, chosen: &'a Chosen) -> Surroundings<'a> {
    Surroundings {
        directory: Path::new("/"),
        search: &[],
        homes,
        granted: &[],
        activated: &[],
        chosen,
        by_stranger: false,
    }
}

fn find_with(python: &Path, granted: &[PathBuf]) -> Result<Interpreter, InterpreterError> {
    let homes = Homes::default();
    let chosen = Chosen::nothing();
    let around = Surroundings { granted, ..bare(&homes, &chosen) };
    interpreter(python, around)
}

fn find(python: &Path) -> Result<Interpreter, InterpreterError> {
    find_with(python, &[])
}

fn paths(found: &Interpreter) -> Vec<PathBuf> {
    let mut paths: Vec<_> = found.found.shares.iter().map(|share| share.path.clone()).collect();
    paths.sort();
    paths
}

/// What of the installation `py` is granted.
fn parts_of_py(root: &Path) -> Vec<PathBuf> {
    let parts = ["py/bin", "py/include", "py/lib/libpython3.12.so.1.0", "py/lib/python3.12"];
    parts.map(|part| root.join(part)).to_vec()
}

/// The same without programs that are none of Python's own.
fn bare_parts_of_py(root: &Path) -> Vec<PathBuf> {
    let mut parts = parts_of_py(root);
    parts[0] = root.join("py/bin/python3.12");
    parts
}

#[test]
fn of_an_installation_only_what_python_needs_is_granted() {
    let (_tree, root) = root();
    let found = find(&root.join("py/bin/python3")).unwrap();
    assert_eq!((&found.prefix, &found.base_prefix), (&root.join("py"), &root.join("py")));
    assert_eq!(found.executable, root.join("py/bin/python3"));
    assert_eq!(paths(&found), parts_of_py(&root), "no share, and nothing else of lib");
    assert!(found.found.shares.iter().all(|share| share.hidden.is_empty()), "its own packages");
}

#[test]
fn a_virtual_environment_brings_its_base_along_without_its_packages() {
    let (_tree, root) = root();
    venv(&root.join("env"), &root.join("py/bin"));
    let found = find(&root.join("env/bin/python")).unwrap();
    assert_eq!((&found.prefix, &found.base_prefix), (&root.join("env"), &root.join("py")));
    let parts = ["env/bin", "env/lib", "env/pyvenv.cfg"].map(|part| root.join(part));
    assert_eq!(paths(&found), [parts.to_vec(), bare_parts_of_py(&root)].concat());
    assert!(
        found.found.links.contains(&(root.join("py/bin/python3"), root.join("py/bin/python3.12")))
    );
    let library = root.join("py/lib/python3.12");
    let hidden = vec![library.join("site-packages")];
    assert!(found.found.shares.contains(&Share { path: library.clone(), hidden }));
    assert!(found.found.links.contains(&(root.join("env/lib64"), root.join("env/lib"))));
    assert_eq!(found.found.environments, [root.join("env")]);
    assert!(found.found.withheld.is_empty());

    let settings = root.join("env/pyvenv.cfg");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{text}include-system-site-packages = true\n")).unwrap();
    let found = find(&root.join("env/bin/python")).unwrap();
    let hidden = vec![library.join("site-packages")];
    assert!(found.found.shares.contains(&Share { path: library, hidden: hidden.clone() }));
    assert_eq!(found.found.withheld.first().map(|it| it.path.clone()), hidden.first().cloned());
}

#[test]
fn a_version_link_as_uv_makes_it_is_there_under_both_names() {
    let (_tree, root) = root();
    symlink("py", root.join("cpython-3.12")).unwrap();
    venv(&root.join("env"), &root.join("cpython-3.12/bin"));
    let found = find(&root.join("env/bin/python")).unwrap();
    assert_eq!(found.base_prefix, root.join("py"));
    assert!(found.found.links.contains(&(root.join("cpython-3.12"), root.join("py"))));
    assert!(paths(&found).contains(&root.join("py/lib/python3.12")));
}

#[test]
fn an_environment_that_is_reached_through_a_link_has_that_name() {
    let (_tree, root) = root();
    venv(&root.join("internal"), &root.join("py/bin"));
    symlink("internal", root.join("cp312")).unwrap();
    let found = find(&root.join("cp312/bin/python")).unwrap();
    assert_eq!(found.prefix, root.join("cp312"));
    assert!(found.found.links.contains(&(root.join("cp312"), root.join("internal"))));
    assert!(paths(&found).contains(&root.join("internal/lib")));
}

#[test]
fn a_home_that_the_links_do_not_confirm_grants_nothing() {
    let (_tree, root) = root();
    install(&root.join("other"));
    for directory in ["other", "env/..", "nowhere", "secret"] {
        let (_tree, root) = (tempfile::tempdir().unwrap(), root.clone());
        let env = root.join(format!("env-{}", directory.replace(['/', '.'], "_")));
        venv(&env, &root.join("py/bin"));
        says(&env, &root.join(directory).join("bin"));
        let found = find(&env.join("bin/python"));
        let error = match found {
            Err(error) => error,
            Ok(found) => panic!("{directory}: {:?}", paths(&found)),
        };
        let expected =
            matches!(error, InterpreterError::Home { .. } | InterpreterError::Pyvenv { .. });
        assert!(expected, "{directory}: {error}");
    }
    // It may be right all the same: then the caller can say so.
    venv(&root.join("env"), &root.join("py/bin"));
    says(&root.join("env"), &root.join("other/bin"));
    let granted = [root.join("other"), root.join("py")];
    let found = find_with(&root.join("env/bin/python"), &granted).unwrap();
    assert_eq!(found.base_prefix, root.join("other"));
    assert!(!paths(&found).iter().any(|path| path.starts_with(root.join("other"))));
    assert!(find_with(&root.join("env/bin/python"), &granted[..1]).is_err(), "not the executable");
}

#[test]
fn another_environment_is_never_granted_with_one() {
    let (_tree, root) = root();
    // A copied interpreter, so that the other environment looks like an installation too.
    install(&root.join("one"));
    says(&root.join("one"), &root.join("py/bin"));
    venv(&root.join("two"), &root.join("one/bin"));
    let error = find(&root.join("two/bin/python")).unwrap_err();
    assert!(matches!(error, InterpreterError::Foreign { .. }), "{error}");
    assert!(find_with(&root.join("two/bin/python"), &[root.join("one")]).is_ok());
    // An executable that leads through one to an installation needs nothing of it.
    venv(&root.join("three"), &root.join("py/bin"));
    symlink("python", root.join("three/bin/python3")).unwrap();
    venv(&root.join("four"), &root.join("three/bin"));
    says(&root.join("four"), &root.join("py/bin"));
    let found = find(&root.join("four/bin/python")).unwrap();
    assert_eq!(found.base_prefix, root.join("py"));
    assert!(!paths(&found).iter().any(|path| path.starts_with(root.join("three"))));
}

#[test]
fn a_part_that_is_a_link_out_of_its_prefix_is_withheld() {
    let (_tree, root) = root();
    venv(&root.join("env"), &root.join("py/bin"));
    std::fs::create_dir(root.join("secret")).unwrap();
    symlink(root.join("secret"), root.join("env/share")).unwrap();
    symlink(root.join("secret"), root.join("env/include")).unwrap();
    let found = find(&root.join("env/bin/python")).unwrap();
    let withheld: Vec<_> = found.found.withheld.iter().map(|it| it.path.clone()).collect();
    assert_eq!(withheld, [root.join("env/include"), root.join("env/share")]);
    let secret = root.join("secret");
    assert!(!paths(&found).contains(&secret));
    assert!(!found.found.links.iter().any(|(_, to)| to.starts_with(&secret)));
}

#[test]
fn a_personal_prefix_gives_no_more_because_somebody_calls_it_an_environment() {
    let (_tree, root) = root();
    let local = root.join("me/.local");
    install(&local);
    let homes = Homes::of_test(&[root.join("me")]);
    let chosen = Chosen::nothing();
    let around = bare(&homes, &chosen);
    let parts = ["bin", "include", "lib/libpython3.12.so.1.0", "lib/python3.12"];
    let parts = parts.map(|part| local.join(part));
    let found = interpreter(&local.join("bin/python3"), around).unwrap();
    assert_eq!(paths(&found), parts);
    // A build requirement has been there.
    says(&local, &root.join("py/bin"));
    std::fs::remove_file(local.join("bin/python3")).unwrap();
    symlink(root.join("py/bin/python3"), local.join("bin/python3")).unwrap();
    let found = interpreter(&local.join("bin/python3"), around).unwrap();
    let of_local: Vec<_> =
        paths(&found).into_iter().filter(|path| path.starts_with(&local)).collect();
    let mut expected = parts.to_vec();
    expected.push(local.join(pyvenv::NAME));
    assert_eq!(of_local, expected, "no share, and nothing else of lib");
}

#[test]
fn a_prefix_of_condas_is_granted_whole_only_where_the_caller_has_activated_it() {
    let (_tree, root) = root();
    let prefix = root.join("py");
    for part in ["conda-meta", "libexec/gcc", "triple/sysroot", "envs/other", "pkgs", ".ssh"] {
        std::fs::create_dir_all(prefix.join(part)).unwrap();
    }
    let found = find(&prefix.join("bin/python3")).unwrap();
    assert_eq!(paths(&found), parts_of_py(&root), "anybody could have made it look like one");
    assert!(found.found.withheld.iter().any(|withheld| withheld.path == prefix));
    let homes = Homes::default();
    let activated = [prefix.clone()];
    let chosen = Chosen::nothing();
    let around = Surroundings { activated: &activated, ..bare(&homes, &chosen) };
    let found = interpreter(&prefix.join("bin/python3"), around).unwrap();
    let parts = ["bin", "conda-meta", "include", "lib", "libexec", "share", "triple"];
    assert_eq!(paths(&found), parts.map(|part| prefix.join(part)));
}

#[test]
fn a_prefix_whose_name_is_not_utf_8_is_found() {
    let (_tree, root) = root();
    let strange = root.join(OsStr::from_bytes(b"p\xffy"));
    install(&strange);
    venv(&root.join("env"), &strange.join("bin"));
    let found = find(&root.join("env/bin/python")).unwrap();
    assert_eq!(found.base_prefix, strange);
}

#[test]
fn an_interpreter_below_usr_needs_no_grant() {
    let Some(python) = ["/usr/bin/python3", "/usr/local/bin/python3"]
        .into_iter()
        .map(Path::new)
        .find(|path| is_executable(path))
    else {
        println!("skipped: no Python below /usr");
        return;
    };
    let found = find(python).unwrap();
    assert!(found.base_prefix.starts_with("/usr"), "{found:?}");
    assert!(found.found.shares.is_empty());
    if is_executable(Path::new("/bin/python3")) {
        let (_tree, root) = root();
        venv(&root.join("env"), Path::new("/bin"));
        let found = find(&root.join("env/bin/python")).unwrap();
        assert_eq!(found.base_prefix, Path::new("/usr"));
        assert!(paths(&found).iter().all(|path| path.starts_with(root.join("env"))));
        // A copied executable leads nowhere, and what it is based on can be seen anyway.
        let copied = root.join("copied");
        venv(&copied, Path::new("/bin"));
        std::fs::remove_file(copied.join("bin/python")).unwrap();
        program(&copied.join("bin/python"), b"\x7fELF");
        let found = find(&copied.join("bin/python")).unwrap();
        assert_eq!(found.base_prefix, Path::new("/usr"));
    }
}

#[test]
fn a_word_is_looked_up_in_absolute_entries_only_and_dots_are_followed() {
    let (_tree, root) = root();
    let homes = Homes::default();
    let search = [PathBuf::new(), PathBuf::from("py/bin"), root.join("none"), root.join("py/bin")];
    let chosen = Chosen::nothing();
    let around = |search| Surroundings { directory: &root, search, ..bare(&homes, &chosen) };
    let found = interpreter(Path::new("python3"), around(&search)).unwrap();
    assert_eq!(found.prefix, root.join("py"));
    let error = interpreter(Path::new("python3"), around(&search[..3])).unwrap_err();
    assert!(matches!(error, InterpreterError::NotFound(_)));
    for path in ["./py/bin/python3", "py/../py/bin/python3", "py/lib/../bin/./python3"] {
        let found = interpreter(Path::new(path), around(&[])).unwrap();
        assert_eq!(
            (&found.prefix, &found.executable),
            (&root.join("py"), &root.join("py/bin/python3"))
        );
    }
}

#[test]
fn what_is_no_interpreter_gets_its_own_sentence() {
    let (_tree, root) = root();
    program(&root.join("shim"), b"#!/bin/sh\n");
    std::fs::write(root.join("plain"), "").unwrap();
    symlink("circle", root.join("circle")).unwrap();
    let said = |name: &str| find(&root.join(name)).unwrap_err().to_string();
    assert!(said("shim").contains("is a script"));
    assert!(said("plain").contains("no executable file"));
    assert!(said("py").contains("no executable file"));
    assert!(said("circle").contains("circle"));
    assert!(said("missing").contains("does not exist"));
    assert!(said("a\nb").contains("control character"));
    program(&root.join("stray"), b"\x7fELF");
    assert!(said("stray").contains("does not belong to a Python installation"));
}
