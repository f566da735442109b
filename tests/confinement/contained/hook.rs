//! A hook where namespaces are refused: it finds its directories at other paths, and what it makes
//! arrives where the front end wants it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

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
    let output = start_with(caller, &work, &[&variable], &arguments).wait_with_output().unwrap();
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

/// Where nothing is mounted for it, a build's own user reads what it finds by itself. What it cannot
/// come to is told before anything runs, not by the interpreter or by the build.
#[test]
fn what_is_given_to_a_user_who_cannot_come_to_it_is_told_with_what_would_open_it() {
    if !is_root() {
        return;
    }
    let (place, work) = place(Caller::Root);
    lay_out(&work, Caller::Root);
    let folder = place.path().join("closed");
    fs::create_dir(&folder).unwrap();
    fs::copy(place.path().join("_in_process.py"), folder.join("_in_process.py")).unwrap();
    let (script, control) = (folder.join("_in_process.py"), place.path().join("control"));
    let (script, control) = (script.to_str().unwrap(), control.to_str().unwrap());
    let variable =
        format!("_PYPROJECT_HOOKS_BACKEND_PATH_JSON={}", serde_json::json!([work.clone()]));
    let hook = ["hook", "--", "/usr/bin/python3", script, "build_wheel", control];
    let run = ["run", "--ro", script, "--", "/bin/cat", script];
    let listing = ["run", "--ro", folder.to_str().unwrap(), "--", "/bin/ls"];
    let calls: [&[&str]; 3] = [&hook, &run, &listing];
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    for (folder_mode, script_mode, words, said) in [
        (0o700, 0o644, &calls[..2], format!("chmod o+x {}", folder.display())),
        (0o711, 0o600, &calls[..2], format!("chmod o+r {script}")),
        (0o711, 0o644, &calls[2..], format!("chmod o+rx {}", folder.display())),
    ] {
        for call in words {
            set(&folder, folder_mode).unwrap();
            set(Path::new(script), script_mode).unwrap();
            let output =
                start_with(Caller::Root, &work, &[&variable], call).wait_with_output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(125), "{call:?}: {errors}");
            assert!(errors.contains(&format!("open it with `{said}`")), "{call:?}: {errors}");
            assert_eq!(errors.lines().count(), 1, "{call:?}: {errors}");
            // The remedy is one.
            let chmod = said.split(' ').collect::<Vec<_>>();
            let [program, mode, path] = chmod[..] else { panic!("{said}") };
            assert!(Command::new(program).args([mode, path]).status().unwrap().success());
            let output =
                start_with(Caller::Root, &work, &[&variable], call).wait_with_output().unwrap();
            assert_eq!(
                output.status.code(),
                Some(0),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            for (place, name) in [("dist", "pkg-1.0-py3-none-any.whl"), ("control", "output.json")]
            {
                let _ = fs::remove_file(work.with_file_name(place).join(name));
            }
        }
    }
}
