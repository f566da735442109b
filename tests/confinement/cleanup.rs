//! Clearing away after a build goes by descriptor, so that no name leads it elsewhere.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use rstest::rstest;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use sandbox::scratch::remove_directory;

use crate::machine::{bulkhead, directory, is_root};
use crate::phases::pid;
use crate::remnants::{await_true, living};
use crate::shared::share_mounts_anew;

/// How many directories are removed while somebody exchanges them for links.
const RACES: u32 = 10_000;

/// A directory that is to go, one in it that keeps being exchanged for a link to what is precious.
struct Race {
    place: tempfile::TempDir,
}

impl Race {
    fn new() -> Self {
        // In memory, where a race takes no longer than it must.
        let race = Self { place: tempfile::tempdir_in("/dev/shm").unwrap() };
        fs::create_dir(race.place.path().join("precious")).unwrap();
        fs::write(race.place.path().join("precious/file"), "here").unwrap();
        race.relink();
        race
    }

    /// Where the link has been removed in the place of the directory, that stands in its place.
    fn relink(&self) {
        let link = self.place.path().join("link");
        if link.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            let _ = fs::remove_dir(&link);
        }
        let _ = symlink(self.place.path().join("precious"), link);
    }

    fn is_whole(&self) -> bool {
        self.place.path().join("precious/file").exists()
    }

    /// Has `remove` remove the tree again and again, until it has done so `times` times or has
    /// removed what is precious; gives how often it did, and how often something was exchanged.
    fn run(&self, times: u32, remove: impl Fn(&Path)) -> (u32, u32) {
        let (tree, link) = (self.place.path().join("tree"), self.place.path().join("link"));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let inner = tree.join("inner");
            let (over, link) = (&over, &link);
            let exchanging = scope.spawn(move || {
                let mut exchanged = 0;
                while !over.load(Ordering::Relaxed) {
                    // Most of the time there is nothing to exchange.
                    if renameat_with(CWD, &inner, CWD, link, RenameFlags::EXCHANGE).is_err() {
                        std::thread::yield_now();
                    } else {
                        exchanged += 1;
                    }
                }
                exchanged
            });
            let mut done = 0;
            while done < times && self.is_whole() {
                let _ = fs::create_dir_all(tree.join("inner"));
                // Something to do on the way, which makes the moment longer.
                let _ = fs::write(tree.join("a"), "x");
                remove(&tree);
                done += 1;
                self.relink();
            }
            over.store(true, Ordering::Relaxed);
            (done, exchanging.join().unwrap())
        })
    }
}

/// As many programs do: a name is looked at, and then used.
fn remove_by_name(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            remove_by_name(&path);
        } else {
            let _ = fs::remove_file(&path);
        }
    }
    let _ = fs::remove_dir(path);
}

/// CVE-2025-46415: the clean-up of Nix and Guix removed files outside, through a directory that the
/// build had exchanged for a link.
#[test]
fn clean_up_never_follows_a_path_that_the_payload_controls_in_ten_thousand_races() {
    let deadline = Instant::now() + Duration::from_mins(1);
    let mut lost = false;
    while !lost && Instant::now() < deadline {
        let race = Race::new();
        race.run(1000, remove_by_name);
        lost = !race.is_whole();
    }
    assert!(lost, "the control: by name the race is lost at some time");

    let race = Race::new();
    let (done, exchanged) = race.run(RACES, |path| {
        // What a race leaves is looked at below.
        let _ = remove_directory(path, &mut || true);
    });
    assert!(race.is_whole(), "lost after {done} races");
    assert_eq!(done, RACES);
    println!("{RACES} removals, {exchanged} exchanges meanwhile");
    assert!(exchanged > RACES / 100, "hardly a race: {exchanged}");
}

/// Everything below a directory.
fn below(place: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| [vec![path.clone()], below(&path)].concat()).collect()
}

/// A mount stands for what a build can make on some file systems so that nobody can remove it.
#[rstest]
#[case::after_a_build(62_730, Signal::SIGTERM)]
#[case::after_a_kill(62_731, Signal::SIGKILL)]
fn what_cannot_be_removed_keeps_nothing_beside_it_and_the_sweep_tells_of_it(
    #[case] uid: u32,
    #[case] signal: Signal,
) {
    if !is_root() {
        return;
    }
    // Each by itself: where a source tree lies nothing is kept.
    let (place, own) = (directory(), [directory(), directory()]);
    let [runtime, scratch] = own.each_ref().map(|own| own.path().to_owned());
    let mut command = bulkhead(place.path());
    command.args(["run", "--uids", &uid.to_string(), "--runtime"]).arg(&runtime);
    command.arg("--scratch").arg(&scratch);
    let script = "mkdir -p /tmp/a/b/c /tmp/kept/inner /tmp/z; \
                  for at in /tmp/a/b/c /tmp/kept /tmp/z .; do echo x >$at/made; done; \
                  echo ready; exec sleep 300";
    command.args(["--", "/bin/sh", "-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let kept = below(&scratch).into_iter().find(|path| path.ends_with("kept/inner")).unwrap();
    mount("none", &kept, "tmpfs", MountFlags::empty(), None).unwrap();
    share_mounts_anew();
    fs::write(kept.join("of the host"), "x").unwrap();
    kill(pid(&child), signal).unwrap();
    let output = child.wait_with_output().unwrap();
    if signal == Signal::SIGTERM {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(143), "{errors}");
        assert!(errors.contains("kept/inner") && errors.contains("busy"), "{errors}");
    }
    await_true("no process is left", || living(&runtime, &(uid..=uid)).is_empty());

    let sweep = || -> Output {
        bulkhead(place.path()).args(["gc", "--runtime"]).arg(&runtime).output().unwrap()
    };
    for _ in 0..2 {
        let swept = sweep();
        let errors = String::from_utf8_lossy(&swept.stderr);
        assert_eq!(swept.status.code(), Some(1), "{errors}");
        let named = errors.contains(kept.to_str().unwrap());
        assert!(
            named && errors.contains("could not be removed: Device or resource busy"),
            "{errors}"
        );
        let mut stays = below(&scratch);
        stays.retain(|path| !kept.starts_with(path) && !path.starts_with(&kept));
        assert_eq!(stays, Vec::<PathBuf>::new());
        assert!(kept.join("of the host").exists(), "a mount is nobody's to empty");
    }
    unmount(&kept, UnmountFlags::empty()).unwrap();
    share_mounts_anew();
    assert_eq!(sweep().status.code(), Some(0));
    assert_eq!(below(&scratch), Vec::<PathBuf>::new());
    assert_eq!(sweep().stdout, b"", "nothing is on record any more");
}
