//! A hook in a shared tree: what it hands over arrives, also in a directory of the tree itself.

use std::fs;

use rstest::rstest;

use super::{Ground, Source, best, difference, record};
use crate::contained::hook::{BACKEND, SCRIPT};
use crate::machine::{bulkhead, is_root};

#[rstest]
#[case::in_memory(false)]
#[case::on_disk(true)]
fn a_wheel_is_handed_over_into_the_tree_and_nothing_else_changes_there(#[case] on_disk: bool) {
    if !is_root() {
        return;
    }
    let source = Source::new(Ground::Memory, None);
    let (tree, place) = (source.original(), source.place.path());
    fs::write(tree.join("backend.py"), BACKEND).unwrap();
    fs::write(place.join("_in_process.py"), SCRIPT).unwrap();
    for directory in [tree.join("dist"), place.join("scratch"), place.join("control")] {
        fs::create_dir(directory).unwrap();
    }
    let arguments = serde_json::json!({ "kwargs": {
        "wheel_directory": tree.join("dist"), "config_settings": null, "metadata_directory": null,
    }});
    fs::write(place.join("control/input.json"), arguments.to_string()).unwrap();
    let others = || {
        let is_other = |line: &String| !line.starts_with(&format!("{}/dist", tree.display()));
        record(&tree).into_iter().filter(is_other).collect::<Vec<_>>()
    };
    let before = others();
    let scratch = place.join("scratch");
    let options = if on_disk { vec!["--scratch".as_ref(), scratch.as_os_str()] } else { vec![] };
    let output = bulkhead(&tree)
        .args(["hook", "--outcome"])
        .arg(source.outcome())
        .args(options)
        .args(["--env", "_PYPROJECT_HOOKS_BACKEND_PATH_JSON"])
        .env("_PYPROJECT_HOOKS_BACKEND_PATH_JSON", serde_json::json!([tree.clone()]).to_string())
        .args(["--", "/usr/bin/python3"])
        .arg(place.join("_in_process.py"))
        .arg("build_wheel")
        .arg(place.join("control"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert_eq!(source.sharing().0, best(None));
    assert!(tree.join("dist/pkg-1.0-py3-none-any.whl").metadata().unwrap().len() > 500);
    assert_eq!(difference(&before, &others()), [""; 0]);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}
