//! Clearing away after a build goes by descriptor, so that no name leads it elsewhere.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use sandbox::scratch::remove_directory;

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
