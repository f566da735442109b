//! What the caller of the program left open is handed on to nobody.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::workplace::{PROGRAM, Workplace, ended, is_able};

/// Writes into every file and lists every directory that some process here has open.
const BODY: &str = "    for pid in os.listdir(\"/proc\"):\n\
    \x20       for number in os.listdir(f\"/proc/{pid}/fd\") if pid.isdigit() else ():\n\
    \x20           place = f\"/proc/{pid}/fd/{number}\"\n\
    \x20           if os.path.isfile(place):\n\
    \x20               with kit.attempt(\"open\"):\n\
    \x20                   open(place, \"a\").write(\"reached\")\n\
    \x20           if os.path.isdir(place):\n\
    \x20               kit.said(\"directory\", os.listdir(place))\n\
    \x20   kit.mark(\"open\")\n";

#[test]
fn neither_the_interpreter_nor_a_build_gets_what_the_caller_left_open() {
    if !is_able() {
        return;
    }
    let place = Workplace::with(&["benign/pure-python"]);
    place.attack("descriptors", "20s", BODY);
    place.write("open/left-open", "");
    let asked = place.path().join("asked");
    let python = format!(
        "#!/bin/sh\nreadlink /proc/self/fd/* >> '{}'\nexec python3 \"$@\"\n",
        asked.display()
    );
    place.write("python", &python);
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(place.path().join("python"), executable).unwrap();

    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "exec 9>>open/left-open 8<open; exec \"$@\"", "sh", PROGRAM]);
    shell.args(["run", "-t", "own@none", "--python", "./python"]).current_dir(place.path());
    let (status, out, err) = ended(shell.output().unwrap());
    // The attack gets nowhere, which is vacuous at its control level.
    assert_eq!(status, 12, "{out}{err}");
    let told = std::fs::read_to_string(&asked).unwrap();
    assert!(told.contains("pipe:") && !told.contains("/open"), "{told}");
    assert_eq!(place.read("open/left-open"), "");
    let record = place.read("target/harness/run.json");
    assert!(record.contains("\"descriptors\"") || record.contains("files/descriptors"));
    assert!(!record.contains("left-open"), "{record}");
}
