//! Whatever is wrong with a call, nothing is run, nothing is changed, and one line says what it is.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use rstest::rstest;

use crate::machine::{bulkhead, directory};

fn giant(control: &Path) {
    fs::File::create(control.join("input.json")).unwrap().set_len(1 << 30).unwrap();
}

fn deep(control: &Path) {
    let text = "[".repeat(10_000) + &"]".repeat(10_000);
    fs::write(control.join("input.json"), text).unwrap();
}

fn link(control: &Path) {
    symlink("/etc/passwd", control.join("input.json")).unwrap();
}

fn pipe(control: &Path) {
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600));
    rustix::fs::mknodat(rustix::fs::CWD, control.join("input.json"), kind, mode, 0).unwrap();
}

fn nothing(_control: &Path) {}

fn behind_a_link(control: &Path) {
    let real = control.with_file_name("real");
    fs::rename(control, &real).unwrap();
    symlink(real, control).unwrap();
}

#[rstest]
#[case::a_sparse_giant(giant, "1073741824 bytes")]
#[case::nested_ten_thousand_times(deep, "nests deeper than")]
#[case::a_link(link, "symbolic link")]
#[case::a_pipe(pipe, "FIFO")]
#[case::not_there(nothing, "does not exist")]
#[case::not_there_behind_a_link_of_the_callers(behind_a_link, "does not exist")]
fn a_control_directory_that_lies_is_refused_in_one_line_and_stays_as_it_is(
    #[case] spoil: fn(&Path),
    #[case] says: &str,
) {
    let place = directory();
    let (source, control) = (place.path().join("source"), place.path().join("control"));
    fs::create_dir(&source).unwrap();
    fs::create_dir(&control).unwrap();
    fs::write(place.path().join("_in_process.py"), "").unwrap();
    spoil(&control);
    let before = fs::read_dir(&control).unwrap().count();
    let mut command = bulkhead(&source);
    command.args(["hook", "--", "/usr/bin/python3"]).arg(place.path().join("_in_process.py"));
    let output = command.arg("build_wheel").arg(&control).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(125), "{errors}");
    assert!(errors.starts_with("bulkhead: ") && errors.contains(says), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    assert_eq!(fs::read_dir(&control).unwrap().count(), before);
    assert_eq!(fs::read_dir(&source).unwrap().count(), 0);
}

#[rstest]
#[case::newline(b"/no\nsuch")]
#[case::no_text(b"/no\xffsuch")]
#[case::upwards(b"../nowhere")]
#[case::empty(b"")]
fn a_path_of_strange_bytes_is_refused_without_a_panic(#[case] path: &[u8]) {
    let place = directory();
    for option in ["--ro", "--rw"] {
        let mut command = bulkhead(place.path());
        command.args(["run", option]).arg(std::ffi::OsStr::from_bytes(path));
        let output = command.args(["--", "/bin/true"]).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(125), "{errors}");
        assert!(!errors.contains("panicked") && !errors.is_empty(), "{errors}");
    }
}
