//! A hook where namespaces are refused: it finds its directories at other paths, and what it makes
//! arrives where the front end wants it.

use std::fs;
use std::path::Path;

use rstest::rstest;

use super::{Caller, place, start_with};
use crate::machine::is_root;

/// The part of pyproject_hooks that runs in the build, cut down to what it says on the wire.
pub const SCRIPT: &str = r#"
import json, os, sys
hook, control = sys.argv[1:3]
arguments = json.load(open(os.path.join(control, "input.json")))["kwargs"]
for path in json.loads(os.environ["_PYPROJECT_HOOKS_BACKEND_PATH_JSON"]):
    sys.path.insert(0, path)
import backend
answer = getattr(backend, hook)(**arguments)
json.dump({"return_val": answer}, open(os.path.join(control, "output.json"), "w"))
"#;

pub const BACKEND: &str = r#"
import base64, hashlib, os, zipfile
def get_requires_for_build_wheel(config_settings=None):
    return ["setuptools>=61"]
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    open("built", "w").write("traces in the source tree")
    files = {
        "pkg/__init__.py": b"",
        "pkg-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: pkg\nVersion: 1.0\n",
        "pkg-1.0.dist-info/WHEEL":
            b"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(os.path.join(wheel_directory, "pkg-1.0-py3-none-any.whl"), "w") as wheel:
        for name, content in files.items():
            wheel.writestr(name, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            record += f"{name},sha256={digest.decode()},{len(content)}\n"
        wheel.writestr("pkg-1.0.dist-info/RECORD", record + "pkg-1.0.dist-info/RECORD,,\n")
    print("built in", os.getcwd())
    return "pkg-1.0-py3-none-any.whl"
"#;

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
