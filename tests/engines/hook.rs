//! A PEP 517 hook in a container, and what becomes of a dishonest one.

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::Output;

use rstest::rstest;

use crate::container::{Container, Kind};

/// The part of `pyproject_hooks` that runs in the build, cut down to what it says on the wire.
const SCRIPT: &str = include_str!("scripts/in_process.py");
/// A back end in the tree that it builds.
const BACKEND: &str = include_str!("scripts/backend.py");

/// Lays out what a front end has: script, source tree, control and output directory.
fn lay_out(root: &Path, uid: u32, backend: &str) {
    for name in ["tree", "control", "dist"] {
        fs::create_dir(root.join(name)).unwrap();
        chown(root.join(name), Some(uid), Some(uid)).unwrap();
    }
    fs::write(root.join("tree/backend.py"), backend).unwrap();
    fs::write(root.join("_in_process.py"), SCRIPT).unwrap();
    let arguments = serde_json::json!({ "kwargs": {
        "wheel_directory": "/work/dist", "config_settings": null, "metadata_directory": null,
    }});
    fs::write(root.join("control/input.json"), arguments.to_string()).unwrap();
}

fn build(kind: Kind, uid: u32, root: &Path) -> Option<Output> {
    let call = ["/usr/bin/python3", "/work/_in_process.py", "build_wheel", "/work/control"];
    let words = [["/opt/bulkhead", "hook", "--"].as_slice(), &call].concat();
    let container = Container::new(kind, uid).with(root, "/work", "rw").at("/work/tree");
    container.set("_PYPROJECT_HOOKS_BACKEND_PATH_JSON", r#"["/work/tree"]"#).run(&words)
}

#[rstest]
#[case::docker(Kind::Docker, 0)]
#[case::docker_user(Kind::Docker, 1000)]
#[case::unconfined(Kind::Unconfined, 0)]
#[case::unconfined_user(Kind::Unconfined, 1000)]
fn a_wheel_is_built_and_handed_over(#[case] kind: Kind, #[case] uid: u32) {
    let place = crate::directory();
    let root = place.path();
    lay_out(root, uid, BACKEND);
    let Some(output) = build(kind, uid, root) else { return };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(!root.join("tree/built").exists(), "the caller's tree is not written");
    let answer = fs::read_to_string(root.join("control/output.json")).unwrap();
    assert!(answer.contains("pkg-1.0-py3-none-any.whl"), "{answer}");
    let wheel = root.join("dist/pkg-1.0-py3-none-any.whl").metadata().unwrap();
    assert!(wheel.len() > 500);
    assert_eq!(wheel.uid(), uid, "it is the caller's");
}

#[rstest]
#[case::docker(Kind::Docker, 0)]
#[case::docker_user(Kind::Docker, 1000)]
#[case::unconfined(Kind::Unconfined, 0)]
fn a_link_in_the_place_of_the_wheel_is_refused(#[case] kind: Kind, #[case] uid: u32) {
    let place = crate::directory();
    let root = place.path();
    let honest = "    return \"pkg-1.0-py3-none-any.whl\"\n";
    let planted = format!("    os.remove(path)\n    os.symlink(\"/etc/passwd\", path)\n{honest}");
    let hostile = BACKEND.replace(honest, &planted);
    assert_ne!(hostile, BACKEND);
    lay_out(root, uid, &hostile);
    let Some(output) = build(kind, uid, root) else { return };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(123), "{errors}");
    assert!(errors.contains("pkg-1.0-py3-none-any.whl"), "{errors}");
    assert_eq!(fs::read_dir(root.join("dist")).unwrap().count(), 0);
    assert!(!root.join("control/output.json").exists());
}
