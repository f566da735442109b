//! What is granted for reading is read-only whatever flags its mount has on the host.
//!
//! Another sandbox took over the flags of the mount that it bound, which an ordinary user cannot
//! clear, and in doing so left out that it was to be read-only; nothing was said.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use rstest::rstest;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::machine::{built, directory, is_root};
use crate::shared::share_mounts_anew;

/// What a build can do at a place that is granted in one of the two ways.
fn build(program: &Path, user: Option<u32>, option: &str, place: &Path) -> String {
    let mut command = Command::new("/usr/bin/setpriv");
    command.arg("--clear-groups");
    if let Some(user) = user {
        command.args(["--reuid", &user.to_string(), "--regid", &user.to_string()]);
    }
    let script = "for d in $0 $0/below; do
        (echo planted > $d/new) 2>/dev/null && echo wrote; (echo planted > $d/file) 2>/dev/null && echo wrote
        cat $d/file; done; rm -f $0/new $0/below/new; exit 0";
    command.arg(program).args(["run", option]).arg(place).args(["--", "/bin/sh", "-c", script]);
    command.arg(place).current_dir(program.parent().unwrap()).env_remove("XDG_RUNTIME_DIR");
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{option} {user:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[rstest]
#[case::root(None)]
#[case::user(Some(1000))]
fn a_path_that_is_granted_for_reading_is_read_only_whatever_flags_its_mount_has(
    #[case] user: Option<u32>,
) {
    if !is_root() {
        return;
    }
    let (nothing, top) = (directory(), directory());
    let program = nothing.path().join("bulkhead");
    // Copied by another process: see the tests of rootless callers.
    let copied = Command::new("/bin/cp").arg(built()).arg(&program).status();
    assert!(copied.unwrap().success());
    let own = [
        MountFlags::empty(),
        MountFlags::NOSUID | MountFlags::NODEV,
        MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
        MountFlags::NOATIME | MountFlags::NODIRATIME,
        MountFlags::STRICTATIME | MountFlags::NOSUID,
    ];
    let (place, below) = (top.path().to_owned(), top.path().join("below"));
    // The mount below has the flags too, and must not be forgotten.
    let lay = |path: &Path, flags| {
        mount("none", path, "tmpfs", flags, c"mode=0755").unwrap();
        fs::write(path.join("file"), "here\n").unwrap();
        for path in [path.to_owned(), path.join("file")] {
            chown(path, user, user).unwrap();
        }
    };
    for flags in own {
        lay(&place, flags);
        fs::create_dir(&below).unwrap();
        lay(&below, flags);
        share_mounts_anew();
        let read = build(&program, user, "--ro", &place);
        assert_eq!(read, "here\nhere\n", "{flags:?}");
        assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "here\n");
        // Root's build is another user, as whom only the granted mount itself is shown.
        let written = build(&program, user, "--rw", &place);
        let both = written.matches("wrote").count();
        assert!(both >= 2, "the control, {flags:?}: {written:?}");
        unmount(&below, UnmountFlags::DETACH).unwrap();
        unmount(&place, UnmountFlags::DETACH).unwrap();
    }
    share_mounts_anew();
}
