//! The program under test, and what the machine must allow for it.

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use crate::shared::share_mounts;

/// Whether the caller is root. A test that needs root and does not have it says so and is skipped,
/// unless `REQUIRE_ISOLATION=1`, as in the project's own checks, makes that a failure.
pub fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if root {
        share_mounts();
    } else {
        assert_ne!(
            std::env::var("REQUIRE_ISOLATION").as_deref(),
            Ok("1"),
            "REQUIRE_ISOLATION is set, and this test needs root"
        );
        crate::skipped::note(format_args!("this test needs root"));
    }
    root
}

/// A directory that every user can reach.
pub fn directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

/// The program as it was built. Who asks for it has shared mounts around itself from then on.
pub fn built() -> &'static str {
    share_mounts();
    env!("CARGO_BIN_EXE_bulkhead")
}

/// The program, to be run in `directory`.
pub fn bulkhead(directory: &Path) -> Command {
    let mut command = Command::new(built());
    command.current_dir(directory);
    command
}

/// Runs `script` in a shell behind `bulkhead run` with further `options`.
pub fn run(directory: &Path, options: &[&str], script: &str) -> Output {
    let mut command = bulkhead(directory);
    command.arg("run").args(options).args(["--", "/bin/sh", "-c", script]);
    command.output().unwrap()
}

/// Starts `script` the same way, and waits until it says that it is ready; gives what it prints then.
pub fn ready(
    directory: &Path,
    options: &[&str],
    script: &str,
) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = bulkhead(directory);
    command.arg("run").args(options).args(["--", "/bin/sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "ready");
    (child, lines)
}

/// What `script` prints at level `full` with `options`; the launch itself must succeed.
pub fn prints(options: &[&str], script: &str) -> String {
    let directory = directory();
    let output = run(directory.path(), options, script);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(125), "the launch failed: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whoever makes accounts, or says that none is made, does so while nobody else does.
pub fn etc() -> std::fs::File {
    let path = std::env::temp_dir().join("bulkhead-tests-of-etc.lock");
    let file =
        std::fs::File::options().create(true).truncate(false).write(true).open(path).unwrap();
    file.lock().unwrap();
    file
}
