//! What a hook leaves where its wheel should be leads nobody anywhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rstest::rstest;

use crate::contained::hook::SCRIPT;
use crate::machine::{bulkhead, directory, is_root};

/// A front end's directories, and a file of its own that a hook would like to change or to publish.
pub struct FrontEnd {
    place: tempfile::TempDir,
}

impl FrontEnd {
    pub fn new(backend: &str) -> Self {
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

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn build(&self, options: &[&str]) -> Output {
        self.command(options).output().unwrap()
    }

    /// The call of its hook.
    pub fn command(&self, options: &[&str]) -> Command {
        let variable = "_PYPROJECT_HOOKS_BACKEND_PATH_JSON";
        let mut command = bulkhead(&self.path("source"));
        command.arg("hook").args(options).args(["--env", variable]);
        command.env(variable, serde_json::json!([self.path("source")]).to_string());
        command.args(["--", "/usr/bin/python3"]).arg(self.path("_in_process.py"));
        command.arg("build_wheel").arg(self.path("control"));
        command
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

/// A back end that hands over an empty wheel of the release and build in `FILE`, whole but for that.
const ANY_RELEASE: &str = "
import base64, hashlib, os, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    file = open('wanted').read()
    project, version = file.split('-')[:2]
    info = '%s-%s.dist-info/' % (project, version)
    members = {
        info + 'METADATA': 'Metadata-Version: 2.1\\nName: %s\\nVersion: %s\\n' % (project, version),
        info + 'WHEEL': 'Wheel-Version: 1.0\\nTag: py3-none-any\\n',
    }
    if file.count('-') == 5:
        members[info + 'WHEEL'] += 'Build: %s\\n' % file.split('-')[2]
    record = ''
    for name, text in members.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b'=')
        record += '%s,sha256=%s,%d\\n' % (name, digest.decode(), len(text))
    members[info + 'RECORD'] = record + info + 'RECORD,,\\n'
    with zipfile.ZipFile(os.path.join(wheel_directory, file), 'w') as wheel:
        for name, text in members.items():
            wheel.writestr(name, text)
    return file
";

/// The exit status of a build of `file`, and what was said.
fn built(front_end: &FrontEnd, file: &str, options: &[&str]) -> (Option<i32>, String) {
    fs::write(front_end.path("source/wanted"), file).unwrap();
    let output = front_end.build(options);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn only_the_release_that_was_asked_for_is_handed_over() {
    let front_end = FrontEnd::new(ANY_RELEASE);
    let expect = ["--expect", "pkg==1.0"];
    let honest = built(&front_end, "pkg-1.0-py3-none-any.whl", &expect);
    assert_eq!(honest.0, Some(0), "{}", honest.1);
    for (file, why) in [
        ("requests-2.32.0-py3-none-any.whl", "asks for another release"),
        ("pkg-9.0-py3-none-any.whl", "asks for another release"),
        ("pkg-1!1.0-py3-none-any.whl", "asks for another release"),
        ("pkg-1.0+zz-py3-none-any.whl", "asks for another release"),
        ("pkg-1.0-9999zz-py3-none-any.whl", "--build-tag"),
    ] {
        // The control: nobody has said what is built.
        let control = FrontEnd::new(ANY_RELEASE);
        let handed_over = built(&control, file, &[]);
        assert_eq!(handed_over.0, Some(0), "{}", handed_over.1);
        assert!(control.path("dist").join(file).exists());
        let refused = built(&front_end, file, &expect);
        assert_eq!(refused.0, Some(123), "{file}");
        assert!(refused.1.contains(why), "{}", refused.1);
        assert!(!front_end.path("dist").join(file).exists());
    }
    let meant = built(
        &front_end,
        "pkg-1.0-2-py3-none-any.whl",
        &["--expect", "pkg==1.0", "--build-tag", "2"],
    );
    assert_eq!(meant.0, Some(0), "{}", meant.1);
    let none = built(&front_end, "pkg-1.0-py3-none-any.whl", &["--expect", "pkg==x"]);
    assert_eq!(none.0, Some(125));
    assert!(none.1.contains("names a version that is none"), "{}", none.1);
    let unheld = built(
        &front_end,
        "pkg-1.0-py3-none-any.whl",
        &["--expect", "pkg==1.0", "--without", "harvest"],
    );
    assert_eq!(unheld.0, Some(125));
    assert!(unheld.1.contains("held by the layer `harvest`"), "{}", unheld.1);
}

#[test]
fn a_build_tag_in_a_policy_file_needs_a_release_too() {
    let front_end = FrontEnd::new(ANY_RELEASE);
    let (file, place) = ("pkg-1.0-2-py3-none-any.whl", directory());
    let policy = place.path().join("policy.toml");
    fs::write(&policy, "[artefacts]\nbuild-tag = \"2\"\n").unwrap();
    let policy = ["--policy", policy.to_str().unwrap()];
    let alone = built(&front_end, file, &policy);
    assert_eq!(alone.0, Some(125), "{}", alone.1);
    assert!(alone.1.contains("the build tag \"2\""), "{}", alone.1);
    assert_eq!(fs::read_dir(front_end.path("dist")).unwrap().count(), 0);
    let named = built(&front_end, file, &[&policy[..], &["--expect", "pkg==1.0"]].concat());
    assert_eq!(named.0, Some(0), "{}", named.1);
}

#[test]
fn who_says_what_is_built_has_said_which_section_counts() {
    let front_end = FrontEnd::new(ANY_RELEASE);
    let (file, place) = ("pkg-1.0-2-py3-none-any.whl", directory());
    let policy = place.path().join("policy.toml");
    fs::write(&policy, "[package.\"pkg==1.0\".artefacts]\nbuild-tag = \"2\"\n").unwrap();
    let policy = ["--policy", policy.to_str().unwrap()];
    let with = |options: &[&str]| built(&front_end, file, &[&policy[..], options].concat());
    for options in [
        &["--expect", "pkg==1.0"][..],
        &["--package", "pkg", "--expect", "PKG==1.0.0", "--replace"],
    ] {
        let meant = with(options);
        assert_eq!(meant.0, Some(0), "{}", meant.1);
    }
    let two = with(&["--package", "other", "--expect", "pkg==1.0"]);
    assert_eq!(two.0, Some(125), "{}", two.1);
    assert!(two.1.contains("two releases"), "{}", two.1);
}

#[test]
fn a_neighbours_wheel_is_not_replaced_unless_somebody_says_so() {
    let front_end = FrontEnd::new(ANY_RELEASE);
    let (file, place) = (
        "requests-2.32.0-py3-none-any.whl",
        front_end.path("dist/requests-2.32.0-py3-none-any.whl"),
    );
    fs::write(&place, "the neighbour's").unwrap();
    let refused = built(&front_end, file, &[]);
    assert_eq!(refused.0, Some(123));
    assert!(refused.1.contains("`--expect NAME==VERSION`"), "{}", refused.1);
    assert!(refused.1.contains("`--replace`"), "{}", refused.1);
    assert_eq!(fs::read(&place).unwrap(), b"the neighbour's");
    // What was built from this tree before gives way to what is built from it now.
    fs::remove_file(&place).unwrap();
    for _ in 0..2 {
        let again = built(&front_end, file, &[]);
        assert_eq!(again.0, Some(0), "{}", again.1);
    }
    let wheel = fs::read(&place).unwrap();
    let other = FrontEnd::new(ANY_RELEASE);
    let input = fs::read_to_string(other.path("control/input.json")).unwrap();
    let shared = front_end.path("dist").display().to_string();
    let input = input.replace(&other.path("dist").display().to_string(), &shared);
    fs::write(other.path("control/input.json"), input).unwrap();
    let refused = built(&other, file, &[]);
    assert_eq!(refused.0, Some(123), "another tree's: {}", refused.1);
    assert_eq!(fs::read(&place).unwrap(), wheel);
    for options in [&["--replace"][..], &["--expect", "requests==2.32.0"]] {
        fs::write(&place, "the neighbour's").unwrap();
        let replaced = built(&front_end, file, options);
        assert_eq!(replaced.0, Some(0), "{}", replaced.1);
        assert_ne!(fs::read(&place).unwrap(), b"the neighbour's");
    }
    assert_eq!(fs::read_dir(front_end.path("dist")).unwrap().count(), 1);
}

#[test]
fn a_hook_cannot_claim_a_refusal_that_never_was() {
    for status in [123, 124, 125, 127, 137] {
        let front_end = FrontEnd::new(&format!(
            "import os\n\
             def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):\n\
             \x20   os.write(2, b'bulkhead: the output \"x\" is refused: by nobody\\n')\n\
             \x20   os._exit({status})\n"
        ));
        let outcome = front_end.path("outcome.json");
        let output = front_end.build(&["--outcome", outcome.to_str().unwrap()]);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{errors}");
        let last = errors.lines().last().unwrap_or_default();
        assert!(last.contains(&format!("the hook itself exited with status {status}")), "{errors}");
        let outcome: serde_json::Value =
            serde_json::from_slice(&fs::read(outcome).unwrap()).unwrap();
        assert_eq!(outcome["end"], serde_json::json!({ "exited": { "status": status } }));
    }
}

/// The output itself is mounted and stays; what is above it can be exchanged by who may write there.
#[rstest]
#[case::another_directory("os.mkdir(above)")]
#[case::a_link("os.mkdir(above + '.new'); os.symlink(above + '.new', above)")]
fn an_output_that_is_exchanged_from_above_is_not_handed_over(#[case] plant: &str) {
    if !is_root() {
        return;
    }
    let exchange = format!(
        "import os
place = open('place').read()
above = os.path.dirname(place)
def exchange(name):
    os.rename(above, above + '.old')
    {plant}
    os.mkdir(place)
    open(os.path.join(place, name), 'w').write('unchecked')
"
    );
    let backend = ANY_RELEASE.replace("    return file\n", "    exchange(file)\n    return file\n");
    let front_end = FrontEnd::new(&(exchange + &backend));
    let place = front_end.path("elsewhere/sub/out");
    fs::create_dir_all(&place).unwrap();
    let call = serde_json::json!({ "kwargs": {
        "wheel_directory": place, "config_settings": null, "metadata_directory": null,
    }});
    fs::write(front_end.path("control/input.json"), call.to_string()).unwrap();
    fs::write(front_end.path("source/place"), place.to_str().unwrap()).unwrap();
    let elsewhere = front_end.path("elsewhere");
    let options = ["--rw", elsewhere.to_str().unwrap()];
    let (status, said) = built(&front_end, "pkg-1.0-py3-none-any.whl", &options);
    assert_eq!(status, Some(123), "{said}");
    assert!(said.contains("has put another in its place"), "{said}");
    assert!(!front_end.path("control/output.json").exists());
}

#[test]
fn an_outcome_that_a_build_has_exchanged_says_nothing_and_the_status_says_so() {
    if !is_root() {
        return;
    }
    let place = directory();
    fs::create_dir_all(place.path().join("out/sub")).unwrap();
    fs::create_dir(place.path().join("work")).unwrap();
    let script = "mv ../out/sub ../out/old; mkdir ../out/sub; echo '{}' >../out/sub/outcome.json";
    let mut command = bulkhead(&place.path().join("work"));
    command.args(["run", "--rw", "../out", "--outcome", "../out/sub/outcome.json"]);
    let output = command.args(["--", "/bin/sh", "-c", script]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(123), "{said}");
    assert!(said.contains("has put another in its place"), "{said}");
}

#[test]
fn an_outcome_that_cannot_be_written_keeps_back_what_it_would_tell_of() {
    if !is_root() {
        return;
    }
    // The build exchanges it, or the wheel has its name.
    let exchange =
        "    os.rename('../out/o.json', '../out/old'); open('../out/o.json', 'w').write('{}')\n";
    let backend = ANY_RELEASE.replace("    return file\n", &format!("{exchange}    return file\n"));
    for (backend, outcome, said) in [
        (&*format!("import os\n{backend}"), "out/o.json", "has put another in its place"),
        (ANY_RELEASE, "dist/pkg-1.0-py3-none-any.whl", "has the same name"),
    ] {
        let front_end = FrontEnd::new(backend);
        fs::create_dir(front_end.path("out")).unwrap();
        let rw = front_end.path("out");
        let outcome = front_end.path(outcome);
        let options = ["--rw", rw.to_str().unwrap(), "--outcome", outcome.to_str().unwrap()];
        let options = [&options[..], &["--replace"]].concat();
        let (status, text) = built(&front_end, "pkg-1.0-py3-none-any.whl", &options);
        assert_eq!(status, Some(123), "{text}");
        assert!(text.contains(said), "{text}");
        assert!(!front_end.path("control/output.json").exists(), "{text}");
        let wheel = fs::read(front_end.path("dist/pkg-1.0-py3-none-any.whl"));
        assert!(wheel.is_err() || wheel.is_ok_and(|wheel| wheel.is_empty()), "{text}");
    }
}

#[test]
fn a_full_disk_costs_neither_the_last_outcome_nor_the_status_that_says_so() {
    if !is_root() {
        return;
    }
    let place = directory();
    fs::create_dir_all(place.path().join("disk")).unwrap();
    let script = "mount -t tmpfs -o size=64k tmpfs ../disk && truncate -s 3 ../disk/outcome.json
        head -c 65536 /dev/zero >../disk/rest 2>/dev/null
        \"$@\"; echo status $?; cat ../disk/outcome.json";
    fs::create_dir(place.path().join("work")).unwrap();
    // What was there takes no room, so that there is none for another.
    let kept = "\0\0\0";
    for outcome in ["../disk/outcome.json", "/dev/full"] {
        let bulkhead = bulkhead(&place.path().join("work"));
        let mut shell = Command::new("unshare");
        shell.args(["--mount", "sh", "-c", script, "sh"]).arg(bulkhead.get_program());
        shell.args(["run", "--outcome", outcome, "--", "/bin/true"]);
        shell.current_dir(place.path().join("work"));
        let output = shell.output().unwrap();
        let (said, told) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
        assert_eq!(String::from_utf8_lossy(&said), format!("status 123\n{kept}"), "{told}");
        assert!(told.contains("could not write the outcome"), "{told}");
    }
}
