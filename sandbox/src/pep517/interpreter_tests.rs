//! Trees of virtual environments and installations as venv, uv, pyenv and Debian lay them out.

use std::ffi::OsStr;
use std::os::unix::fs::symlink;

use super::*;

/// A directory with a fake installation `py` of Python 3.12 in it, by its path without links.
fn root() -> (tempfile::TempDir, PathBuf) {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path().canonicalize().unwrap();
    install(&root.join("py"));
    (tree, root)
}

fn install(prefix: &Path) {
    for directory in ["bin", "lib/python3.12", "include", "share"] {
        std::fs::create_dir_all(prefix.join(directory)).unwrap();
    }
    std::fs::write(prefix.join("lib/python3.12/os.py"), "").unwrap();
    program(&prefix.join("bin/python3.12"), b"\x7fELF");
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
    let line = [b"home = ", home.as_os_str().as_bytes(), b"\nversion = 3.12.5\n"].concat();
    std::fs::write(prefix.join(pyvenv::NAME), line).unwrap();
}

fn find(python: &Path) -> Result<Interpreter, InterpreterError> {
    interpreter(python, Path::new("/"), &[])
}

#[test]
fn an_installation_is_its_own_prefix() {
    let (_tree, root) = root();
    let found = find(&root.join("py/bin/python3")).unwrap();
    assert_eq!(found.prefix, root.join("py"));
    assert_eq!(found.base_prefix, root.join("py"));
    assert_eq!(
        found.executable_chain,
        [root.join("py/bin/python3"), root.join("py/bin/python3.12")]
    );
    let parts = ["py/bin", "py/lib", "py/include", "py/share"];
    assert_eq!(found.grants, parts.map(|part| root.join(part)));
}

#[test]
fn a_virtual_environment_brings_its_base_along() {
    let (_tree, root) = root();
    venv(&root.join("env"), &root.join("py/bin"));
    let found = find(&root.join("env/bin/python")).unwrap();
    assert_eq!((found.prefix, found.base_prefix), (root.join("env"), root.join("py")));
    let parts = [
        "env/bin",
        "env/lib",
        "env/lib64",
        "env/pyvenv.cfg",
        "py/bin",
        "py/lib",
        "py/include",
        "py/share",
    ];
    assert_eq!(found.grants, parts.map(|part| root.join(part)));
    assert!(found.withheld.is_empty());
}

#[test]
fn a_version_link_as_uv_makes_it_is_granted_under_both_names() {
    let (_tree, root) = root();
    symlink("py", root.join("cpython-3.12")).unwrap();
    venv(&root.join("env"), &root.join("cpython-3.12/bin"));
    let found = find(&root.join("env/bin/python")).unwrap();
    assert_eq!(found.base_prefix, root.join("cpython-3.12"));
    assert!(found.grants.contains(&root.join("cpython-3.12/lib")));
    assert!(found.grants.contains(&root.join("py/lib")));
}

#[test]
fn an_environment_of_an_environment_is_followed_to_the_end() {
    let (_tree, root) = root();
    venv(&root.join("one"), &root.join("py/bin"));
    symlink("python", root.join("one/bin/python3")).unwrap();
    venv(&root.join("two"), &root.join("one/bin"));
    let found = find(&root.join("two/bin/python")).unwrap();
    assert_eq!((found.prefix, found.base_prefix), (root.join("two"), root.join("py")));
    assert!(found.grants.contains(&root.join("one/lib")));
}

#[test]
fn environments_that_name_each_other_are_an_error() {
    let (_tree, root) = root();
    venv(&root.join("one"), &root.join("py/bin"));
    std::fs::write(
        root.join("one/pyvenv.cfg"),
        format!("home = {}\n", root.join("one/bin").display()),
    )
    .unwrap();
    let error = find(&root.join("one/bin/python")).unwrap_err();
    assert!(matches!(error, InterpreterError::Nested(_)), "{error}");
}

#[test]
fn a_home_that_is_no_installation_is_not_granted() {
    let (_tree, root) = root();
    std::fs::create_dir_all(root.join("secret/bin")).unwrap();
    std::fs::create_dir_all(root.join("secret/share")).unwrap();
    venv(&root.join("env"), &root.join("py/bin"));
    std::fs::write(
        root.join("env/pyvenv.cfg"),
        format!("home = {}\n", root.join("secret/bin").display()),
    )
    .unwrap();
    let error = find(&root.join("env/bin/python")).unwrap_err();
    assert!(matches!(error, InterpreterError::NoPrefix(_)), "{error}");
}

#[test]
fn a_part_that_is_a_link_out_of_its_prefix_is_withheld() {
    let (_tree, root) = root();
    venv(&root.join("env"), &root.join("py/bin"));
    std::fs::create_dir(root.join("secret")).unwrap();
    symlink(root.join("secret"), root.join("env/share")).unwrap();
    let found = find(&root.join("env/bin/python")).unwrap();
    assert!(!found.grants.contains(&root.join("env/share")));
    assert_eq!(found.withheld, [root.join("env/share")]);
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
    assert!(found.grants.is_empty());
    if is_executable(Path::new("/bin/python3")) {
        let (_tree, root) = root();
        venv(&root.join("env"), Path::new("/bin"));
        let found = find(&root.join("env/bin/python")).unwrap();
        assert_eq!(found.base_prefix, Path::new("/usr"));
        assert!(found.grants.iter().all(|grant| grant.starts_with(root.join("env"))));
    }
}

#[test]
fn a_bare_word_is_looked_up_in_absolute_entries_only() {
    let (_tree, root) = root();
    let search = [PathBuf::new(), PathBuf::from("py/bin"), root.join("none"), root.join("py/bin")];
    let found = interpreter(Path::new("python3"), &root, &search).unwrap();
    assert_eq!(found.prefix, root.join("py"));
    let error = interpreter(Path::new("python3"), &root, &search[..3]).unwrap_err();
    assert!(matches!(error, InterpreterError::NotFound(_)));
    let found = interpreter(Path::new("./py/bin/python3"), &root, &[]).unwrap();
    assert_eq!(found.prefix, root.join("py"));
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
    assert!(said("py/../py/bin/python3").contains("`..`"));
    assert!(said("a\nb").contains("control character"));
    program(&root.join("stray"), b"\x7fELF");
    assert!(said("stray").contains("does not belong to a Python installation"));
}
