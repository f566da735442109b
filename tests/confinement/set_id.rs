//! A file of the program that gives its callers more than they have is not used.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::fs::{StatVfsMountFlags, XattrFlags, setxattr, statvfs};

use crate::machine::{built, directory, is_root};

/// `CAP_SYS_ADMIN`, permitted and effective, as `capabilities(7)` has it on files: version 2.
const SYS_ADMIN: [u8; 20] = [1, 0, 0, 2, 0, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn copy(place: &Path) -> PathBuf {
    let program = place.join("bulkhead");
    // Copied by another process: see the tests of rootless callers.
    let copied = Command::new("/bin/cp").arg(built()).arg(&program).status();
    assert!(copied.unwrap().success());
    program
}

/// A run by an ordinary user.
fn run(program: &Path, place: &Path) -> Output {
    let mut command = Command::new(program);
    command.args(["run", "--", "/bin/echo", "ran"]).env_remove("XDG_RUNTIME_DIR");
    command.uid(1000).gid(1000).current_dir(place).output().unwrap()
}

/// CVE-2026-41163: where bubblewrap was installed set-uid, its callers could take over what it did as
/// root before it gave that up.
#[test]
fn a_program_with_more_rights_than_its_caller_does_nothing() {
    let place = directory();
    let flags = statvfs(place.path()).unwrap().f_flag;
    if !is_root() || flags.contains(StatVfsMountFlags::NOSUID) {
        crate::skipped::note(format_args!("set-id bits must work here, and be set by root"));
        return;
    }
    let program = copy(place.path());
    let plain = run(&program, place.path());
    assert_eq!(plain.stdout, b"ran\n", "the control: {}", String::from_utf8_lossy(&plain.stderr));
    let refused = |what: &str| {
        let output = run(&program, place.path());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(125), "{what}: {said}");
        assert!(output.stdout.is_empty() && said.contains(what), "{what}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    };
    for (mode, what) in [(0o4755, "a set-uid bit"), (0o2755, "a set-gid bit")] {
        fs::set_permissions(&program, Permissions::from_mode(mode)).unwrap();
        refused(what);
        // Who has all of it already is not refused.
        let own = Command::new(&program).arg("--version").status().unwrap();
        assert!(own.success(), "{what}");
    }
    fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
    match setxattr(&program, c"security.capability", &SYS_ADMIN, XattrFlags::empty()) {
        Ok(()) => refused("capabilities of its own"),
        Err(errno) => {
            crate::skipped::note(format_args!("no file can be given capabilities here: {errno}"));
        }
    }
}
