//! The file system of a payload is its own.

use crate::machine::{directory, is_root, prints, run};

#[test]
fn a_file_of_the_host_is_not_there_unless_it_is_granted() {
    let elsewhere = directory();
    let secret = elsewhere.path().join("secret");
    std::fs::write(&secret, "canary").unwrap();
    let script = format!("cat {} 2>/dev/null || echo absent", secret.display());
    assert_eq!(prints(&["--without", "mounts"], &script), "canary", "the control");
    assert_eq!(prints(&[], &script), "absent\n");
    assert_eq!(prints(&["--ro", secret.to_str().unwrap()], &script), "canary");
}

#[test]
fn the_working_directory_is_a_copy_that_is_thrown_away() {
    let directory = directory();
    std::fs::write(directory.path().join("source"), "old").unwrap();
    let output = run(directory.path(), &[], "echo new > source && echo more > other && cat source");
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "new\n");
    assert_eq!(std::fs::read_to_string(directory.path().join("source")).unwrap(), "old");
    assert!(!directory.path().join("other").exists());
}

#[test]
fn the_system_can_be_read_but_not_written() {
    for path in ["/usr/x", "/etc/x", "/x", "/proc/sys/kernel/core_pattern", "/dev/x"] {
        let script = format!("(echo > {path}) 2>/dev/null && echo written || echo refused");
        assert_eq!(prints(&[], &script), "refused\n", "{path}");
    }
    assert_eq!(prints(&[], "cd /usr/bin && test -x env && echo there"), "there\n");
}

#[test]
fn temporary_directories_and_the_home_are_private_and_writable() {
    for place in ["/tmp", "/var/tmp", "/dev/shm", "$HOME", "$TMPDIR"] {
        let script = format!("ls -A {place} | wc -l; echo x > {place}/x && cat {place}/x");
        let expected = if place == "/tmp" || place == "$TMPDIR" {
            // The working directory of these tests lies below it.
            "1\nx\n"
        } else {
            "0\nx\n"
        };
        assert_eq!(prints(&[], &script), expected, "{place}");
    }
}

#[test]
fn scratch_on_disk_is_used_and_removed() {
    if !is_root() {
        return;
    }
    let place = directory();
    let option = place.path().to_str().unwrap();
    let script = "stat -f -c %T /tmp; head -c 100000 /dev/zero > /tmp/large";
    assert_ne!(prints(&["--scratch", option], script), "tmpfs\n");
    assert_eq!(place.path().read_dir().unwrap().count(), 0, "nothing is left on disk");
}

#[test]
fn a_source_tree_without_permissions_for_others_can_still_be_built() {
    use std::os::unix::fs::PermissionsExt;
    let directory = directory();
    let closed = directory.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::write(closed.join("setup.py"), "x").unwrap();
    for path in [closed.join("setup.py"), closed.clone(), directory.path().to_owned()] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
    }
    let output = run(&closed, &[], "cat setup.py && echo y > setup.py");
    assert_eq!(output.stdout, b"x");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_is_granted_for_writing_is_written_as_the_callers_own() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    if !is_root() {
        return;
    }
    let directory = directory();
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    // Below the working directory, of which the build has a copy: the grant lies over the copy.
    let output =
        run(directory.path(), &["--rw", "out"], "echo new > out/made && stat -c %U out/made");
    assert_eq!(output.stdout, b"build\n", "{}", String::from_utf8_lossy(&output.stderr));
    let made = out.join("made").metadata().unwrap();
    assert_eq!((made.uid(), made.gid()), (0, 0));
    // CVE-2019-3843: a set-uid file of the caller's must not be made through the grant.
    let script = "cp /bin/true out/tool; chmod 4755 out/tool 2>/dev/null || echo refused";
    let output = run(directory.path(), &["--rw", "out"], script);
    assert_eq!(output.stdout, b"refused\n");
    assert_eq!(out.join("tool").metadata().unwrap().permissions().mode() & 0o7000, 0);
}

#[test]
fn what_is_granted_for_reading_can_be_read_although_it_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    if !is_root() {
        return;
    }
    let elsewhere = directory();
    let closed = elsewhere.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::write(closed.join("file"), "here").unwrap();
    for (path, mode) in [(closed.join("file"), 0o600), (closed.clone(), 0o700)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let script = format!("cat {0}/file; echo x > {0}/file || true", closed.display());
    assert_eq!(prints(&["--ro", closed.to_str().unwrap()], &script), "here");
    assert_eq!(std::fs::read_to_string(closed.join("file")).unwrap(), "here");
}

/// `link(2)` fails between mounts even of one file system, and programs that find two directories on
/// one device do not expect it to.
#[test]
fn what_cannot_be_linked_lies_on_another_device() {
    let script = "touch file; for place in /tmp /var/tmp $HOME /dev/shm; do \
                  [ $(stat -c %d file) != $(stat -c %d $place) ] && ! ln file $place/link 2>&1; done \
                  | grep -c 'Invalid cross-device link'; \
                  stat -c %d . /tmp /var/tmp $HOME /dev/shm | sort -u | wc -l";
    assert_eq!(prints(&[], script), "4\n5\n");
    assert_eq!(prints(&[], "touch a && ln a b && ls"), "a\nb\n", "within one it works");
}
