//! What a hook leaves where its wheel should be leads nobody anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use rstest::rstest;

use crate::contained::hook::SCRIPT;
use crate::machine::{bulkhead, directory, is_root};

/// A front end's directories, and a file of its own that a hook would like to change or to publish.
struct FrontEnd {
    place: tempfile::TempDir,
}

impl FrontEnd {
    fn new(backend: &str) -> Self {
        let place = directory();
        for name in ["source", "control", "dist", "elsewhere"] {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        let front_end = Self { place };
        fs::write(front_end.path("_in_process.py"), SCRIPT).unwrap();
        fs::write(front_end.path("source/backend.py"), backend).unwrap();
        fs::write(front_end.path("elsewhere/secret"), "canary").unwrap();
        let arguments = serde_json::json!({ "kwargs": {
            "wheel_directory": front_end.path("dist"),
            "config_settings": { "secret": front_end.path("elsewhere/secret") },
            "metadata_directory": null,
        }});
        fs::write(front_end.path("control/input.json"), arguments.to_string()).unwrap();
        front_end
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn build(&self, options: &[&str]) -> Output {
        let variable = "_PYPROJECT_HOOKS_BACKEND_PATH_JSON";
        let mut command = bulkhead(&self.path("source"));
        command.arg("hook").args(options).args(["--env", variable]);
        command.env(variable, serde_json::json!([self.path("source")]).to_string());
        command.args(["--", "/usr/bin/python3"]).arg(self.path("_in_process.py"));
        command.arg("build_wheel").arg(self.path("control")).output().unwrap()
    }

    /// What whoever takes the wheel would read.
    fn published(&self) -> Option<Vec<u8>> {
        let names = fs::read_dir(self.path("dist")).unwrap().flatten();
        let first = names.map(|entry| entry.path()).next()?;
        is_readable(&first).then(|| fs::read(first).unwrap_or_default())
    }
}

/// A pipe would be waited for.
fn is_readable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file())
}

/// CVE-2026-39860: a link in the place of an output led Nix out of its sandbox. The control is what
/// front ends do, which is to take what lies there; what it takes is the caller's secret, another file,
/// or a directory.
#[rstest]
#[case::link("os.symlink(settings['secret'], wheel)")]
#[case::link_to_a_directory("os.symlink(os.path.dirname(settings['secret']), wheel)")]
#[case::pipe("os.mkfifo(wheel)")]
#[case::socket("import socket; socket.socket(socket.AF_UNIX).bind(wheel)")]
#[case::directory("os.mkdir(wheel)")]
#[case::hard_link("open(wheel + '.other', 'w').write('x'); os.link(wheel + '.other', wheel)")]
#[case::swapped_directory("os.rename(place, place + '.old'); os.symlink('/etc', place)")]
fn what_is_no_file_in_the_place_of_the_wheel_is_refused_and_nothing_is_read_or_written_elsewhere(
    #[case] plant: &str,
) {
    if !is_root() {
        return;
    }
    let backend = format!(
        "import os\n\
         def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n\
         \x20   place, settings = wheel_directory, config_settings\n\
         \x20   wheel = os.path.join(place, 'pkg-1.0-py3-none-any.whl')\n\
         \x20   try:\n\
         \x20       {plant}\n\
         \x20   except OSError as error:\n\
         \x20       open(wheel, 'w').write('no wheel: %s' % error)\n\
         \x20   return 'pkg-1.0-py3-none-any.whl'\n"
    );
    let front_end = FrontEnd::new(&backend);
    let output = front_end.build(&[]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(123), "{errors}");
    assert!(errors.contains("bulkhead: "), "{errors}");
    assert_eq!(fs::read_dir(front_end.path("dist")).unwrap().count(), 0, "{errors}");
    assert_eq!(fs::read(front_end.path("elsewhere/secret")).unwrap(), b"canary");
    assert!(!front_end.path("control/output.json").exists(), "no answer names it");
}

#[test]
fn without_the_harvest_a_link_in_the_place_of_the_wheel_publishes_the_callers_secret() {
    if !is_root() {
        return;
    }
    let front_end = FrontEnd::new(
        "import os\n\
         def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n\
         \x20   name = 'pkg-1.0-py3-none-any.whl'\n\
         \x20   os.symlink(config_settings['secret'], os.path.join(wheel_directory, name))\n\
         \x20   return name\n",
    );
    let output = front_end.build(&["--without", "harvest"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(front_end.published().as_deref(), Some(&b"canary"[..]), "the control: {errors}");
}
