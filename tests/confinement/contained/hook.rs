//! A hook where namespaces are refused: it finds its directories at other paths, and what it makes
//! arrives where the front end wants it.

use std::fs;
use std::path::Path;

use rstest::rstest;

use super::{Caller, place, start_with};
use crate::machine::is_root;

/// The part of `pyproject_hooks` that runs in the build, and a back end; those of the containers.
pub const SCRIPT: &str = include_str!("../../engines/scripts/in_process.py");
pub const BACKEND: &str = include_str!("../../engines/scripts/backend.py");

/// Lays out what a front end has: script, source tree, control and output directory.
fn lay_out(work: &Path, caller: Caller) {
    fs::write(work.join("backend.py"), BACKEND).unwrap();
    let root = work.parent().unwrap();
    fs::write(root.join("_in_process.py"), SCRIPT).unwrap();
    for name in ["control", "dist"] {
        let path = root.join(name);
        fs::create_dir(&path).unwrap();
        if caller == Caller::User {
            std::os::unix::fs::chown(&path, Some(1000), Some(1000)).unwrap();
        }
    }
    let arguments = serde_json::json!({ "kwargs": {
        "wheel_directory": root.join("dist"), "config_settings": null, "metadata_directory": null,
    }});
    fs::write(root.join("control/input.json"), arguments.to_string()).unwrap();
}

#[rstest]
#[case::root(Caller::Root)]
#[case::user(Caller::User)]
fn a_wheel_is_built_from_staged_directories_and_handed_over(#[case] caller: Caller) {
    if !is_root() {
        return;
    }
    let (place, work) = place(caller);
    lay_out(&work, caller);
    let variable =
        format!("_PYPROJECT_HOOKS_BACKEND_PATH_JSON={}", serde_json::json!([work.clone()]));
    let script = place.path().join("_in_process.py");
    let control = place.path().join("control");
    let (script, control) = (script.to_str().unwrap(), control.to_str().unwrap());
    let call = ["--", "/usr/bin/python3", script, "build_wheel", control];
    let arguments = [&["hook"], call.as_slice()].concat();
    let output = start_with(caller, &work, &variable, &arguments).wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("built in /") && printed.contains("/source"), "{printed}");
    assert!(!work.join("built").exists(), "the caller's tree is not written");
    let answer = fs::read_to_string(place.path().join("control/output.json")).unwrap();
    assert!(answer.contains("pkg-1.0-py3-none-any.whl"), "{answer}");
    let wheel = place.path().join("dist/pkg-1.0-py3-none-any.whl").metadata().unwrap();
    assert!(wheel.len() > 500);
}
