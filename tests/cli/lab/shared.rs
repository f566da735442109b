//! A host whose mounts are shared, as systemd makes them: nothing that is mounted in a lab shows on it,
//! and what somebody else mounts there while a trial runs is told.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use harness::conduct::conduct;
use harness::lab::profile::Profile;

use crate::fixture::{Fixture, run_context};

/// Covers the root of every mount that the lab has, and the program that plays the sandbox.
const COVER: &str = "import ctypes\n\
    libc = ctypes.CDLL(None, use_errno=True)\n\
    places = {line.split()[4] for line in open('/proc/self/mountinfo')}\n\
    covered = 0\n\
    for place in sorted(places, reverse=True):\n\
    \x20   if os.path.isdir(place):\n\
    \x20       covered += not libc.mount(b'none', place.encode(), b'tmpfs', 0, None)\n\
    \x20   else:\n\
    \x20       covered += not libc.mount(b'/dev/zero', place.encode(), None, 4096, None)\n\
    kit.said('covered', (covered, len(places)))";

/// Runs a test of this program in a mount namespace whose mounts are shared; the tables of mounts
/// that a neighbour there sees before and after.
fn on_a_shared_host(test: &str) -> (String, String) {
    let script = "cat /proc/self/mountinfo && echo == && \
                  \"$1\" --exact \"$2\" --nocapture >&2 && echo == && cat /proc/self/mountinfo";
    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "shared", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(PART, "1")
        .output()
        .unwrap();
    let (out, err) =
        [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).into();
    assert!(output.status.success(), "{err}");
    let tables: Vec<_> = out.split("==\n").collect();
    assert_eq!(tables.len(), 3, "{out}{err}");
    (tables[0].to_owned(), tables[2].to_owned())
}

/// The variable that makes a test a part of another one.
const PART: &str = "BULKHEAD_TEST_ON_A_SHARED_HOST";

fn is_part() -> bool {
    std::env::var_os(PART).is_some()
}

#[test]
fn nothing_that_is_mounted_in_a_lab_shows_on_a_host_whose_mounts_are_shared() {
    if run_context().is_none() {
        return;
    }
    let (before, after) = on_a_shared_host("shared::labs_that_cover_everything");
    assert!(before.lines().any(|line| line.contains(" / / ") && line.contains("shared:")));
    assert_eq!(after, before);
}

/// Not a test of its own: what runs on the shared host.
#[test]
fn labs_that_cover_everything() {
    if !is_part() {
        return;
    }
    let context = run_context().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_harness"));
    let found = std::fs::metadata(program).unwrap();
    let mut able = BTreeSet::new();
    for (_, host) in Profile::ALL {
        let fixture = Fixture::new(COVER);
        let trial = harness::schedule::Trial { host: host.to_owned(), ..fixture.trial() };
        let seen = conduct(&trial, context, 0);
        assert_eq!(seen.contaminated, None, "{host}");
        // Hosts that let nobody mount have nothing to show.
        if seen.run.hearsay.iter().any(|said| !said.starts_with("covered (0, ")) {
            able.insert(host);
        }
    }
    assert!(able.contains("root"), "{able:?}");
    let now = std::fs::metadata(program).unwrap();
    assert_eq!((now.dev(), now.ino(), now.size()), (found.dev(), found.ino(), found.size()));
}

#[test]
fn a_mount_of_the_host_is_shown_and_never_written() {
    if run_context().is_none() {
        return;
    }
    let _tables = on_a_shared_host("shared::a_lab_that_writes_to_a_mount_of_the_host");
}

/// Not a test of its own: what runs on the shared host.
#[test]
fn a_lab_that_writes_to_a_mount_of_the_host() {
    if !is_part() {
        return;
    }
    let place = std::fs::create_dir_all("/mnt").map(|()| Path::new("/mnt")).unwrap();
    let words = ["-t", "tmpfs", "none", "/mnt"];
    assert!(Command::new("mount").args(words).status().unwrap().success());
    std::fs::write(place.join("shown"), "as it was").unwrap();
    // What the host shows is found out when the context is made ready.
    let context = run_context().unwrap();
    let body = "import ctypes\n\
        libc = ctypes.CDLL(None, use_errno=True)\n\
        kit.said('shown', open('/mnt/shown').read())\n\
        for flags in (4096 | 32, 32):\n\
        \x20   libc.mount(b'none', b'/mnt', None, flags, None)\n\
        try:\n\
        \x20   open('/mnt/shown', 'w').write('reached')\n\
        except OSError as error:\n\
        \x20   kit.said('refused', error.errno)";
    let seen = conduct(&Fixture::new(body).trial(), context, 0);
    let told = std::fs::read_to_string(place.join("shown")).unwrap();
    assert!(Command::new("umount").arg("/mnt").status().unwrap().success());
    assert_eq!(told, "as it was");
    assert_eq!(seen.run.hearsay, ["shown 'as it was'", "refused 30"]);
    assert_eq!(seen.contaminated, None);
}

#[test]
fn what_somebody_mounts_on_the_host_while_a_trial_runs_is_told_once() {
    if run_context().is_none() {
        return;
    }
    let (before, after) = on_a_shared_host("shared::a_trial_while_somebody_mounts");
    assert!(!before.contains("/mnt rw") && after.contains("/mnt rw"), "{after}");
}

/// Not a test of its own: what runs on the shared host.
#[test]
fn a_trial_while_somebody_mounts() {
    if !is_part() {
        return;
    }
    let context = run_context().unwrap();
    let fixture = Fixture::new("time.sleep(1)");
    let somebody = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(300));
        let words = ["-t", "tmpfs", "none", "/mnt"];
        assert!(Command::new("mount").args(words).status().unwrap().success());
    });
    let told = conduct(&fixture.trial(), context, 0).contaminated;
    somebody.join().unwrap();
    assert_eq!(told.as_deref(), Some("/mnt was mounted on the host"));
    assert_eq!(conduct(&fixture.trial(), context, 0).contaminated, None);
}
